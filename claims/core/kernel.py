"""The arithmetic of a claim line: what is allowed, what the patient bears, what is paid.

The contract names the steps and their order; only these do arithmetic. Each step rounds once.
For every line: billed = paid + the sum of its adjustments.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from claims.core.contract import BASIS_POINTS, Params, Step
from claims.core.facts import Accumulators
from claims.core.money import ZERO, Amount, round_amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """Why a line pays less than billed: group, CARC, the amount, and a RARC where one is due."""

    group_code: str
    reason_code: str
    amount: Amount
    remark_code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """A priced line: what each step left, and the member's accumulators after it."""

    allowed_amount: Decimal
    paid_amount: Decimal
    adjustments: tuple[Adjustment, ...]
    accumulators: Accumulators


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sharing:
    """The state between steps: what is left to pay, and the patient's shares so far."""

    left: Decimal
    params: Params
    accumulators: Accumulators


def _copay(sharing: _Sharing) -> Decimal:
    """CARC 3: a fixed amount per line."""
    return min(sharing.left, sharing.params.copay or ZERO)


def _deductible(sharing: _Sharing) -> Decimal:
    """CARC 1: what the member pays before the plan does, once a plan year."""
    limit = sharing.params.deductible.individual if sharing.params.deductible else ZERO
    return min(sharing.left, max(ZERO, limit - sharing.accumulators.deductible_met_amount))


def _coinsurance(sharing: _Sharing) -> Decimal:
    """CARC 2: a share of what is left."""
    return round_amount(sharing.left * (sharing.params.coinsurance_bp or 0) / BASIS_POINTS)


_SHARES: Mapping[Step, tuple[str, Callable[[_Sharing], Decimal]]] = {
    Step.COPAY: ("3", _copay),
    Step.DEDUCTIBLE: ("1", _deductible),
    Step.COINSURANCE: ("2", _coinsurance),
}


def price_line(
    *,
    billed_amount: Decimal,
    fee_amount: Decimal,
    units: Decimal,
    steps: Sequence[Step],
    params: Params,
    accumulators: Accumulators,
) -> Priced:
    """Return the line priced by ``steps``; ``fee_amount`` is for one unit.

    The out-of-pocket limit takes back from the last share first, so a deductible counts as met
    only as far as the member really bears it.
    """
    allowed = min(billed_amount, round_amount(fee_amount * units))
    shares: dict[Step, Decimal] = {}
    for step in steps[1:]:
        if step is Step.OOP:
            shares = _clip(shares, params, accumulators)
            continue
        left = allowed - sum(shares.values())
        shares[step] = _SHARES[step][1](
            _Sharing(left=left, params=params, accumulators=accumulators)
        )
    borne = sum(shares.values(), ZERO)
    candidates = [("CO", "45", billed_amount - allowed)]
    candidates += [("PR", _SHARES[step][0], amount) for step, amount in shares.items()]
    adjustments = tuple(
        Adjustment(group_code=group, reason_code=reason, amount=amount)
        for group, reason, amount in candidates
        if amount
    )
    check_line_balance(billed_amount, allowed - borne, adjustments)
    return Priced(
        allowed_amount=allowed,
        paid_amount=allowed - borne,
        adjustments=adjustments,
        accumulators=Accumulators(
            deductible_met_amount=accumulators.deductible_met_amount
            + shares.get(Step.DEDUCTIBLE, ZERO),
            oop_met_amount=accumulators.oop_met_amount + borne,
        ),
    )


def check_line_balance(
    billed_amount: Decimal, paid_amount: Decimal, adjustments: Sequence[Adjustment]
) -> None:
    """Assert that a line balances and pays no less than nothing."""
    adjusted = sum((adjustment.amount for adjustment in adjustments), ZERO)
    assert paid_amount >= 0, f"pays {paid_amount}"
    assert billed_amount == paid_amount + adjusted, f"{billed_amount} != {paid_amount} + {adjusted}"


def _clip(
    shares: dict[Step, Decimal], params: Params, accumulators: Accumulators
) -> dict[Step, Decimal]:
    """Return the patient's ``shares`` cut to what is left of the out-of-pocket limit."""
    limit = params.oop_max.individual if params.oop_max else ZERO
    excess = sum(shares.values()) - max(ZERO, limit - accumulators.oop_met_amount)
    clipped = dict(shares)
    for step in reversed(shares):
        taken_back = min(clipped[step], max(ZERO, excess))
        clipped[step] -= taken_back
        excess -= taken_back
    return clipped
