"""``events_capture``: a document of events becomes one submission, and its items are folded."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias
from uuid import UUID

from django.db import IntegrityError

from accounts.core.organisation import OrganisationKind
from accounts.selectors import OrganisationInfo, organisation_by_gln, organisation_get
from foundation.core.actor import Actor
from foundation.core.json_input import JsonLimits, parse_json
from foundation.core.problem import NotFoundError, UnprocessableError
from foundation.tenancy import acting_as
from ledger.core.canonical import Json
from ledger.core.commitment import commit
from ledger.core.entry import EntryDraft
from ledger.core.receipt import Receipt
from ledger.core.sealed import SealedSubmission
from ledger.services import submission_append
from provenance.core.custody_view import custody_events
from provenance.core.epcis import read_document
from provenance.core.epcis_each import raw_events
from provenance.core.epcis_event import EpcisEvent
from provenance.core.event_bytes import event_bytes
from provenance.core.prescription import Prescription, clear_event, dispenses, impersonal
from provenance.core.verdict import Label
from provenance.errors import NO_GLN, EventIdTakenError, NoGlnError
from provenance.models import Dispensing, Event, EventItem
from provenance.services.capture_sealed import check_nameable, check_parts
from provenance.services.dispensings import (
    Kept,
    Personal,
    Seeds,
    check_impersonal,
    check_same_person,
    dispensing_rows,
    dispensings_keep,
    prescriptions_read,
)
from provenance.services.folds import Broken, items_fold, items_lock
from provenance.states import format_view

CAPTURED = "provenance.event.captured.v1"
# What a commitment to an event is made over, beside its bytes.
HEADER = b'{"media_type":"application/ld+json"}'
DOCUMENT_SIZE_BYTES_MAX = 8 * 1024 * 1024


# A document as parsed JSON, and its events, none of which has a fault.
Read: TypeAlias = tuple[Any, Sequence[EpcisEvent]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """The receipt (``None`` where all events came before), ids in order, rules broken anew."""

    receipt: Receipt | None
    event_ids: tuple[str, ...]
    broken: tuple[Broken, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _New:
    event: EpcisEvent
    event_id: str
    data: bytes
    opening_key: bytes
    entry_uuid: UUID
    personal: Personal | None = None
    kept: Kept | None = None


def _read(document: bytes) -> Read:
    value = parse_json(document, JsonLimits(size_bytes_max=DOCUMENT_SIZE_BYTES_MAX))
    return value, read_document(value)


def events_capture(
    *,
    actor: Actor,
    document: bytes,
    seeds: Seeds,
    now: dt.datetime,
    sealed: SealedSubmission | None = None,
    read: Read | None = None,
) -> Captured:
    """Record the events of an EPCIS 2.0 JSON document; all of them or none.

    What breaks a rule of custody is recorded all the same, and named in ``broken``. An event that
    came before, byte for byte, is not recorded again. What a dispensing says of its patient and
    prescription goes to the vault; the stored document does not have it.

    Raise ``JsonInputError``, ``EpcisError``, ``NoGlnError``, ``EventIdTakenError``,
    ``PatientMissingError``, ``NotBuiltError`` (a sealed document with a prescription) or what the
    ledger and the vault raise. ``read`` is the document as its caller has read it already.
    With ``sealed``, which ``document`` is of, the client's key signed the entries: ids and
    opening keys are the client's, and an event that came before is refused.
    """
    value, events = read or _read(document)
    raw = raw_events(value)
    prescriptions = prescriptions_read(events, raw, value["@context"], now=now)
    with acting_as(actor):
        me = organisation_get(actor.organisation)
        if me.gln is None:
            raise NoGlnError(NO_GLN)
        ids, new = _new_events(actor, value, list(zip(events, prescriptions, strict=True)), seeds)
        if sealed is not None:
            check_impersonal(events, raw, value["@context"])
            check_nameable(events, raw)
            new = _as_sealed(new, len(events), sealed)
        if not new:
            return Captured(receipt=None, event_ids=ids, broken=())
        new = _with_kept(actor, new, seeds, now)
        touched = _touched(actor, new)
        items_lock(touched)
        drafts = [_draft(one) for one in new]
        receipt = submission_append(actor=actor, entries=drafts, now=now, sealed=sealed)
        try:
            mine = _store(me, new, receipt, now)
        except IntegrityError as error:
            raise EventIdTakenError("the same event is being recorded: send it again") from error
        broken = tuple(one for one in items_fold(touched) if one.exception.event.sequence in mine)
        return Captured(receipt=receipt, event_ids=ids, broken=broken)


def _as_sealed(new: Sequence[_New], count: int, sealed: SealedSubmission) -> list[_New]:
    """Return the events with the ids and opening keys that their client chose."""
    if len(new) < count:
        raise EventIdTakenError("the sealed document holds events that came before: leave them out")
    parts = check_parts(sealed, count)
    return [
        replace(one, opening_key=part.openings[0], entry_uuid=part.id)
        for one, part in zip(new, parts, strict=True)
    ]


def document_of(event: bytes) -> bytes:
    """Return the document that holds one event alone, sent with its own ``@context``."""
    value = parse_json(event, JsonLimits(size_bytes_max=DOCUMENT_SIZE_BYTES_MAX))
    if not isinstance(value, dict) or "@context" not in value:
        raise UnprocessableError("send one event, an object with its @context")
    context = value.pop("@context")
    document = {
        "@context": context,
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": value.get("eventTime"),
        "epcisBody": {"eventList": [value]},
    }
    return event_bytes(document)


def _new_events(
    actor: Actor,
    value: Mapping[str, Any],
    events: Sequence[tuple[EpcisEvent, Prescription | None]],
    seeds: Seeds,
) -> tuple[tuple[str, ...], list[_New]]:
    """Return the ids of all events, and those that did not come before."""
    ids: list[str] = []
    new: list[_New] = []
    seen: dict[tuple[str, bool], tuple[bytes, bytes | None]] = {}
    stored: dict[tuple[str, bool], bytes] = {
        (row.event_id, row.declares_error): bytes(row.document)
        for row in Event.objects.filter(
            organisation_id=actor.organisation,
            event_id__in=[event.event_id for event, _ in events if event.event_id],
        )
    }
    taken: list[int] = []
    for index, ((event, prescription), raw) in enumerate(
        zip(events, raw_events(value), strict=True)
    ):
        event_id = event.event_id or f"urn:uuid:{_uuid(seeds)}"
        whole = {**raw, "@context": value["@context"], "eventID": event_id}
        data = event_bytes(impersonal(whole) if dispenses(event) else whole)
        sent = None if prescription is None else event_bytes(whole)
        ids.append(event_id)
        key = (event_id, event.error_declaration is not None)
        known = seen.setdefault(key, (data, sent))
        if known != (data, sent) or stored.get(key, data) != data:
            taken.append(index)
            continue
        if known[0] is not data:
            continue  # it stands in the document twice
        if key in stored:
            try:
                check_same_person(actor, key, sent)
            except EventIdTakenError:
                taken.append(index)
            continue
        opening_key = seeds(32)
        new.append(
            _New(
                event=clear_event(event) if dispenses(event) else event,
                event_id=event_id,
                data=data,
                opening_key=opening_key,
                entry_uuid=_uuid(seeds),
                personal=None
                if prescription is None or sent is None
                else Personal(prescription=prescription, event=sent, opening_key=opening_key),
            )
        )
    if taken:
        raise EventIdTakenError(
            "send the first event again, or this one under its own id", event_indices=taken
        )
    return tuple(ids), new


def _with_kept(actor: Actor, new: list[_New], seeds: Seeds, now: dt.datetime) -> list[_New]:
    """Return the events with what their entries show of the personal parts, kept by now."""
    parts = [one.personal for one in new if one.personal is not None]
    if not parts:
        return new
    kept = iter(dispensings_keep(actor, parts, seeds=seeds, now=now))
    return [one if one.personal is None else replace(one, kept=next(kept)) for one in new]


def _uuid(seeds: Seeds) -> UUID:
    return UUID(bytes=seeds(16), version=4)


def _draft(one: _New) -> EntryDraft:
    commitments = [commit(key=one.opening_key, header=HEADER, data=one.data)]
    body: dict[str, Json] = {}
    if one.kept is not None:
        commitments.append(one.kept.commitment)
        body["tag"] = one.kept.tag
    return EntryDraft(kind=CAPTURED, id=one.entry_uuid, body=body, commitments=tuple(commitments))


def _store(
    me: OrganisationInfo, new: Sequence[_New], receipt: Receipt, now: dt.datetime
) -> set[int]:
    """Write the events, how their items see them, and what claims find; return their numbers."""
    assert me.gln is not None
    rows = Event.objects.bulk_create(
        Event(
            organisation_id=me.id,
            entry_id=entry_id,
            party_ids=_parties(one.event, me.id),
            event_id=one.event_id,
            event_type=one.event.type,
            action=one.event.action,
            biz_step=one.event.biz_step or "",
            event_time=one.event.event_time,
            recorded_at=now,
            declares_error=one.event.error_declaration is not None,
            opening_key=one.opening_key if one.kept is None else None,
            document=one.data,
        )
        for one, entry_id in zip(new, receipt.entry_ids, strict=True)
    )
    items: list[EventItem] = []
    dispensings: list[Dispensing] = []
    for row, one in zip(rows, new, strict=True):
        views = custody_events(
            one.event,
            entry_id=bytes(row.entry_id).hex(),
            sequence=row.id,
            party_gln=me.gln,
            authority=me.kind is OrganisationKind.REGULATOR,
        )
        label = Label(lot=one.event.lot, expiry_date=one.event.expiry_date)
        items += [
            EventItem(event=row, epc=epc, view=format_view(view, label))
            for epc, view in views.items()
        ]
        if one.kept is not None:
            dispensings += dispensing_rows(row, one.event, views, one.kept)
    EventItem.objects.bulk_create(items)
    Dispensing.objects.bulk_create(dispensings)
    return {row.id for row in rows}


def _parties(event: EpcisEvent, me: UUID) -> list[UUID]:
    """Return the other members that the event names: what they may see is this event."""
    if dispenses(event):
        return []
    found = set()
    for gln in {party.id.gln for party in (*event.sources, *event.destinations)} - {None}:
        try:
            found.add(organisation_by_gln(str(gln)).id)
        except NotFoundError:
            continue  # not everybody has joined
    return sorted(found - {me})


def _touched(actor: Actor, new: Sequence[_New]) -> set[str]:
    """Return the items to fold: those of new events, and of events that are declared wrong."""
    wrong = [one.event_id for one in new if one.event.error_declaration is not None]
    meant = Event.objects.filter(
        organisation_id=actor.organisation, event_id__in=wrong, declares_error=False
    )
    items = EventItem.objects.filter(event__in=meant).values_list("epc", flat=True)
    said = {epc for one in new if one.event.error_declaration is None for epc in _epcs(one.event)}
    return said.union(items if wrong else ())


def _epcs(event: EpcisEvent) -> set[str]:
    things = (*event.epcs, *event.child_epcs, *([event.parent] if event.parent else []))
    return {thing.uri for thing in things}
