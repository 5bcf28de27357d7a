"""``dispensing_evidence``: what an insurer is told of dispensings, by the pharmacy, signed.

Typed facts with the entries that prove them, never the chain behind them. Each telling is an
entry under the pharmacy's key; what was told lies in its vault, under the patient.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID

from django.db import connections

from foundation.core.actor import Actor, organisation_actor
from foundation.tenancy import acting_as, current_alias
from ledger.core.canonical import Json, canonical_bytes
from ledger.core.entry import EntryDraft
from ledger.services import submission_append
from provenance.core.custody_event import CustodyEvent
from provenance.core.evidence import DispensingFacts, Finding, judge_dispensing
from provenance.core.verdict import Label
from provenance.holders import Holder
from provenance.models import Disclosure, Dispensing
from provenance.services.dispensings import Seeds, lookup_words
from provenance.services.folds import events_of
from provenance.services.spends import Amounts
from vault.services import ItemDraft, lookup_find_many, personal_put_many, tags_next_for

# A prescription's number is short: who may ask of any dates could guess it.
QUERY_DAYS_MAX = 31
DISCLOSED = "provenance.evidence.disclosed.v1"
_HEADER = b'{"media_type":"application/json"}'


@dataclass(frozen=True, slots=True, kw_only=True)
class DispensingQuery:
    """What a claim line knows of a dispensing; ``fill`` is ``None`` where it cannot say it.

    Nothing is told of more than ``QUERY_DAYS_MAX`` days at once.
    """

    number: str = field(repr=False)
    fill: int | None
    ndc: str  # eleven digits
    from_date: dt.date
    to_date: dt.date


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenItem:
    """What was given from one item: ``entry_id`` is that of the dispensing's event."""

    epc: str
    entry_id: bytes
    dispensed_on: dt.date
    given: Decimal
    remaining: Decimal
    unit: str
    facts: DispensingFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class DispensingEvidence:
    """What was told for one query: no items where nothing was found, and then no entry."""

    items: tuple[GivenItem, ...] = ()
    disclosures: tuple[bytes, ...] = ()


def dispensing_evidence(
    *,
    pharmacy_id: UUID,
    to_organisation_id: UUID,
    queries: Sequence[DispensingQuery],
    seeds: Seeds,
    now: dt.datetime,
) -> tuple[DispensingEvidence, ...]:
    """Tell an organisation what a pharmacy gave, query by query, in a transaction of its own.

    Dispensings that broke a rule are told only where no lawful one is found: they prove the
    breach. Custody and condition are those of the day. Whoever was told may pay.
    """
    pharmacy = organisation_actor(pharmacy_id)
    with acting_as(pharmacy):
        rows = _rows(pharmacy, queries)
        items = _items([row for found in rows for row in found])
        told = [[(row, items[row.id]) for row in found if row.id in items] for found in rows]
        chosen = [[pair for pair in pairs if pair[1].facts.lawful] or pairs for pairs in told]
        entries = _disclose(
            pharmacy,
            {row.id: (row, item) for pairs in chosen for row, item in pairs},
            to_organisation_id=to_organisation_id,
            seeds=seeds,
            now=now,
        )
    return tuple(
        DispensingEvidence(
            items=tuple(item for _, item in pairs),
            disclosures=tuple(dict.fromkeys(entries[row.subject_id] for row, _ in pairs)),
        )
        for pairs in chosen
    )


def _rows(pharmacy: Actor, queries: Sequence[DispensingQuery]) -> list[list[Dispensing]]:
    """Return what may answer each query, in the order of recording."""
    found = lookup_find_many(
        actor=pharmacy,
        holder=Holder.DISPENSING.value,
        wanted=[lookup_words(query.number, query.fill) for query in queries],
    )
    refs = {ref for each in found for ref in each}
    rows = list(
        Dispensing.objects.filter(organisation_id=pharmacy.organisation, ref__in=refs).order_by(
            "id"
        )
    )
    return [
        [
            row
            for row in rows
            if row.ref in wanted
            and row.ndc == query.ndc
            and query.from_date <= row.dispensed_on <= query.to_date
            and (query.to_date - query.from_date).days < QUERY_DAYS_MAX
        ]
        for query, wanted in zip(queries, found, strict=True)
    ]


def _items(rows: Iterable[Dispensing]) -> dict[int, GivenItem]:
    """Return what each dispensing proves; one that was declared wrong is left out."""
    by_id = {row.id: row for row in rows}
    if not by_id:
        return {}
    with connections[current_alias()].cursor() as cursor:
        cursor.execute(
            "SELECT epc, sequence, entry_id, view::text"
            " FROM system_fn.provenance_dispensed_views(%s::bigint[])",
            [list(by_id)],
        )
        recorded = events_of(cursor.fetchall())
        cursor.execute(
            "SELECT dispensing, given, remaining"
            " FROM system_fn.provenance_amounts_own(%s::bigint[])",
            [list(by_id)],
        )
        amounts = {
            id_: Amounts(given=given, remaining=left) for id_, given, left in cursor.fetchall()
        }
    return {
        id_: item
        for id_, row in by_id.items()
        if (item := _item(row, recorded.get(row.epc, []), amounts[id_])) is not None
    }


def _item(
    row: Dispensing, recorded: Sequence[tuple[CustodyEvent, Label]], amounts: Amounts
) -> GivenItem | None:
    entry_id = bytes(row.entry_id)
    if entry_id.hex() not in {event.entry_id for event, _ in recorded}:
        return None
    return GivenItem(
        epc=row.epc,
        entry_id=entry_id,
        dispensed_on=row.dispensed_on,
        given=amounts.given,
        remaining=amounts.remaining,
        unit=row.unit,
        facts=judge_dispensing(recorded, entry_id=entry_id.hex(), on_date=row.dispensed_on),
    )


def _disclose(
    pharmacy: Actor,
    told: Mapping[int, tuple[Dispensing, GivenItem]],
    *,
    to_organisation_id: UUID,
    seeds: Seeds,
    now: dt.datetime,
) -> dict[UUID, bytes]:
    """Write that this was told, one entry for each person; return the entries by subject."""
    people: dict[UUID, list[tuple[Dispensing, GivenItem]]] = defaultdict(list)
    for row, item in told.values():
        people[row.subject_id].append((row, item))
    if not people:
        return {}
    drafts = [
        ItemDraft(
            subject_id=subject_id,
            holder=Holder.DISCLOSURE.value,
            ref=UUID(bytes=seeds(16), version=4),
            media_type="application/json",
            data=canonical_bytes([_told(item) for _, item in pairs]),
            header=_HEADER,
            seed=seeds(32),
        )
        for subject_id, pairs in people.items()
    ]
    sealed = personal_put_many(actor=pharmacy, items=drafts)
    tags = tags_next_for(actor=pharmacy, subject_ids=list(people))
    entries = [
        EntryDraft(
            kind=DISCLOSED,
            id=UUID(bytes=seeds(16), version=4),
            body={"to": str(to_organisation_id), "tag": tag},
            commitments=(one.commitment,),
        )
        for one, tag in zip(sealed, tags, strict=True)
    ]
    receipt = submission_append(actor=pharmacy, entries=entries, now=now)
    by_subject = dict(zip(people, receipt.entry_ids, strict=True))
    Disclosure.objects.bulk_create(
        Disclosure(
            organisation_id=pharmacy.organisation,
            entry_id=by_subject[row.subject_id],
            dispensing=row,
            to_organisation_id=to_organisation_id,
        )
        for row, _ in told.values()
    )
    return by_subject


def _told(item: GivenItem) -> Json:
    return {
        "epc": item.epc,
        "entry": item.entry_id.hex(),
        "date": item.dispensed_on.isoformat(),
        "given": f"{item.given:f}",
        "remaining": f"{item.remaining:f}",
        "unit": item.unit,
        "lawful": item.facts.lawful,
        "tier": item.facts.tier.value,
        "custody": _finding(item.facts.custody),
        "condition": _finding(item.facts.condition),
    }


def _finding(finding: Finding) -> Json:
    return {
        "standing": finding.standing.value,
        "note": finding.note,
        "entries": list(finding.entries),
    }
