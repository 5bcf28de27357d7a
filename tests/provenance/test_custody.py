"""Custody of one item: its life as it should be, and every way to break it."""

import dataclasses
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from provenance.core.custody import fold_custody, next_custody
from provenance.core.custody_event import Act, Custody, CustodyEvent, Role, Tier, act_of
from provenance.core.custody_exception import EXCEPTION_GUIDE, ExceptionClass
from provenance.core.epcis_event import Action

MAKER, WHOLESALER, PHARMACY, STRANGER = "maker", "wholesaler", "pharmacy", "stranger"
CASE, OTHER_CASE = "https://id.gs1.org/00/1", "https://id.gs1.org/00/2"
NONE = Decimal(0)
START = datetime(2026, 11, 24, 8, tzinfo=UTC)


def event(hour: float, step: str | None, party: str, **more: Any) -> CustodyEvent:
    """Return an event at ``hour``, logged in the order of the hours unless it says otherwise."""
    return CustodyEvent(
        entry_id=more.pop("entry_id", f"{step}@{hour}"),
        sequence=more.pop("sequence", int(hour * 100)),
        event_time=START + timedelta(hours=hour),
        party_gln=party,
        action=more.pop("action", Action.OBSERVE),
        biz_step=step,
        **more,
    )


def made(hour: float, party: str, **more: Any) -> CustodyEvent:
    return event(hour, "commissioning", party, action=Action.ADD, **more)


COMMISSION = made(0, MAKER)
BOTTLE = made(0, MAKER, quantity=Decimal(100))
SHIP = event(1, "shipping", MAKER, holder_gln=PHARMACY, owner_gln=PHARMACY)
RECEIVE = event(2, "receiving", PHARMACY)
AT_PHARMACY = [COMMISSION, SHIP, RECEIVE]


def pack(hour: float, party: str, parent: str = CASE, **more: Any) -> CustodyEvent:
    more.setdefault("action", Action.ADD)
    return event(hour, "packing", party, role=Role.CHILD, parent=parent, **more)


def classes(events: list[CustodyEvent]) -> list[ExceptionClass]:
    return [exception.class_ for exception in fold_custody(events)[1]]


def custody_after(events: list[CustodyEvent]) -> Custody:
    custody, broken = fold_custody(events)
    assert broken == []
    return custody


def test_a_pack_goes_from_its_maker_to_the_patient() -> None:
    assert custody_after([]) == Custody()
    new = custody_after([COMMISSION])
    assert (new.commissioned, new.holder_gln, new.balance) == (True, MAKER, Decimal(1))
    assert (new.disposition, new.tier) == ("active", Tier.T3)
    sent = custody_after([COMMISSION, SHIP])
    assert (sent.holder_gln, sent.in_transit, sent.in_transit_to) == (MAKER, True, PHARMACY)
    assert sent.disposition == "in_transit"
    there = custody_after(AT_PHARMACY)
    assert (there.owner_gln, there.holder_gln, there.in_transit) == (PHARMACY, PHARMACY, False)
    assert (there.tier, there.disposition, there.dispensed) == (Tier.T3, "in_progress", NONE)
    given = custody_after([*AT_PHARMACY, event(3, "dispensing", PHARMACY)])
    assert (given.balance, given.dispensed, given.disposition) == (NONE, Decimal(1), "dispensed")
    assert given.last_event_time == START + timedelta(hours=3)
    assert given.entry_of(Act.DISPENSE) == "dispensing@3"
    assert given.entry_of(Act.RECALL) is None


def test_a_bottle_of_a_hundred_fills_prescriptions_until_it_is_empty() -> None:
    fills = [
        event(3 + i, "dispensing", PHARMACY, quantity=Decimal(quantity))
        for i, quantity in enumerate([30, 30, 40])
    ]
    custody = custody_after([BOTTLE, SHIP, RECEIVE, *fills[:2]])
    assert (custody.balance, custody.disposition) == (Decimal(40), "partially_dispensed")
    custody = custody_after([BOTTLE, SHIP, RECEIVE, *fills])
    assert (custody.balance, custody.dispensed, custody.disposition) == (
        NONE,
        Decimal(100),
        "dispensed",
    )
    fourth = event(9, "dispensing", PHARMACY, quantity=Decimal(1))
    again, broken = fold_custody([BOTTLE, SHIP, RECEIVE, *fills, fourth])
    assert again == custody
    assert [(e.class_, e.event, e.detail) for e in broken] == [
        (ExceptionClass.BALANCE_EXCEEDED, fourth, "0 of 100 are left")
    ]


def test_more_than_is_left_is_no_part_of_it() -> None:
    fill = event(3, "dispensing", PHARMACY, quantity=Decimal("100.5"))
    custody, broken = fold_custody([BOTTLE, SHIP, RECEIVE, fill])
    assert custody.balance == 100
    assert [e.class_ for e in broken] == [ExceptionClass.BALANCE_EXCEEDED]
    whole = event(3, "dispensing", PHARMACY)
    assert custody_after([BOTTLE, SHIP, RECEIVE, whole]).dispensed == 100


def test_a_sealed_pack_is_dispensed_once() -> None:
    once = event(3, "dispensing", PHARMACY)
    twice = event(4, "retail_selling", PHARMACY)
    custody, broken = fold_custody([*AT_PHARMACY, once, twice])
    assert custody == custody_after([*AT_PHARMACY, once])
    assert [e.class_ for e in broken] == [ExceptionClass.BALANCE_EXCEEDED]


def test_the_second_of_two_dispensings_is_one_too_many_wherever_it_was() -> None:
    copy = event(5, "dispensing", STRANGER)
    assert classes([*AT_PHARMACY, event(3, "dispensing", PHARMACY), copy]) == ["balance_exceeded"]
    assert classes([*AT_PHARMACY, copy]) == ["not_holder"]


def test_a_receipt_of_what_nobody_recorded_is_attested_and_not_counterfeit() -> None:
    bare = custody_after([event(0, "receiving", PHARMACY, quantity=Decimal(30))])
    assert (bare.tier, bare.known, bare.commissioned) == (Tier.T0, True, False)
    assert (bare.holder_gln, bare.owner_gln, bare.balance) == (PHARMACY, PHARMACY, Decimal(30))
    papers = custody_after([event(0, "receiving", PHARMACY, attested=True)])
    assert (papers.tier, papers.balance) == (Tier.T1, Decimal(1))
    onward = [
        event(0, "receiving", WHOLESALER, attested=True),
        event(1, "shipping", WHOLESALER, holder_gln=PHARMACY),
        RECEIVE,
    ]
    assert custody_after(onward).tier is Tier.T3


def test_a_shipment_that_names_no_receiver_gives_no_proof_of_both_sides() -> None:
    custody = custody_after([COMMISSION, event(1, "shipping", MAKER), RECEIVE])
    assert (custody.holder_gln, custody.owner_gln, custody.tier) == (PHARMACY, MAKER, Tier.T1)


def test_owner_and_holder_part_in_consignment() -> None:
    ship = event(1, "shipping", MAKER, holder_gln=PHARMACY)
    custody = custody_after([COMMISSION, ship, RECEIVE])
    assert (custody.owner_gln, custody.holder_gln) == (MAKER, PHARMACY)
    bought = event(2, "receiving", PHARMACY, owner_gln=PHARMACY)
    assert custody_after([COMMISSION, ship, bought]).owner_gln == PHARMACY


def test_a_voided_shipment_stays_where_it_was() -> None:
    void = event(1.5, "void_shipping", MAKER)
    custody = custody_after([COMMISSION, SHIP, void])
    assert (custody.in_transit, custody.in_transit_to, custody.holder_gln) == (False, None, MAKER)
    assert classes([COMMISSION, SHIP, void, RECEIVE]) == ["not_in_transit"]


def test_an_item_goes_into_one_container_and_out_of_it() -> None:
    packed = [COMMISSION, pack(0.5, MAKER)]
    assert custody_after(packed).parent == CASE
    out = pack(0.6, MAKER, action=Action.DELETE)
    assert custody_after([*packed, out]).parent is None
    assert classes([*packed, pack(0.6, MAKER, OTHER_CASE)]) == ["parent_mismatch"]
    assert classes([*packed, pack(0.6, MAKER, OTHER_CASE, action=Action.DELETE)]) == [
        "parent_mismatch"
    ]
    assert classes([COMMISSION, out]) == ["parent_mismatch"]
    assert classes([*packed, SHIP]) == ["parent_mismatch"]
    seen = pack(0.6, MAKER, OTHER_CASE, action=Action.OBSERVE)
    assert classes([*packed, seen]) == ["parent_mismatch"]
    assert custody_after([*packed, pack(0.6, MAKER, action=Action.OBSERVE)]).parent == CASE


def test_what_travels_unseen_in_a_container_stays_in_it_and_a_scan_takes_it_out() -> None:
    unseen = dataclasses.replace(SHIP, parent=CASE)
    packed = [COMMISSION, pack(0.5, MAKER), unseen]
    assert custody_after([*packed, dataclasses.replace(RECEIVE, parent=CASE)]).parent == CASE
    assert custody_after([*packed, RECEIVE]).parent is None
    there = [*packed, dataclasses.replace(RECEIVE, parent=CASE), event(3, "dispensing", PHARMACY)]
    assert custody_after(there).parent is None


def test_a_container_comes_to_life_with_its_first_packing() -> None:
    first = event(0, "packing", MAKER, role=Role.PARENT, action=Action.ADD)
    case = custody_after([first])
    assert (case.commissioned_by, case.holder_gln) == (MAKER, MAKER)
    more = event(0.5, "packing", MAKER, role=Role.PARENT, action=Action.ADD)
    assert custody_after([first, more]).balance == 1
    other = dataclasses.replace(more, party_gln=STRANGER)
    assert classes([first, other]) == ["not_holder"]
    seen = event(0.5, "packing", MAKER, role=Role.PARENT, action=Action.DELETE)
    assert custody_after([first, seen]).holder_gln == MAKER


def test_what_is_put_aside_stays_until_it_is_released() -> None:
    aside = event(3, "holding", PHARMACY, disposition="non_sellable_other")
    custody = custody_after([*AT_PHARMACY, aside])
    assert (custody.quarantined, custody.disposition) == (True, "non_sellable_other")
    dispense = event(5, "dispensing", PHARMACY)
    ship = event(5, "shipping", PHARMACY, holder_gln=STRANGER)
    assert classes([*AT_PHARMACY, aside, dispense]) == ["quarantined"]
    assert classes([*AT_PHARMACY, aside, ship]) == ["quarantined"]
    back = dataclasses.replace(ship, disposition="returned")
    assert custody_after([*AT_PHARMACY, aside, back]).in_transit_to == STRANGER
    release = event(4, "inspecting", PHARMACY, disposition="sellable_accessible")
    assert custody_after([*AT_PHARMACY, aside, release, dispense]).balance == 0


def test_a_recall_reaches_an_item_wherever_it_is_and_whatever_its_time() -> None:
    recall = event(0.5, "holding", MAKER, disposition="recalled", sequence=999)
    custody = custody_after([*AT_PHARMACY, recall])
    assert (custody.recalled, custody.disposition) == (True, "recalled")
    assert custody.last_event_time == RECEIVE.event_time
    dispense = event(12, "dispensing", PHARMACY)
    assert classes([*AT_PHARMACY, recall, dispense]) == ["recalled"]
    by_authority = dataclasses.replace(recall, party_gln=STRANGER, authority=True)
    assert custody_after([by_authority]).recalled
    assert not custody_after([by_authority]).known
    assert custody_after([*AT_PHARMACY, by_authority]).recalled
    assert custody_after([by_authority, event(13, "receiving", PHARMACY)]).recalled
    assert classes([*AT_PHARMACY, dataclasses.replace(recall, party_gln=STRANGER)]) == [
        "not_authorised"
    ]


def test_what_is_taken_out_of_circulation_is_out() -> None:
    gone = event(3, "decommissioning", PHARMACY, action=Action.DELETE)
    custody = custody_after([*AT_PHARMACY, gone])
    assert (custody.decommissioned, custody.disposition) == (True, "inactive")
    assert classes([*AT_PHARMACY, gone, event(4, "dispensing", PHARMACY)]) == ["decommissioned"]
    assert classes([*AT_PHARMACY, gone, event(4, "storing", PHARMACY)]) == ["decommissioned"]


@pytest.mark.parametrize(
    ("before", "last", "expected"),
    [
        ([], SHIP, "not_commissioned"),
        ([], event(1, "dispensing", MAKER), "not_commissioned"),
        ([], pack(1, MAKER), "not_commissioned"),
        ([], event(1, "storing", MAKER), "not_commissioned"),
        (
            [COMMISSION],
            event(1, "commissioning", STRANGER, action=Action.ADD),
            "commissioned_twice",
        ),
        ([RECEIVE], event(3, "commissioning", MAKER, action=Action.ADD), "commissioned_twice"),
        ([COMMISSION], event(1, "shipping", STRANGER), "not_holder"),
        ([COMMISSION, SHIP], event(2, "dispensing", MAKER), "not_holder"),
        ([COMMISSION, SHIP], event(2, "storing", STRANGER), "not_holder"),
        ([COMMISSION, SHIP], event(2, "receiving", STRANGER), "not_in_transit"),
        ([COMMISSION], event(2, "receiving", STRANGER), "not_in_transit"),
        (AT_PHARMACY, event(3, "receiving", PHARMACY), "not_in_transit"),
        (AT_PHARMACY, event(3, "void_shipping", MAKER), "not_in_transit"),
        (
            [*AT_PHARMACY, event(3, "dispensing", PHARMACY)],
            event(4, "shipping", PHARMACY),
            "already_dispensed",
        ),
        (
            AT_PHARMACY,
            event(3, "dispensing", PHARMACY, disposition="partially_dispensed"),
            "quantity_missing",
        ),
    ],
)
def test_what_breaks_a_rule_changes_nothing(
    before: list[CustodyEvent], last: CustodyEvent, expected: str
) -> None:
    custody, broken = fold_custody([*before, last])
    assert custody == custody_after(before)
    assert [(e.class_, e.event) for e in broken] == [(expected, last)]
    assert next_custody(custody, last) == (custody, broken[0])


def test_both_ends_of_a_hand_over_may_observe_what_is_on_its_way() -> None:
    for party in (MAKER, PHARMACY):
        seen = event(1.5, "transporting", party, disposition="damaged")
        assert custody_after([COMMISSION, SHIP, seen]).disposition == "damaged"


def test_a_late_event_takes_its_place_and_says_so() -> None:
    late = event(0.5, "inspecting", MAKER, sequence=999)
    custody, broken = fold_custody([*AT_PHARMACY, late])
    assert [(e.class_, e.event) for e in broken] == [("late_event", late)]
    assert custody.entry_of(Act.OBSERVE) == late.entry_id
    assert custody.holder_gln == PHARMACY
    # The receipt came before the shipment: the shipment has a place, the receipt had none yet.
    ship = dataclasses.replace(SHIP, sequence=999)
    assert classes([COMMISSION, RECEIVE, ship]) == ["not_in_transit"]


def test_a_late_event_reopens_nothing() -> None:
    dispense = event(4, "dispensing", PHARMACY)
    late = event(3, "dispensing", PHARMACY, sequence=999)
    custody, broken = fold_custody([*AT_PHARMACY, dispense, late])
    assert custody == custody_after([*AT_PHARMACY, dispense])
    assert [(e.class_, e.event) for e in broken] == [
        ("late_event", late),
        ("balance_exceeded", late),
    ]
    # Lawful in its place, but the shipment that was accepted would not be.
    aside = event(0.5, "holding", MAKER, disposition="damaged", sequence=999)
    custody, broken = fold_custody([*AT_PHARMACY, aside])
    assert custody == custody_after(AT_PHARMACY)
    assert [(e.class_, e.event) for e in broken] == [("late_event", aside), ("quarantined", aside)]


def test_no_date_gets_around_a_recall_or_the_end_of_circulation() -> None:
    recall = event(5, "holding", MAKER, disposition="recalled", sequence=500)
    seen = event(6, "storing", PHARMACY, sequence=600)
    late = event(3, "dispensing", PHARMACY, sequence=999)
    assert classes([*AT_PHARMACY, recall, seen, late]) == ["late_event", "recalled"]
    gone = event(6, "decommissioning", PHARMACY, sequence=600)
    assert classes([*AT_PHARMACY, gone, late]) == ["late_event", "decommissioned"]
    assert classes([*AT_PHARMACY, made(-1, STRANGER, sequence=999)]) == [
        "late_event",
        "commissioned_twice",
    ]
    # A recall stands where the log has it: what is late takes its place around it.
    early = event(1.5, "transporting", MAKER, sequence=999)
    custody, broken = fold_custody([*AT_PHARMACY, recall, early])
    assert [e.class_ for e in broken] == ["late_event"]
    assert custody.recalled


def test_events_of_the_same_moment_go_by_the_log() -> None:
    ship = dataclasses.replace(SHIP, event_time=COMMISSION.event_time)
    receive = dataclasses.replace(RECEIVE, event_time=COMMISSION.event_time)
    assert custody_after([COMMISSION, ship, receive]).holder_gln == PHARMACY


@pytest.mark.parametrize(
    ("step", "disposition", "act"),
    [
        ("holding", "sellable_accessible", Act.RELEASE),
        ("holding", "active", Act.OBSERVE),
        ("storing", "damaged", Act.OBSERVE),
        (None, "recalled", Act.RECALL),
        ("shipping", "recalled", Act.SHIP),
        ("https://example.com/step", None, Act.OBSERVE),
    ],
)
def test_step_and_disposition_make_the_act(
    step: str | None, disposition: str | None, act: Act
) -> None:
    assert act_of(event(1, step, MAKER, disposition=disposition)) is act


def test_every_class_of_exception_has_a_meaning_and_a_remedy() -> None:
    assert set(EXCEPTION_GUIDE) == set(ExceptionClass)
    assert all(len(text) > 20 for pair in EXCEPTION_GUIDE.values() for text in pair)
