"""What all FHIR addresses share: who may, what a refusal looks like, who asks why."""

from collections.abc import Mapping, Sequence
from functools import partial
from http import HTTPStatus
from secrets import token_bytes
from typing import Any, ClassVar
from urllib.parse import parse_qsl
from uuid import UUID

from django.conf import settings
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter
from rest_framework.parsers import BaseParser
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.authentication import ByMethod, actor_of, requires_scope
from accounts.core.scopes import Scope
from foundation.core.json_input import JsonInputError, JsonLimits, parse_json
from foundation.core.problem import BadInputError, NotFoundError, ProblemError
from foundation.parsers import OrjsonRenderer
from foundation.problems import problem_headers, problem_in
from records.core.consent_values import PURPOSES
from records.core.fhir_json import IssueType
from records.core.fhir_names import RESOURCE_NAMES
from records.core.intake import is_id
from records.core.outcome import Issue, SubmissionError, format_outcome, issues_of
from records.parsers import FhirParser, PlainJsonParser
from records.services import LIMITS, Asking, asking_for
from records.services.deciding import PURPOSE_HEADER

MEDIA_TYPE = "application/fhir+json"
CUSTODIAN_HEADER = "Theriac-Custodian"
PURPOSE = OpenApiParameter(
    PURPOSE_HEADER,
    str,
    OpenApiParameter.HEADER,
    required=True,
    enum=sorted(PURPOSES),
    description="The purpose of use, a code of v3-ActReason",
)
CUSTODIAN = OpenApiParameter(
    CUSTODIAN_HEADER,
    UUID,
    OpenApiParameter.HEADER,
    description="The organisation that holds the records, where it is not the caller's",
)
seeds = partial(token_bytes, 32)


class FhirRenderer(OrjsonRenderer):
    """Answers are FHIR's JSON."""

    media_type = MEDIA_TYPE


class FhirView(ByMethod, APIView):
    """A resource of FHIR: what is refused is an OperationOutcome."""

    parser_classes: Sequence[type[BaseParser]] = (FhirParser, PlainJsonParser)
    renderer_classes = (FhirRenderer, OrjsonRenderer)
    reads: ClassVar[type[BasePermission]] = requires_scope(Scope.RECORDS_READ)
    writes: ClassVar[type[BasePermission]] = requires_scope(Scope.RECORDS_WRITE)

    def get_exception_handler(self) -> Any:
        """Return what renders exceptions of these resources."""
        return _refusal


def fhir_response(
    body: bytes, headers: Mapping[str, str] | None = None, *, status: int = HTTPStatus.OK
) -> HttpResponse:
    """Return FHIR's JSON, never to be kept on the way."""
    return HttpResponse(
        body,
        status=status,
        content_type=f"{MEDIA_TYPE}; charset=utf-8",
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


def json_of(raw: bytes) -> object:
    """Return the JSON of a body; raise ``SubmissionError``, which repeats nothing of it."""
    limits = JsonLimits(
        size_bytes_max=settings.BODY_SIZE_BYTES_MAX,
        depth_max=LIMITS.depth_max,
    )
    try:
        value: object = parse_json(raw, limits)
    except JsonInputError as error:
        position = error.members.get("position")
        place = "" if position is None else f" at byte {position}"
        detail = f"this is no JSON that is read here{place}: see malformed-json"
        raise SubmissionError([Issue(code=IssueType.STRUCTURE, detail=detail)]) from error
    return value


def type_check(type_: str) -> None:
    """Raise ``NotFoundError`` for an address that names no type of R4."""
    if type_ not in RESOURCE_NAMES:
        raise NotFoundError("R4 has no type of this name")


def id_check(id_: str) -> None:
    """Raise ``NotFoundError`` for an address that names no id of R4 (section 2.24.0.1, id)."""
    if not is_id(id_):
        raise NotFoundError("an id of R4 has 1 to 64 letters, digits, '-' and '.'")


def asking_of(request: Request) -> Asking:
    """Return who asks whom and why; raise ``PurposeError`` or ``BadInputError``."""
    custodian = request.headers.get(CUSTODIAN_HEADER)
    try:
        holder_id = None if custodian is None else UUID(custodian)
    except ValueError:
        raise BadInputError(f"the header {CUSTODIAN_HEADER} is no UUID") from None
    return asking_for(
        reader=actor_of(request),
        holder_id=holder_id,
        purpose=request.headers.get(PURPOSE_HEADER),
        now=timezone.now(),
    )


def parameters_of(text: str) -> list[tuple[str, str]]:
    """Return the names and values of a query; raise ``BadInputError``."""
    try:
        return parse_qsl(
            text,
            keep_blank_values=True,
            strict_parsing=bool(text),
            max_num_fields=50,
            errors="strict",
        )
    except ValueError:
        raise BadInputError("the parameters cannot be read") from None


def _refusal(error: Exception, context: dict[str, Any]) -> HttpResponse | None:
    problem = problem_in(error, context)
    return None if problem is None else outcome_response(problem)


def outcome_response(problem: ProblemError) -> HttpResponse:
    """Return a problem as an OperationOutcome, with the headers that its status asks for."""
    return fhir_response(
        format_outcome(issues_of(problem), slug=problem.slug),
        problem_headers(problem),
        status=problem.status,
    )
