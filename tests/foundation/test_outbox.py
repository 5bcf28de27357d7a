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
    HANDED_ON,
    LEASE,
    OutboxMisuseError,
    OutboxWork,
    outbox_begin,
    outbox_claim,
    outbox_give_back,
    outbox_hand_on,
    outbox_handler,
    outbox_put,
    outbox_run,
)
from foundation.tenancy import acting_as
from tests.conftest import NOW, Channel, organisation_actor

SECOND = dt.timedelta(seconds=1)
ID = str(UUID(int=7))


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
        return outbox_put(handler=handler, payload={"id": ID}, now=NOW, not_before=not_before)


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
        ({"id": ID}, empty.organisation_id)
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


@pytest.mark.parametrize(
    "value", ["7", "Zoë", "1970-01-01", str(UUID(int=10)).upper(), f"{ID}\n", "a" * 63]
)
def test_what_is_no_id_never_enters_the_queue(empty: Actor, value: str) -> None:
    with acting_as(empty), pytest.raises(OutboxMisuseError, match="name in the payload"):
        outbox_put(handler="tests.note", payload={"id": ID, "name": value}, now=NOW)
    assert outbox_claim(now=NOW) == []


def test_a_queue_that_is_none_is_refused(empty: Actor) -> None:
    with acting_as(empty), pytest.raises(OutboxMisuseError, match="none of the queues"):
        outbox_put(handler="tests.note", payload={}, now=NOW, queue="other")


def test_a_claim_can_be_of_one_queue(empty: Actor, ran: list[OutboxWork]) -> None:
    message_id = put(empty)
    assert outbox_claim(now=NOW, queue="outside") == []
    assert outbox_claim(now=NOW, queue="default") == [message_id]
    assert ran == []


def test_what_was_handed_on_counts_only_once_it_is_begun(
    empty: Actor, ran: list[OutboxWork]
) -> None:
    message_id, now = put(empty), NOW
    for _ in range(ATTEMPTS_MAX + 1):  # workers that are away use up no attempt
        assert outbox_hand_on(now=now, queue="default") == [message_id]
        assert outbox_hand_on(now=now + HANDED_ON, queue="default") == []
        now += HANDED_ON + SECOND
    assert outbox_begin(message_id, now=now)
    assert message(message_id).attempts == 1
    assert outbox_claim(now=now + LEASE) == []
    assert outbox_run(message_id, now=now)
    assert not outbox_begin(message_id, now=now)
    assert len(ran) == 1


def test_what_was_given_back_is_due_at_once(empty: Actor) -> None:
    message_id = put(empty)
    outbox_hand_on(now=NOW, queue="default")
    outbox_give_back([message_id])
    assert outbox_claim(now=NOW) == [message_id]


def test_what_backs_off_or_was_given_up_does_not_begin_again(
    empty: Actor, ran: list[OutboxWork]
) -> None:
    message_id, now = put(empty, "tests.fail"), NOW
    for _ in range(ATTEMPTS_MAX):
        assert outbox_begin(message_id, now=now)
        outbox_run(message_id, now=now)
        assert not outbox_begin(message_id, now=now)
        now += dt.timedelta(hours=2)
    assert not outbox_begin(message_id, now=now)
    assert ran == []


def test_a_bug_of_a_handler_stops_nobody(empty: Actor, ran: list[OutboxWork]) -> None:
    @outbox_handler("tests.bug")
    def bug(work: OutboxWork) -> None:
        raise TypeError(work)

    message_id = put(empty, "tests.bug")
    outbox_claim(now=NOW)
    assert not outbox_run(message_id, now=NOW)
    assert message(message_id).last_error == "TypeError"
    assert ran == []
