"""Each write is answered once, under concurrency too."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from uuid import uuid4

import pytest
from django.db import connections

from foundation.core.actor import PUBLIC, Actor
from foundation.core.problem import BadInputError
from foundation.idempotency import (
    Answer,
    InFlightError,
    KeyReusedError,
    answer_once,
    answer_stored,
)
from foundation.models import IdempotencyRecord
from foundation.tenancy import acting_as
from tests.conftest import NOW, organisation_actor

pytestmark = pytest.mark.usefixtures("db")


class Counter:
    """Counts how often the write happened."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> Answer:
        self.count += 1
        return Answer(status=201, body=b'{"n": %d}' % self.count, headers={"X-N": str(self.count)})


def ask(actor: Actor, key: str | None, body: bytes, write: Counter) -> Answer:
    return answer_once(actor=actor, key=key, path="POST /x", body=body, now=NOW, answer=write)


def test_the_same_key_and_body_get_the_first_answer_for_ever() -> None:
    actor, write = organisation_actor(uuid4()), Counter()
    first = ask(actor, "k1", b"body", write)
    for _ in range(3):
        assert ask(actor, "k1", b"body", write) == first
    assert write.count == 1


def test_the_same_key_with_another_body_is_refused() -> None:
    actor, write = organisation_actor(uuid4()), Counter()
    ask(actor, "k1", b"body", write)
    with pytest.raises(KeyReusedError):
        ask(actor, "k1", b"another", write)
    assert write.count == 1


def test_keys_of_two_organisations_are_two_keys() -> None:
    write = Counter()
    ask(organisation_actor(uuid4()), "k1", b"body", write)
    ask(organisation_actor(uuid4()), "k1", b"body", write)
    assert write.count == 2


def test_without_a_key_a_repeat_is_known_by_its_body() -> None:
    actor, write = organisation_actor(uuid4()), Counter()
    assert ask(actor, None, b"a", write) == ask(actor, None, b"a", write)
    ask(actor, None, b"b", write)
    assert write.count == 2


def test_two_people_who_say_the_same_without_a_key_are_two() -> None:
    organisation_id, write = uuid4(), Counter()
    ada, ben = (replace(organisation_actor(organisation_id), person_id=uuid4()) for _ in range(2))
    for person in (ada, ben, ada):
        ask(person, None, b"{}", write)
    assert write.count == 2


@pytest.mark.parametrize("key", ["", "a b", "ü", "x" * 256, "derived:00", "a\x00"])
def test_what_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(BadInputError):
        ask(organisation_actor(uuid4()), key, b"", Counter())


def test_who_acts_for_nobody_cannot_write() -> None:
    with pytest.raises(BadInputError):
        ask(PUBLIC, "k", b"", Counter())


def test_a_write_that_fails_is_not_remembered() -> None:
    actor, write = organisation_actor(uuid4()), Counter()

    def fail() -> Answer:
        raise LookupError

    with pytest.raises(LookupError):
        answer_once(actor=actor, key="k", path="POST /x", body=b"", now=NOW, answer=fail)
    assert ask(actor, "k", b"", write).status == 201
    with acting_as(actor):
        assert IdempotencyRecord.objects.count() == 1


def test_an_answer_is_found_before_the_write_is_made_again() -> None:
    actor, write = organisation_actor(uuid4()), Counter()

    def found(key: str | None, body: bytes = b"body", who: Actor = actor) -> Answer | None:
        return answer_stored(actor=who, key=key, path="POST /x", body=body)

    assert (found("k1"), found(None)) == (None, None)
    first, derived = ask(actor, "k1", b"body", write), ask(actor, None, b"body", write)
    assert (found("k1"), found(None)) == (first, derived)
    assert (found("k2"), found("k1", who=organisation_actor(uuid4()))) == (None, None)
    with pytest.raises(KeyReusedError):
        found("k1", b"another")
    with pytest.raises(BadInputError):
        found("derived:00")
    assert write.count == 2


def test_many_at_once_write_once() -> None:
    actor, write, barrier = organisation_actor(uuid4()), Counter(), Barrier(8)

    def once(_: int) -> str:
        barrier.wait()
        try:
            return ask(actor, "k", b"body", write).headers["X-N"]
        except InFlightError:
            return "in flight"
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(once, range(8)))
    assert set(answers) <= {"1", "in flight"}
    assert "1" in answers
    assert write.count == 1
