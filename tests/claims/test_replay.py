import random
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import orjson
import pytest

from claims.core.adjudicate import adjudicate
from claims.core.codec import format_json, parse_as
from claims.core.contract import format_contract
from claims.core.contract_check import check_contract
from claims.core.decision import Engine, format_decision, parse_decision
from claims.core.facts import Accumulators, Facts, LineEvidence
from claims.core.model import Claim
from claims.core.replay import (
    ReplayError,
    ReplayInputs,
    ReplayMismatchError,
    build_replay,
    check_replay,
    parse_replay,
    replay,
)
from claims.core.x12_intake import read_interchange
from tests.claims import world
from tests.claims.x12_files import file_bytes, one


def inputs(**changes: Any) -> ReplayInputs:
    return replace(
        ReplayInputs(
            claim=world.claim(world.drug_line(), world.line(2)),
            facts=world.facts(),
            accumulators=world.NOTHING_MET,
            contract=world.contract().terms,
            as_of=date(2026, 3, 11),
            engine=world.ENGINE,
        ),
        **changes,
    )


def shuffled(value: Any, chance: random.Random) -> Any:
    """Return the same JSON with the members of every object in another order."""
    if isinstance(value, dict):
        names = list(value)
        chance.shuffle(names)
        return {name: shuffled(value[name], chance) for name in names}
    return [shuffled(item, chance) for item in value] if isinstance(value, list) else value


def test_a_decision_is_made_again_byte_for_byte() -> None:
    bundle = parse_replay(build_replay(inputs()))
    check_replay(bundle)
    assert replay(bundle.inputs) == format_decision(bundle.decision)


def test_the_order_of_members_changes_no_byte() -> None:
    expected = replay(inputs())
    written = format_json(inputs())
    for seed in range(20):
        again = parse_as(ReplayInputs, shuffled(written, random.Random(seed)))
        assert replay(again) == expected


def test_every_input_changes_the_record() -> None:
    changed = [
        inputs(),
        inputs(claim=world.claim(world.drug_line())),
        inputs(facts=world.facts(received_date=date(2026, 3, 9))),
        inputs(accumulators=replace(world.NOTHING_MET, oop_met_amount=Decimal("0.01"))),
        inputs(contract=replace(world.contract().terms, plan="GOLD")),
        inputs(as_of=date(2026, 3, 12)),
        inputs(engine=Engine(name="other", version="1")),
        inputs(supersedes="ab" * 32),
    ]
    assert len({replay(each) for each in changed}) == len(changed)


def test_a_record_that_says_otherwise_is_an_incident() -> None:
    bundle = parse_replay(build_replay(inputs()))
    for decision in (
        replace(bundle.decision, paid_amount=Decimal("9999.00")),
        replace(bundle.decision, supersedes="ab" * 32),
    ):
        with pytest.raises(ReplayMismatchError, match="differs from byte"):
            check_replay(replace(bundle, decision=decision))


def test_what_is_no_bundle_is_refused() -> None:
    bundle: Any = orjson.loads(build_replay(inputs()))
    for junk in (b"", b"{}", orjson.dumps({**bundle, "v": 2}, option=orjson.OPT_SORT_KEYS)):
        with pytest.raises(ReplayError):
            parse_replay(junk)


def test_decisions_of_pended_claims_are_replayed_too() -> None:
    bundle = parse_replay(build_replay(inputs(facts=world.facts(LineEvidence(number=1)))))
    check_replay(bundle)
    assert parse_decision(format_decision(bundle.decision)) == bundle.decision


def test_how_a_number_was_spelled_on_the_way_in_changes_no_byte() -> None:
    data = file_bytes("drug.837").replace(b"*UN*10*", b"*UN*10.00*").replace(b"**5*", b"**5.50*")
    (document,) = read_interchange(one(data), latest=date.max).documents
    given = inputs(claim=document.claim, facts=world.facts())
    decision = adjudicate(
        claim=given.claim,
        facts=given.facts,
        accumulators=given.accumulators,
        contract=world.contract(),
        as_of=given.as_of,
        engine=given.engine,
    )
    assert "5.5 UN billed, 5 left" in [rule.shown for rule in decision.lines[0].rules]
    bundle = parse_replay(build_replay(given))
    assert format_decision(decision) == format_decision(bundle.decision) == replay(bundle.inputs)


def test_golden_claims_come_out_alike_when_replayed() -> None:
    contract = check_contract(format_contract(world.contract().terms))
    (golden,) = contract.terms.golden
    assert isinstance(golden.claim, Claim)
    assert isinstance(golden.facts, Facts)
    assert isinstance(golden.accumulators, Accumulators)
    bundle = parse_replay(
        build_replay(
            inputs(claim=golden.claim, facts=golden.facts, accumulators=golden.accumulators)
        )
    )
    assert str(bundle.decision.paid_amount) == "612.00"
