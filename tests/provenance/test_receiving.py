"""Receiving by scanning: one event for what may be taken in, and a word for everything else."""

import os

import pytest

from foundation.core.problem import BadInputError
from foundation.tenancy import acting_as
from provenance.core.verdict import Question
from provenance.selectors import event_list
from provenance.services import PACKS_MAX, Received, packs_receive
from tests.conftest import NOW, Channel
from tests.provenance.world import GTIN, Member, commission, member, packs, ship


def receive(who: Member, *scans: str) -> Received:
    return packs_receive(actor=who.actor, scans=scans, seeds=os.urandom, now=NOW)


def events_of(who: Member, epc: str) -> int:
    with acting_as(who.actor):
        return len(event_list(epc=epc))


def element_string(epc: str) -> str:
    return f"]d201{GTIN}1728123110L1\x1d21{epc.rpartition('/')[2]}"


def test_what_was_sent_is_received_once_and_everything_else_is_named(channel: Channel) -> None:
    maker, bob, charlie = (member(channel, kind) for kind in ("manufacturer", *["pharmacy"] * 2))
    mine, theirs, unknown = packs(3)
    maker.record(commission([mine, theirs]), ship([mine], bob, 1), ship([theirs], charlie, 1))
    done = receive(bob, element_string(mine), mine, theirs, unknown, "(01)1")
    assert done.epcs == (mine,)
    assert done.receipt is not None
    assert done.receipt.promise.n == 1
    assert done.broken == ()
    assert [(one.scan, one.text) for one in done.refused] == [
        (theirs, "This was sent to somebody else."),
        (unknown, "Nobody has recorded this yet. That does not mean that it is counterfeit."),
        ("(01)1", "The scan cannot be read: (01) is too short"),
    ]
    assert all(one.next_step for one in done.refused)
    assert bob.ask(mine, Question.DISPENSE).answer == "yes"
    assert events_of(bob, mine) == 2  # shipped and received
    # Received again: he has it already.
    again = receive(bob, mine)
    assert (again.receipt, again.epcs) == (None, ())
    assert again.refused[0].text == "You have this already."


def test_who_was_not_sent_a_pack_changes_nothing(channel: Channel) -> None:
    maker, bob, charlie = (member(channel, kind) for kind in ("manufacturer", *["pharmacy"] * 2))
    (pack,) = packs(1)
    maker.record(commission([pack]), ship([pack], bob, 1))
    done = receive(charlie, pack)
    assert (done.receipt, done.epcs, len(done.refused)) == (None, (), 1)
    assert events_of(charlie, pack) == 0
    assert bob.ask(pack, Question.TAKE_IN).answer == "yes"


@pytest.mark.parametrize("number", [0, PACKS_MAX + 1])
def test_no_pack_and_too_many_are_refused(channel: Channel, number: int) -> None:
    with pytest.raises(BadInputError, match="at a time"):
        receive(member(channel, "pharmacy"), *packs(number))
