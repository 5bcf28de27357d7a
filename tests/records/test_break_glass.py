"""Breaking the glass: who may, for how long, what it shows, who looks at it."""

import datetime as dt
from typing import Any
from uuid import UUID

import pytest

from foundation.core.actor import Role
from records.core.break_glass import (
    EMERGENCY_TYPES,
    BreakGlass,
    BreakGlassError,
    BreakGlassReason,
    BreakGlassStep,
    BreakGlassVerdict,
    break_glass,
    check_explanation,
    check_reviewer,
    review_glass,
)

NOW = dt.datetime(2026, 11, 24, 3, 0, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)
NURSE, OFFICER, PATIENT = UUID(int=1), UUID(int=2), UUID(int=3)


def opened(**members: Any) -> BreakGlass:
    values: dict[str, Any] = {
        "person_id": NURSE,
        "subject_id": PATIENT,
        "is_authorised": True,
        "reauthenticated_at": NOW - MINUTE,
        "reason": BreakGlassReason.LIFE_THREATENING,
        "now": NOW,
    }
    return break_glass(**values | members)


def test_the_emergency_set_opens_for_an_hour_and_closes_by_itself() -> None:
    glass = opened()
    assert glass.step is BreakGlassStep.EMERGENCY_SET
    moments = [-MINUTE, 0 * MINUTE, 59 * MINUTE, 60 * MINUTE]
    shown = [glass.opens(record_type="AllergyIntolerance", time=NOW + each) for each in moments]
    assert shown == [False, True, True, False]
    assert not glass.opens(record_type="DocumentReference", time=NOW)
    assert len(EMERGENCY_TYPES) == 7


def test_the_second_step_opens_everything_and_ends_with_the_first() -> None:
    later = NOW + 50 * MINUTE
    full = opened(opened=opened(), now=later, reauthenticated_at=later)
    assert (full.step, full.end) == (BreakGlassStep.FULL_RECORD, NOW + 60 * MINUTE)
    assert full.opens(record_type="DocumentReference", time=later)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"is_authorised": False}, "in no group"),
        ({"reauthenticated_at": None}, "log in again"),
        ({"reauthenticated_at": NOW - 6 * MINUTE}, "log in again"),
        ({"reauthenticated_at": NOW + MINUTE}, "log in again"),
        ({"window": 61 * MINUTE}, "is not within"),
        ({"window": 0 * MINUTE}, "is not within"),
        ({"opened": opened(person_id=OFFICER)}, "another person's"),
        ({"opened": opened(subject_id=OFFICER)}, "another patient's"),
        ({"opened": opened(window=MINUTE, now=NOW - MINUTE)}, "has ended"),
    ],
)
def test_the_glass_stays_whole_otherwise(members: dict[str, Any], message: str) -> None:
    with pytest.raises(BreakGlassError, match=message):
        opened(**members)


def review(**members: Any) -> Any:
    values: dict[str, Any] = {
        "reviewer_id": OFFICER,
        "reviewer_roles": frozenset({Role.PRIVACY_OFFICER}),
        "explanation": "Unconscious on arrival.",
        "verdict": BreakGlassVerdict.JUSTIFIED,
        "now": NOW,
    }
    return review_glass(opened(), **values | members)


def test_a_privacy_officer_closes_the_review() -> None:
    assert (review().reviewer_id, review().verdict) == (OFFICER, "justified")
    assert opened().review_due_at == NOW + dt.timedelta(hours=73)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"reviewer_id": NURSE}, "their own access"),
        ({"reviewer_roles": frozenset({Role.CLINICIAN})}, "closed by a privacy_officer"),
        ({"explanation": "   because    "}, "explained in words"),
    ],
)
def test_nobody_else_closes_it_and_not_without_words(members: dict[str, Any], message: str) -> None:
    with pytest.raises(BreakGlassError, match=message):
        review(**members)


def test_reviewers_and_words_are_checked_by_themselves() -> None:
    check_reviewer(frozenset({Role.PRIVACY_OFFICER, Role.ADMIN}))
    check_explanation("x" * 10)
    with pytest.raises(BreakGlassError):
        check_reviewer(frozenset({Role.CLINICIAN}))
    with pytest.raises(BreakGlassError):
        check_explanation("  short   ")
