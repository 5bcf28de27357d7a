"""The facts that guards can name: one catalogue of names and types, and where each comes from.

A fact that is not known is absent, never zero or empty; a guard that names it then has no answer
and the line pends.
"""

from collections.abc import Mapping
from datetime import date

from claims.core.cel_profile import FactType, FactValue
from claims.core.model import Claim, ClaimLine
from claims.core.money import minor_units

# ``fee.mue`` where the fee schedule lists the code without a limit: more units than a line can say.
NO_LIMIT_UNITS = 10**9

FACT_TYPES: Mapping[str, FactType] = {
    "claim.days_to_receipt": FactType.INT,
    "claim.diagnoses": FactType.STRINGS,
    "claim.line_count": FactType.INT,
    "claim.place_of_service": FactType.STRING,
    "claim.total": FactType.INT,
    "fee.amount": FactType.INT,
    "fee.mue": FactType.INT,
    "line.category": FactType.STRING,
    "line.charge": FactType.INT,
    "line.code": FactType.STRING,
    "line.days_supply": FactType.INT,
    "line.fill_number": FactType.INT,
    "line.has_prior_authorization": FactType.BOOL,
    "line.modifiers": FactType.STRINGS,
    "line.ndc": FactType.STRING,
    "line.number": FactType.INT,
    "line.units": FactType.INT,
}


def guard_facts(
    *, claim: Claim, line: ClaimLine, category: str, received_date: date
) -> dict[str, FactValue]:
    """Return what is known of ``line`` before the fee schedule is asked."""
    known: dict[str, FactValue | None] = {
        "claim.days_to_receipt": (received_date - line.service_date).days,
        "claim.diagnoses": claim.diagnoses,
        "claim.line_count": len(claim.lines),
        "claim.place_of_service": claim.place_of_service,
        "claim.total": minor_units(claim.total_amount),
        "line.category": category,
        "line.charge": minor_units(line.charge_amount),
        "line.code": line.product_code,
        "line.days_supply": line.days_supply,
        "line.fill_number": line.fill_number,
        "line.has_prior_authorization": (line.prior_authorization or claim.prior_authorization)
        is not None,
        "line.modifiers": line.modifiers,
        "line.ndc": None if line.drug is None else line.drug.ndc,
        "line.number": line.number,
        # Half a unit has no whole number; a guard on units then has no answer.
        "line.units": int(line.units) if line.units == int(line.units) else None,
    }
    return {name: value for name, value in known.items() if value is not None}
