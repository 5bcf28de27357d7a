"""What a dispensing proves is judged as things stood then, however it went on."""

import dataclasses
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from provenance.core.custody_event import CustodyEvent, Tier
from provenance.core.epcis_event import Action
from provenance.core.evidence import DispensingFacts, Standing, judge_dispensing
from provenance.core.verdict import Label

MAKER, PHARMACY, STRANGER = "maker", "pharmacy", "stranger"
START = datetime(2026, 11, 24, tzinfo=UTC)
DAY = date(2026, 11, 24)
SOUND = Label(lot="L1", expiry_date=date(2028, 12, 31))


def event(hour: float, step: str, party: str, **more: Any) -> CustodyEvent:
    made = CustodyEvent(
        entry_id=f"{hour}-{step}-{party}",
        sequence=int(hour * 10),
        event_time=START + timedelta(hours=hour),
        party_gln=party,
        action=Action.OBSERVE,
        biz_step=step,
    )
    return dataclasses.replace(made, **more)


MADE = event(0, "commissioning", MAKER, action=Action.ADD, quantity=Decimal(100))
SENT = event(1, "shipping", MAKER, holder_gln=PHARMACY)
TAKEN = event(2, "receiving", PHARMACY)
GIVEN = event(5, "dispensing", PHARMACY, quantity=Decimal(30))
CHAIN = [MADE, SENT, TAKEN, GIVEN]


def judge(
    *events: CustodyEvent, gave: CustodyEvent = GIVEN, label: Label = SOUND
) -> DispensingFacts:
    recorded = [(each, label) for each in events]
    return judge_dispensing(recorded, entry_id=gave.entry_id, on_date=DAY)


def test_a_whole_chain_proves_custody_and_condition_with_its_entries() -> None:
    found = judge(*CHAIN)
    assert (found.lawful, found.tier) == (True, Tier.T3)
    assert found.custody.standing is found.condition.standing is Standing.PROVEN
    assert found.custody.entries == (SENT.entry_id, TAKEN.entry_id, MADE.entry_id)
    assert found.condition.entries == (MADE.entry_id,)


@pytest.mark.parametrize(
    ("later", "broken"),
    [
        (event(6, "holding", MAKER, disposition="recalled"), ""),
        (event(6, "holding", PHARMACY, disposition="damaged"), ""),
        (event(6, "decommissioning", PHARMACY), ""),
        (event(6, "dispensing", PHARMACY, quantity=Decimal(70)), ""),
        # Recorded afterwards, and in force before.
        (event(4, "holding", MAKER, disposition="recalled", sequence=99), "recalled"),
    ],
)
def test_only_what_was_so_at_the_dispensing_counts(later: CustodyEvent, broken: str) -> None:
    found = judge(*CHAIN, later)
    assert found.condition.note == broken
    assert found.custody.standing is Standing.PROVEN
    if broken:
        assert found.condition.entries == (GIVEN.entry_id, later.entry_id)


def test_what_was_recalled_or_put_aside_and_given_all_the_same_is_shown() -> None:
    aside = event(3, "holding", PHARMACY, disposition="damaged")
    recall = event(4, "holding", MAKER, disposition="recalled")
    found = judge(MADE, SENT, TAKEN, aside, recall, GIVEN)
    assert not found.lawful
    assert found.condition.standing is Standing.BROKEN
    assert found.condition.note == "recalled, quarantined"
    assert found.condition.entries == (GIVEN.entry_id, recall.entry_id, aside.entry_id)
    assert found.custody.standing is Standing.PROVEN


def test_what_expired_before_the_day_is_shown() -> None:
    found = judge(*CHAIN, label=Label(expiry_date=date(2026, 11, 23)))
    assert found.condition.note == "expired on 2026-11-23"
    assert found.condition.entries == (GIVEN.entry_id, MADE.entry_id)
    assert judge(*CHAIN, label=Label(expiry_date=DAY)).condition.standing is Standing.PROVEN
    assert judge(*CHAIN, label=Label()).condition.standing is Standing.PROVEN


def test_who_did_not_hold_it_broke_custody() -> None:
    gave = event(5, "dispensing", STRANGER)
    found = judge(MADE, SENT, TAKEN, gave, gave=gave)
    assert (found.lawful, found.custody.standing) == (False, Standing.BROKEN)
    assert found.custody.note == "the pharmacy did not hold it"
    assert found.custody.entries[0] == gave.entry_id
    assert judge(MADE, SENT, GIVEN).custody.standing is Standing.BROKEN


def test_a_copy_of_what_was_given_before_broke_custody_too() -> None:
    gave = event(6, "dispensing", STRANGER)
    all_of_it = dataclasses.replace(GIVEN, quantity=None)
    found = judge(MADE, SENT, TAKEN, all_of_it, gave, gave=gave)
    assert (found.lawful, found.custody.standing) == (False, Standing.BROKEN)


def test_what_was_taken_out_of_circulation_broke_custody() -> None:
    gone = event(3, "decommissioning", PHARMACY)
    found = judge(MADE, SENT, TAKEN, gone, GIVEN)
    assert found.custody.note == "it was taken out of circulation before"
    assert found.custody.entries == (GIVEN.entry_id, gone.entry_id)


def test_unknown_origin_and_missing_papers_are_no_breach() -> None:
    found = judge(GIVEN)
    assert (found.custody.standing, found.lawful) == (Standing.UNKNOWN, False)
    assert found.condition.entries == (GIVEN.entry_id,)
    taken = dataclasses.replace(TAKEN, quantity=Decimal(100))
    bare = judge(taken, GIVEN)
    assert (bare.custody.standing, bare.tier, bare.lawful) == (Standing.UNKNOWN, Tier.T0, True)
    papers = judge(dataclasses.replace(taken, attested=True), GIVEN)
    assert (papers.custody.standing, papers.tier) == (Standing.PROVEN, Tier.T1)


def test_more_than_was_left_is_not_lawful_and_breaks_no_custody() -> None:
    gave = event(5, "dispensing", PHARMACY, quantity=Decimal(200))
    found = judge(MADE, SENT, TAKEN, gave, gave=gave)
    assert (found.lawful, found.custody.standing) == (False, Standing.PROVEN)


def test_a_late_dispensing_that_has_its_place_is_lawful() -> None:
    late = event(3, "dispensing", PHARMACY, quantity=Decimal(1), sequence=99)
    assert judge(*CHAIN, late, gave=late).lawful
