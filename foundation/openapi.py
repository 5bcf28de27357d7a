"""How the API describes itself: summaries, refusals and examples, the same for every address.

An endpoint states its bodies; what all have in common is added here, so that nobody forgets it:
the first sentence of the docstring as summary, problem details (RFC 9457) for every refusal, an
example for each body that has none.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from foundation.core.actor import CHANNEL_HEADER
from foundation.core.problem import TYPE_PREFIX
from foundation.problems import MEDIA_TYPE

_METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})
_READING: Final = ("400", "401", "403", "406", "415", "default")
_WRITING: Final = (*_READING, "409", "413", "422", "503")
DEPTH_MAX: Final = 8
PROBLEM: Final[dict[str, Any]] = {
    "type": "object",
    "description": "Problem details (RFC 9457); docs/reference/problems.md lists the types.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {
            "type": "string",
            "description": "stable; `urn:theriac:problem:…`, or under /epcis/ `epcisException:…`",
        },
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "what is wrong, and what to do"},
    },
    "additionalProperties": True,
}
# Values as they look in real life, by the name of the member; the rest follows from the type.
EXAMPLES: Final[Mapping[str, object]] = {
    "biz_step": "shipping",
    "billed_amount": "150.00",
    "city": "SPRINGFIELD",
    "contact_name": "CLAIMS",
    "contact_phone": "5555550100",
    "control_number": "A1",
    "entry_id": "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "evidence": "NPPES, looked up 2026-11-24",
    "expires_on": "2027-12-31",
    "gln": "0300010000014",
    "name": "Harbour Pharmacy",
    "npi": "1234567893",
    "organisation_name": "Harbour Pharmacy",
    "paid_amount": "120.00",
    "payer": "PAYER1",
    "plan": "SILVER",
    "postal_code": "62701",
    "prefix": "q3v9",
    "scan": "(01)00300010123455(21)A1",
    "state": "IL",
    "status": "paid",
    "street": "1 MAIN ST",
    "trace_id": "1123456789",
    "valid_from": "2026-01-01",
}
_BY_FORMAT: Final[Mapping[str, object]] = {
    "uuid": "3f2b8c1e-7a4d-4b0e-9c55-0d6f1a2b3c4d",
    "date": "2026-11-24",
    "date-time": "2026-11-24T09:00:00Z",
    "decimal": "1.00",
    "uri": "https://example.org/",
    "binary": "ISA*00*…~",
}
_BY_TYPE: Final[Mapping[str, object]] = {
    "integer": 1,
    "number": 1.0,
    "boolean": True,
    "string": "text",
    "null": None,
}


class ReceiptOut(serializers.Serializer[Any]):
    """The ledger's signed promise (docs/spec/receipt.md)."""

    receipt = serializers.DictField()
    sig = serializers.CharField()
    entry_ids = serializers.ListField(child=serializers.CharField())


CHANNEL = OpenApiParameter(
    CHANNEL_HEADER,
    str,
    OpenApiParameter.HEADER,
    description="the channel that the request is about; without it the deployment's first",
)


class ApiSchema(AutoSchema):
    """The first sentence of a docstring is the summary, the rest the description."""

    def get_summary(self) -> str | None:
        """Return the first sentence."""
        return super().get_description().partition("\n\n")[0].replace("\n", " ") or None

    def get_override_parameters(self) -> list[Any]:
        """Return the header that names a channel, for addresses that act in one."""
        return [CHANNEL] if getattr(self.view, "in_channels", False) else []

    def get_description(self) -> str:  # type: ignore[override] # as the class above it has it
        """Return what follows the first paragraph."""
        return str(super().get_description().partition("\n\n")[2])


def with_problems(result: dict[str, Any], **_: object) -> dict[str, Any]:
    """Say of every operation how it refuses, by one shared component."""
    components = result.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = PROBLEM
    components["responses"] = {
        "Problem": {
            "description": "Refused; nothing was written.",
            "content": {
                MEDIA_TYPE: {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "example": {
                        "type": f"{TYPE_PREFIX}not-found",
                        "title": "There is no such thing here",
                        "status": 404,
                        "detail": "check the address and the id",
                    },
                }
            },
        }
    }
    components["responses"]["OperationOutcome"] = _outcome(components["responses"]["Problem"])
    for path, method, operation in _operations(result):
        form = "OperationOutcome" if path.startswith("/fhir/") else "Problem"
        statuses = list(_READING if method == "get" else _WRITING)
        if "{" in path:
            statuses.append("404")
        for status in sorted(statuses):
            reference = {"$ref": f"#/components/responses/{form}"}
            operation["responses"].setdefault(status, reference)
    return result


def _outcome(problem: Mapping[str, Any]) -> dict[str, Any]:
    """Return how FHIR refuses; what never reached it has the common form."""
    schema = {
        "type": "object",
        "required": ["resourceType", "issue"],
        "properties": {
            "resourceType": {"type": "string", "enum": ["OperationOutcome"]},
            "issue": {"type": "array", "items": {"type": "object"}, "minItems": 1},
        },
    }
    issue = {"severity": "error", "code": "not-found"}
    content = {"schema": schema, "example": {"resourceType": "OperationOutcome", "issue": [issue]}}
    return {**problem, "content": {"application/fhir+json": content, **problem["content"]}}


def with_examples(result: dict[str, Any], **_: object) -> dict[str, Any]:
    """Give every body that has no example one that fits its schema."""
    schemas = result.get("components", {}).get("schemas", {})
    for _path, _method, operation in _operations(result):
        bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
        for body in bodies:
            for content in body.get("content", {}).values():
                if "example" not in content and "examples" not in content:
                    content["example"] = example_of(content.get("schema", {}), schemas)
    return result


def example_of(schema: Mapping[str, Any], schemas: Mapping[str, Any], depth: int = 0) -> Any:
    """Return a value that fits ``schema``; ``schemas`` are the components that it refers to."""
    if "$ref" in schema:
        return example_of(schemas[schema["$ref"].rpartition("/")[2]], schemas, depth + 1)
    for given in ("example", "const", "default"):
        if given in schema:
            return schema[given]
    for several in ("enum", "oneOf", "anyOf"):
        if several in schema:
            first = schema[several][0]
            return first if several == "enum" else example_of(first, schemas, depth)
    if "allOf" in schema:
        parts = [example_of(part, schemas, depth) for part in schema["allOf"]]
        merged: dict[str, Any] = {}
        for part in parts:
            if not isinstance(part, dict):
                return part
            merged |= part
        return merged
    return _by_type(schema, schemas, depth)


def _by_type(schema: Mapping[str, Any], schemas: Mapping[str, Any], depth: int) -> Any:
    type_ = schema.get("type", "object")
    kind = type_[0] if isinstance(type_, list) else type_
    if kind == "array":
        return [] if depth > DEPTH_MAX else [example_of(schema["items"], schemas, depth)]
    if kind == "object":
        members = schema.get("properties", {}) if depth <= DEPTH_MAX else {}
        return {
            name: EXAMPLES[name]
            if name in EXAMPLES and _is_plain(member)
            else example_of(member, schemas, depth)
            for name, member in members.items()
        }
    return _BY_FORMAT.get(schema.get("format", ""), _BY_TYPE[kind])


def _is_plain(schema: Mapping[str, Any]) -> bool:
    return schema.get("type") == "string" and "enum" not in schema and "format" not in schema


def _operations(result: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in result.get("paths", {}).items():
        for method, operation in methods.items():
            if method in _METHODS:
                yield path, method, operation
