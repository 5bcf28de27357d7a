"""Refusals in EPCIS's own form: problem details of type ``epcisException:…`` (EPCIS 2.0, 12)."""

from http import HTTPStatus
from typing import Any, ClassVar

import orjson
from django.http import HttpResponse
from rest_framework.response import Response
from rest_framework.views import APIView

from foundation.core.problem import UnavailableError
from foundation.problems import MEDIA_TYPE, problem_of

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

    def get_exception_handler(self) -> Any:
        """Return what renders exceptions of these resources."""
        return _epcis_refusal

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Response:  # noqa: ARG002 - theirs
        """Answer what is understood here."""
        headers = {**self.versions, "Allow": ", ".join(self.allowed_methods)}
        return Response(status=HTTPStatus.NO_CONTENT, headers=headers)


def _epcis_refusal(error: Exception, context: dict[str, Any]) -> HttpResponse | None:  # noqa: ARG001 - theirs
    problem = problem_of(error)
    if problem is None:
        return None
    status = HTTPStatus(problem.status)
    # The standard knows no 422: a document that cannot be taken is invalid.
    shown = HTTPStatus.BAD_REQUEST if status == HTTPStatus.UNPROCESSABLE_ENTITY else status
    name = _NAMES.get(status, "ImplementationException")
    body = {
        **problem.members,
        "type": f"epcisException:{name}",
        "title": problem.title,
        "status": shown,
        "detail": problem.detail,
    }
    response = HttpResponse(orjson.dumps(body, default=str), status=shown, content_type=MEDIA_TYPE)
    if isinstance(problem, UnavailableError):
        response["Retry-After"] = str(problem.retry_after_s)
    return response
