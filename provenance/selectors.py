"""What provenance answers: frozen values, never rows. Events, exceptions, verdicts."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

import orjson
from django.db import connections
from django.db.models import QuerySet

from accounts.selectors import organisation_get
from foundation.core.actor import Actor
from foundation.core.problem import ForbiddenError, NotFoundError
from foundation.core.values import Json
from foundation.outbox import outbox_given_up
from foundation.tenancy import acting_as, current_alias
from provenance.core.custody_event import Custody
from provenance.core.epc import Epc, EpcError, EpcKind, find_uri, identify, parse_epc
from provenance.core.gs1 import GS1Error, parse_scan
from provenance.core.verdict import Label, Question, Seen, Verdict, label_of, verdict
from provenance.errors import NO_GLN, NoGlnError
from provenance.models import CaptureJob, Event, EventItem, ItemException
from provenance.states import parse_state


@dataclass(frozen=True, slots=True, kw_only=True)
class EventInfo:
    """An event that the actor recorded or is a party to; ``document`` is EPCIS JSON."""

    event_id: str
    sequence: int
    entry_id: bytes
    organisation_id: UUID
    document: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PackInfo:
    """What an actor may know of an item: the verdict, and what it sees of the events behind.

    ``exceptions`` are the classes of the rules that those events broke.
    """

    epc: str
    verdict: Verdict
    exceptions: tuple[str, ...]
    events: tuple[EventInfo, ...]


SEEN_MAX = 3


def item_glimpse(epc: str) -> tuple[Custody, Label]:
    """Return of an item's state what a verdict for the actor needs, and what its maker recorded.

    GLNs of others are empty texts; content and balance are 1 for any amount. Inside
    ``acting_as``.
    """
    with connections[current_alias()].cursor() as cursor:
        cursor.execute("SELECT system_fn.provenance_glimpse(%s)::text", [epc])
        found = cursor.fetchone()
    return parse_state(orjson.loads(found[0] or "{}"))


# Who captures what came in, and what the work calls its job.
CAPTURE_HANDLER = "provenance.capture"
CAPTURE_ID = "capture"
_GIVEN_UP: Mapping[str, Json] = {
    "status": 500,
    "title": "The document was not captured",
    "detail": "the server tried again and again, and gave up: none of the events is recorded;"
    " send the document under another Idempotency-Key",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureInfo:
    """A document that the actor's organisation sent to be captured, and what became of it.

    ``errors`` are problems as JSON; ``submission_id`` names whose receipt is the events'.
    """

    capture_id: UUID
    sequence: int
    behaviour: str
    created_at: dt.datetime
    finished_at: dt.datetime | None
    event_ids: tuple[str, ...]
    errors: tuple[Mapping[str, Json], ...]
    submission_id: UUID | None
    opening_key: bytes | None


def verdict_for(*, actor: Actor, scan: str, question: Question, now: dt.datetime) -> Verdict:
    """Answer whether whatever was scanned may be taken in, sold or given, now.

    Raise ``GS1Error`` or ``EpcError`` for what identifies nothing, ``NoGlnError``.
    """
    today = now.date()
    epc, label = _scanned(scan, today)
    if actor.organisation_id is None:
        raise ForbiddenError("only organisations do this")
    with acting_as(actor):
        gln = organisation_get(actor.organisation_id).gln
        if gln is None:
            raise NoGlnError(NO_GLN)
        custody, recorded = item_glimpse(epc.uri)
        seen = () if custody.known else _seen(epc.uri)
    return verdict(
        custody,
        question=question,
        holder_gln=gln,
        on_date=today,
        scan=label,
        recorded=recorded,
        product_only=epc.kind is EpcKind.CLASS,
        seen=seen,
    )


def _seen(epc: str) -> tuple[Seen, ...]:
    """Return the last of what the actor sees recorded of an item and not declared wrong."""
    rows = list(_events_of(epc).order_by("-id")[:SEEN_MAX])
    wrong = set(
        Event.objects.filter(
            declares_error=True, event_id__in=[row.event_id for row in rows]
        ).values_list("organisation_id", "event_id")
    )
    return tuple(
        Seen(step=row.biz_step or row.event_type, on_date=row.event_time.date())
        for row in reversed(rows)
        if (row.organisation_id, row.event_id) not in wrong
    )


def pack_get(
    *, actor: Actor, scan: str, question: Question, now: dt.datetime, events_max: int
) -> PackInfo:
    """Return the verdict on an item with the last events of it that the actor may see.

    Raises as ``verdict_for`` does.
    """
    found = verdict_for(actor=actor, scan=scan, question=question, now=now)
    epc, _ = _scanned(scan, now.date())
    with acting_as(actor):
        rows = _events_of(epc.uri).order_by("-id")[:events_max]
        return PackInfo(
            epc=epc.uri,
            verdict=found,
            exceptions=tuple(exception_list(epc.uri)),
            events=tuple(_info(row) for row in reversed(rows)),
        )


def event_list(*, after: int = 0, limit: int = 30, epc: str | None = None) -> list[EventInfo]:
    """Return events that the actor may see, in the order of submission, past ``after``.

    With ``epc``, those of this item.
    """
    rows = Event.objects.all() if epc is None else _events_of(epc)
    return [_info(row) for row in rows.filter(id__gt=after).order_by("id")[:limit]]


def event_get(event_id: str) -> list[EventInfo]:
    """Return the event, and the declaration that it was wrong; raise ``NotFoundError``."""
    found = [_info(row) for row in Event.objects.filter(event_id=event_id).order_by("id")]
    if not found:
        raise NotFoundError("you see no event of this id")
    return found


def capture_list(*, before: int | None = None, limit: int = 30) -> list[CaptureInfo]:
    """Return the organisation's capture jobs, the newest first, those before ``before``."""
    rows = CaptureJob.objects.defer("document").order_by("-id")
    if before is not None:
        rows = rows.filter(id__lt=before)
    return _captures(rows[:limit])


def capture_get(capture_id: UUID) -> CaptureInfo:
    """Return one of the organisation's capture jobs; raise ``NotFoundError``."""
    found = _captures(CaptureJob.objects.defer("document").filter(capture_id=capture_id))
    if not found:
        raise NotFoundError("your organisation has no capture job of this id")
    return found[0]


def exception_list(epc: str) -> list[str]:
    """Return the classes of the rules broken for an item by events that the actor may see."""
    found = ItemException.objects.filter(epc=epc).order_by("event_id", "id")
    return list(found.values_list("exception_class", flat=True))


def scan_fault(scan: str, *, now: dt.datetime) -> str | None:
    """Return in words why a scan cannot be read, ``None`` for one that can; look nothing up."""
    try:
        _scanned(scan, now.date())
    except (GS1Error, EpcError) as error:
        return f"{error.title}: {error.detail}"
    return None


def _scanned(scan: str, today: dt.date) -> tuple[Epc, Label]:
    """Return what a scan names, and what its symbol says; raise ``GS1Error`` or ``EpcError``."""
    uri = find_uri(scan)
    if uri is not None:
        return parse_epc(uri), Label()
    read = parse_scan(scan)
    return identify(read), label_of(read, on_date=today)


def _events_of(epc: str) -> QuerySet[Event]:
    return Event.objects.filter(id__in=EventItem.objects.filter(epc=epc).values("event_id"))


def _info(row: Event) -> EventInfo:
    return EventInfo(
        event_id=row.event_id,
        sequence=row.id,
        entry_id=bytes(row.entry_id),
        organisation_id=row.organisation_id,
        document=bytes(row.document),
    )


def _captures(rows: Iterable[CaptureJob]) -> list[CaptureInfo]:
    """Return the jobs; one whose work the outbox gave up has ended, without its events."""
    jobs = list(rows)
    running = [str(job.capture_id) for job in jobs if job.finished_at is None]
    ended: Mapping[str, dt.datetime] = {}
    if running:
        ended = outbox_given_up(handler=CAPTURE_HANDLER, name=CAPTURE_ID, values=running)
    return [_capture(job, ended.get(str(job.capture_id))) for job in jobs]


def _capture(row: CaptureJob, given_up_at: dt.datetime | None) -> CaptureInfo:
    return CaptureInfo(
        capture_id=row.capture_id,
        sequence=row.id,
        behaviour=row.behaviour,
        created_at=row.created_at,
        finished_at=row.finished_at or given_up_at,
        event_ids=tuple(row.event_ids),
        errors=tuple(row.errors) if given_up_at is None else (_GIVEN_UP,),
        submission_id=row.submission_id,
        opening_key=None if row.opening_key is None else bytes(row.opening_key),
    )
