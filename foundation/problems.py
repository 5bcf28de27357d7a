"""Problem details over HTTP: the one place that renders what went wrong (RFC 9457)."""

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import orjson
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_exception_handler

from foundation.core.problem import (
    BadInputError,
    ForbiddenError,
    NotFoundError,
    ProblemError,
    ThrottledError,
    TooLargeError,
    UnauthenticatedError,
    UnavailableError,
    UnsupportedMediaError,
)
from foundation.serializers import faults_of

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"


class MethodNotAllowedError(ProblemError):
    """The address is there, the method is not."""

    slug = "method-not-allowed"
    title = "This address does not take that method"
    status = HTTPStatus.METHOD_NOT_ALLOWED


class NotAcceptableError(ProblemError):
    """The address answers in none of the media types asked for."""

    slug = "not-acceptable"
    title = "There is no answer in that media type"
    status = HTTPStatus.NOT_ACCEPTABLE


def problem_of(error: Exception) -> ProblemError | None:
    """Return the problem that an anticipated exception stands for, or ``None``."""
    if isinstance(error, ProblemError):
        return error
    if isinstance(error, exceptions.ValidationError):
        # The places alone: the framework's words may repeat what was sent.
        places = [path for path, _ in faults_of(error.detail)]
        return BadInputError(
            "a member has a value it may not have",
            path=places[0],
            errors=[{"path": path} for path in places],
        )
    framework: tuple[tuple[type[Exception], type[ProblemError], str], ...] = (
        (Http404, NotFoundError, "check the address and the id"),
        (PermissionDenied, ForbiddenError, "your role does not allow this"),
        (RequestDataTooBig, TooLargeError, "send less at once"),
        (exceptions.NotAuthenticated, UnauthenticatedError, "no credentials were sent"),
        (exceptions.AuthenticationFailed, UnauthenticatedError, "the credentials are not valid"),
        (exceptions.PermissionDenied, ForbiddenError, "your role does not allow this"),
        (exceptions.NotFound, NotFoundError, "check the address and the id"),
        (exceptions.MethodNotAllowed, MethodNotAllowedError, "see OPTIONS for what it takes"),
        (exceptions.UnsupportedMediaType, UnsupportedMediaError, "see the API's documentation"),
        (exceptions.NotAcceptable, NotAcceptableError, "see the API's documentation"),
        (exceptions.ParseError, BadInputError, "the body cannot be read"),
        (exceptions.Throttled, ThrottledError, "wait a moment"),
    )
    for kind, problem, detail in framework:
        if isinstance(error, kind):
            return problem(detail)
    return None


def problem_in(error: Exception, context: Mapping[str, Any]) -> ProblemError | None:
    """Return the same of what a view raised, with what that view would have taken."""
    view = context.get("view")
    if isinstance(error, exceptions.UnsupportedMediaType) and view is not None:
        taken = dict.fromkeys(parser.media_type for parser in view.parser_classes)
        return UnsupportedMediaError(f"send {' or '.join(taken)}")
    return problem_of(error)


def problem_response(problem: ProblemError) -> HttpResponse:
    """Return the problem document as an answer."""
    return HttpResponse(
        orjson.dumps(problem.as_json(), default=str),
        status=problem.status,
        content_type=MEDIA_TYPE,
        headers=problem_headers(problem),
    )


def problem_headers(problem: ProblemError) -> dict[str, str]:
    """Return the headers that a refusal of this kind needs, whatever form it has."""
    if isinstance(problem, ThrottledError | UnavailableError):
        return {"Retry-After": str(problem.retry_after_s)}
    if isinstance(problem, UnauthenticatedError):
        return {"WWW-Authenticate": 'Bearer realm="theriac"'}
    return {}


# How refusals of our outermost layer look below an address whose standard has its own form.
_FORMS: dict[str, Callable[[ProblemError], HttpResponse]] = {}


def problem_form(prefix: str, form: Callable[[ProblemError], HttpResponse]) -> None:
    """Give problems below ``prefix`` the form that the standard there has."""
    _FORMS[prefix] = form


def problem_answer(path: str, problem: ProblemError) -> HttpResponse:
    """Return the problem in the form of the address that was asked."""
    for prefix, form in _FORMS.items():
        if path.startswith(prefix):
            return form(problem)
    return problem_response(problem)


def exception_handler(error: Exception, context: dict[str, Any]) -> HttpResponse | Response | None:
    """Answer for every API view; what nobody anticipated goes on to the middleware."""
    problem = problem_in(error, context)
    if problem is None:
        return drf_exception_handler(error, context)
    return problem_response(problem)


def unforeseen_response(request: HttpRequest, error: Exception) -> HttpResponse:
    """Answer for a bug of ours: nothing of the request or the error is told."""
    logger.error("unforeseen error", exc_info=error, extra={"status": 500})
    told = ProblemError("nothing was written; the operator's log has the place")
    return problem_answer(request.path, told)
