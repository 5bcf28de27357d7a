"""Background work: recorded in the transaction that wants it, done at least once.

The relay leases rows, runs each handler as the actor that wanted it, and marks the row *done*
in the handler's own transaction: an effect and its mark are there together or not at all. A
handler is a plain idempotent function; the payload holds ids only.
"""

import datetime as dt
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db import DatabaseError, connections
from django.db.models import F, Q

from foundation.core.actor import SYSTEM, Actor, ActorKind
from foundation.core.problem import ProblemError
from foundation.models import OutboxMessage
from foundation.tenancy import acting_as, current_actor, current_alias

logger = logging.getLogger(__name__)

LEASE = dt.timedelta(seconds=60)
BACK_OFF_BASE_S = 2
ATTEMPTS_MAX = 12
CHANNEL = "theriac_outbox"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxWork:
    """One message as its handler sees it."""

    message_id: UUID
    actor: Actor
    payload: Mapping[str, str]
    now: dt.datetime


Handler = Callable[[OutboxWork], None]
_HANDLERS: dict[str, Handler] = {}


class UnknownHandlerError(LookupError):
    """No app registered this name; the message waits for a release that does."""


def outbox_handler(name: str) -> Callable[[Handler], Handler]:
    """Register a function as the handler ``name`` (dotted, as in ``vault.ciphertext.delete``)."""

    def register(handler: Handler) -> Handler:
        _HANDLERS[name] = handler
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
    """
    message = OutboxMessage.objects.create(
        organisation_id=current_actor().organisation_id,
        queue=queue,
        handler=handler,
        payload=dict(payload),
        created_at=now,
        not_before=not_before or now,
    )
    with connections[current_alias()].cursor() as cursor:
        cursor.execute(f"NOTIFY {CHANNEL}")
    return message.id


def outbox_claim(*, now: dt.datetime, limit: int = 16) -> list[UUID]:
    """Lease due messages for this worker; return their ids, oldest first."""
    with acting_as(SYSTEM):
        due = OutboxMessage.objects.filter(
            Q(lease_until=None) | Q(lease_until__lt=now),
            done_at=None,
            failed_at=None,
            not_before__lte=now,
        ).order_by("not_before")
        ids = list(due.select_for_update(skip_locked=True).values_list("id", flat=True)[:limit])
        OutboxMessage.objects.filter(id__in=ids).update(
            lease_until=now + LEASE, attempts=F("attempts") + 1
        )
        return ids


def outbox_run(message_id: UUID, *, now: dt.datetime) -> bool:
    """Run one leased message; return whether it is done now. A failure backs off and is kept.

    What a handler raises of its own accord (a problem, a database error, a bug of ours) never
    stops the relay: the row keeps the error's type and is tried again, at last given up.
    """
    with acting_as(SYSTEM):
        message = OutboxMessage.objects.get(id=message_id)
    if message.done_at is not None:
        return True
    try:
        _run_as_actor(message, now)
    except (ProblemError, DatabaseError, LookupError, ValueError, RuntimeError) as error:
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
    actor = (
        SYSTEM
        if message.organisation_id is None
        else Actor(kind=ActorKind.ORGANISATION, organisation_id=message.organisation_id)
    )
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


def _back_off(message: OutboxMessage, error: Exception, now: dt.datetime) -> None:
    wait = dt.timedelta(seconds=min(BACK_OFF_BASE_S**message.attempts, 3600))
    with acting_as(SYSTEM):
        OutboxMessage.objects.filter(id=message.id).update(
            lease_until=None,
            not_before=now + wait,
            failed_at=now if message.attempts >= ATTEMPTS_MAX else None,
            last_error=type(error).__name__[:100],
        )
