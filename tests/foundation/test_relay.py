"""The relay runs everything by itself: what hangs stops no other queue, trouble is waited out."""

from collections.abc import Callable, Iterator
from threading import Event, Thread
from uuid import UUID

import pytest
from django.db import DatabaseError, connections

from foundation import outbox, relay
from foundation.core.actor import SYSTEM, Actor
from foundation.models import OutboxMessage
from foundation.outbox import OutboxWork, outbox_handler, outbox_put
from foundation.relay import THREADS_PER_QUEUE, relay_here
from foundation.tenancy import acting_as
from tests.conftest import NOW, Channel, organisation_actor
from tests.ops.servers import wait_until


@pytest.fixture
def actor(fresh_db: Channel, monkeypatch: pytest.MonkeyPatch) -> Actor:
    """An organisation over an outbox of the test's own, without handlers."""
    monkeypatch.setattr(outbox, "_HANDLERS", {})
    return organisation_actor(fresh_db.operator.organisation)


@pytest.fixture
def relaying(actor: Actor) -> Iterator[Event]:
    """A relay that runs until the event is set."""
    stop = Event()
    assert actor.organisation_id
    thread = Thread(target=relay_here, args=(lambda: NOW, stop))
    thread.start()
    yield stop
    stop.set()
    thread.join()


def put(actor: Actor, handler: str, queue: str = "default") -> UUID:
    with acting_as(actor):
        return outbox_put(handler=handler, payload={}, now=NOW, queue=queue)


def is_done(message_id: UUID) -> Callable[[], bool]:
    def ask() -> bool:
        with acting_as(SYSTEM):
            return OutboxMessage.objects.get(id=message_id).done_at is not None

    return ask


def test_what_hangs_in_one_queue_stops_no_other(actor: Actor, relaying: Event) -> None:
    answered = Event()

    @outbox_handler("tests.hang")
    def hang(_: OutboxWork) -> None:
        answered.wait()

    outbox_handler("tests.quick")(lambda _: None)
    hanging = [put(actor, "tests.hang", "outside") for _ in range(THREADS_PER_QUEUE + 2)]
    wait_until(is_done(put(actor, "tests.quick")))
    assert not any(is_done(message_id)() for message_id in hanging)
    answered.set()
    for message_id in hanging:
        wait_until(is_done(message_id))
    assert not relaying.is_set()


def test_what_has_begun_is_finished_before_the_relay_stops(actor: Actor, relaying: Event) -> None:
    begun, answered = Event(), Event()

    def wait(_: OutboxWork) -> None:
        begun.set()
        answered.wait()

    outbox_handler("tests.wait")(wait)
    message_id = put(actor, "tests.wait")
    begun.wait()
    relaying.set()
    answered.set()
    wait_until(is_done(message_id))


def test_trouble_with_the_database_is_waited_out(
    actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox_handler("tests.quick")(lambda _: None)
    message_id = put(actor, "tests.quick")
    troubles = {"claim": 2, "run": 1}
    claim, run = outbox.outbox_claim, outbox.outbox_run

    def troubled(step: str) -> None:
        troubles[step] -= 1
        if troubles[step] >= 0:
            raise DatabaseError

    def claimed(**named: object) -> list[UUID]:
        troubled("claim")
        return claim(**named)  # type: ignore[arg-type]

    def ran(message_id: UUID, **named: object) -> bool:
        try:
            troubled("run")
        except DatabaseError:
            with acting_as(SYSTEM):  # as if the lease had run out
                OutboxMessage.objects.filter(id=message_id).update(lease_until=None)
            raise
        return run(message_id, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(relay, "outbox_claim", claimed)
    monkeypatch.setattr(relay, "outbox_run", ran)
    monkeypatch.setattr(relay, "TROUBLE_S", 0.01)
    stop = Event()
    thread = Thread(target=relay_here, args=(lambda: NOW, stop))
    thread.start()
    wait_until(is_done(message_id))
    stop.set()
    thread.join()
    connections.close_all()
