"""From a claim and everything known about it to the decision: one pure function.

The same inputs give the same bytes, anywhere and at any time. A line is denied if any rule denies
it (the first in the contract's order gives the codes), else pended if any rule pends it, else
priced. When one line pends the whole claim pends: nothing is paid and no accumulator moves, and
lines that could be paid are held. That is a thin rule, on purpose: a claim is decided once.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

from claims.core.cel_profile import PROFILE, FactValue, GuardFault, evaluate_guards
from claims.core.contract import Contract, Fee
from claims.core.decision import (
    ClaimStatus,
    Decision,
    Engine,
    LineDecision,
    LineStatus,
    Outcome,
    RuleOutcome,
    value_hash,
)
from claims.core.edits import (
    DRUG_CATEGORY,
    NO_CATEGORY,
    QUANTITY_RULE,
    LineCase,
    check_line,
    prior_line,
)
from claims.core.facts import Accumulators, Facts, LineEvidence, PriorLine
from claims.core.guard_facts import NO_LIMIT_UNITS, guard_facts
from claims.core.kernel import Adjustment, check_line_balance, price_line
from claims.core.model import Claim, ClaimLine, check_claim
from claims.core.money import ZERO, minor_units
from claims.core.spending import Spent, items_of, serial_spends, spend, spent_of
from foundation.core.problem import BadInputError


class AdjudicationError(BadInputError):
    """The contract is not the one for this claim, or the facts are not of it."""

    slug = "wrong-contract"
    title = "The claim cannot be decided by this contract"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ledger:
    """What lines above leave to those below: accumulators, lines seen, quantities spent."""

    accumulators: Accumulators
    prior_lines: tuple[PriorLine, ...]
    spent: Spent = ()


def adjudicate(
    *,
    claim: Claim,
    facts: Facts,
    accumulators: Accumulators,
    contract: Contract,
    as_of: date,
    engine: Engine,
    supersedes: str | None = None,
) -> Decision:
    """Return the decision on ``claim`` by ``contract``, from ``facts`` known ``as_of`` that day.

    Raise ``ClaimError`` for a claim that contradicts itself and ``AdjudicationError`` where the
    contract is not in force for its payer, dates of service or day of receipt.
    """
    check_claim(claim)
    _check_in_force(claim, facts, contract, as_of)
    state = _Ledger(accumulators=accumulators, prior_lines=facts.prior_lines)
    decided: list[LineDecision] = []
    for line in claim.lines:
        decision, state = _decide_line(claim, line, facts=facts, contract=contract, state=state)
        decided.append(decision)
    pends = any(line.status is LineStatus.PENDED for line in decided)
    lines = tuple(_held(line) if pends else line for line in decided)
    return Decision(
        v=1,
        claim_id=claim.claim_id,
        claim_hash=value_hash(claim),
        facts_hash=value_hash(facts),
        accumulators_hash=value_hash(accumulators),
        contract_id=contract.id,
        cel=PROFILE,
        engine=engine,
        as_of=as_of,
        status=_claim_status({line.status for line in lines}),
        billed_amount=claim.total_amount,
        paid_amount=sum((line.paid_amount for line in lines), ZERO),
        lines=lines,
        accumulators=accumulators,
        accumulators_after=accumulators if pends else state.accumulators,
        supersedes=supersedes,
    )


def _check_in_force(claim: Claim, facts: Facts, contract: Contract, as_of: date) -> None:
    terms = contract.terms
    if claim.payer_id != terms.payer:
        raise AdjudicationError(f"the contract is of payer {terms.payer}, not {claim.payer_id}")
    for line in claim.lines:
        if not terms.dos.holds(line.service_date):
            raise AdjudicationError(
                f"line {line.number}: the contract is not in force on {line.service_date}"
            )
        if line.service_date > facts.received_date:
            raise AdjudicationError(f"line {line.number}: served after the claim was received")
    if not terms.received.holds(facts.received_date) or facts.received_date > as_of:
        raise AdjudicationError(f"the contract does not decide claims of {facts.received_date}")
    numbers = [evidence.number for evidence in facts.lines]
    if len(set(numbers)) != len(numbers):
        raise AdjudicationError("two pieces of evidence for one line")


def _decide_line(
    claim: Claim, line: ClaimLine, *, facts: Facts, contract: Contract, state: _Ledger
) -> tuple[LineDecision, _Ledger]:
    """Return the decision on one line, and what it leaves to the lines below."""
    fee = _fee(line, contract)
    evidence = next((each for each in facts.lines if each.number == line.number), None)
    items = items_of(evidence.dispensing if evidence else None)
    case = LineCase(
        claim=claim,
        line=line,
        fee=fee,
        category=_category(line, fee),
        evidence=evidence or LineEvidence(number=line.number),
        facts=facts,
        contract=contract,
        prior_lines=state.prior_lines,
        spent_quantity=spent_of(items, state.spent),
    )
    rules = (*check_line(case), *_guard_outcomes(case))
    decision, accumulators = _settle(case, rules, state.accumulators)
    taken: Spent = ()
    if decision.status is LineStatus.PAID and line.drug is not None and _weighed(rules):
        taken = spend(items, state.spent, line.drug.quantity)
    return replace(decision, spends=serial_spends(taken)), _Ledger(
        accumulators=accumulators,
        prior_lines=(*state.prior_lines, prior_line(claim, line)),
        spent=(*state.spent, *taken),
    )


def _weighed(rules: tuple[RuleOutcome, ...]) -> bool:
    """Tell whether the contract asked for the quantity dispensed, and found enough of it."""
    return any(rule.rule == QUANTITY_RULE and rule.outcome is Outcome.PASSED for rule in rules)


def line_facts(
    claim: Claim, line: ClaimLine, facts: Facts, contract: Contract
) -> dict[str, FactValue]:
    """Return the facts of ``line`` that the contract's guards may name, as far as known."""
    fee = _fee(line, contract)
    values = guard_facts(
        claim=claim,
        line=line,
        category=_category(line, fee),
        received_date=facts.received_date,
    )
    if fee is not None:
        values["fee.amount"] = minor_units(fee.amount)
        values["fee.mue"] = NO_LIMIT_UNITS if fee.mue_units is None else fee.mue_units
    return {name: value for name, value in values.items() if name in contract.profile.types}


def _fee(line: ClaimLine, contract: Contract) -> Fee | None:
    """Return the fee for the line's product: of its first modifier listed, else without one."""
    keys = [(line.product_code, modifier) for modifier in (*line.modifiers, "")]
    return next((contract.fees[key] for key in keys if key in contract.fees), None)


def _category(line: ClaimLine, fee: Fee | None) -> str:
    """Return the category that the fee schedule names, else what the line itself says."""
    if fee is not None and fee.category is not None:
        return fee.category
    return NO_CATEGORY if line.drug is None else DRUG_CATEGORY


def _guard_outcomes(case: LineCase) -> Iterator[RuleOutcome]:
    contract = case.contract
    values = line_facts(case.claim, case.line, case.facts, contract)
    answers = evaluate_guards(contract.guards, values, contract.profile)
    for term in contract.terms.guards:
        outcome, needed = Outcome.PASSED, None
        codes: tuple[str, ...] = ()
        answer = answers[term.id]
        if isinstance(answer, GuardFault):
            outcome, needed = Outcome.PENDED, f"{term.id}: {answer.reason}"
        elif answer and term.deny is not None:
            outcome, codes = Outcome.DENIED, term.deny
        elif answer:
            outcome, codes, needed = Outcome.PENDED, term.pend or (), f"{term.id}: a review"
        yield RuleOutcome(
            rule=term.id, outcome=outcome, clause=term.clause, codes=codes, needed=needed
        )


def _settle(
    case: LineCase, rules: tuple[RuleOutcome, ...], accumulators: Accumulators
) -> tuple[LineDecision, Accumulators]:
    """Return the line denied, pended or priced, and the accumulators after it."""
    billed = case.line.charge_amount
    pended = LineDecision(
        number=case.line.number,
        status=LineStatus.PENDED,
        billed_amount=billed,
        paid_amount=ZERO,
        undecided_amount=billed,
        rules=rules,
    )
    denial = next((rule for rule in rules if rule.outcome is Outcome.DENIED), None)
    if denial is not None:
        group, reason, *remarks = denial.codes
        adjustment = Adjustment(
            group_code=group,
            reason_code=reason,
            amount=billed,
            remark_code=next(iter(remarks), None),
        )
        check_line_balance(billed, ZERO, [adjustment])
        denied = replace(
            pended,
            status=LineStatus.DENIED,
            undecided_amount=ZERO,
            adjustments=(adjustment,) if billed else (),
        )
        return denied, accumulators
    if case.fee is None or any(rule.outcome is Outcome.PENDED for rule in rules):
        return pended, accumulators
    priced = price_line(
        billed_amount=billed,
        fee_amount=case.fee.amount,
        units=case.line.units,
        steps=[term.step for term in case.contract.terms.steps],
        params=case.contract.terms.params,
        accumulators=accumulators,
    )
    paid = replace(
        pended,
        status=LineStatus.PAID,
        paid_amount=priced.paid_amount,
        undecided_amount=ZERO,
        adjustments=priced.adjustments,
        allowed_amount=priced.allowed_amount,
    )
    return paid, priced.accumulators


def _held(line: LineDecision) -> LineDecision:
    """Return a payable line as it stands in a claim that pends: nothing of it is decided."""
    if line.status is not LineStatus.PAID:
        return line
    return replace(
        line,
        status=LineStatus.HELD,
        paid_amount=ZERO,
        undecided_amount=line.billed_amount,
        adjustments=(),
        allowed_amount=None,
        spends=None,
    )


def _claim_status(statuses: set[LineStatus]) -> ClaimStatus:
    if LineStatus.PENDED in statuses:
        return ClaimStatus.PENDED
    if LineStatus.DENIED not in statuses:
        return ClaimStatus.PAID
    return ClaimStatus.PARTIALLY if LineStatus.PAID in statuses else ClaimStatus.DENIED
