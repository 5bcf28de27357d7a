"""The last gate before signatures: golden claims come out right, and two engines agree on them."""

from collections.abc import Iterator

from claims.core.adjudicate import AdjudicationError, adjudicate, line_facts
from claims.core.cel_profile import EnginesDisagreeError, check_agreement
from claims.core.contract import (
    CODES_MIN,
    Contract,
    ContractError,
    Edit,
    Expected,
    ExpectedLine,
    GoldenClaim,
    Terms,
    parse_contract,
)
from claims.core.decision import Decision, Engine
from claims.core.model import ClaimError
from claims.core.money import format_amount

# Golden claims compare amounts and statuses, never bytes, so the engine's name is nobody's here.
_ENGINE = Engine(name="golden", version="0")
# X12's list of claim adjustment reason codes: 18 goes with group OA; 16 and 96 say nothing by
# themselves and demand a remark code.
_DUPLICATE_GROUP = "OA"
_REMARK_DEMANDED = frozenset({"16", "96"})


def check_contract(data: bytes) -> Contract:
    """Return the contract in canonical ``data``, fit to be signed.

    Raise ``ContractError`` with every fault and its JSON path: form, meaning, codes that no 835
    may carry, golden claims that come out otherwise, guards on which a second engine disagrees.
    """
    contract = parse_contract(data)
    faults = [*_code_faults(contract.terms)]
    faults += [
        f"$.golden[{at}]{fault}"
        for at, golden in enumerate(contract.terms.golden)
        for fault in _golden_faults(contract, golden)
    ]
    if faults:
        raise ContractError(faults)
    return contract


def expected_of(decision: Decision) -> Expected:
    """Return ``decision`` in the words of a golden claim."""
    return Expected(
        status=decision.status,
        lines=tuple(
            ExpectedLine(
                status=line.status,
                paid=line.paid_amount,
                adjustments=tuple(
                    (each.group_code, each.reason_code, format_amount(each.amount))
                    for each in line.adjustments
                ),
            )
            for line in decision.lines
        ),
    )


def _code_faults(terms: Terms) -> Iterator[str]:
    """Yield which denials would make an 835 that X12's code lists do not allow."""
    for at, edit in enumerate(terms.edits):
        if edit.edit is Edit.DUPLICATE and edit.group != _DUPLICATE_GROUP:
            yield f"$.edits[{at}].group: a duplicate (CARC 18) goes with {_DUPLICATE_GROUP}"
    denials = {f"evidence[{at}]": term.deny for at, term in enumerate(terms.evidence)}
    denials |= {f"guards[{at}]": term.deny or () for at, term in enumerate(terms.guards)}
    for path, codes in denials.items():
        if len(codes) == CODES_MIN and codes[1] in _REMARK_DEMANDED:
            yield f"$.{path}.deny: CARC {codes[1]} demands a remark code"


def _golden_faults(contract: Contract, golden: GoldenClaim) -> Iterator[str]:
    try:
        decision = adjudicate(
            claim=golden.claim,
            facts=golden.facts,
            accumulators=golden.accumulators,
            contract=contract,
            as_of=golden.as_of,
            engine=_ENGINE,
        )
    except (AdjudicationError, ClaimError) as error:
        yield f": {error.detail}"
        return
    comes_out = expected_of(decision)
    if comes_out.status != golden.expect.status:
        yield f".expect.status: comes out {comes_out.status}"
    if len(comes_out.lines) != len(golden.expect.lines):
        yield f".expect.lines: the claim has {len(comes_out.lines)}"
    for at, (line, expected) in enumerate(zip(comes_out.lines, golden.expect.lines, strict=False)):
        if line != expected:
            adjustments = ", ".join(" ".join(each) for each in line.adjustments)
            yield f".expect.lines[{at}]: comes out {line.status} {line.paid} [{adjustments}]"
    for line_of_claim in golden.claim.lines:
        values = line_facts(golden.claim, line_of_claim, golden.facts, contract)
        for key, guard in contract.guards.items():
            try:
                check_agreement(guard, values, contract.profile)
            except EnginesDisagreeError:
                yield f": two engines disagree on guard {key} for line {line_of_claim.number}"
