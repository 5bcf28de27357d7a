"""What a claim's lines spend of what was dispensed: each serial's quantity is paid for once.

A line takes from the items of its dispensing in their order, after the lines above it.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import TypeAlias

from claims.core.decision import SerialSpend
from claims.core.facts import DispensedItem, DispensingEvidence
from claims.core.money import ZERO

# What lines above spend, by dispensing (its entry) and item.
Spent: TypeAlias = tuple[tuple[tuple[str, str], Decimal], ...]


def items_of(found: DispensingEvidence | None) -> tuple[DispensedItem, ...]:
    """Return the items of a dispensing; evidence that names none stands for a single one."""
    if found is None or found.available_quantity is None:
        return ()
    if found.items is not None:
        return found.items
    entries = found.dispensing.entries
    return (
        DispensedItem(
            epc="",
            entry_id=entries[0].entry_id if entries else "",
            dispensed_quantity=found.dispensed_quantity or found.available_quantity,
            available_quantity=found.available_quantity,
        ),
    )


def spent_of(items: Iterable[DispensedItem], spent: Spent) -> Decimal:
    """Return how much of these items lines above spend."""
    keys = {_key(item) for item in items}
    return sum((amount for key, amount in spent if key in keys), ZERO)


def spend(items: Iterable[DispensedItem], spent: Spent, quantity: Decimal) -> Spent:
    """Return what a line takes of each item, in order, until it has ``quantity``."""
    taken: list[tuple[tuple[str, str], Decimal]] = []
    for item in items:
        part = min(quantity, item.available_quantity - spent_of([item], spent))
        if part > 0:
            taken.append((_key(item), part))
            quantity -= part
    return tuple(taken)


def serial_spends(taken: Spent) -> tuple[SerialSpend, ...] | None:
    """Return what a line takes as its decision says it, ``None`` where no serial is named."""
    named = tuple(
        SerialSpend(epc=epc, entry_id=entry_id, quantity=quantity)
        for (entry_id, epc), quantity in taken
        if epc
    )
    return named or None


def _key(item: DispensedItem) -> tuple[str, str]:
    return item.entry_id, item.epc
