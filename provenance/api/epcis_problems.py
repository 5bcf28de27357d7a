"""Refusals in EPCIS's own form: problem details of type ``epcisException:…`` (EPCIS 2.0, 12)."""

import re
from http import HTTPStatus
from typing import Any, ClassVar

import orjson
from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from foundation.core.problem import ProblemError
from foundation.idempotency import KeyReusedError
from foundation.problems import MEDIA_TYPE, NotAcceptableError, problem_headers, problem_in

_VERSION_HEADER = re.compile("GS1-(?:EPCIS|CBV)-(Version|Min|Max)", re.IGNORECASE)
_VERSION = re.compile("[0-9]{1,4}(?:[.][0-9]{1,4}){0,2}")
_NAMES = {
    400: "ValidationException",
    401: "SecurityException",
    403: "SecurityException",
    404: "NoSuchResourceException",
    406: "NotAcceptableException",
    409: "ResourceAlreadyExistsException",
    413: "CaptureLimitExceededException",
    415: "UnsupportedMediaTypeException",
    422: "ValidationException",
    501: "ImplementationException",
}


class EpcisView(APIView):
    """A resource of EPCIS: what is refused has the standard's form."""

    versions: ClassVar[dict[str, str]] = {"GS1-EPCIS-Version": "2.0.0", "GS1-CBV-Version": "2.0.0"}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse versions of the standard that are not spoken here, once it is known who asks."""
        super().initial(request, *args, **kwargs)
        for name, text in request.headers.items():
            if (found := _VERSION_HEADER.fullmatch(name)) is not None:
                _check_version(name, text, found[1].lower())

    def get_exception_handler(self) -> Any:
        """Return what renders exceptions of these resources."""
        return _epcis_refusal

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Response:  # noqa: ARG002 - theirs
        """Answer what is understood here."""
        headers = {**self.versions, "Allow": ", ".join(self.allowed_methods)}
        return Response(status=HTTPStatus.NO_CONTENT, headers=headers)


def exception_name(status: int) -> str:
    """Return what the standard calls a refusal of this status."""
    return f"epcisException:{_NAMES.get(status, 'ImplementationException')}"


def _check_version(name: str, text: str, bound: str) -> None:
    """Raise ``NotAcceptableError`` where 2.0.0 is not the version, or not within the bound."""
    if _VERSION.fullmatch(text.strip()) is None:
        raise NotAcceptableError(f"{name} is a version, as 2.0.0")
    wanted = [int(part) for part in text.strip().split(".")]
    wanted += [0] * (3 - len(wanted))
    spoken = [2, 0, 0]
    fits = {"version": wanted == spoken, "min": wanted <= spoken, "max": wanted >= spoken}
    if not fits[bound]:
        raise NotAcceptableError(f"{name} is {text.strip()}; spoken here is 2.0.0")


def _epcis_refusal(error: Exception, context: dict[str, Any]) -> HttpResponse | None:
    problem = problem_in(error, context)
    return None if problem is None else epcis_form(problem)


def epcis_form(problem: ProblemError) -> HttpResponse:
    """Return a problem as the standard has it."""
    status = HTTPStatus(problem.status)
    # The standard knows no 422: a document that cannot be taken is invalid. The header of ours is
    # answered as it is everywhere.
    invalid = status == HTTPStatus.UNPROCESSABLE_ENTITY and not isinstance(problem, KeyReusedError)
    shown = HTTPStatus.BAD_REQUEST if invalid else status
    body = {
        **problem.members,
        "type": exception_name(status),
        "title": problem.title,
        "status": shown,
        "detail": problem.detail,
    }
    return HttpResponse(
        orjson.dumps(body, default=str),
        status=shown,
        content_type=MEDIA_TYPE,
        headers=problem_headers(problem),
    )
