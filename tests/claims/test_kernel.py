import itertools
from dataclasses import replace
from decimal import Decimal

import pytest

from claims.core.contract import Limit, Params, Step, Unlisted
from claims.core.facts import Accumulators
from claims.core.kernel import Adjustment, Priced, check_line_balance, price_line
from claims.core.money import ZERO

ALL = [Step.ALLOWED, Step.COPAY, Step.DEDUCTIBLE, Step.COINSURANCE, Step.OOP]
PARAMS = Params(
    filing_days=365,
    unlisted=Unlisted.DENY,
    copay=ZERO,
    deductible=Limit(individual=Decimal("500.00")),
    coinsurance_bp=2000,
    oop_max=Limit(individual=Decimal("3000.00")),
)


def met(deductible: str, oop: str) -> Accumulators:
    return Accumulators(deductible_met_amount=Decimal(deductible), oop_met_amount=Decimal(oop))


def told(priced: Priced) -> list[tuple[str, str, str]]:
    return [(each.group_code, each.reason_code, str(each.amount)) for each in priced.adjustments]


def test_the_line_of_the_textbook_comes_out_to_the_cent() -> None:
    priced = price_line(
        billed_amount=Decimal("1500.00"),
        fee_amount=Decimal("96.50"),
        units=Decimal(10),
        steps=ALL,
        params=PARAMS,
        accumulators=met("300.00", "0.00"),
    )
    assert str(priced.allowed_amount) == "965.00"
    assert told(priced) == [("CO", "45", "535.00"), ("PR", "1", "200.00"), ("PR", "2", "153.00")]
    assert str(priced.paid_amount) == "612.00"
    assert priced.accumulators == met("500.00", "353.00")


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([Step.COPAY, Step.DEDUCTIBLE], [("PR", "3", "20.00"), ("PR", "1", "80.00")]),
        ([Step.DEDUCTIBLE, Step.COPAY], [("PR", "1", "90.00"), ("PR", "3", "10.00")]),
    ],
)
def test_the_contract_says_whether_copay_or_deductible_comes_first(
    steps: list[Step], expected: list[tuple[str, str, str]]
) -> None:
    priced = price_line(
        billed_amount=Decimal("100.00"),
        fee_amount=Decimal("100.00"),
        units=Decimal(1),
        steps=[Step.ALLOWED, *steps],
        params=replace(
            PARAMS, copay=Decimal("20.00"), deductible=Limit(individual=Decimal("90.00"))
        ),
        accumulators=met("0.00", "0.00"),
    )
    assert told(priced) == expected


def test_the_limit_takes_back_the_last_share_first() -> None:
    priced = price_line(
        billed_amount=Decimal("100.00"),
        fee_amount=Decimal("100.00"),
        units=Decimal(1),
        steps=ALL,
        params=replace(PARAMS, deductible=Limit(individual=Decimal("50.00"))),
        accumulators=met("0.00", "2945.00"),
    )
    assert told(priced) == [("PR", "1", "50.00"), ("PR", "2", "5.00")]
    assert priced.accumulators == met("50.00", "3000.00")


def test_two_hundred_claims_of_one_member_spend_the_deductible_once() -> None:
    # 80 % of four lines of 100 after a deductible of 50, claim after claim.
    params = replace(PARAMS, deductible=Limit(individual=Decimal("50.00")), oop_max=None)
    balance, paid = met("0.00", "0.00"), []
    for _ in range(200):
        of_claim = ZERO
        for _ in range(4):
            priced = price_line(
                billed_amount=Decimal("100.00"),
                fee_amount=Decimal("100.00"),
                units=Decimal(1),
                steps=[Step.ALLOWED, Step.DEDUCTIBLE, Step.COINSURANCE],
                params=params,
                accumulators=balance,
            )
            balance, of_claim = priced.accumulators, of_claim + priced.paid_amount
        paid.append(of_claim)
    assert paid == [Decimal("280.00")] + [Decimal("320.00")] * 199
    assert sum(paid) == Decimal("63960.00")


def test_every_line_of_a_small_world_balances_and_no_limit_is_passed() -> None:
    amounts = [Decimal(text) for text in ("0.00", "0.01", "33.33", "100.00")]
    lefts = [Decimal(text) for text in ("0.00", "0.02", "50.00")]
    tried = 0
    for billed, fee, copay, deductible, oop, bp, order in itertools.product(
        amounts,
        amounts,
        lefts,
        lefts,
        lefts,
        (0, 3333, 10_000),
        itertools.permutations(ALL[1:4]),
    ):
        params = replace(
            PARAMS,
            copay=copay,
            deductible=Limit(individual=deductible),
            coinsurance_bp=bp,
            oop_max=Limit(individual=oop),
        )
        priced = price_line(
            billed_amount=billed,
            fee_amount=fee,
            units=Decimal(1),
            steps=[Step.ALLOWED, *order, Step.OOP],
            params=params,
            accumulators=met("0.00", "0.00"),
        )
        borne = sum((each.amount for each in priced.adjustments if each.group_code == "PR"), ZERO)
        assert priced.paid_amount >= 0
        assert priced.allowed_amount == min(billed, fee) == priced.paid_amount + borne
        assert billed == priced.paid_amount + sum(each.amount for each in priced.adjustments)
        assert all(each.amount > 0 for each in priced.adjustments)
        assert borne == priced.accumulators.oop_met_amount <= oop
        assert priced.accumulators.deductible_met_amount <= deductible
        tried += 1
    assert tried == 4 * 4 * 3 * 3 * 3 * 3 * 6


def test_a_line_that_does_not_balance_is_our_own_bug() -> None:
    one = Adjustment(group_code="CO", reason_code="45", amount=Decimal("1.00"))
    with pytest.raises(AssertionError, match=r"2\.00 != 0\.00"):
        check_line_balance(Decimal("2.00"), ZERO, [one])
    with pytest.raises(AssertionError, match="pays -1"):
        check_line_balance(ZERO, Decimal(-1), [one])
