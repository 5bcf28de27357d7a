"""What can be given once is given once, whoever gives it at the same moment."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import TypeVar

import pytest
from django.db import connections

from foundation.tenancy import acting_as
from provenance.core.verdict import Answer, Question
from provenance.selectors import event_get, exception_list
from provenance.services import Captured
from tests.conftest import Channel
from tests.provenance.world import (
    Member,
    commission,
    custody_of,
    dispense,
    member,
    packs,
    receive,
    ship,
)


@pytest.fixture
def maker(channel: Channel) -> Member:
    return member(channel, "manufacturer")


@pytest.fixture
def pharmacy(channel: Channel) -> Member:
    return member(channel, "pharmacy")


def in_stock(maker: Member, pharmacy: Member, epcs: list[str], content: int = 1) -> None:
    """Bring packs from their maker to a pharmacy."""
    maker.record(commission(epcs, content), ship(epcs, pharmacy, 1))
    pharmacy.record(receive(epcs, 2))


def classes(captured: Captured) -> list[str]:
    return [one.exception.class_.value for one in captured.broken]


T = TypeVar("T")


def at_once(acts: list[Callable[[], T]]) -> list[T]:
    """Do all of this in the same moment, each on a connection of its own."""
    barrier = Barrier(len(acts))

    def one(act: Callable[[], T]) -> T:
        try:
            barrier.wait(timeout=60)
            return act()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(acts)) as threads:
        return list(threads.map(one, acts))


def assert_kept(who: Member, captured: Captured, epc: str, expected: str) -> None:
    """Check that a dispensing that does not count is stored, with its exception and a no."""
    with acting_as(who.actor):
        assert len(event_get(captured.event_ids[0])) == 1
        assert expected in exception_list(epc)
    assert who.ask(epc, Question.DISPENSE).answer is Answer.NO


def test_a_serial_and_its_copy_given_at_once_are_given_once(
    channel: Channel, maker: Member, pharmacy: Member
) -> None:
    other, epcs = member(channel, "pharmacy"), packs(6)
    both = (pharmacy, other)
    in_stock(maker, pharmacy, epcs)
    for epc in epcs:
        rightful, copy = at_once([partial(who.record, dispense(epc, 5)) for who in both])
        # The copy came first, and was not the other's to give; or second, and nothing was left.
        assert classes(rightful) == []
        assert classes(copy) in (["not_holder"], ["balance_exceeded"])
        assert custody_of(epc)[0].dispensed == 1
        assert_kept(other, copy, epc, classes(copy)[0])
        assert pharmacy.ask(epc, Question.DISPENSE).rule == "already_dispensed"


def test_the_copy_given_later_exceeds_the_balance(
    channel: Channel, maker: Member, pharmacy: Member
) -> None:
    other, (epc,) = member(channel, "pharmacy"), packs(1)
    in_stock(maker, pharmacy, [epc])
    assert classes(pharmacy.record(dispense(epc, 5))) == []
    before = custody_of(epc)
    copy = other.record(dispense(epc, 6))
    assert classes(copy) == ["balance_exceeded"]
    assert custody_of(epc) == before
    assert_kept(other, copy, epc, "balance_exceeded")


def test_one_pharmacy_at_many_tills_gives_a_sealed_pack_once(
    maker: Member, pharmacy: Member
) -> None:
    (epc,) = packs(1)
    in_stock(maker, pharmacy, [epc])
    done = at_once([lambda: pharmacy.record(dispense(epc, 5)) for _ in range(8)])
    assert sorted(map(classes, done)) == [[], *[["balance_exceeded"]] * 7]
    assert custody_of(epc)[0].dispensed == 1
    assert pharmacy.ask(epc, Question.DISPENSE).answer is Answer.NO


def test_a_bottle_of_a_hundred_fills_three_prescriptions_and_no_fourth(
    maker: Member, pharmacy: Member
) -> None:
    (epc,) = packs(1)
    in_stock(maker, pharmacy, [epc], content=100)
    for minute, quantity in enumerate((30, 30, 40), start=3):
        assert classes(pharmacy.record(dispense(epc, minute, quantity))) == []
    before = custody_of(epc)
    assert before[0].dispensed == before[0].content == 100
    fourth = pharmacy.record(dispense(epc, 6, 30))
    assert classes(fourth) == ["balance_exceeded"]
    assert custody_of(epc) == before
    assert_kept(pharmacy, fourth, epc, "balance_exceeded")


def test_a_bottle_filled_from_by_many_at_once_gives_no_more_than_it_held(
    maker: Member, pharmacy: Member
) -> None:
    (epc,) = packs(1)
    in_stock(maker, pharmacy, [epc], content=100)
    done = at_once([lambda: pharmacy.record(dispense(epc, 5, 30)) for _ in range(6)])
    assert sorted(map(classes, done)) == [[]] * 3 + [["balance_exceeded"]] * 3
    assert custody_of(epc)[0].dispensed == 90
