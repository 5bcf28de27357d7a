import itertools
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from claims.core.adjudicate import AdjudicationError
from claims.core.contract import Contract
from claims.core.decision import (
    ClaimStatus,
    Decision,
    DecisionError,
    LineStatus,
    Outcome,
    format_decision,
    parse_decision,
)
from claims.core.edits import prior_line
from claims.core.facts import (
    Accumulators,
    Coverage,
    DispensingEvidence,
    Fact,
    LineEvidence,
    RecordEvidence,
    State,
    Tier,
)
from claims.core.model import ClaimError, ClaimLine, Drug
from claims.core.money import AMOUNT_MAX, ZERO
from tests.claims import world
from tests.claims.world import (
    CONTRADICTED,
    DAY,
    MISSING,
    OTHER_ENTRY,
    PROVEN,
    adjustments,
    claim,
    contract,
    decide,
    dispensed,
    drug_line,
    evidence,
    facts,
    line,
)


def outcome(decision: Decision, rule: str, number: int = 1) -> Outcome:
    (found,) = [each for each in decision.lines[number - 1].rules if each.rule == rule]
    return found.outcome


def device(number: int = 1) -> ClaimLine:
    return line(number, procedure_code="E0100", charge_amount=Decimal("40.00"))


def test_a_visit_is_paid_by_the_fee_schedule_and_every_rule_is_told() -> None:
    decision = decide(
        claim(line()),
        met=Accumulators(deductible_met_amount=Decimal("500.00"), oop_met_amount=Decimal("500.00")),
    )
    assert decision.status is ClaimStatus.PAID
    assert adjustments(decision) == [("CO", "45", "33.19"), ("PR", "2", "23.36")]
    assert str(decision.paid_amount) == "93.45"
    assert str(decision.patient_amount) == "23.36"
    assert decision.needed == ()
    assert [(rule.rule, rule.outcome) for rule in decision.lines[0].rules] == [
        (rule, Outcome.PASSED)
        for rule in ("eligibility", "filing", "duplicate", "schedule", "evidence", "G10", "G20")
    ]
    assert all(rule.clause for rule in decision.lines[0].rules)


@pytest.mark.parametrize(
    ("coverage", "expected"),
    [
        (Coverage(from_date=date(2026, 3, 3)), [("PR", "26", "150.00")]),
        (
            Coverage(from_date=date(2026, 1, 1), to_date=date(2026, 3, 1)),
            [("PR", "27", "150.00")],
        ),
    ],
)
def test_outside_coverage_the_line_is_denied(
    coverage: Coverage, expected: list[tuple[str, str, str]]
) -> None:
    decision = decide(known=facts(coverage=coverage))
    assert decision.status is ClaimStatus.DENIED
    assert adjustments(decision) == expected
    assert decision.accumulators_after == decision.accumulators


def test_unknown_coverage_pends_and_says_what_is_needed() -> None:
    decision = decide(known=facts(coverage=None))
    assert decision.status is ClaimStatus.PENDED
    assert decision.needed == ("the member's coverage on the date of service",)


def test_coverage_must_last_until_the_last_day_of_service() -> None:
    until = Coverage(from_date=date(2026, 1, 1), to_date=DAY)
    longer = claim(line(service_end_date=date(2026, 3, 3)))
    assert decide(known=facts(coverage=until)).status is ClaimStatus.PAID
    assert adjustments(decide(longer, facts(coverage=until))) == [("PR", "27", "150.00")]


@pytest.mark.parametrize(("days", "status"), [(8, ClaimStatus.PAID), (7, ClaimStatus.DENIED)])
def test_timely_filing_counts_from_the_date_of_service(days: int, status: ClaimStatus) -> None:
    params = {**world.terms_json()["params"], "filing_days": days}
    assert decide(by=contract(params=params)).status is status  # received after eight days


def test_a_line_filed_late_carries_29() -> None:
    params = {**world.terms_json()["params"], "filing_days": 10}
    late = facts(received_date=date(2026, 3, 11), coverage=Coverage(from_date=date(2026, 1, 1)))
    early = claim(line(service_date=date(2026, 2, 28)))
    decision = decide(early, late, by=contract(params=params))
    assert adjustments(decision) == [("CO", "29", "150.00")]


def test_the_same_line_twice_is_paid_once() -> None:
    decision = decide(claim(line(), line(2)))
    assert decision.status is ClaimStatus.PARTIALLY
    assert adjustments(decision, 2) == [("OA", "18", "150.00")]


def test_a_line_paid_before_is_a_duplicate_and_a_similar_one_is_reviewed() -> None:
    paid = replace(prior_line(claim(), line()), modifiers=("26", "TC"))
    twice = claim(line(modifiers=("TC", "26")))
    assert adjustments(decide(twice, facts(prior_lines=(paid,)))) == [("OA", "18", "150.00")]
    for near in (replace(paid, charge_amount=Decimal("1.00")), replace(paid, modifiers=())):
        decision = decide(twice, facts(prior_lines=(near,)))
        assert decision.status is ClaimStatus.PENDED
        assert decision.needed == ("a review: nearly line 1 of A1",)
    elsewhere = replace(paid, billing_provider_npi="9999999999")
    assert decide(twice, facts(prior_lines=(elsewhere,))).status is ClaimStatus.PAID


def test_two_prescriptions_of_one_drug_on_one_day_are_two_services() -> None:
    one = claim(drug_line(prescription_number="RX1"))

    def rule(number: str | None) -> str:
        prior = replace(prior_line(claim(), drug_line()), prescription_number=number)
        rules = decide(one, facts(prior_lines=(prior,))).lines[0].rules
        return next(each.outcome for each in rules if each.rule == "duplicate")

    assert [rule(number) for number in ("RX1", "RX2", None)] == ["denied", "passed", "denied"]


def test_a_number_that_nothing_proves_buys_no_second_payment() -> None:
    def rule(one: ClaimLine, by: Contract) -> str:
        prior = replace(prior_line(claim(), one), prescription_number="RX2")
        rules = decide(claim(one), facts(prior_lines=(prior,)), by=by).lines[0].rules
        return next(each.outcome for each in rules if each.rule == "duplicate")

    visit, unproven = line(prescription_number="RX1"), contract(evidence=[])
    device = drug_line(procedure_code="E0100")
    assert [rule(visit, contract()), rule(drug_line(), unproven)] == ["denied", "denied"]
    assert rule(device, contract()) == "denied"
    assert rule(drug_line(), contract()) == "passed"


def test_a_code_that_is_not_listed_is_denied_or_pended_as_the_contract_says() -> None:
    unknown = claim(line(procedure_code="G9999"))
    assert adjustments(decide(unknown)) == [("CO", "204", "150.00")]
    params = {**world.terms_json()["params"], "unlisted": "pend"}
    decision = decide(unknown, by=contract(params=params))
    assert decision.status is ClaimStatus.PENDED
    assert decision.needed == ("a fee for G9999", "G10: fee.mue is not known")


@pytest.mark.parametrize(
    ("modifiers", "allowed"), [((), "32.79"), (("TC",), "22.67"), (("59", "TC"), "22.67")]
)
def test_the_first_modifier_listed_picks_the_fee(modifiers: tuple[str, ...], allowed: str) -> None:
    decision = decide(claim(line(procedure_code="G0130", modifiers=modifiers)))
    assert str(decision.lines[0].allowed_amount) == allowed


def test_a_guard_denies_with_its_codes_or_pends() -> None:
    three = claim(line(procedure_code="G0101", units=Decimal(3)))
    assert adjustments(decide(three)) == [("CO", "151", "150.00")]
    review = decide(claim(line(modifiers=("GZ",))))
    assert review.status is ClaimStatus.PENDED
    assert review.needed == ("G20: a review",)
    authorised = claim(line(modifiers=("GZ",), prior_authorization="P1"))
    assert decide(authorised).status is ClaimStatus.PAID


def test_a_guard_without_an_answer_pends_and_never_pays() -> None:
    half = decide(claim(line(procedure_code="G0101", units=Decimal("0.5"))))
    assert half.status is ClaimStatus.PENDED
    assert half.needed == ("G10: line.units is not known",)


QUANTITY_LEFT = [None, Decimal(4), Decimal(5)]
STATES = [PROVEN, MISSING, CONTRADICTED]


def test_evidence_in_every_state_is_judged_as_the_guide_says() -> None:
    plan = contract()
    seen: dict[ClaimStatus, int] = {}
    for found, custody, condition, tier, left in itertools.product(
        STATES, STATES, STATES, [Tier.T0, Tier.T1, Tier.T4], QUANTITY_LEFT
    ):
        known = dispensed(
            dispensing=found,
            custody=custody,
            condition=condition,
            tier=tier,
            available_quantity=left,
        )
        decision = decide(claim(drug_line()), facts(evidence(dispensing=known)), by=plan)
        if found is not PROVEN:
            expected = ClaimStatus.PENDED
        elif CONTRADICTED in (custody, condition) or left == Decimal(4):
            expected = ClaimStatus.DENIED
        elif MISSING in (custody, condition) or tier is Tier.T0 or left is None:
            expected = ClaimStatus.PENDED
        else:
            expected = ClaimStatus.PAID
        assert decision.status is expected
        assert decision.needed or expected is not ClaimStatus.PENDED
        seen[expected] = seen.get(expected, 0) + 1
    assert seen == {ClaimStatus.PENDED: 184, ClaimStatus.DENIED: 57, ClaimStatus.PAID: 2}


def test_a_denial_carries_the_contracts_codes_and_the_proof() -> None:
    remarked = world.remarked("16", "M119")
    decision = decide(
        claim(drug_line()),
        facts(evidence(dispensing=dispensed(condition=CONTRADICTED))),
        by=remarked,
    )
    (adjustment,) = decision.lines[0].adjustments
    assert (adjustment.reason_code, adjustment.remark_code) == ("16", "M119")
    (rule,) = [each for each in decision.lines[0].rules if each.outcome is Outcome.DENIED]
    assert (rule.rule, rule.entries) == ("evidence.condition", (OTHER_ENTRY,))
    assert rule.shown == "shown"


def test_no_match_never_denies() -> None:
    for known in (LineEvidence(number=1), evidence(dispensing=dispensed(dispensing=CONTRADICTED))):
        decision = decide(claim(drug_line()), facts(known))
        assert decision.status is ClaimStatus.PENDED
        assert outcome(decision, "evidence.dispensing") is Outcome.PENDED


def test_where_no_tier_is_demanded_unknown_custody_passes() -> None:
    terms = world.terms_json()
    terms["evidence"][0]["tier"] = "T0"
    plan = contract(evidence=terms["evidence"])
    for custody, status in ((MISSING, ClaimStatus.PAID), (CONTRADICTED, ClaimStatus.DENIED)):
        known = dispensed(custody=custody, tier=Tier.T0)
        decided = decide(claim(drug_line()), facts(evidence(dispensing=known)), by=plan)
        assert decided.status is status


def test_what_was_dispensed_is_paid_once_also_within_a_claim() -> None:
    half = Drug(ndc=world.NDC, quantity=Decimal(3), unit="UN")
    lines = [drug_line(number, drug=half, charge_amount=Decimal(number)) for number in (1, 2)]
    lines[1] = replace(lines[1], service_date=date(2026, 3, 3))
    decision = decide(claim(*lines), facts(evidence(), evidence(2)))
    assert [each.status for each in decision.lines] == [LineStatus.PAID, LineStatus.DENIED]
    assert outcome(decision, "evidence.quantity", 2) is Outcome.DENIED
    assert "3 UN billed, 2 left" in [rule.shown for rule in decision.lines[1].rules]


def test_a_quantity_in_another_unit_is_not_converted() -> None:
    decision = decide(claim(drug_line()), facts(evidence(dispensing=dispensed(unit="ML"))))
    assert decision.needed == ("the quantity dispensed in UN",)


def test_a_drug_category_without_a_drug_pends() -> None:
    decision = decide(claim(drug_line(drug=None)), facts())
    assert decision.needed == ("the quantity dispensed and not yet paid",)


def test_a_pharmacys_line_is_priced_by_its_ndc() -> None:
    bought = drug_line(procedure_code=None, units=Decimal(30), charge_amount=Decimal("60.00"))
    decision = decide(claim(bought))
    assert str(decision.lines[0].allowed_amount) == "45.00"


@pytest.mark.parametrize(
    ("anchored", "consent", "status"),
    [
        (PROVEN, PROVEN, ClaimStatus.PAID),
        (MISSING, PROVEN, ClaimStatus.PENDED),
        (CONTRADICTED, PROVEN, ClaimStatus.DENIED),
        (PROVEN, MISSING, ClaimStatus.PENDED),
        (PROVEN, CONTRADICTED, ClaimStatus.PENDED),
    ],
)
def test_a_record_is_judged_and_refused_consent_never_denies(
    anchored: Fact, consent: Fact, status: ClaimStatus
) -> None:
    record = RecordEvidence(anchored=anchored, consent=consent)
    decision = decide(claim(device()), facts(evidence(record=record)))
    assert decision.status is status


def test_a_missing_record_and_its_consent_are_both_needed() -> None:
    decision = decide(claim(device()), facts(LineEvidence(number=1)))
    assert decision.needed == (
        "the record that supports the line",
        "the patient's consent to its use",
    )


def test_a_fact_missing_without_a_word_is_needed_by_its_rule() -> None:
    record = RecordEvidence(anchored=Fact(state=State.MISSING), consent=PROVEN)
    decision = decide(claim(device()), facts(evidence(record=record)))
    assert decision.needed == ("evidence.record",)


def test_one_pending_line_holds_the_claim_and_moves_no_accumulator() -> None:
    lines = (line(), drug_line(2), line(3, procedure_code="G9999"))
    decision = decide(claim(*lines), facts(LineEvidence(number=2)))
    assert decision.status is ClaimStatus.PENDED
    assert [each.status for each in decision.lines] == [
        LineStatus.HELD,
        LineStatus.PENDED,
        LineStatus.DENIED,
    ]
    assert decision.paid_amount == 0
    assert decision.accumulators_after == decision.accumulators
    assert decision.lines[0].adjustments == ()


def test_accumulators_run_from_line_to_line() -> None:
    many = [line(number, charge_amount=Decimal(100 + number)) for number in range(1, 7)]
    plan = contract()
    prior = claim(*[replace(each, service_date=date(2026, 3, each.number)) for each in many])
    decision = decide(prior, met=world.NOTHING_MET, by=plan)
    shares = [
        each.amount
        for decided in decision.lines
        for each in decided.adjustments
        if each.reason_code == "1"
    ]
    assert sum(shares) == Decimal("500.00") == decision.accumulators_after.deductible_met_amount
    assert decision.accumulators_after.oop_met_amount == decision.patient_amount


def test_every_line_balances_with_what_is_undecided() -> None:
    plan = contract()
    lines = (line(), drug_line(2), device(3), line(4, procedure_code="G9999", charge_amount=ZERO))
    for found in itertools.product(STATES, repeat=2):
        known = facts(
            evidence(2, dispensing=dispensed(condition=found[0])),
            evidence(3, record=RecordEvidence(anchored=found[1], consent=PROVEN)),
        )
        decision = decide(claim(*lines), known, by=plan)
        for decided in decision.lines:
            adjusted = sum((each.amount for each in decided.adjustments), ZERO)
            assert decided.billed_amount == (
                decided.paid_amount + adjusted + decided.undecided_amount
            )
            assert (decided.undecided_amount == 0) or decision.status is ClaimStatus.PENDED
        assert decision.billed_amount == claim(*lines).total_amount


@pytest.mark.parametrize(
    ("of", "known", "fault"),
    [
        (claim(payer_id="OTHER"), facts(), "payer PAYER1, not OTHER"),
        (claim(line(service_date=date(2025, 12, 31))), facts(), "not in force on 2025-12-31"),
        (claim(line(service_date=date(2027, 1, 1))), facts(), "not in force on 2027-01-01"),
        (claim(line(service_date=date(2026, 3, 11))), facts(), "after the claim was received"),
        (claim(), facts(received_date=date(2026, 3, 12)), "decide claims of 2026-03-12"),
        (claim(), facts(evidence(), evidence()), "two pieces of evidence"),
    ],
)
def test_another_contracts_claim_is_not_decided(of: Any, known: Any, fault: str) -> None:
    with pytest.raises(AdjudicationError, match=fault):
        decide(of, known)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"number": 2}, "numbered from 1"),
        ({"procedure_code": None}, "neither a procedure nor a drug"),
        ({"units": Decimal(0)}, "a quantity of nothing"),
        ({"service_end_date": date(2026, 3, 1)}, "ends before it begins"),
        ({"fill_number": -1}, "negative fill number"),
    ],
)
def test_a_claim_that_contradicts_itself_is_not_decided(
    changes: dict[str, Any], fault: str
) -> None:
    with pytest.raises(ClaimError, match=fault):
        decide(claim(replace(line(), **changes)))


def test_a_claim_has_one_to_fifty_lines() -> None:
    for count in (0, 51):
        lines = tuple(line(number) for number in range(1, count + 1))
        with pytest.raises(ClaimError, match="1 to 50 lines"):
            decide(replace(claim(), lines=lines))


def test_charges_beyond_what_an_amount_holds_are_refused() -> None:
    most = [line(number, charge_amount=AMOUNT_MAX) for number in (1, 2)]
    with pytest.raises(ClaimError, match="the charges sum"):
        decide(claim(*most))


def test_a_decision_is_written_and_read() -> None:
    decision = decide(claim(drug_line(), line(2)), facts(LineEvidence(number=1)))
    assert parse_decision(format_decision(decision)) == decision
    for junk in (b"", b"{}", b"[1]", format_decision(decision)[:-1]):
        with pytest.raises(DecisionError):
            parse_decision(junk)


def test_evidence_without_an_entry_still_counts_what_is_spent() -> None:
    unnamed = dispensed(dispensing=Fact(state=State.PROVEN))
    assert isinstance(unnamed, DispensingEvidence)
    decision = decide(claim(drug_line()), facts(evidence(dispensing=unnamed)))
    assert decision.status is ClaimStatus.PAID
