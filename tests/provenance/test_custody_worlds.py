"""Every sequence of up to four events from a small alphabet, in every order of time.

Whatever happens, the balance stays between nothing and the content, an exception changes
nothing, and the order in which events are handed over makes no difference.
"""

import dataclasses
import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from provenance.core.custody import fold_custody, next_custody
from provenance.core.custody_event import Act, Custody, CustodyEvent, Role, act_of
from provenance.core.custody_exception import ExceptionClass
from provenance.core.epcis_event import Action

MAKER, PHARMACY = "maker", "pharmacy"
CASE = "https://id.gs1.org/00/1"
START = datetime(2026, 11, 24, tzinfo=UTC)


def make(step: str, party: str, **more: object) -> CustodyEvent:
    return dataclasses.replace(
        CustodyEvent(
            entry_id=step,
            sequence=0,
            event_time=START,
            party_gln=party,
            action=Action.OBSERVE,
            biz_step=step,
        ),
        **more,  # type: ignore[arg-type] # the names below are fields
    )


ALPHABET = [
    make("commissioning", MAKER, action=Action.ADD, quantity=Decimal(2)),
    make("shipping", MAKER, holder_gln=PHARMACY),
    make("receiving", PHARMACY, attested=True),
    make("dispensing", PHARMACY, quantity=Decimal(1)),
    make("dispensing", MAKER),
    make("packing", MAKER, action=Action.ADD, role=Role.CHILD, parent=CASE),
    make("holding", MAKER, disposition="recalled"),
    make("holding", PHARMACY, disposition="damaged"),
    make("decommissioning", PHARMACY, action=Action.DELETE),
]


def placed(events: tuple[CustodyEvent, ...], hours: tuple[int, ...]) -> list[CustodyEvent]:
    return [
        dataclasses.replace(
            event, sequence=i, event_time=START + timedelta(hours=hour), entry_id=f"{i}"
        )
        for i, (event, hour) in enumerate(zip(events, hours, strict=True))
    ]


def worlds(length: int) -> Iterator[list[CustodyEvent]]:
    """Yield all sequences in the order of the log, and with each event in turn dated back."""
    for events in itertools.product(ALPHABET, repeat=length):
        hours = tuple(range(1, length + 1))
        yield placed(events, hours)
        for i in range(1, length):
            yield placed(events, (*hours[:i], 0, *hours[i + 1 :]))


def check_sound(custody: Custody) -> None:
    assert 0 <= custody.balance <= custody.content
    assert custody.dispensed + custody.balance == custody.content
    assert custody.known or custody.content == 0
    assert custody.in_transit or (custody.in_transit_to, custody.next_owner_gln) == (None, None)
    assert custody.known == (custody.owner_gln is not None)


@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_in_every_small_world_the_books_balance(length: int) -> None:
    for events in worlds(length):
        custody, broken = fold_custody(events)
        check_sound(custody)
        late = {e.event.sequence for e in broken if e.class_ is ExceptionClass.LATE_EVENT}
        refused = {e.event.sequence for e in broken if e.class_ is not ExceptionClass.LATE_EVENT}
        accepted = [event for event in events if event.sequence not in refused]
        # Each refused event gave one breach; without all of them the same state comes about.
        assert len(broken) == len(late) + len(refused)
        assert fold_custody(accepted)[0] == custody
        assert not late or any(
            event.event_time < other.event_time
            for event in events
            for other in events
            if event.sequence in late and other.sequence < event.sequence
        )
        assert fold_custody(reversed(events)) == (custody, broken)


@pytest.mark.parametrize("length", [2, 3])
def test_the_order_in_which_events_are_given_makes_no_difference(length: int) -> None:
    for events in worlds(length):
        expected = fold_custody(events)
        for order in itertools.permutations(events):
            assert fold_custody(order) == expected


def test_each_event_changes_the_state_or_is_an_exception() -> None:
    seen = set()
    for events in worlds(3):
        custody = Custody()
        for event in events:
            after, exception = next_custody(custody, event)
            assert (exception is None) == (after.evidence != custody.evidence)
            assert exception is None or after is custody
            check_sound(after)
            seen.add((act_of(event), exception and exception.class_))
            custody = after
    assert len(seen) == 44
    assert {act for act, exception in seen if exception is None} == {
        Act.COMMISSION,
        Act.SHIP,
        Act.RECEIVE,
        Act.DISPENSE,
        Act.PACK,
        Act.RECALL,
        Act.QUARANTINE,
        Act.DECOMMISSION,
    }
