"""Documents of events taken in now and captured in the background, as EPCIS 2.0 section 12 has it.

What can be said at once is said at once: size, shape, words and identifiers. What needs the
database (ids used before, custody, the ledger) is done by the outbox, in one transaction with the
job's end. Until then the document waits in the job's row, under row-level security, and no longer:
a job that is given up has ended too.

A document that may say something of a person never waits: it is captured in the transaction that
receives it, and its job is born finished. So is a sealed one, whose client signed the events and
not that they were received.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from secrets import token_bytes
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts.selectors import organisation_get
from foundation.core.actor import Actor
from foundation.core.json_input import JsonLimits, parse_json
from foundation.core.problem import (
    ProblemError,
    TooLargeError,
    UnavailableError,
    UnprocessableError,
)
from foundation.core.values import Json
from foundation.outbox import OutboxWork, outbox_handler, outbox_put, outbox_when_given_up
from foundation.tenancy import acting_as, current_alias
from ledger.core.commitment import commit
from ledger.core.entry import EntryDraft
from ledger.core.receipt import Receipt
from ledger.core.sealed import SealedSubmission
from ledger.services import submission_append
from provenance.core.epcis import EVENTS_MAX
from provenance.core.epcis_check import EpcisError, EpcisFault
from provenance.core.epcis_each import (
    EventReading,
    check_all,
    may_be_personal,
    read_each,
    with_events,
)
from provenance.core.event_bytes import event_bytes
from provenance.errors import NO_GLN, NoGlnError
from provenance.models import CaptureJob
from provenance.selectors import CAPTURE_HANDLER, CAPTURE_ID
from provenance.services.capture import (
    DOCUMENT_SIZE_BYTES_MAX,
    HEADER,
    Captured,
    events_capture,
)
from provenance.services.dispensings import Seeds

RECEIVED = "provenance.capture.received.v1"
CAPTURE_LIMIT = EVENTS_MAX
_NOT_REPEATED = "see the path; a document that may name a person is not repeated here"


class Behaviour(StrEnum):
    """What one bad event means for the others (header GS1-Capture-Error-Behaviour)."""

    ROLLBACK = "rollback"
    PROCEED = "proceed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """A document that was read; ``personal`` where it may say something of a person."""

    document: bytes
    value: Mapping[str, Any]
    reading: EventReading
    behaviour: Behaviour
    personal: bool
    sealed: SealedSubmission | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A capture job, and the receipt of what was recorded with it."""

    capture_id: UUID
    receipt: Receipt | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    captured: Captured | None
    errors: tuple[Mapping[str, Json], ...]


def capture_read(
    document: bytes,
    *,
    behaviour: Behaviour,
    sealed: SealedSubmission | None = None,
    personal: bool | None = None,
) -> Intake:
    """Return the document read; nothing is stored. ``personal`` where that is known already.

    Raise ``TooLargeError`` for more bytes or events than are taken at once, ``JsonInputError``,
    ``EpcisError`` (of the document alone under ``proceed``, of any event under ``rollback``) or
    ``UnprocessableError`` for a sealed document of which only a part would be taken.
    """
    if sealed is not None and behaviour is Behaviour.PROCEED:
        raise UnprocessableError("a sealed document is taken whole: send it with rollback")
    value = parse_json(document, JsonLimits(size_bytes_max=DOCUMENT_SIZE_BYTES_MAX))
    try:
        reading = read_each(value)
    except EpcisError as error:
        if error.type == "too_many":
            raise TooLargeError(
                f"at most {CAPTURE_LIMIT} events are taken at once", limit=CAPTURE_LIMIT
            ) from error
        raise
    if behaviour is Behaviour.ROLLBACK:
        check_all(reading)
    return Intake(
        document=document,
        value=value,
        reading=reading,
        behaviour=behaviour,
        personal=may_be_personal(value) if personal is None else personal,
        sealed=sealed,
    )


def capture_receive(*, actor: Actor, intake: Intake, seeds: Seeds, now: dt.datetime) -> Taken:
    """Take the document in: its receipt now, its events soon, or now where it must not wait.

    Raise ``NoGlnError``, what the ledger raises and, where the events are captured now and all
    or none of them, what ``events_capture`` raises.
    """
    with acting_as(actor):
        if organisation_get(actor.organisation).gln is None:
            raise NoGlnError(NO_GLN)
        job = CaptureJob(
            organisation_id=actor.organisation,
            capture_id=_uuid(seeds),
            behaviour=intake.behaviour.value,
            created_at=now,
            event_ids=[],
            errors=[],
        )
        if intake.sealed is not None:
            captured = events_capture(
                actor=actor,
                document=intake.document,
                seeds=seeds,
                now=now,
                sealed=intake.sealed,
            )
            _finish(job, _Outcome(captured=captured, errors=()), now)
            return Taken(capture_id=job.capture_id, receipt=captured.receipt)
        opening_key = seeds(32)
        # A key kept in clear would let whoever reads it try out patients and prescriptions.
        job.opening_key = None if intake.personal else opening_key
        receipt = _receive(
            actor=actor,
            opening_key=opening_key,
            document=intake.document,
            entry_id=_uuid(seeds),
            now=now,
        )
        job.received_entry_id = receipt.entry_ids[0]
        if intake.personal:
            _finish(job, _capture(actor, intake, seeds, now, at_once=True), now)
        else:
            job.document = intake.document
            job.save()
            work = {CAPTURE_ID: str(job.capture_id)}
            outbox_put(handler=CAPTURE_HANDLER, payload=work, now=now)
        return Taken(capture_id=job.capture_id, receipt=receipt)


@outbox_handler(CAPTURE_HANDLER)
def capture_process(work: OutboxWork) -> None:
    """Capture a received document's events and end its job; a finished job stays as it is.

    Raise ``UnavailableError`` where the ledger takes nothing now: the outbox comes again.
    """
    rows = CaptureJob.objects.select_for_update()
    job = rows.get(capture_id=UUID(work.payload[CAPTURE_ID]))
    if job.document is None:
        return
    intake = capture_read(
        bytes(job.document),
        behaviour=Behaviour(job.behaviour),
        # Of what may be personal no document ever waits.
        personal=False,
    )
    _finish(job, _capture(work.actor, intake, token_bytes, work.now, at_once=False), work.now)


@outbox_when_given_up(CAPTURE_HANDLER)
def capture_drop(work: OutboxWork) -> None:
    """Forget the document of a job that was given up: its sender has it, and sends it again."""
    rows = CaptureJob.objects.filter(capture_id=UUID(work.payload[CAPTURE_ID]))
    rows.update(document=None)


def _receive(
    *, actor: Actor, opening_key: bytes, document: bytes, entry_id: UUID, now: dt.datetime
) -> Receipt:
    commitment = commit(key=opening_key, header=HEADER, data=document)
    draft = EntryDraft(kind=RECEIVED, id=entry_id, body={}, commitments=(commitment,))
    return submission_append(actor=actor, entries=[draft], now=now)


def _capture(
    actor: Actor, intake: Intake, seeds: Seeds, now: dt.datetime, *, at_once: bool
) -> _Outcome:
    """Capture what passes: all or nothing under ``rollback``, what is left under ``proceed``."""
    rest = [index for index, event in enumerate(intake.reading.events) if event is not None]
    errors = [_fault(fault, repeated=not intake.personal) for fault in intake.reading.faults]
    while rest:
        whole = len(rest) == len(intake.reading.events)
        document = intake.document if whole else event_bytes(with_events(intake.value, set(rest)))
        sound = [event for event in intake.reading.events if event is not None]
        try:
            # The savepoint: what one bad event's refusal leaves behind is nothing at all.
            with transaction.atomic(using=current_alias()):
                captured = events_capture(
                    actor=actor,
                    document=document,
                    seeds=seeds,
                    now=now,
                    read=(intake.value, sound) if whole else None,
                )
            return _Outcome(captured=captured, errors=tuple(errors))
        except UnavailableError:
            raise
        except ProblemError as error:
            if at_once and intake.behaviour is Behaviour.ROLLBACK:
                raise
            found = _named(error, rest, repeated=not intake.personal)
            errors += found
            bad = {each.get("event_index") for each in found}
            proceeds = intake.behaviour is Behaviour.PROCEED and None not in bad
            rest = [index for index in rest if index not in bad] if proceeds else []
    return _Outcome(captured=None, errors=tuple(errors))


def _finish(job: CaptureJob, outcome: _Outcome, now: dt.datetime) -> None:
    job.finished_at, job.document = now, None
    job.errors = list(outcome.errors)
    if outcome.captured is not None:
        job.event_ids = list(outcome.captured.event_ids)
        receipt = outcome.captured.receipt
        job.submission_id = None if receipt is None else receipt.promise.id
    job.save()


def _named(error: ProblemError, rest: Sequence[int], *, repeated: bool) -> list[dict[str, Json]]:
    """Return a problem for each event that the error names, by its place in the whole document."""
    if isinstance(error, EpcisError):
        return [_fault(_moved(fault, rest), repeated=repeated) for fault in error.faults]
    common: dict[str, Json] = {
        "status": int(error.status),
        "title": error.title,
        "detail": error.detail,
    }
    one, many = error.members.get("event_index"), error.members.get("event_indices")
    indices = many if isinstance(many, list) else [one]
    named = [rest[index] for index in indices if isinstance(index, int)]
    return [{**common, "event_index": index} for index in named] or [common]


def _moved(fault: EpcisFault, rest: Sequence[int]) -> EpcisFault:
    """Return a fault of what was left of the document, placed in the whole of it."""
    if fault.event_index is None:
        return fault
    index = rest[fault.event_index]
    path = fault.path.replace(f"[{fault.event_index}]", f"[{index}]", 1)
    return replace(fault, event_index=index, path=path)


def _fault(fault: EpcisFault, *, repeated: bool) -> dict[str, Json]:
    found: dict[str, Json] = {
        "status": int(EpcisError.status),
        "title": EpcisError.title,
        "detail": fault.detail if repeated else _NOT_REPEATED,
        "path": fault.path,
        "fault": fault.type,
    }
    return found if fault.event_index is None else {**found, "event_index": fault.event_index}


def _uuid(seeds: Seeds) -> UUID:
    return UUID(bytes=seeds(16), version=4)
