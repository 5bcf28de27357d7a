"""Remittance advice out: 835 (005010X221A1), which must balance or is not written.

Three balances (TR3 section 1.10.2.1): a line's charge less its adjustments is its payment; a
claim's charge less its and its lines' adjustments is its payment; the claims' payments less the
provider's adjustments are BPR02. A positive adjustment lowers the payment.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from claims.core.decision import ClaimStatus, Decision
from claims.core.kernel import Adjustment
from claims.core.model import Claim, PersonalPart
from claims.core.money import ZERO
from claims.core.x12 import Draft, Envelope, format_interchange, format_number, parse_interchanges
from claims.core.x12_balance import check_balance
from foundation.core.problem import BadInputError

VERSION = "005010X221A1"
FUNCTIONAL_ID = "HP"
TRIPLETS_MAX = 6  # CAS holds group + six of (CARC, amount, quantity); PLB six pairs
PROCESSED_AS_PRIMARY = "1"  # CLP02; 4 is for a patient nobody knows, not for a denial


class RemittanceError(BadInputError):
    """The remittance does not balance, pays less than nothing, or holds what is undecided."""

    slug = "remittance-unbalanced"
    title = "The remittance cannot be written"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A street address in the United States, as N3 and N4 want it."""

    street: str
    city: str
    state: str
    postal_code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Payer:
    """Who pays. ``trace_id`` is TRN03: 1 and the nine digits of the tax number."""

    name: str
    trace_id: str
    address: Address
    contact_name: str
    contact_phone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Payee:
    """Who is paid, by NPI."""

    name: str
    npi: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemittedLine:
    """One service of a claim; ``product`` is the qualifier (HC, N4), the code, modifiers."""

    product: tuple[str, ...]
    charge_amount: Decimal
    paid_amount: Decimal
    units: Decimal
    service_date: date
    control_number: str
    adjustments: tuple[Adjustment, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RemittedClaim:
    """One decided claim; ``payer_claim_number`` is ours (CLP07)."""

    claim_id: str
    payer_claim_number: str
    charge_amount: Decimal
    paid_amount: Decimal
    patient_amount: Decimal
    patient: PersonalPart
    member_id: str
    lines: tuple[RemittedLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderAdjustment:
    """Money moved beside claims (PLB): reason, reference; a positive amount lowers payment."""

    reason_code: str
    reference: str
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Remittance:
    """One payment to one payee. ``filing_code`` is CLP06, ZZ where nobody agreed on one."""

    payer: Payer
    payee: Payee
    trace_number: str
    payment_date: date
    claims: tuple[RemittedClaim, ...]
    filing_code: str = "ZZ"
    provider_adjustments: tuple[ProviderAdjustment, ...] = ()

    @property
    def paid_amount(self) -> Decimal:
        """What is paid: the claims' payments less the provider's adjustments (BPR02)."""
        paid = sum((claim.paid_amount for claim in self.claims), ZERO)
        return paid - sum((each.amount for each in self.provider_adjustments), ZERO)


def remit_claim(
    *, decision: Decision, claim: Claim, patient: PersonalPart, payer_claim_number: str
) -> RemittedClaim:
    """Return a decided claim as remitted; raise ``RemittanceError`` where it still pends."""
    if decision.status is ClaimStatus.PENDED:
        raise RemittanceError(f"claim {decision.claim_id} pends; there is nothing to remit")
    lines = tuple(
        RemittedLine(
            product=(
                "N4" if line.procedure_code is None else "HC",
                line.product_code,
                *line.modifiers,
            ),
            charge_amount=decided.billed_amount,
            paid_amount=decided.paid_amount,
            units=line.units,
            service_date=line.service_date,
            control_number=line.control_number or str(line.number),
            adjustments=decided.adjustments,
        )
        for line, decided in zip(claim.lines, decision.lines, strict=True)
    )
    return RemittedClaim(
        claim_id=claim.claim_id,
        payer_claim_number=payer_claim_number,
        charge_amount=decision.billed_amount,
        paid_amount=decision.paid_amount,
        patient_amount=decision.patient_amount,
        patient=patient,
        member_id=claim.member_id,
        lines=lines,
    )


def format_835(remittance: Remittance, envelope: Envelope) -> bytes:
    """Return the 835 of one payment.

    Raise ``RemittanceError`` where it does not balance or pays less than nothing, and
    ``X12TextError`` for text that cannot be written. What is written is read again and balanced.
    """
    if remittance.paid_amount < 0:
        raise RemittanceError(f"BPR02 would be {remittance.paid_amount}; carry it forward by PLB")
    data = format_interchange(
        envelope,
        functional_id=FUNCTIONAL_ID,
        version=VERSION,
        sets=[list(_drafts(remittance))],
    )
    (interchange,) = parse_interchanges(data)
    faults = check_balance(interchange.groups[0].sets[0])
    if faults:
        raise RemittanceError("; ".join(fault.reason for fault in faults[:5]))
    return data


def _drafts(remittance: Remittance) -> Iterator[Draft]:
    payer, payee = remittance.payer, remittance.payee
    paid = remittance.paid_amount
    # No money moves here: I tells of a payment by cheque, H with NON that there is none.
    handling, method = ("I", "CHK") if paid else ("H", "NON")
    day = f"{remittance.payment_date:%Y%m%d}"
    yield ("ST", "835", "0001")
    yield ("BPR", handling, format_number(paid), "C", method, *[""] * 11, day)
    yield ("TRN", "1", remittance.trace_number, payer.trace_id)
    yield ("DTM", "405", day)
    yield ("N1", "PR", payer.name)
    yield ("N3", payer.address.street)
    yield ("N4", payer.address.city, payer.address.state, payer.address.postal_code)
    yield ("PER", "BL", payer.contact_name, "TE", payer.contact_phone)
    yield ("N1", "PE", payee.name, "XX", payee.npi)
    for number, claim in enumerate(remittance.claims, 1):
        yield ("LX", str(number))
        yield from _claim_drafts(claim, remittance.filing_code)
    yield from _provider_drafts(remittance)


def _claim_drafts(claim: RemittedClaim, filing_code: str) -> Iterator[Draft]:
    yield (
        "CLP",
        claim.claim_id,
        PROCESSED_AS_PRIMARY,
        format_number(claim.charge_amount),
        format_number(claim.paid_amount),
        format_number(claim.patient_amount) if claim.patient_amount else "",
        filing_code,
        claim.payer_claim_number,
    )
    name = (claim.patient.family_name, claim.patient.given_name)
    yield ("NM1", "QC", "1", *name, "", "", "", "MI", claim.member_id)
    for line in claim.lines:
        yield (
            "SVC",
            line.product,
            format_number(line.charge_amount),
            format_number(line.paid_amount),
            "",
            format_number(line.units),
        )
        yield ("DTM", "472", f"{line.service_date:%Y%m%d}")
        yield from _adjustment_drafts(line.adjustments)
        yield ("REF", "6R", line.control_number)
        for each in line.adjustments:
            if each.remark_code is not None:
                yield ("LQ", "HE", each.remark_code)


def _adjustment_drafts(adjustments: Sequence[Adjustment]) -> Iterator[Draft]:
    """Yield one CAS for each group code, in the order the groups first appear."""
    for group in dict.fromkeys(each.group_code for each in adjustments):
        of_group = [each for each in adjustments if each.group_code == group]
        if len(of_group) > TRIPLETS_MAX:
            raise RemittanceError(f"{len(of_group)} adjustments of group {group}; CAS holds six")
        triplets = [(each.reason_code, format_number(each.amount), "") for each in of_group]
        yield ("CAS", group, *[element for triplet in triplets for element in triplet])


def _provider_drafts(remittance: Remittance) -> Iterator[Draft]:
    adjustments = remittance.provider_adjustments
    if len(adjustments) > TRIPLETS_MAX:
        raise RemittanceError(f"{len(adjustments)} provider adjustments; PLB holds six")
    if adjustments:
        pairs: list[str | tuple[str, ...]] = []
        for each in adjustments:
            pairs += [(each.reason_code, each.reference), format_number(each.amount)]
        year_end = f"{remittance.payment_date.year}1231"
        yield ("PLB", remittance.payee.npi, year_end, *pairs)
