"""The outbox: recorded with what wants it, done with what it does."""

import datetime as dt
from uuid import UUID, uuid4

import pytest
from django.core.management import call_command

from foundation import outbox
from foundation.core.actor import SYSTEM, Actor
from foundation.core.problem import ConflictError
from foundation.models import OutboxMessage
from foundation.outbox import (
    ATTEMPTS_MAX,
    LEASE,
    OutboxWork,
    outbox_claim,
    outbox_handler,
    outbox_put,
    outbox_run,
)
from foundation.tenancy import acting_as
from tests.conftest import NOW, Channel, organisation_actor

SECOND = dt.timedelta(seconds=1)


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[OutboxWork]:
    """What the handler ``tests.note`` was given."""
    works: list[OutboxWork] = []
    monkeypatch.setattr(outbox, "_HANDLERS", {})
    outbox_handler("tests.note")(works.append)

    @outbox_handler("tests.fail")
    def fail(work: OutboxWork) -> None:
        outbox_put(handler="tests.note", payload={}, now=work.now)
        raise ConflictError("not today")

    return works


@pytest.fixture
def empty(fresh_db: Channel) -> Actor:
    """An organisation over an outbox of the test's own."""
    return organisation_actor(fresh_db.operator.organisation)


def put(actor: Actor, handler: str = "tests.note", not_before: dt.datetime | None = None) -> UUID:
    with acting_as(actor):
        return outbox_put(handler=handler, payload={"id": "7"}, now=NOW, not_before=not_before)


def message(message_id: UUID) -> OutboxMessage:
    with acting_as(SYSTEM):
        return OutboxMessage.objects.get(id=message_id)


def test_a_message_runs_once_as_who_wanted_it(empty: Actor, ran: list[OutboxWork]) -> None:
    message_id = put(empty)
    assert outbox_claim(now=NOW) == [message_id]
    assert outbox_claim(now=NOW) == []
    assert outbox_run(message_id, now=NOW)
    assert outbox_run(message_id, now=NOW)
    assert [(work.payload, work.actor.organisation_id) for work in ran] == [
        ({"id": "7"}, empty.organisation_id)
    ]
    assert message(message_id).done_at == NOW


def test_the_systems_work_runs_as_the_system(empty: Actor, ran: list[OutboxWork]) -> None:
    message_id = put(SYSTEM)
    outbox_claim(now=NOW)
    assert outbox_run(message_id, now=NOW)
    assert ran[0].actor == SYSTEM
    assert empty.organisation_id


def test_nothing_runs_before_its_time(empty: Actor, ran: list[OutboxWork]) -> None:
    message_id = put(empty, not_before=NOW + SECOND)
    assert outbox_claim(now=NOW) == []
    assert outbox_claim(now=NOW + SECOND) == [message_id]
    assert ran == []


def test_a_dead_workers_lease_runs_out(empty: Actor, ran: list[OutboxWork]) -> None:
    message_id = put(empty)
    outbox_claim(now=NOW)
    assert outbox_claim(now=NOW + LEASE) == []
    assert outbox_claim(now=NOW + LEASE + SECOND) == [message_id]
    assert message(message_id).attempts == 2
    assert ran == []


def test_a_failure_leaves_no_effect_and_is_tried_again(empty: Actor, ran: list[OutboxWork]) -> None:
    message_id = put(empty, "tests.fail")
    outbox_claim(now=NOW)
    assert not outbox_run(message_id, now=NOW)
    found = message(message_id)
    assert (found.last_error, found.not_before, found.failed_at) == (
        "ConflictError",
        NOW + 2 * SECOND,
        None,
    )
    with acting_as(SYSTEM):
        assert OutboxMessage.objects.count() == 1
    assert ran == []


def test_at_last_it_is_given_up_and_kept(empty: Actor, ran: list[OutboxWork]) -> None:
    message_id, now = put(empty, "tests.fail"), NOW
    for _ in range(ATTEMPTS_MAX):
        assert outbox_claim(now=now) == [message_id]
        outbox_run(message_id, now=now)
        now += dt.timedelta(hours=2)
    assert outbox_claim(now=now) == []
    assert message(message_id).failed_at is not None
    assert ran == []


def test_an_unknown_handler_waits(empty: Actor, ran: list[OutboxWork]) -> None:
    message_id = put(empty, f"tests.{uuid4().hex[:8]}")
    outbox_claim(now=NOW)
    assert not outbox_run(message_id, now=NOW)
    assert message(message_id).last_error == "UnknownHandlerError"
    assert ran == []


def test_the_relay_runs_what_is_due(empty: Actor, ran: list[OutboxWork]) -> None:
    put(empty)
    put(empty)
    call_command("relay", "--once")
    assert len(ran) == 2
