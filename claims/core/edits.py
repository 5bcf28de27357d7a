"""The checks before pricing: each looks at one line and says passed, denied or pended.

Missing pends with what is needed; contradicted denies with the proof. Consent that is refused or
revoked is missing. Nothing here computes an amount.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from claims.core.contract import Contract, Edit, EditTerm, EvidenceTerm, Fee, Unlisted
from claims.core.decision import Outcome, RuleOutcome
from claims.core.facts import DispensingEvidence, Fact, Facts, LineEvidence, PriorLine, State
from claims.core.model import Claim, ClaimLine
from claims.core.money import ZERO, format_quantity

NO_CATEGORY = "service"
DRUG_CATEGORY = "drug"
QUANTITY_RULE = "evidence.quantity"


@dataclass(frozen=True, slots=True, kw_only=True)
class LineCase:
    """One line with all that is known about it when the checks are made.

    ``prior_lines`` are the member's lines decided before and those above in this claim;
    ``spent_quantity`` is what lines above spend of the same items.
    """

    claim: Claim
    line: ClaimLine
    fee: Fee | None
    category: str
    evidence: LineEvidence
    facts: Facts
    contract: Contract
    prior_lines: tuple[PriorLine, ...]
    spent_quantity: Decimal = ZERO


Check = Callable[[LineCase, EditTerm], Iterator[RuleOutcome]]


def check_line(case: LineCase) -> Iterator[RuleOutcome]:
    """Yield what every built-in check says of a line, in the contract's order."""
    for term in case.contract.terms.edits:
        yield from _CHECKS[term.edit](case, term)


def prior_line(claim: Claim, line: ClaimLine) -> PriorLine:
    """Return ``line`` as a later one finds it when looking for duplicates."""
    return PriorLine(
        claim_id=claim.claim_id,
        number=line.number,
        billing_provider_npi=claim.billing_provider_npi,
        service_date=line.service_date,
        charge_amount=line.charge_amount,
        procedure_code=line.procedure_code,
        ndc=None if line.drug is None else line.drug.ndc,
        modifiers=line.modifiers,
        prescription_number=line.prescription_number,
    )


def _passed(term: EditTerm) -> RuleOutcome:
    return RuleOutcome(rule=term.edit, outcome=Outcome.PASSED, clause=term.clause)


def _denied(term: EditTerm, reason_code: str) -> RuleOutcome:
    return RuleOutcome(
        rule=term.edit,
        outcome=Outcome.DENIED,
        clause=term.clause,
        codes=(term.group, reason_code),
    )


def _pended(term: EditTerm, needed: str) -> RuleOutcome:
    return RuleOutcome(rule=term.edit, outcome=Outcome.PENDED, clause=term.clause, needed=needed)


def _eligibility(case: LineCase, term: EditTerm) -> Iterator[RuleOutcome]:
    """CARC 26 before coverage begins, 27 after it ended; unknown coverage pends."""
    coverage = case.facts.coverage
    last_date = case.line.service_end_date or case.line.service_date
    if coverage is None:
        yield _pended(term, "the member's coverage on the date of service")
    elif case.line.service_date < coverage.from_date:
        yield _denied(term, "26")
    elif coverage.to_date is not None and last_date > coverage.to_date:
        yield _denied(term, "27")
    else:
        yield _passed(term)


def _filing(case: LineCase, term: EditTerm) -> Iterator[RuleOutcome]:
    """CARC 29: received later than the contract allows, counted from the date of service."""
    days = (case.facts.received_date - case.line.service_date).days
    late = days > case.contract.terms.params.filing_days
    yield _denied(term, "29") if late else _passed(term)


def _duplicate(case: LineCase, term: EditTerm) -> Iterator[RuleOutcome]:
    """CARC 18: same provider, date, product, modifiers and amount; nearly the same pends.

    Lines that name two different prescriptions are two services, where the contract has the
    dispensing proven: any other number is the sender's word, and would buy a second payment.
    """
    mine = prior_line(case.claim, case.line)
    demand = case.contract.evidence.get(case.category)
    proven = case.line.drug is not None and demand is not None and demand.dispensing
    near = [
        prior
        for prior in case.prior_lines
        if (prior.billing_provider_npi, prior.service_date, prior.procedure_code, prior.ndc)
        == (mine.billing_provider_npi, mine.service_date, mine.procedure_code, mine.ndc)
        and not (proven and len({prior.prescription_number, mine.prescription_number} - {None}) > 1)
    ]
    exact = [
        prior
        for prior in near
        if (sorted(prior.modifiers), prior.charge_amount)
        == (sorted(mine.modifiers), mine.charge_amount)
    ]
    if exact:
        yield _denied(term, "18")
    elif near:
        yield _pended(term, f"a review: nearly line {near[0].number} of {near[0].claim_id}")
    else:
        yield _passed(term)


def _schedule(case: LineCase, term: EditTerm) -> Iterator[RuleOutcome]:
    """CARC 204: the fee schedule does not list the code; the contract may pend it instead.

    Not 96, which X12 takes only with a remark code.
    """
    if case.fee is not None:
        yield _passed(term)
    elif case.contract.terms.params.unlisted is Unlisted.DENY:
        yield _denied(term, "204")
    else:
        yield _pended(term, f"a fee for {case.line.product_code}")


def _evidence(case: LineCase, term: EditTerm) -> Iterator[RuleOutcome]:
    """Judge what the contract demands of the line's category, one outcome for each fact."""
    demand = case.contract.evidence.get(case.category)
    if demand is None:
        yield _passed(term)
        return
    if demand.dispensing:
        yield from _dispensing(case, demand)
    if demand.record:
        record = case.evidence.record
        anchored = record.anchored if record else _missing("the record that supports the line")
        consent = record.consent if record else _missing("the patient's consent to its use")
        yield _judged("evidence.record", anchored, demand)
        if consent.state is State.CONTRADICTED:
            # Refused or revoked consent never denies a claim.
            consent = Fact(state=State.MISSING, note=consent.note, entries=consent.entries)
        yield _judged("evidence.consent", consent, demand)


def _dispensing(case: LineCase, demand: EvidenceTerm) -> Iterator[RuleOutcome]:
    found = case.evidence.dispensing
    if found is None or found.dispensing.state is not State.PROVEN:
        # Without its dispensing nothing else of the line can be known, and no match never denies.
        note = found.dispensing.note if found else ""
        yield _judged("evidence.dispensing", _missing(note or "the dispensing"), demand)
        return
    yield _judged("evidence.dispensing", found.dispensing, demand)
    custody = found.custody
    if custody.state is State.PROVEN and found.tier < demand.tier:
        custody = _missing(f"custody proven to {demand.tier}; it is proven to {found.tier}")
    elif custody.state is State.MISSING and demand.tier == "T0":
        custody = Fact(state=State.PROVEN, entries=custody.entries)
    yield _judged("evidence.custody", custody, demand)
    yield _judged("evidence.condition", found.condition, demand)
    yield _judged(QUANTITY_RULE, _quantity(case, found), demand)


def _quantity(case: LineCase, found: DispensingEvidence) -> Fact:
    """Return whether enough is left to pay: what was dispensed is paid once, by anyone."""
    drug = case.line.drug
    if drug is None or found.available_quantity is None:
        return _missing("the quantity dispensed and not yet paid")
    if found.unit != drug.unit:
        return _missing(f"the quantity dispensed in {drug.unit}")
    left = found.available_quantity - case.spent_quantity
    if drug.quantity > left:
        billed = format_quantity(drug.quantity)
        note = f"{billed} {drug.unit} billed, {format_quantity(left)} left"
        return Fact(state=State.CONTRADICTED, note=note, entries=found.dispensing.entries)
    return Fact(state=State.PROVEN, entries=found.dispensing.entries)


def _missing(needed: str) -> Fact:
    return Fact(state=State.MISSING, note=needed)


def _judged(rule: str, fact: Fact, demand: EvidenceTerm) -> RuleOutcome:
    """Return what a fact means: proven passes, missing pends, contradicted denies."""
    judged = RuleOutcome(
        rule=rule, outcome=Outcome.PASSED, clause=demand.clause, entries=fact.entries
    )
    if fact.state is State.MISSING:
        return replace(judged, outcome=Outcome.PENDED, needed=fact.note or rule)
    if fact.state is State.CONTRADICTED:
        shown = fact.note or None
        return replace(judged, outcome=Outcome.DENIED, codes=demand.deny, shown=shown)
    return judged


_CHECKS: Mapping[Edit, Check] = {
    Edit.ELIGIBILITY: _eligibility,
    Edit.FILING: _filing,
    Edit.DUPLICATE: _duplicate,
    Edit.SCHEDULE: _schedule,
    Edit.EVIDENCE: _evidence,
}
