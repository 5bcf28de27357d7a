"""What the API says of itself: complete, with examples that fit, and true when it is tried."""

from collections.abc import Iterator
from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator
from jsonschema_rs import Draft202012Validator

from foundation.openapi import example_of

PUBLIC = {"GET /fhir/r4/metadata"}


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    """The description, as ``/api/schema/`` serves it."""
    found: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return found


def operations(described: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def bodies(operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for body in (operation.get("requestBody", {}), *operation["responses"].values()):
        yield from body.get("content", {}).values()


def test_every_operation_has_a_summary_a_way_to_authenticate_and_refusals(
    described: dict[str, Any],
) -> None:
    either: list[dict[str, list[str]]] = [{"api_key": []}, {"session": []}]
    for name, operation in operations(described):
        assert operation["summary"], name
        assert operation["security"] == ([{}] if name in PUBLIC else either), name
        form = "OperationOutcome" if "/fhir/" in name else "Problem"
        for status in ("400", "401", "403", "default"):
            assert operation["responses"][status] == {"$ref": f"#/components/responses/{form}"}
        assert any(status.startswith("2") for status in operation["responses"]), name
    media = described["components"]["responses"]["Problem"]["content"]
    assert list(media) == ["application/problem+json"]
    assert set(described["components"]["securitySchemes"]) == {"api_key", "session"}


def test_every_body_has_an_example_that_fits_its_schema(described: dict[str, Any]) -> None:
    for name, operation in operations(described):
        for content in bodies(operation):
            assert content["example"] is not None, name
            schema = {**content["schema"], "components": described["components"]}
            errors = [
                str(error) for error in Draft202012Validator(schema).iter_errors(content["example"])
            ]
            assert errors == [], name


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string", "default": "a"}, "a"),
        ({"oneOf": [{"type": "integer"}, {"type": "null"}]}, 1),
        (
            {
                "allOf": [
                    {"$ref": "#/A"},
                    {"type": "object", "properties": {"b": {"type": "boolean"}}},
                ]
            },
            {"gln": "0300010000014", "b": True},
        ),
        ({"allOf": [{"type": "string"}]}, "text"),
        ({"type": ["integer", "null"]}, 1),
        ({"$ref": "#/Loop"}, {"next": [{}]}),
    ],
)
def test_examples_follow_the_schema(schema: dict[str, Any], value: object) -> None:
    schemas = {
        "A": {"type": "object", "properties": {"gln": {"type": "string"}}},
        "Loop": {
            "type": "object",
            "properties": {"next": {"type": "array", "items": {"$ref": "#/Loop"}}},
        },
    }
    found = example_of(schema, schemas)
    if schema == {"$ref": "#/Loop"}:
        assert "next" in found
    else:
        assert found == value
