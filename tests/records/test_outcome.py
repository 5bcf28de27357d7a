"""Problems become issues of the standard's own codes."""

import pytest

from foundation.core.problem import (
    BadInputError,
    ConflictError,
    ForbiddenError,
    NotBuiltError,
    NotFoundError,
    ProblemError,
    TooLargeError,
    UnauthenticatedError,
    UnavailableError,
    UnprocessableError,
)
from records.core.fhir_json import FhirError, IssueType
from records.core.outcome import Issue, SubmissionError, format_outcome, issues_of


@pytest.mark.parametrize(
    ("problem", "code"),
    [
        (BadInputError("x"), "invalid"),
        (UnauthenticatedError("x"), "login"),
        (ForbiddenError("x"), "forbidden"),
        (NotFoundError("x"), "not-found"),
        (ConflictError("x"), "conflict"),
        (TooLargeError("x"), "too-long"),
        (UnprocessableError("x"), "processing"),
        (NotBuiltError("x"), "not-supported"),
        (UnavailableError("x"), "transient"),
        (ProblemError("x"), "exception"),
        (FhirError("Patient.id", "x", IssueType.REQUIRED), "required"),
    ],
)
def test_each_status_has_its_code(problem: ProblemError, code: str) -> None:
    (issue,) = issues_of(problem)
    assert (issue.code, issue.detail) == (code, "x")


def test_a_submissions_issues_stay_as_they_are() -> None:
    issues = [
        Issue(code=IssueType.VALUE, detail="a", path="b"),
        Issue(code=IssueType.VALUE, detail="c"),
    ]
    assert issues_of(SubmissionError(issues)) == tuple(issues)
    assert b"expression" not in format_outcome(issues[1:])
    assert b"details" not in format_outcome(issues[1:])
