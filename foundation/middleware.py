"""The outermost of our own layers: limits before anything is read, problems at the end."""

import time
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from foundation.core.problem import (
    BadInputError,
    NotFoundError,
    ProblemError,
    TooLargeError,
    UnsupportedMediaError,
)
from foundation.metrics import count_request
from foundation.problems import (
    problem_answer,
    problem_of,
    unforeseen_response,
)

# Addresses of programs: they get problem details, people get pages.
PROGRAM_PATHS = (
    *("/api/", "/epcis/", "/fhir/", "/x12/", "/log/", "/witness/", "/graphql/"),
    *("/healthz", "/readyz", "/metrics"),
)


class MetricsMiddleware:
    """Count every answer, by the address as the code writes it: no id, no value of anybody's."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        """Keep the next layer."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Return the answer of the layers below."""
        started = time.monotonic()
        response = self.get_response(request)
        match = request.resolver_match
        count_request(
            method=request.method or "",
            route=match.route if match else "none",
            status=response.status_code,
            seconds=time.monotonic() - started,
        )
        return response


class ProblemMiddleware:
    """Refuse what no parser should see; answer every anticipated error as a problem."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        """Keep the next layer."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Return the answer of the layers below, or the refusal."""
        try:
            _refuse(request)
        except ProblemError as problem:
            return problem_answer(request.path, problem)
        response = self.get_response(request)
        if response.status_code >= 400 and _is_for_program(request):  # noqa: PLR2004 - HTTP
            return _as_problem(request, response)
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answer what a view raised; pages for people keep Django's own handling."""
        problem = problem_of(error)
        if problem is not None and (isinstance(error, ProblemError) or _is_for_program(request)):
            return problem_answer(request.path, problem)
        return unforeseen_response(request, error) if _is_for_program(request) else None


def _refuse(request: HttpRequest) -> None:
    if "\x00" in request.path or "%00" in request.META.get("QUERY_STRING", ""):
        raise BadInputError("the address holds NUL")
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise UnsupportedMediaError("send the body as it is, without Content-Encoding")
    length = request.headers.get("Content-Length") or "0"
    if not length.isdigit():
        raise BadInputError("Content-Length is no number")
    limit = settings.BODY_SIZE_BYTES_MAX
    if int(length) > limit:
        raise TooLargeError(f"at most {limit} bytes are read here", limit=limit)


def _is_for_program(request: HttpRequest) -> bool:
    return request.path.startswith(PROGRAM_PATHS)


def _as_problem(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Give Django's own HTML refusals (an unknown address, CSRF) the form of a problem."""
    if not response.get("Content-Type", "").startswith("text/html"):
        return response
    found = _BY_STATUS.get(response.status_code)
    return response if found is None else problem_answer(request.path, found)


class _CrossSiteError(ProblemError):
    slug = "cross-site"
    title = "The request came from another site, or without its token"
    status = 403


_BY_STATUS: dict[int, ProblemError] = {
    400: BadInputError("the request cannot be read"),
    403: _CrossSiteError("send the CSRF token, or use an API key"),
    404: NotFoundError("check the address and the id"),
}
