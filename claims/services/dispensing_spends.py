"""What is left of dispensings, held and paid for in the insurer's own transaction."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import ROUND_DOWN, Decimal
from typing import Final
from uuid import UUID

from claims.core.decision import Decision
from claims.core.facts import DispensedItem, DispensingEvidence, Fact, State
from claims.core.money import QUANTITY_MAX
from foundation.core.actor import Actor
from provenance.services import Amounts, Given, PaidFor, dispensings_hold, serials_spend

_STEP: Final = Decimal("0.0001")  # quantities of claims have four places


def dispensings_held(
    *, actor: Actor, told: Mapping[int, DispensingEvidence]
) -> dict[int, DispensingEvidence]:
    """Return the evidence of lines with what is left now, held until the transaction ends.

    Nobody else pays for these dispensings meanwhile: what is decided from it can be paid.
    """
    wanted = sorted({_given(item) for found in told.values() for item in found.items or ()})
    held = dispensings_hold(actor=actor, wanted=wanted) if wanted else {}
    return {line: _with_left(found, held) for line, found in told.items()}


def dispensings_spend(*, actor: Actor, claim_id: UUID, decision: Decision, entry_id: bytes) -> None:
    """Record what the decision pays for of each serial, in its transaction.

    Raise ``OverspentError``; what is held cannot.
    """
    payments = [
        PaidFor(
            given=(bytes.fromhex(spend.entry_id), spend.epc),
            quantity=spend.quantity,
            line=line.number,
        )
        for line in decision.lines
        for spend in line.spends or ()
    ]
    serials_spend(actor=actor, payments=payments, claim=claim_id, entry_id=entry_id)


def dispensing_missing(needed: str) -> DispensingEvidence:
    """Return the evidence of a line that needs something before it can be decided."""
    fact = Fact(state=State.MISSING, note=needed)
    return DispensingEvidence(dispensing=fact, custody=fact, condition=fact)


def claim_quantity(amount: Decimal) -> Decimal:
    """Return an amount as claims spell it, never more than it is."""
    return min(amount, QUANTITY_MAX).quantize(_STEP, rounding=ROUND_DOWN)


def _with_left(found: DispensingEvidence, held: Mapping[Given, Amounts]) -> DispensingEvidence:
    if found.items is None:
        return found
    items = []
    for item in found.items:
        now = held.get(_given(item))
        if now is None or claim_quantity(now.given) != item.dispensed_quantity:
            return dispensing_missing(
                "the dispensing again: it changed while the claim was being decided"
            )
        items.append(replace(item, available_quantity=claim_quantity(now.remaining)))
    left = sum((item.available_quantity for item in items), Decimal(0))
    return replace(found, items=tuple(items), available_quantity=claim_quantity(left))


def _given(item: DispensedItem) -> Given:
    return bytes.fromhex(item.entry_id), item.epc
