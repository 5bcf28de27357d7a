"""Background work: recorded in the transaction that wants it, done at least once.

The relay leases rows, runs each handler as the actor that wanted it, and marks the row *done*
in the handler's own transaction: an effect and its mark are there together or not at all. A
handler is a plain idempotent function; the payload holds ids only.
"""

import datetime as dt
import logging
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db.models import Count, F, Min, Q

from foundation.core.actor import SYSTEM, Actor, organisation_actor
from foundation.models import OutboxMessage
from foundation.notices import notify
from foundation.tenancy import acting_as, current_actor

logger = logging.getLogger(__name__)

# What may take long, because others answer it, has a queue of its own: it never blocks the rest.
QUEUES: Final = ("default", "outside")
LEASE = dt.timedelta(seconds=60)
# A message that was handed to the broker and not begun meanwhile is handed on once more.
HANDED_ON = dt.timedelta(minutes=5)
BACK_OFF_BASE_S = 2
ATTEMPTS_MAX = 12
CHANNEL = "theriac_outbox"
# The ids of rows and the hashes of bytes; whatever reads otherwise could be somebody's data.
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxWork:
    """One message as its handler sees it."""

    message_id: UUID
    actor: Actor
    payload: Mapping[str, str]
    now: dt.datetime


_OPEN: Final[Mapping[str, None]] = {"done_at": None, "failed_at": None}
Handler = Callable[[OutboxWork], None]
_HANDLERS: dict[str, Handler] = {}
_GIVEN_UP: dict[str, Handler] = {}


class OutboxMisuseError(ValueError):
    """A queue that is none, or a payload that holds more than ids: a bug of ours."""


class UnknownHandlerError(LookupError):
    """No app registered this name; the message waits for a release that does."""


def outbox_handler(name: str) -> Callable[[Handler], Handler]:
    """Register a function as the handler ``name`` (dotted, as in ``vault.ciphertext.delete``)."""

    def register(handler: Handler) -> Handler:
        _HANDLERS[name] = handler
        return handler

    return register


def outbox_when_given_up(name: str) -> Callable[[Handler], Handler]:
    """Register what is done, as whom the work was for, when the handler ``name`` is given up.

    It stands in one transaction with the mark, and may use the database only.
    """

    def register(handler: Handler) -> Handler:
        _GIVEN_UP[name] = handler
        return handler

    return register


def outbox_put(
    *,
    handler: str,
    payload: Mapping[str, str],
    now: dt.datetime,
    queue: str = "default",
    not_before: dt.datetime | None = None,
) -> UUID:
    """Record work in the caller's transaction; return the message's id.

    It runs as the organisation that wants it, or as the system, never before ``not_before``.
    Raises ``OutboxMisuseError``.
    """
    if queue not in QUEUES:
        raise OutboxMisuseError(f"{queue} is none of the queues {', '.join(QUEUES)}")
    for name, value in payload.items():
        if not _ID.fullmatch(value):
            raise OutboxMisuseError(f"{name} in the payload of {handler} is no id")
    message = OutboxMessage.objects.create(
        organisation_id=current_actor().organisation_id,
        queue=queue,
        handler=handler,
        payload=dict(payload),
        created_at=now,
        not_before=not_before or now,
    )
    notify(CHANNEL)
    return message.id


def outbox_claim(*, now: dt.datetime, limit: int = 16, queue: str | None = None) -> list[UUID]:
    """Lease due messages for this worker; return their ids, oldest first."""
    return _claim(now=now, limit=limit, queue=queue, lease=LEASE, begun=1)


def outbox_hand_on(*, now: dt.datetime, queue: str, limit: int = 64) -> list[UUID]:
    """Lease due messages for whoever takes them from the broker; return their ids."""
    return _claim(now=now, limit=limit, queue=queue, lease=HANDED_ON, begun=0)


def _claim(
    *, now: dt.datetime, limit: int, queue: str | None, lease: dt.timedelta, begun: int
) -> list[UUID]:
    with acting_as(SYSTEM):
        due = OutboxMessage.objects.filter(
            Q(lease_until=None) | Q(lease_until__lt=now),
            **_OPEN,
            not_before__lte=now,
        ).order_by("not_before")
        if queue is not None:
            due = due.filter(queue=queue)
        ids = list(due.select_for_update(skip_locked=True).values_list("id", flat=True)[:limit])
        OutboxMessage.objects.filter(id__in=ids).update(
            lease_until=now + lease, attempts=F("attempts") + begun
        )
        return ids


def outbox_give_back(message_ids: Iterable[UUID]) -> None:
    """Undo ``outbox_hand_on`` for what no broker took."""
    with acting_as(SYSTEM):
        OutboxMessage.objects.filter(id__in=list(message_ids), **_OPEN).update(lease_until=None)


def outbox_begin(message_id: UUID, *, now: dt.datetime) -> bool:
    """Take what came from the broker; tell whether it is to be run.

    A broker may bring a message twice, late, or after it was given up.
    """
    with acting_as(SYSTEM):
        due = OutboxMessage.objects.filter(id=message_id, not_before__lte=now, **_OPEN)
        return bool(due.update(lease_until=now + LEASE, attempts=F("attempts") + 1))


def outbox_run(message_id: UUID, *, now: dt.datetime) -> bool:
    """Run one leased message; return whether it is done now. A failure backs off and is kept.

    What a handler raises (a problem, a database error, a bug of ours) never stops the relay: the
    row keeps the error's type and is tried again, at last given up.
    """
    with acting_as(SYSTEM):
        message = OutboxMessage.objects.get(id=message_id)
    if message.done_at is not None:
        return True
    try:
        _run_as_actor(message, now)
    except Exception as error:
        logger.warning(
            "outbox handler failed",
            exc_info=error,
            extra={"handler": message.handler, "attempt": message.attempts},
        )
        _back_off(message, error, now)
        return False
    return True


def _run_as_actor(message: OutboxMessage, now: dt.datetime) -> None:
    if message.handler not in _HANDLERS:
        raise UnknownHandlerError(message.handler)
    actor = _actor_of(message)
    with acting_as(actor):
        # Two workers may hold one message after a lease ran out: the second waits, then stops.
        row = OutboxMessage.objects.select_for_update().get(id=message.id)
        if row.done_at is not None:
            return
        _HANDLERS[message.handler](
            OutboxWork(message_id=row.id, actor=actor, payload=row.payload, now=now)
        )
        row.done_at = now
        row.save(update_fields=["done_at"])


def _actor_of(message: OutboxMessage) -> Actor:
    if message.organisation_id is None:
        return SYSTEM
    return organisation_actor(message.organisation_id)


def _back_off(message: OutboxMessage, error: Exception, now: dt.datetime) -> None:
    if message.attempts >= ATTEMPTS_MAX:
        _give_up(message, error, now)
        return
    wait = dt.timedelta(seconds=min(BACK_OFF_BASE_S**message.attempts, 3600))
    with acting_as(SYSTEM):
        OutboxMessage.objects.filter(id=message.id).update(
            lease_until=None,
            not_before=now + wait,
            last_error=type(error).__name__[:100],
        )


def _give_up(message: OutboxMessage, error: Exception, now: dt.datetime) -> None:
    actor = _actor_of(message)
    with acting_as(actor):
        row = OutboxMessage.objects.select_for_update().get(id=message.id)
        if row.done_at is not None:  # by whoever held it besides
            return
        row.lease_until, row.failed_at = None, now
        row.last_error = type(error).__name__[:100]
        row.save(update_fields=["lease_until", "failed_at", "last_error"])
        if ending := _GIVEN_UP.get(row.handler):
            ending(OutboxWork(message_id=row.id, actor=actor, payload=row.payload, now=now))


def outbox_given_up(*, handler: str, name: str, values: Collection[str]) -> dict[str, dt.datetime]:
    """Return when a handler's work was given up, by the id that its payload calls ``name``.

    Asked inside ``acting_as``, it tells of what that actor wanted.
    """
    rows = OutboxMessage.objects.filter(
        handler=handler, failed_at__isnull=False, **{f"payload__{name}__in": list(values)}
    )
    return {row.payload[name]: row.failed_at for row in rows if row.failed_at is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxState:
    """How far a queue is: what is due, since when the oldest is, and what was given up."""

    queue: str
    due: int
    oldest_s: float
    given_up: int


def outbox_states(*, now: dt.datetime) -> list[OutboxState]:
    """Return the state of each queue."""
    with acting_as(SYSTEM):
        due = {
            row["queue"]: row
            for row in OutboxMessage.objects.filter(**_OPEN, not_before__lte=now)
            .values("queue")
            .annotate(count=Count("id"), oldest=Min("not_before"))
        }
        given_up = {
            row["queue"]: row["count"]
            for row in OutboxMessage.objects.filter(failed_at__isnull=False)
            .values("queue")
            .annotate(count=Count("id"))
        }
    return [
        OutboxState(
            queue=queue,
            due=due[queue]["count"] if queue in due else 0,
            oldest_s=(now - due[queue]["oldest"]).total_seconds() if queue in due else 0.0,
            given_up=given_up.get(queue, 0),
        )
        for queue in QUEUES
    ]
