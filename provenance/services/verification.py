"""``custody_verify``: everything stored about items, made again from the events and compared.

Read under ``system``, which writes none of it, from the bottom up: an event's entry commits to
its document, the document gives how each item sees the event, and all these views together give
the item's state and the rules that were broken. A dispensing to a patient has its commitment's
key in the vault of its pharmacy; once the patient is erased, its entry opens for nobody.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import orjson
from django.db import connections

from accounts.core.organisation import OrganisationKind
from accounts.selectors import organisation_get
from foundation.core.actor import SYSTEM, organisation_actor
from foundation.core.json_input import JsonLimits, parse_json
from foundation.core.problem import NotFoundError, ProblemError
from foundation.tenancy import acting_as, current_alias
from ledger.core.commitment import CommitmentError, check_commitment
from ledger.core.entry import parse_entry
from ledger.selectors import entry_get
from provenance.core.custody_view import custody_events
from provenance.core.epcis import read_event
from provenance.core.verdict import Label
from provenance.models import Dispensing, Event, EventItem, ItemException, ItemState
from provenance.services.capture import CAPTURED, DOCUMENT_SIZE_BYTES_MAX, HEADER
from provenance.services.folds import Folded, exception_row, fold_views
from provenance.states import format_state, format_view
from vault.errors import ErasedError, UnknownItemError, UnknownSubjectError, UnreadableItemError
from vault.services import personal_get

BATCH: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class CustodyFault:
    """Something that is not as the events give it; ``item`` is an EPC, or an event's id."""

    item: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CustodyVerdict:
    """How much was made again, and the first difference, ``None`` where there is none."""

    events: int
    items: int
    fault: CustodyFault | None


# The place behind a batch (``None`` after the last), how many were in it, and what differs.
_Checked: TypeAlias = tuple[Any, int, CustodyFault | None]


def custody_verify() -> CustodyVerdict:
    """Make all views and states again and compare; stop at the first difference.

    Each batch of items is held still while it is read, so that nobody who records meanwhile is
    mistaken for somebody who forges.
    """
    events, fault = _walk(_check_events, 0)
    if fault is not None:
        return CustodyVerdict(events=events, items=0, fault=fault)
    items, fault = _walk(_check_items, "")
    return CustodyVerdict(events=events, items=items, fault=fault or _stateless())


def _walk(check: Callable[[Any], _Checked], start: Any) -> tuple[int, CustodyFault | None]:
    place, count, fault = start, 0, None
    while place is not None and fault is None:
        place, found, fault = check(place)
        count += found
    return count, fault


def _stateless() -> CustodyFault | None:
    """Return an item that has events and no state."""
    with acting_as(SYSTEM):
        known = ItemState.objects.values("epc")
        epc = EventItem.objects.exclude(epc__in=known).values_list("epc", flat=True).first()
    return None if epc is None else CustodyFault(item=epc, what="it has events, and no state")


# --- events: entry, document, views -----------------------------------------------------------


def _check_events(after: int) -> _Checked:
    with acting_as(SYSTEM):
        rows = list(Event.objects.filter(id__gt=after).order_by("id")[:BATCH])
        ids = [row.id for row in rows]
        views: dict[int, dict[str, object]] = defaultdict(dict)
        for item in EventItem.objects.filter(event_id__in=ids):
            views[item.event_id][item.epc] = item.view
        in_vaults = {each.event_id: each for each in Dispensing.objects.filter(event_id__in=ids)}
    keys = {
        row.id: bytes(row.opening_key) if row.opening_key else _vault_key(in_vaults.get(row.id))
        for row in rows
    }
    with acting_as(SYSTEM):
        faults = (
            CustodyFault(item=row.event_id, what=what)
            for row in rows
            for what in _event_faults(row, keys[row.id], views[row.id])
        )
        return (ids[-1] if len(ids) == BATCH else None), len(ids), next(faults, None)


def _vault_key(row: Dispensing | None) -> bytes | str | None:
    """Return the key of a dispensing's commitment; ``None`` for what was erased since.

    Only the vault's own word counts as an erasure: what is gone or damaged without it is a
    fault, returned in words. An event whose key is nowhere gets one that opens nothing.
    """
    if row is None:
        return bytes(32)
    pharmacy = organisation_actor(row.organisation_id)
    try:
        with acting_as(pharmacy):
            item = orjson.loads(personal_get(actor=pharmacy, item_id=row.item_id))
    except ErasedError:
        return None
    except (UnknownItemError, UnreadableItemError, UnknownSubjectError) as error:
        return f"its vault item {row.item_id}: {error.title}, and no erasure says so"
    return bytes.fromhex(item["opening_key"])


def _event_faults(row: Event, key: bytes | str | None, views: dict[str, object]) -> Iterator[str]:
    """Yield what of an event is not as its document or its entry says."""
    try:
        entry = parse_entry(entry_get(bytes(row.entry_id)).content)
        if (entry.kind, entry.organisation_id) != (CAPTURED, row.organisation_id):
            yield "its entry is another's, or of another kind"
        if isinstance(key, str):
            yield key
        elif key is not None:
            check_commitment(
                commitment=next(iter(entry.commitments), b""),
                key=key,
                header=HEADER,
                data=bytes(row.document),
            )
    except (CommitmentError, ProblemError):
        yield "its entry does not commit to its document"
    if not _same_views(row, views):
        yield "an item sees something else than the document says"


def _same_views(row: Event, views: dict[str, object]) -> bool:
    limits = JsonLimits(size_bytes_max=DOCUMENT_SIZE_BYTES_MAX)
    try:
        event = read_event(parse_json(bytes(row.document), limits))
        member = organisation_get(row.organisation_id)
    except (ProblemError, NotFoundError):
        return False
    label = Label(lot=event.lot, expiry_date=event.expiry_date)
    made = custody_events(
        event,
        entry_id=bytes(row.entry_id).hex(),
        sequence=row.id,
        party_gln=member.gln or "",
        authority=member.kind is OrganisationKind.REGULATOR,
    )
    return {epc: format_view(view, label) for epc, view in made.items()} == views


# --- items: state and broken rules ------------------------------------------------------------


def _check_items(after: str) -> _Checked:
    broken: dict[str, list[dict[str, object]]] = defaultdict(list)
    with acting_as(SYSTEM), connections[current_alias()].cursor() as cursor:
        cursor.execute(
            "SELECT epc, custody::text, dispensed FROM provenance_itemstate WHERE epc > %s"
            " ORDER BY epc LIMIT %s FOR SHARE",
            [after, BATCH],
        )
        states = cursor.fetchall()
        epcs = [epc for epc, _, _ in states]
        cursor.execute(
            "SELECT epc, sequence, entry_id, view::text"
            " FROM system_fn.provenance_recorded(%s::text[])",
            [epcs],
        )
        folded = fold_views(epcs, cursor.fetchall())
        for row in ItemException.objects.filter(epc__in=epcs).order_by("id"):
            broken[row.epc].append(
                {"event": row.event_id, "class": row.exception_class, "detail": row.detail}
            )
    faults = (
        CustodyFault(item=epc, what=what)
        for epc, text, dispensed in states
        for what in _item_faults(orjson.loads(text), dispensed, broken[epc], folded[epc])
    )
    return (epcs[-1] if len(epcs) == BATCH else None), len(epcs), next(faults, None)


def _item_faults(
    custody: dict[str, object], dispensed: object, broken: list[dict[str, object]], made: Folded
) -> Iterator[str]:
    """Yield what of an item's state its events do not give; one only locked has none yet."""
    if (custody or made.custody.known) and custody != format_state(made.custody, made.label):
        yield "its events give another custody"
    if dispensed != made.custody.dispensed:
        yield "its events give another quantity dispensed"
    if broken != [exception_row(exception) for exception in made.exceptions]:
        yield "its events broke other rules"
