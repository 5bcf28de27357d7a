from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claims.core.money import (
    AMOUNT_MAX,
    MoneyError,
    allocate,
    format_amount,
    format_quantity,
    minor_units,
    parse_amount,
    parse_quantity,
    round_amount,
)

AMOUNTS = st.decimals(min_value=0, max_value=AMOUNT_MAX, places=2)
BAD_AMOUNTS = ["", "1", "1.0", "1.000", "01.00", "-1.00", "+1.00", "1e2", "\u0661.00", "NaN"]


def test_ten_in_three_gives_the_odd_cent_to_the_first_line() -> None:
    parts = allocate(Decimal("10.00"), [Decimal(1)] * 3)
    assert list(map(str, parts)) == ["3.34", "3.33", "3.33"]


def test_the_largest_remainder_comes_before_the_lower_line() -> None:
    assert allocate(Decimal("0.02"), [Decimal("0.1"), Decimal("0.5"), Decimal("0.4")]) == (
        Decimal("0.00"),
        Decimal("0.01"),
        Decimal("0.01"),
    )


@given(AMOUNTS, st.lists(st.decimals(min_value=0, max_value=10**6, places=3), min_size=1))
@settings(max_examples=100)
def test_parts_sum_to_the_total_and_none_is_a_cent_off(
    total: Decimal, weights: list[Decimal]
) -> None:
    if not any(weights):
        weights = [Decimal(1)]
    for signed in (total, -total):
        parts = allocate(signed, weights)
        assert sum(parts) == signed
        for part, weight in zip(parts, weights, strict=True):
            assert abs(part - signed * weight / sum(weights)) < Decimal("0.011")


@pytest.mark.parametrize("weights", [[], [Decimal(0)], [Decimal(2), Decimal(-1)]])
def test_nothing_is_divided_by_nothing(weights: list[Decimal]) -> None:
    with pytest.raises(MoneyError):
        allocate(Decimal("1.00"), weights)


@given(AMOUNTS)
@settings(max_examples=100)
def test_an_amount_has_one_spelling(amount: Decimal) -> None:
    assert parse_amount(format_amount(amount)) == amount
    assert minor_units(amount) == int(amount * 100)


@pytest.mark.parametrize("text", BAD_AMOUNTS)
def test_other_spellings_of_amounts_are_refused(text: str) -> None:
    with pytest.raises(MoneyError):
        parse_amount(text)


@pytest.mark.parametrize("text", ["0.001", "-0.01", "1000000000000", "NaN", "Infinity"])
def test_what_is_no_amount_is_not_written(text: str) -> None:
    with pytest.raises(MoneyError):
        format_amount(Decimal(text))


@given(st.decimals(min_value=0, max_value=999_999_999, places=4))
@settings(max_examples=100)
def test_a_quantity_has_one_spelling(quantity: Decimal) -> None:
    assert parse_quantity(format_quantity(quantity)) == quantity


@pytest.mark.parametrize("text", ["1.0", "1.50", "01", ".5", "1.12345", "-1", "1e3", "9999999999"])
def test_other_spellings_of_quantities_are_refused(text: str) -> None:
    with pytest.raises(MoneyError):
        parse_quantity(text)


@pytest.mark.parametrize("text", ["0.00001", "-1", "NaN", "1E+9"])
def test_what_is_no_quantity_is_not_written(text: str) -> None:
    with pytest.raises(MoneyError):
        format_quantity(Decimal(text))


def test_half_a_cent_is_rounded_up() -> None:
    assert [str(round_amount(Decimal(text))) for text in ("0.005", "0.015", "0.0149")] == [
        "0.01",
        "0.02",
        "0.01",
    ]
