"""Recording events on a real database: custody across organisations, once only, and by whom."""

import pytest

from foundation.core.problem import BadInputError
from foundation.tenancy import acting_as
from ledger.core.commitment import check_commitment
from ledger.core.entry import parse_entry
from ledger.selectors import entry_get
from provenance.core.custody_event import Tier
from provenance.core.verdict import Answer, Question
from provenance.errors import EventIdTakenError, NoGlnError, PatientMissingError
from provenance.models import Event
from provenance.selectors import (
    event_get,
    event_list,
    exception_list,
)
from provenance.services import Captured, events_capture
from provenance.services.capture import HEADER
from tests.conftest import NOW, Channel
from tests.provenance.world import (
    GTIN,
    Member,
    commission,
    custody_of,
    dispense,
    event,
    member,
    packs,
    receive,
    ship,
)

TODAY = NOW.date()


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


def test_two_hundred_packs_reach_the_pharmacy_through_a_wholesaler(
    channel: Channel, maker: Member, pharmacy: Member
) -> None:
    wholesaler, epcs = member(channel, "wholesaler"), packs(200)
    assert classes(maker.record(commission(epcs), ship(epcs, wholesaler, 1))) == []
    assert pharmacy.ask(epcs[7], Question.TAKE_IN).answer is Answer.NO
    assert classes(wholesaler.record(receive(epcs, 2), ship(epcs, pharmacy, 3))) == []
    assert pharmacy.ask(epcs[7], Question.TAKE_IN).rule == "addressee"
    assert pharmacy.ask(epcs[7], Question.TAKE_IN).answer is Answer.YES
    assert classes(pharmacy.record(receive(epcs, 4))) == []
    custody, label = custody_of(epcs[199])
    assert (custody.tier, custody.holder_gln, label.lot) == (Tier.T3, pharmacy.gln, "L1")
    assert pharmacy.ask(epcs[0], Question.DISPENSE).answer is Answer.YES
    assert wholesaler.ask(epcs[0], Question.SHIP).rule == "not_held"
    scan = f"(01){GTIN}(21){epcs[0].rpartition('/')[2]}(10)OTHER"
    assert pharmacy.ask(scan, Question.DISPENSE).rule == "label_differs"


def test_what_was_never_sent_is_unknown_and_not_counterfeit(pharmacy: Member) -> None:
    found = pharmacy.ask(packs(1)[0], Question.TAKE_IN)
    assert (found.answer, found.rule) == (Answer.UNKNOWN, "unknown")


def test_a_copy_taken_in_elsewhere_is_kept_as_an_exception(
    channel: Channel, maker: Member, pharmacy: Member
) -> None:
    other, epcs = member(channel, "pharmacy"), packs(1)
    in_stock(maker, pharmacy, epcs)
    assert classes(other.record(receive(epcs, 3))) == ["not_in_transit"]
    assert other.ask(epcs[0], Question.DISPENSE).rule == "not_held"
    with acting_as(other.actor):
        assert exception_list(epcs[0]) == ["not_in_transit"]
    with acting_as(pharmacy.actor):
        assert exception_list(epcs[0]) == []


def test_a_recall_by_its_maker_stops_a_pack_everywhere(maker: Member, pharmacy: Member) -> None:
    epcs = packs(1)
    in_stock(maker, pharmacy, epcs)
    maker.record(event("holding", epcs, 5, disposition="recalled"))
    found = pharmacy.ask(epcs[0], Question.DISPENSE)
    assert (found.answer, found.rule) == (Answer.NO, "recalled")
    with acting_as(maker.actor):
        assert found.evidence == (event_list(limit=100)[-1].entry_id.hex(),)


def test_only_parties_see_an_event(channel: Channel, maker: Member, pharmacy: Member) -> None:
    stranger, epcs = member(channel, "pharmacy"), packs(1)
    made = maker.record(commission(epcs), ship(epcs, pharmacy, 1))
    seen = {}
    for who in (maker, pharmacy, stranger):
        with acting_as(who.actor):
            seen[who.gln] = [info.event_id for info in event_list()]
    assert seen == {
        maker.gln: list(made.event_ids),
        pharmacy.gln: [made.event_ids[1]],
        stranger.gln: [],
    }


def test_the_entry_shows_nothing_and_its_commitment_opens(maker: Member) -> None:
    made = maker.record(commission(packs(1)))
    with acting_as(maker.actor):
        (row,) = Event.objects.filter(event_id=made.event_ids[0])
        entry = parse_entry(entry_get(bytes(row.entry_id)).content)
    assert (entry.kind, entry.body) == ("provenance.event.captured.v1", {})
    check_commitment(
        commitment=entry.commitments[0],
        key=bytes(row.opening_key or b""),
        header=HEADER,
        data=bytes(row.document),
    )


def test_a_repeated_event_is_recorded_once_and_a_changed_one_refused(maker: Member) -> None:
    once = commission(packs(1))
    first = maker.record(once)
    again = maker.record(once)
    assert (again.receipt, again.event_ids) == (None, first.event_ids)
    with pytest.raises(EventIdTakenError):
        maker.record({**once, "eventTime": "2026-11-24T07:00:00Z"})


def test_an_event_declared_wrong_no_longer_counts(maker: Member, pharmacy: Member) -> None:
    epcs = packs(1)
    in_stock(maker, pharmacy, epcs)
    given = dispense(epcs[0], 4)
    pharmacy.record(given)
    wrong = {"declarationTime": "2026-11-24T08:05:00Z", "reason": "did_not_occur"}
    # Whatever the declaration says of items, those of the wrong event are folded anew.
    pharmacy.record({**given, "epcList": packs(1), "errorDeclaration": wrong})
    assert pharmacy.ask(epcs[0], Question.DISPENSE).answer is Answer.YES
    with acting_as(pharmacy.actor):
        assert len(event_get(given["eventID"])) == 2


def test_a_dispensing_that_says_more_and_not_to_whom_is_refused(pharmacy: Member) -> None:
    for beside in (
        {"example:patient": "Somebody"},
        {"readPoint": {"id": "https://id.gs1.org/414/0300011111116", "example:who": "Somebody"}},
        {"bizTransactionList": [{"bizTransaction": "urn:uuid:1"}]},
    ):
        with pytest.raises(PatientMissingError):
            pharmacy.record({**dispense(packs(1)[0], 1), **beside})
    with acting_as(pharmacy.actor):
        assert event_list() == []


def test_who_has_no_gln_records_and_asks_nothing(channel: Channel) -> None:
    nameless = member(channel, "pharmacy", named=False)
    with pytest.raises(NoGlnError):
        nameless.record(commission(packs(1)))
    with pytest.raises(NoGlnError):
        nameless.ask(packs(1)[0], Question.CHECK)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[" * 5000,
        b'{"a":1,"a":2}',
        b'{"a":"\\u0000"}',
        b'{"a":' + b"9" * 5000 + b"}",
        b"\xff",
        b"[]",
        b'{"type":"EPCISDocument"}',
    ],
)
def test_bad_documents_are_refused_and_leave_nothing(maker: Member, body: bytes) -> None:
    with pytest.raises(BadInputError):
        events_capture(actor=maker.actor, document=body, seeds=bytes, now=NOW)
    with acting_as(maker.actor):
        assert event_list() == []
