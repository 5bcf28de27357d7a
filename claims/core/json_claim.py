"""A pharmacy's claim as JSON, in the words of pharmacy billing; no conformance is claimed.

Pharmacies bill by BIN, processor control number, group, prescription, fill, NDC, days supply,
ingredient cost and dispensing fee. Each becomes what an 837P becomes: a ``Claim``, and apart from
it the person. A member that is not known is refused, never dropped.
"""

from dataclasses import dataclass
from datetime import date
from typing import Annotated

from claims.core.codec import matching, parse_as
from claims.core.model import (
    Claim,
    ClaimDocument,
    ClaimError,
    ClaimLine,
    Code,
    Drug,
    Id,
    Ndc,
    Npi,
    PersonalPart,
    Unit,
    check_claim,
)
from claims.core.money import AMOUNT_MAX, Amount, Quantity

Pcn = Annotated[str, matching("up to ten letters or digits", r"[A-Z0-9]{1,10}", "PCN1")]
PHARMACY = "01"  # place of service


@dataclass(frozen=True, slots=True, kw_only=True)
class PharmacyLine:
    """One prescription filled. ``gross_amount_due`` is ingredient cost plus dispensing fee."""

    prescription_number: Id
    fill_number: int
    date_of_service: date
    ndc: Ndc
    quantity_dispensed: Quantity
    unit: Unit
    days_supply: int
    ingredient_cost: Amount
    dispensing_fee: Amount
    gross_amount_due: Amount
    prior_authorization: Id | None = None
    attachment_control_number: Id | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PharmacyClaim:
    """A claim of one pharmacy for one cardholder; ``bin`` and ``pcn`` name who pays."""

    claim_id: Id
    bin: Annotated[str, matching("six digits", r"[0-9]{6}", "610591")]
    cardholder_id: Id
    pharmacy_npi: Npi
    patient: PersonalPart
    lines: tuple[PharmacyLine, ...]
    pcn: Pcn | None = None
    group: Id | None = None
    diagnoses: tuple[Code, ...] = ()
    attachment_control_number: Id | None = None


def parse_json_claim(value: object) -> ClaimDocument:
    """Return the claim that the JSON ``value`` describes; the payer is ``BIN`` or ``BIN/PCN``.

    Raise ``CodecError`` with the path of each fault of form, ``ClaimError`` for a claim that
    contradicts itself.
    """
    document = parse_as(PharmacyClaim, value)
    claim = Claim(
        claim_id=document.claim_id,
        payer_id=document.bin if document.pcn is None else f"{document.bin}/{document.pcn}",
        billing_provider_npi=document.pharmacy_npi,
        member_id=document.cardholder_id,
        frequency_code="1",
        place_of_service=PHARMACY,
        group_number=document.group,
        diagnoses=document.diagnoses,
        attachment_control_number=document.attachment_control_number,
        lines=tuple(_line(number, line) for number, line in enumerate(document.lines, 1)),
    )
    check_claim(claim)
    return ClaimDocument(claim=claim, personal=document.patient)


def _line(number: int, line: PharmacyLine) -> ClaimLine:
    due = line.ingredient_cost + line.dispensing_fee
    if due != line.gross_amount_due or due > AMOUNT_MAX:
        raise ClaimError(
            f"line {number}: gross_amount_due {line.gross_amount_due} is not {due}, ingredient"
            " cost plus dispensing fee",
            line=number,
        )
    return ClaimLine(
        number=number,
        charge_amount=line.gross_amount_due,
        units=line.quantity_dispensed,
        service_date=line.date_of_service,
        drug=Drug(ndc=line.ndc, quantity=line.quantity_dispensed, unit=line.unit),
        prescription_number=line.prescription_number,
        fill_number=line.fill_number,
        days_supply=line.days_supply,
        prior_authorization=line.prior_authorization,
        attachment_control_number=line.attachment_control_number,
    )
