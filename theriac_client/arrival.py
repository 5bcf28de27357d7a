"""What became of a promise: its place in the log, with proof, checkpoint and cosignatures.

The server is asked where a submission stands; what counts is what its answer proves.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from foundation.core.problem import BadInputError
from ledger.core.policy import Policy
from ledger.core.receipt import ReceiptError
from ledger.core.sequenced import Sequenced, check_sequenced, parse_sequenced
from theriac_client.durable import locked
from theriac_client.errors import AnswerError
from theriac_client.journal import Record, arrived
from theriac_client.loghead import open_head
from theriac_client.sending import Sender


class State(StrEnum):
    """How a promise stands."""

    ARRIVED = "arrived"  # proven to stand in a checkpoint that the policy accepts
    WAITING = "waiting"  # not there yet, and not due
    OVERDUE = "overdue"  # due, and nobody proved that it is there
    CONTRADICTED = "contradicted"  # the server's own proof does not hold


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A record and how its promise stands; ``detail`` says why where that is no good news."""

    record: Record
    state: State
    detail: str = ""


def arrivals(sender: Sender, *, policy: Policy, now: datetime) -> Iterator[Arrival]:
    """Yield how each kept receipt stands; proofs that hold are kept beside it.

    Raise ``UnreachableError`` or ``AnswerError`` where nothing can be learned.
    """
    for record in sender.journal.records():
        if record.receipt is not None:
            yield _arrival(sender, record, policy=policy, now=now)


def _arrival(sender: Sender, record: Record, *, policy: Policy, now: datetime) -> Arrival:
    assert record.receipt is not None
    found = record.sequenced
    try:
        if found is None:
            found = _asked(sender, record)
    except BadInputError as error:
        return Arrival(record=record, state=State.CONTRADICTED, detail=error.detail)
    late = now > record.receipt.promise.deadline
    missing = State.OVERDUE if late else State.WAITING
    if found is None:
        return Arrival(record=record, state=missing, detail="no place is known")
    try:
        check_sequenced(record.receipt, found, sender.settings.vkey)
    except ReceiptError as error:
        return Arrival(record=record, state=State.CONTRADICTED, detail=error.detail)
    try:
        open_head(found.checkpoint, vkey=sender.settings.vkey, policy=policy)
    except AnswerError as error:
        return Arrival(record=record, state=missing, detail=str(error))
    if record.sequenced is None:
        record = arrived(record, found)
        with locked(sender.journal.folder):
            sender.journal.update(record)
    return Arrival(record=record, state=State.ARRIVED)


def _asked(sender: Sender, record: Record) -> Sequenced | None:
    assert record.receipt is not None
    stored = sender.stored(record.receipt.promise.id)
    value = None if stored is None else stored.get("sequenced")
    return None if value is None else parse_sequenced(value)
