"""OperationOutcome: what is wrong with a request, or to be known about it, in FHIR's own form.

An issue never repeats a text of the resource: it may be about a patient, and issues are kept.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus

import orjson

from foundation.core.problem import BadInputError, ProblemError
from records.core.fhir_json import FhirError, IssueType

PROBLEM_SYSTEM = "urn:theriac:problem"
_BY_STATUS = {
    HTTPStatus.UNAUTHORIZED: IssueType.LOGIN,
    HTTPStatus.FORBIDDEN: IssueType.FORBIDDEN,
    HTTPStatus.NOT_FOUND: IssueType.NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED: IssueType.NOT_SUPPORTED,
    HTTPStatus.NOT_ACCEPTABLE: IssueType.NOT_SUPPORTED,
    HTTPStatus.CONFLICT: IssueType.CONFLICT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: IssueType.TOO_LONG,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: IssueType.NOT_SUPPORTED,
    HTTPStatus.UNPROCESSABLE_ENTITY: IssueType.PROCESSING,
    HTTPStatus.TOO_MANY_REQUESTS: IssueType.THROTTLED,
    HTTPStatus.NOT_IMPLEMENTED: IssueType.NOT_SUPPORTED,
    HTTPStatus.SERVICE_UNAVAILABLE: IssueType.TRANSIENT,
}
_INVALID_FROM = HTTPStatus.BAD_REQUEST
_OURS_FROM = HTTPStatus.INTERNAL_SERVER_ERROR


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """One thing to be known: its kind, its place, what it is and what to do."""

    code: IssueType
    detail: str
    path: str = ""
    severity: str = "error"


class SubmissionError(BadInputError):
    """Nothing of the submission is taken; ``issues`` names each bad place."""

    slug = "bad-fhir"
    title = "This is no FHIR R4 submission that we take"

    def __init__(self, issues: Iterable[Issue]) -> None:
        """Keep the issues."""
        self.issues = tuple(issues)
        first = self.issues[0]
        super().__init__(f"{first.path}: {first.detail}", path=first.path)


class RecordConflictError(SubmissionError):
    """The submission collides with what is kept here."""

    slug = "record-conflict"
    title = "This collides with a record that is kept here"
    status = HTTPStatus.CONFLICT


class UnknownPatientError(SubmissionError):
    """A resource is about nobody that is known here, so no consent would govern it."""

    slug = "unknown-patient"
    title = "Nobody here is this resource's patient"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


def issue_of(error: FhirError) -> Issue:
    """Return the issue that a fault of a resource is."""
    detail = error.detail.removeprefix(f"{error.path}: ")
    return Issue(code=error.issue_type, detail=detail, path=error.path)


def issues_of(problem: ProblemError) -> tuple[Issue, ...]:
    """Return the issues that a problem of ours, or of the frameworks below, stands for."""
    if isinstance(problem, SubmissionError):
        return problem.issues
    if isinstance(problem, FhirError):
        return (issue_of(problem),)
    status = HTTPStatus(problem.status)
    if status >= _OURS_FROM and status not in _BY_STATUS:
        code = IssueType.EXCEPTION
    else:
        code = _BY_STATUS.get(status, IssueType.INVALID)
    return (Issue(code=code, detail=problem.detail),)


def format_outcome(issues: Iterable[Issue], *, slug: str | None = None) -> bytes:
    """Return the OperationOutcome; ``slug`` is the problem's stable name."""
    details = None if slug is None else {"coding": [{"system": PROBLEM_SYSTEM, "code": slug}]}
    listed = []
    for issue in issues:
        members: dict[str, object] = {"severity": issue.severity, "code": issue.code.value}
        if details is not None:
            members["details"] = details
        members["diagnostics"] = issue.detail
        if issue.path:
            members["expression"] = [issue.path]
        listed.append(members)
    return orjson.dumps({"resourceType": "OperationOutcome", "issue": listed})
