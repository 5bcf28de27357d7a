"""Disclosures: an entry for each answered request, written before the first byte leaves."""

import datetime as dt
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings

from accounts.core.scopes import Scope, organisation_with
from foundation.core.actor import Actor, Role
from foundation.core.problem import ForbiddenError, ThrottledError
from foundation.tenancy import acting_as
from ledger.core.canonical import Json
from ledger.core.entry import EntryDraft
from ledger.core.receipt import Receipt
from ledger.services import submission_append
from records.core.disclosure import (
    DISCLOSURE_MADE,
    DisclosedRecord,
    parse_disclosed,
    plan_disclosure,
)
from records.core.search import PersonName
from records.keeping import (
    Seeds,
    disclosure_keep,
    disclosures_kept,
    new_id,
    nobody_ensure,
    subject_find,
)
from records.models import Disclosure
from vault.services import tag_next

FEED_ENGINE = "theriac-feed/1"
FEED_MAX = 200
_MINUTE = dt.timedelta(minutes=1)


class FeedRefusedError(ForbiddenError):
    """Who saw a patient's records is shown to the privacy officer of who holds them."""

    slug = "feed-refused"
    title = "This list is not shown to this role"


@dataclass(frozen=True, slots=True, kw_only=True)
class DisclosureInfo:
    """One line of a patient's feed: who saw how much, when, why, and where that is entered."""

    disclosed_at: dt.datetime
    reader_id: UUID
    reader_person_id: UUID | None
    count: int
    entry_id: bytes
    records: tuple[DisclosedRecord, ...]
    receipt: Mapping[str, Json]


def disclosure_write(
    *,
    holder: Actor,
    reader: Actor,
    subject_id: UUID,
    records: Iterable[DisclosedRecord],
    receipt: Mapping[str, Json],
    seeds: Seeds,
    now: dt.datetime,
) -> Receipt:
    """Enter that ``reader`` was shown these records of a subject; return the promise.

    In the reading's own transaction: if nothing can be entered, nothing is shown.
    """
    planned = plan_disclosure(
        tag=tag_next(actor=holder, subject_id=subject_id), records=records, receipt=receipt
    )
    item = disclosure_keep(
        actor=holder,
        subject_id=subject_id,
        header=planned.header,
        data=planned.data,
        seeds=seeds,
    )
    draft = EntryDraft(
        kind=DISCLOSURE_MADE,
        id=new_id(seeds),
        body=planned.body,
        commitments=(item.commitment,),
    )
    promised = submission_append(actor=holder, entries=[draft], now=now)
    Disclosure.objects.create(
        organisation_id=holder.organisation,
        subject_id=subject_id,
        reader_id=reader.organisation,
        reader_person_id=reader.person_id,
        count=len(parse_disclosed(planned.data)[0]),
        disclosed_at=now,
        item_id=item.item_id,
        commitment=item.commitment,
        entry_id=promised.entry_ids[0],
    )
    return promised


def empty_reads_check(*, holder: Actor, reader: Actor, now: dt.datetime) -> None:
    """Raise ``ThrottledError`` for who was lately shown nothing too often, by this holder.

    Each such reading is an entry under the holder's key: nobody fills its ledger by asking. A
    person counts alone, the systems of an organisation together, whichever of its keys they use.
    """
    allowed: int = settings.EMPTY_READS_PER_MINUTE_MAX
    with acting_as(holder):
        lately = Disclosure.objects.filter(
            organisation_id=holder.organisation,
            reader_id=reader.organisation,
            reader_person_id=reader.person_id,
            count=0,
            disclosed_at__gt=now - _MINUTE,
        )
        times = lately.order_by("-disclosed_at").values_list("disclosed_at", flat=True)
        oldest = times[allowed - 1 : allowed].first()
    if oldest is not None:
        wait = math.ceil((oldest + _MINUTE - now).total_seconds())
        raise ThrottledError(
            f"{allowed} readings of the last minute were shown nothing: wait",
            retry_after_s=max(wait, 1),
        )


def disclosure_feed(
    *, actor: Actor, person: PersonName, seeds: Seeds, now: dt.datetime
) -> tuple[tuple[DisclosureInfo, ...], Receipt]:
    """Return who was shown a subject's records, the newest first, and this reading's own receipt.

    Reading the list is a line of it, too. Raise ``MissingScopeError``, ``FeedRefusedError`` or
    ``ThrottledError``.
    """
    organisation_id = organisation_with(actor, Scope.RECORDS_READ)
    if actor.person_id is not None and Role.PRIVACY_OFFICER not in actor.roles:
        raise FeedRefusedError(f"ask the {Role.PRIVACY_OFFICER} of your organisation")
    with acting_as(actor):
        empty_reads_check(holder=actor, reader=actor, now=now)
        subject_id = subject_find(actor, person)
        rows: list[Disclosure] = []
        if subject_id is not None:
            found = Disclosure.objects.filter(
                organisation_id=organisation_id, subject_id=subject_id
            )
            rows = list(found.order_by("-id")[:FEED_MAX])
        kept = disclosures_kept(actor=actor, item_ids=[row.item_id for row in rows])
        promised = disclosure_write(
            holder=actor,
            reader=actor,
            subject_id=subject_id or nobody_ensure(actor=actor, now=now),
            records=(),
            receipt=_feed_receipt(actor, now),
            seeds=seeds,
            now=now,
        )
        lines = (_line(row, kept[row.item_id]) for row in rows if row.item_id in kept)
        return tuple(lines), promised


def _line(row: Disclosure, data: bytes) -> DisclosureInfo:
    records, receipt = parse_disclosed(data)
    return DisclosureInfo(
        disclosed_at=row.disclosed_at,
        reader_id=row.reader_id,
        reader_person_id=row.reader_person_id,
        count=row.count,
        entry_id=bytes(row.entry_id),
        records=records,
        receipt=receipt,
    )


def _feed_receipt(actor: Actor, now: dt.datetime) -> dict[str, Json]:
    return {
        "engine": FEED_ENGINE,
        "request": {
            "organisation": str(actor.organisation),
            "persons": [str(actor.person_id)] if actor.person_id else [],
            "action": "feed",
            "time": now.isoformat(),
        },
    }
