"""Money: exact decimals with two places, rounded once where a rule says so, never lost.

An amount is a ``Decimal`` below 10^12 (the database keeps numeric(14,2)). Guards never see one:
they see ``minor_units``, because the rule language has no decimal type.
"""

import re
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated

from claims.core.codec import Text
from foundation.core.problem import BadInputError

CENT = Decimal("0.01")
ZERO = Decimal("0.00")
AMOUNT_MAX = Decimal("999999999999.99")
QUANTITY_MAX = Decimal("999999999.9999")
_AMOUNT = re.compile(r"(?:0|[1-9][0-9]{0,11})\.[0-9]{2}")
_QUANTITY = re.compile(r"(?:0|[1-9][0-9]{0,8})(?:\.[0-9]{0,3}[1-9])?")


class MoneyError(BadInputError):
    """The text is no amount or quantity, or the amount cannot be divided."""

    slug = "not-an-amount"
    title = "This is not an amount"


def parse_amount(text: str) -> Decimal:
    """Return the amount that ``text`` spells: no sign, no leading zero, exactly two places.

    One amount has one spelling, so that equal claims have equal hashes. Raise ``MoneyError``.
    """
    if _AMOUNT.fullmatch(text) is None:
        raise MoneyError(f"{text[:20]!a} is not an amount such as 116.81")
    return Decimal(text)


def format_amount(amount: Decimal) -> str:
    """Return the spelling of a non-negative ``amount`` of whole cents; raise ``MoneyError``."""
    if not (amount.is_finite() and 0 <= amount <= AMOUNT_MAX and amount == amount.quantize(CENT)):
        raise MoneyError(f"{amount} is not an amount of whole cents below 10^12")
    return str(abs(amount.quantize(CENT)))


def parse_quantity(text: str) -> Decimal:
    """Return the quantity that ``text`` spells: up to four places, no trailing zero.

    Raise ``MoneyError``.
    """
    if _QUANTITY.fullmatch(text) is None:
        raise MoneyError(f"{text[:20]!a} is not a quantity such as 7 or 2.5")
    return Decimal(text)


def format_quantity(quantity: Decimal) -> str:
    """Return the one spelling of ``quantity``; raise ``MoneyError`` where it has none."""
    text = format(quantity, "f") if quantity.is_finite() else str(quantity)
    text = text.rstrip("0").rstrip(".") if "." in text else text
    if _QUANTITY.fullmatch(text) is None:
        raise MoneyError(f"{text[:20]} is not a quantity below 10^9 with four places")
    return text


_AMOUNT_TEXT = Text("an amount", parse_amount, format_amount, _AMOUNT.pattern, "150.00")
_QUANTITY_TEXT = Text("a quantity", parse_quantity, format_quantity, _QUANTITY.pattern, "2.5")
Amount = Annotated[Decimal, _AMOUNT_TEXT]
Quantity = Annotated[Decimal, _QUANTITY_TEXT]


def round_amount(exact: Decimal) -> Decimal:
    """Return ``exact`` in whole cents, half a cent up. Call it once, at the end of a step."""
    return exact.quantize(CENT, rounding=ROUND_HALF_UP)


def minor_units(amount: Decimal) -> int:
    """Return ``amount`` in cents."""
    return int(amount.scaleb(2))


def allocate(total: Decimal, weights: Sequence[Decimal]) -> tuple[Decimal, ...]:
    """Return ``total`` divided in proportion to ``weights``; the parts sum to it exactly.

    Cents left over go to the largest remainders, among equals to the lower line: 10.00 in three
    is 3.34, 3.33, 3.33. Raise ``MoneyError`` for weights that are negative or all zero.
    """
    if not any(weights) or any(weight < 0 for weight in weights):
        raise MoneyError(
            "an amount is divided by weights of which none is negative and one is not 0"
        )
    scale = min(int(weight.as_tuple().exponent) for weight in weights)
    shares = [int(weight.scaleb(-scale)) for weight in weights]
    cents = minor_units(abs(total))
    divided = [divmod(cents * share, sum(shares)) for share in shares]
    left = cents - sum(part for part, _ in divided)
    largest = sorted(range(len(shares)), key=lambda line: (-divided[line][1], line))[:left]
    parts = [part + (line in largest) for line, (part, _) in enumerate(divided)]
    return tuple(Decimal(part).scaleb(-2).copy_sign(total) for part in parts)
