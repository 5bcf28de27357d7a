"""Problem details over HTTP: one form for everything that a program can do something about."""

import json
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from django.test import RequestFactory
from rest_framework import exceptions, serializers
from rest_framework.exceptions import APIException

from foundation.core.problem import (
    BadInputError,
    ConflictError,
    NotBuiltError,
    ProblemError,
    ThrottledError,
    UnauthenticatedError,
    UnavailableError,
)
from foundation.middleware import ProblemMiddleware
from foundation.parsers import BytesParser, OrjsonRenderer, StrictJSONParser, read_limited
from foundation.problems import exception_handler, problem_in, problem_of, problem_response
from foundation.serializers import Strict

CANARY = "Zoë Canary"


@pytest.mark.parametrize(
    ("error", "status", "slug"),
    [
        (ConflictError("x"), 409, "conflict"),
        (NotBuiltError("x"), 501, "not-built"),
        (Http404(CANARY), 404, "not-found"),
        (PermissionDenied(CANARY), 403, "forbidden"),
        (RequestDataTooBig(CANARY), 413, "too-large"),
        (exceptions.NotAuthenticated(CANARY), 401, "unauthenticated"),
        (exceptions.AuthenticationFailed(CANARY), 401, "unauthenticated"),
        (exceptions.PermissionDenied(CANARY), 403, "forbidden"),
        (exceptions.NotFound(CANARY), 404, "not-found"),
        (exceptions.MethodNotAllowed("PUT"), 405, "method-not-allowed"),
        (exceptions.UnsupportedMediaType("x/y"), 415, "unsupported-media-type"),
        (exceptions.NotAcceptable(CANARY), 406, "not-acceptable"),
        (exceptions.ParseError(CANARY), 400, "bad-input"),
        (exceptions.ValidationError(CANARY), 400, "bad-input"),
        (exceptions.Throttled(), 429, "too-many-requests"),
    ],
)
def test_every_anticipated_error_is_a_problem(error: Exception, status: int, slug: str) -> None:
    response = exception_handler(error, {})
    assert isinstance(response, HttpResponse)
    body = json.loads(response.content)
    assert (response.status_code, body["status"]) == (status, status)
    assert body["type"] == f"urn:theriac:problem:{slug}"
    assert response["Content-Type"] == "application/problem+json"
    assert CANARY not in response.content.decode()


def test_what_nobody_anticipated_is_no_problem() -> None:
    assert problem_of(LookupError(CANARY)) is None
    assert exception_handler(LookupError(CANARY), {}) is None
    assert isinstance(problem_of(ConflictError("x")), ProblemError)
    assert exception_handler(APIException("x"), {}) is not None


def test_headers_say_when_to_come_back_and_how_to_log_in() -> None:
    assert problem_response(UnavailableError("later"))["Retry-After"] == "5"
    assert problem_response(ThrottledError("slow", retry_after_s=7))["Retry-After"] == "7"
    assert problem_response(UnauthenticatedError("who"))["WWW-Authenticate"].startswith("Bearer")


def through(request: HttpRequest, answer: HttpResponse) -> HttpResponse:
    response = ProblemMiddleware(lambda _: answer)(request)
    assert isinstance(response, HttpResponse)
    return response


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/api/v1/%00", {}, 400),
        ("/api/v1/me?x=%00", {}, 400),
        ("/api/v1/me", {"HTTP_CONTENT_ENCODING": "gzip"}, 415),
        ("/api/v1/me", {"CONTENT_LENGTH": "x"}, 400),
        ("/api/v1/me", {"CONTENT_LENGTH": str(2**40)}, 413),
    ],
)
def test_the_outermost_layer_refuses_before_anything_is_read(
    rf: RequestFactory, path: str, headers: dict[str, str], status: int
) -> None:
    response = through(rf.get(path, **headers), HttpResponse("never"))  # type: ignore[arg-type]
    assert response.status_code == status
    assert response["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("status", [400, 403, 404])
def test_djangos_own_refusals_get_the_form_where_programs_read(
    rf: RequestFactory, status: int
) -> None:
    page = HttpResponse("<h1>", status=status, content_type="text/html; charset=utf-8")
    assert json.loads(through(rf.get("/api/v1/nothing"), page).content)["status"] == status
    assert through(rf.get("/admin/"), page).content == b"<h1>"


def test_other_answers_pass_as_they_are(rf: RequestFactory) -> None:
    text = HttpResponse("gone", status=404, content_type="text/plain")
    assert through(rf.get("/log/main/checkpoint"), text).content == b"gone"
    teapot = HttpResponse("<h1>", status=418, content_type="text/html")
    assert through(rf.get("/api/"), teapot).status_code == 418
    assert through(rf.get("/api/"), HttpResponse("ok")).content == b"ok"


def test_a_bug_of_ours_tells_nothing(rf: RequestFactory) -> None:
    middleware = ProblemMiddleware(lambda _: HttpResponse())
    response = middleware.process_exception(rf.get("/api/v1/me"), LookupError(CANARY))
    assert response is not None
    assert response.status_code == 500
    assert json.loads(response.content)["type"] == "urn:theriac:problem:internal"
    assert CANARY not in response.content.decode()
    assert middleware.process_exception(rf.get("/admin/"), LookupError()) is None
    problem = middleware.process_exception(rf.get("/scan/"), ConflictError("x"))
    assert problem is not None
    assert problem.status_code == 409


class Part(Strict):
    """A part."""

    value = serializers.CharField(max_length=3)


class Whole(Strict):
    """A body."""

    part = Part(required=False)
    parts = Part(many=True, required=False)
    words = serializers.ListField(child=serializers.CharField(max_length=3), required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Take something."""
        if not attrs:
            raise serializers.ValidationError("say something")
        return attrs


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        ({"part": {"value": CANARY}}, ["part.value"]),
        ({"part": {"value": "x", "other": "y"}}, ["part.other"]),
        ({"parts": [{"value": "x"}, {}]}, ["parts[1].value"]),
        ({"words": ["a", CANARY]}, ["words[1]"]),
        ({"words": [CANARY], "part": {}}, ["part.value", "words[0]"]),
        ({}, [""]),
        ([], [""]),
        ({"n" * 99: 1}, ["n" * 64]),
    ],
)
def test_a_fault_of_a_body_has_its_place(body: Any, paths: list[str]) -> None:
    with pytest.raises(BadInputError) as caught:
        Whole(data=body).checked()
    members: Any = caught.value.members
    assert [each["path"] for each in members["errors"]] == paths
    assert all(each["detail"] for each in members["errors"])
    assert members["path"] == paths[0]
    assert CANARY not in json.dumps(caught.value.as_json())
    if len(paths) == 1 and paths[0]:
        assert caught.value.detail.startswith(f"{paths[0]}: ")
    assert Whole(data={"words": ["a"]}).checked() == {"words": ["a"]}


def test_a_fault_that_a_framework_found_has_its_place() -> None:
    found = exceptions.ValidationError({"a": {"b": [CANARY]}, "c": CANARY})
    problem = problem_of(found)
    assert problem is not None
    assert problem.members == {"path": "a.b", "errors": [{"path": "a.b"}, {"path": "c"}]}


def test_a_media_type_that_is_not_read_is_answered_by_those_that_are() -> None:
    class Text(BytesParser):
        media_type = "text/plain"

    class View:
        parser_classes = (StrictJSONParser, Text, StrictJSONParser)

    error = exceptions.UnsupportedMediaType("x/y")
    problem = problem_in(error, {"view": View()})
    assert problem is not None
    assert (problem.status, problem.detail) == (415, "send application/json or text/plain")


def test_bodies_are_read_up_to_the_limit(rf: RequestFactory) -> None:
    request = rf.post("/", b'{"a": 1}', content_type="application/json")
    assert StrictJSONParser().parse(request) == {"a": 1}  # type: ignore[arg-type]  # a stream
    with pytest.raises(ProblemError) as caught:
        read_limited(rf.post("/", b"123456", content_type="text/plain"), 5)  # type: ignore[arg-type]
    assert caught.value.status == 413
    assert OrjsonRenderer().render({"a": [1]}) == b'{"a":[1]}'
    assert OrjsonRenderer().render(None) == b""
