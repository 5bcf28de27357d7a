"""What records answer to records: rows of facts. Inside ``acting_as`` only.

Nothing here holds what describes a patient; reading that is a service, because it is an entry.
"""

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from django.db import connections

from foundation.tenancy import current_actor, current_alias
from records.core.break_glass import REVIEW_DUE
from records.models import BreakGlass, Record

# What a decision is made of: the consents, and who they are about.
DECIDING_TYPES = ("Consent", "Patient")


def newest_of_subject(
    *, organisation_id: UUID, subject_id: UUID, types: Collection[str]
) -> list[Record]:
    """Return the newest version of each record about a subject, in the order of recording."""
    rows = Record.objects.filter(
        organisation_id=organisation_id, subject_id=subject_id, resource_type__in=types
    )
    newest = rows.order_by("record_id", "-version").distinct("record_id")
    return sorted(newest, key=lambda row: row.pk)


def newest_of(*, organisation_id: UUID, record_ids: Collection[UUID]) -> dict[UUID, Record]:
    """Return the newest version of each of these records."""
    rows = Record.objects.filter(organisation_id=organisation_id, record_id__in=record_ids)
    newest = rows.order_by("record_id", "-version").distinct("record_id")
    return {row.record_id: row for row in newest}


def head_hold(*, organisation_id: UUID, subject_id: UUID) -> bool:
    """Hold the subject's consents as they are until the transaction ends.

    Whoever changes one waits for this reading, or this waits for the change and then sees it.
    Return whether there was anything to hold: not where nothing was written of the subject yet.
    """
    with connections[current_alias()].cursor() as cursor:
        cursor.execute(
            "SELECT version FROM records_consenthead"
            " WHERE organisation_id = %s AND subject_id = %s FOR SHARE",
            [organisation_id, subject_id],
        )
        return cursor.fetchone() is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenReview:
    """An opening that nobody has reviewed yet."""

    glass_id: UUID
    reader_id: UUID
    person_id: UUID
    step: str
    started_at: dt.datetime
    ends_at: dt.datetime
    review_due_at: dt.datetime
    is_overdue: bool
    is_explained: bool


def reviews_open(*, now: dt.datetime) -> tuple[OpenReview, ...]:
    """Return the openings of the acting organisation's records without a review, oldest first."""
    rows = BreakGlass.objects.filter(
        organisation_id=current_actor().organisation, review=None
    ).select_related("explanation")
    return tuple(
        OpenReview(
            glass_id=row.glass_id,
            reader_id=row.reader_id,
            person_id=row.person_id,
            step=row.step,
            started_at=row.started_at,
            ends_at=row.ends_at,
            review_due_at=row.ends_at + REVIEW_DUE,
            is_overdue=row.ends_at + REVIEW_DUE <= now,
            is_explained=hasattr(row, "explanation"),
        )
        for row in rows.order_by("id")
    )
