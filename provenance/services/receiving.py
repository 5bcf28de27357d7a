"""``packs_receive``: what was scanned and may be taken in becomes one receiving event."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import orjson

from foundation.core.actor import Actor
from foundation.core.problem import BadInputError
from foundation.tenancy import acting_as
from ledger.core.receipt import Receipt
from provenance.core.epc import EpcError
from provenance.core.gs1 import GS1Error
from provenance.core.verdict import Answer, Question
from provenance.selectors import pack_get
from provenance.services.capture import events_capture
from provenance.services.dispensings import Seeds
from provenance.services.folds import Broken

PACKS_MAX = 100
UNREADABLE = "unreadable"
_CONTEXT = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedPack:
    """What was not taken in, why, and what to do with it.

    ``rule`` is the verdict's, or ``unreadable``: then ``text`` may repeat a part of the scan.
    """

    scan: str
    rule: str
    text: str
    next_step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """The receipt (``None`` where nothing was taken in), the packs, and what was refused.

    ``broken``: rules of custody that the event broke all the same, since the packs were looked at.
    """

    receipt: Receipt | None
    epcs: tuple[str, ...]
    refused: tuple[RefusedPack, ...]
    broken: tuple[Broken, ...] = ()


def packs_receive(
    *, actor: Actor, scans: Sequence[str], seeds: Seeds, now: dt.datetime
) -> Received:
    """Record one event: the organisation received each pack that it may take in now.

    Only a verdict of yes is taken in; every other scan is left out and named. A pack that was
    scanned twice is received once. Raise ``BadInputError`` for no scan or too many,
    ``NoGlnError``, or what the ledger raises.
    """
    if not 1 <= len(scans) <= PACKS_MAX:
        raise BadInputError(f"1 to {PACKS_MAX} packs are received at a time")
    epcs: dict[str, None] = {}
    refused = []
    with acting_as(actor):
        for scan in dict.fromkeys(scans):
            looked_at = _look_at(actor, scan, now)
            if isinstance(looked_at, RefusedPack):
                refused.append(looked_at)
            else:
                epcs[looked_at] = None
        if not epcs:
            return Received(receipt=None, epcs=(), refused=tuple(refused))
        event_id = UUID(bytes=seeds(16), version=4)
        document = orjson.dumps(_document(list(epcs), event_id, now))
        done = events_capture(actor=actor, document=document, seeds=seeds, now=now)
    return Received(
        receipt=done.receipt, epcs=tuple(epcs), refused=tuple(refused), broken=done.broken
    )


def _look_at(actor: Actor, scan: str, now: dt.datetime) -> str | RefusedPack:
    """Return the identifier of a pack that may be taken in, else the refusal."""
    try:
        pack = pack_get(actor=actor, scan=scan, question=Question.TAKE_IN, now=now, events_max=0)
    except (GS1Error, EpcError) as error:
        return RefusedPack(
            scan=scan,
            rule=UNREADABLE,
            text=f"{error.title}: {error.detail}",
            next_step="Scan it again, or its other symbol.",
        )
    if pack.verdict.answer is Answer.YES:
        return pack.epc
    found = pack.verdict
    return RefusedPack(scan=scan, rule=found.rule, text=found.text, next_step=found.next_step)


def _document(epcs: list[str], event_id: UUID, now: dt.datetime) -> dict[str, object]:
    time = now.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    event = {
        "type": "ObjectEvent",
        "eventID": f"urn:uuid:{event_id}",
        "eventTime": time,
        "eventTimeZoneOffset": "+00:00",
        "action": "OBSERVE",
        "bizStep": "receiving",
        "disposition": "in_progress",
        "epcList": epcs,
    }
    return {
        "@context": _CONTEXT,
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": time,
        "epcisBody": {"eventList": [event]},
    }
