"""Breaking the glass: a short, narrow, reviewed access for an emergency.

The reason is given at once, free text before the review closes. The window ends by itself and
opens the emergency set first, the full record behind a second step. Somebody else reviews it.
"""

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from accounts.core.organisation import OrganisationKind
from foundation.core.actor import Role
from foundation.core.problem import ForbiddenError

WINDOW_MAX = dt.timedelta(minutes=60)
REAUTHENTICATION_MAX = dt.timedelta(minutes=5)
REVIEW_DUE = dt.timedelta(hours=72)
EXPLANATION_LENGTH_MIN = 10
REVIEWER = Role.PRIVACY_OFFICER
BREAKING_KINDS = frozenset({OrganisationKind.HOSPITAL, OrganisationKind.PHARMACY})


class BreakGlassReason(StrEnum):
    """Why: given before anything is shown."""

    LIFE_THREATENING = "life-threatening"
    UNABLE_TO_CONSENT = "unable-to-consent"
    RECORD_UNREACHABLE = "record-unreachable"
    PUBLIC_DANGER = "public-danger"


class BreakGlassStep(StrEnum):
    """How far it opens."""

    EMERGENCY_SET = "emergency-set"
    FULL_RECORD = "full-record"


class BreakGlassVerdict(StrEnum):
    """What a review comes to."""

    JUSTIFIED = "justified"
    UNJUSTIFIED = "unjustified"
    INCONCLUSIVE = "inconclusive"


# What one needs at the bedside, after the International Patient Summary's required sections.
EMERGENCY_TYPES = frozenset(
    {
        "AllergyIntolerance",
        "Condition",
        "Consent",
        "Immunization",
        "MedicationDispense",
        "MedicationRequest",
        "Patient",
    }
)


class BreakGlassError(ForbiddenError):
    """The glass stays whole, or its review may not be closed like this; the detail says why."""

    slug = "break-glass-refused"
    title = "The glass cannot be broken like this"


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakGlass:
    """One opening, for one person and one subject, from ``start`` to before ``end``."""

    person_id: UUID
    subject_id: UUID
    reason: BreakGlassReason
    step: BreakGlassStep
    start: dt.datetime
    end: dt.datetime

    @property
    def review_due_at(self) -> dt.datetime:
        """When the review is overdue."""
        return self.end + REVIEW_DUE

    def opens(self, *, record_type: str, time: dt.datetime) -> bool:
        """Return whether it shows records of that type at that time."""
        is_covered = self.step is BreakGlassStep.FULL_RECORD or record_type in EMERGENCY_TYPES
        return is_covered and self.start <= time < self.end


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakGlassReview:
    """Somebody else's finding."""

    reviewer_id: UUID
    verdict: BreakGlassVerdict
    reviewed_at: dt.datetime


def may_break(roles: frozenset[Role], kind: OrganisationKind) -> bool:
    """Return whether somebody of these roles, in an organisation of this kind, may break it.

    Emergencies are treated where care is given: no role that a payer grants opens a record.
    """
    return Role.CLINICIAN in roles and kind in BREAKING_KINDS


def break_glass(
    *,
    person_id: UUID,
    subject_id: UUID,
    is_authorised: bool,
    reauthenticated_at: dt.datetime | None,
    reason: BreakGlassReason,
    now: dt.datetime,
    window: dt.timedelta = WINDOW_MAX,
    opened: BreakGlass | None = None,
) -> BreakGlass:
    """Return the opening of the emergency set, or of the full record as a second step.

    The second step is taken with the running first one as ``opened``; it ends when that ends.
    Raise ``BreakGlassError`` where the person is in no group that may, did not re-authenticate
    in the last five minutes, or asks for a window that is empty or over an hour.
    """
    if not is_authorised:
        raise BreakGlassError("this person is in no group that may break the glass")
    if reauthenticated_at is None or not _is_recent(reauthenticated_at, now):
        raise BreakGlassError("log in again first: the last time is over five minutes ago")
    if not dt.timedelta(0) < window <= WINDOW_MAX:
        raise BreakGlassError(f"a window of {window} is not within {WINDOW_MAX}")
    end = now + window
    if opened is not None:
        if (opened.person_id, opened.subject_id) != (person_id, subject_id):
            raise BreakGlassError("the first step was another person's, or another patient's")
        if not opened.start <= now < opened.end:
            raise BreakGlassError("the first step has ended: start again")
        end = min(end, opened.end)
    return BreakGlass(
        person_id=person_id,
        subject_id=subject_id,
        reason=reason,
        step=BreakGlassStep.EMERGENCY_SET if opened is None else BreakGlassStep.FULL_RECORD,
        start=now,
        end=end,
    )


def review_glass(
    glass: BreakGlass,
    *,
    reviewer_id: UUID,
    reviewer_roles: frozenset[Role],
    explanation: str,
    verdict: BreakGlassVerdict,
    now: dt.datetime,
) -> BreakGlassReview:
    """Return the closed review of an opening.

    Raise ``BreakGlassError`` where the reviewer is who broke it, or is no privacy officer, or
    where whoever broke it has not yet explained it in words.
    """
    if reviewer_id == glass.person_id:
        raise BreakGlassError("nobody reviews their own access")
    check_reviewer(reviewer_roles)
    if len(explanation.strip()) < EXPLANATION_LENGTH_MIN:
        raise BreakGlassError("the review stays open until the access is explained in words")
    return BreakGlassReview(reviewer_id=reviewer_id, verdict=verdict, reviewed_at=now)


def check_reviewer(roles: frozenset[Role]) -> None:
    """Raise ``BreakGlassError`` unless the roles include the reviewer's."""
    if REVIEWER not in roles:
        raise BreakGlassError(f"a review is seen and closed by a {REVIEWER}")


def check_explanation(explanation: str) -> None:
    """Raise ``BreakGlassError`` for words that explain nothing."""
    if len(explanation.strip()) < EXPLANATION_LENGTH_MIN:
        raise BreakGlassError(f"explain it in at least {EXPLANATION_LENGTH_MIN} characters")


def _is_recent(reauthenticated_at: dt.datetime, now: dt.datetime) -> bool:
    return dt.timedelta(0) <= now - reauthenticated_at <= REAUTHENTICATION_MAX
