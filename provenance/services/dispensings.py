"""What a dispensing says of its patient goes to the vault from here, and is found from here.

Kept is the event as it was sent, whole, with the key of its commitment; the row beside it holds
the event's clear part. A claim finds the act by prescription and fill through the vault's keyed
look-ups, which go when the patient's dispensings are erased.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from uuid import UUID

import orjson

from foundation.core.actor import Actor
from foundation.core.problem import NotBuiltError
from provenance.core.custody_event import Act, CustodyEvent, act_of
from provenance.core.epcis_check import Faults
from provenance.core.epcis_event import EpcisEvent
from provenance.core.prescription import (
    Prescription,
    check_given,
    dispenses,
    impersonal,
    local_date,
    read_prescription,
)
from provenance.errors import EventIdTakenError, PatientMissingError
from provenance.holders import Holder
from provenance.models import Dispensing, Event
from vault.errors import ErasedError, UnknownItemError, UnreadableItemError
from vault.services import (
    ItemDraft,
    LookupDraft,
    lookup_put_many,
    personal_get,
    personal_put_many,
    subjects_ensure,
    tags_next_for,
)

Seeds: TypeAlias = Callable[[int], bytes]  # so many random bytes

_HEADER = b'{"media_type":"application/json"}'
_MEDIA_TYPE = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Personal:
    """A dispensing's personal part: its prescription, and the event's bytes as sent."""

    prescription: Prescription
    event: bytes = field(repr=False)
    opening_key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A personal part in the vault, and what its event's entry shows of it."""

    prescription: Prescription
    ref: UUID
    subject_id: UUID
    item_id: UUID
    commitment: bytes
    tag: str


def prescriptions_read(
    events: Sequence[EpcisEvent],
    raw: Sequence[Mapping[str, Any]],
    context: object,
    *,
    now: dt.datetime,
) -> list[Prescription | None]:
    """Return the prescription of each event, ``None`` where it fills none.

    Raise ``EpcisError``, also for a dispensing to come, or ``PatientMissingError`` for one that
    says more than what was given, and to nobody: there would be no place to keep it.
    """
    faults, found = Faults(), list[Prescription | None]()
    for index, event in enumerate(events):
        read = None
        # A declaration that a dispensing was wrong says nothing new of its patient.
        if dispenses(event) and event.error_declaration is None:
            check_given(event, now=now, index=index, faults=faults)
            read = read_prescription(event, context=context, index=index, faults=faults)
        found.append(read)
    if faults.found:
        faults.stop()
    for index, (event, sent) in enumerate(zip(events, raw, strict=True)):
        told = found[index] is None and event.error_declaration is None and dispenses(event)
        if told and impersonal(sent) != sent:
            raise PatientMissingError(
                f"event {index}: a dispensing says what was given, and else only for whom: add"
                " the member prescription with its patient, or leave out what is beside it",
                event_index=index,
            )
    return found


def dispensings_keep(
    actor: Actor, parts: Sequence[Personal], *, seeds: Seeds, now: dt.datetime
) -> list[Kept]:
    """Put the personal parts of dispensings into the vault; return what their entries show.

    Raise ``AmbiguousIdentifiersError``, or ``EnvelopeSizeError`` over 1 MiB.
    """
    subjects = subjects_ensure(
        actor=actor, people=[[part.prescription.patient] for part in parts], now=now
    )
    refs = [UUID(bytes=seeds(16), version=4) for _ in parts]
    sealed = personal_put_many(
        actor=actor,
        items=[
            ItemDraft(
                subject_id=subject_id,
                holder=Holder.DISPENSING.value,
                ref=ref,
                media_type=_MEDIA_TYPE,
                data=_item(part),
                header=_HEADER,
                seed=seeds(32),
            )
            for part, subject_id, ref in zip(parts, subjects, refs, strict=True)
        ],
    )
    lookup_put_many(
        actor=actor,
        lookups=[
            LookupDraft(subject_id=subject_id, holder=Holder.DISPENSING.value, parts=words, ref=ref)
            for part, subject_id, ref in zip(parts, subjects, refs, strict=True)
            for words in (
                lookup_words(part.prescription.number),
                lookup_words(part.prescription.number, part.prescription.fill),
            )
        ],
    )
    tags = tags_next_for(actor=actor, subject_ids=subjects)
    return [
        Kept(
            prescription=part.prescription,
            ref=ref,
            subject_id=subject_id,
            item_id=one.item_id,
            commitment=one.commitment,
            tag=tag,
        )
        for part, subject_id, ref, one, tag in zip(parts, subjects, refs, sealed, tags, strict=True)
    ]


def lookup_words(number: str, fill: int | None = None) -> tuple[str, ...]:
    """Return what a dispensing is found by: its prescription, with or without the fill."""
    return ("number", number) if fill is None else ("number and fill", number, str(fill))


def dispensing_rows(
    row: Event, event: EpcisEvent, views: Mapping[str, CustodyEvent], kept: Kept
) -> list[Dispensing]:
    """Return the rows, not saved, by which claims find what was given."""
    return [
        Dispensing(
            organisation_id=row.organisation_id,
            entry_id=row.entry_id,
            event=row,
            ref=kept.ref,
            subject_id=kept.subject_id,
            item_id=kept.item_id,
            epc=epc,
            ndc=kept.prescription.ndc.eleven,
            unit=kept.prescription.unit,
            dispensed_on=local_date(event),
        )
        for epc, view in views.items()
        if act_of(view) is Act.DISPENSE
    ]


def check_same_person(actor: Actor, key: tuple[str, bool], sent: bytes | None) -> None:
    """Raise ``EventIdTakenError`` unless an earlier event, the same in clear, was so in full.

    ``key`` is its id and whether it declares an error; ``sent`` are its bytes as sent now,
    ``None`` for one without a prescription.
    """
    event_id, declares_error = key
    row = Dispensing.objects.filter(
        organisation_id=actor.organisation,
        event__event_id=event_id,
        event__declares_error=declares_error,
    ).first()
    if row is None and sent is None:
        return
    try:
        before = None if row is None else personal_get(actor=actor, item_id=row.item_id)
    except (ErasedError, UnknownItemError, UnreadableItemError):
        before = None  # erased: nobody can say any more whether this is the same
    if before is None or sent is None or orjson.loads(before)["event"] != sent.decode():
        raise EventIdTakenError("send the first event again, or this one under its own id")


def check_impersonal(
    events: Sequence[EpcisEvent], raw: Sequence[Mapping[str, Any]], context: object
) -> None:
    """Raise ``NotBuiltError`` where a dispensing, or its context, holds more than is in clear.

    Whoever seals signs what is stored, and a personal part is sealed by the server alone.
    """
    for event, sent in zip(events, raw, strict=True):
        whole = {**sent, "@context": context}
        if dispenses(event) and impersonal(whole) != whole:
            raise NotBuiltError(
                "a dispensing to a patient, or under contexts of your own, is not taken sealed:"
                " send it plainly"
            )


def _item(part: Personal) -> bytes:
    prescription = part.prescription
    system, value = prescription.patient
    return orjson.dumps(
        {
            "event": part.event.decode(),
            "opening_key": part.opening_key.hex(),
            "number": prescription.number,
            "fill": prescription.fill,
            "patient": {"system": system, "value": value},
        },
        option=orjson.OPT_SORT_KEYS,
    )
