"""A claim as adjudication sees it, whichever format it came in.

Personal data is kept apart: a ``Claim`` never holds a name or a birth date. Words are X12's
(005010X222A1); a pharmacy's JSON claim maps to the same values.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated

from claims.core.codec import matching
from claims.core.money import AMOUNT_MAX, ZERO, Amount, Quantity
from foundation.core.problem import BadInputError

# The zone whose day begins first.
FIRST_ZONE = timedelta(hours=14)
LINES_MAX = 50  # X12 837P takes at most 50 service lines a claim (LX01)

Npi = Annotated[str, matching("ten digits", r"[0-9]{10}", "1234567893")]
Ndc = Annotated[str, matching("eleven digits", r"[0-9]{11}", "99999000101")]
Unit = Annotated[str, matching("one of UN, ML, GR, F2, ME", "UN|ML|GR|F2|ME", "UN")]
Code = Annotated[str, matching("a code", r"[A-Z0-9.]{1,11}", "G0439")]
Id = Annotated[str, matching("an identifier", r"[!-~](?:[ -~]{0,78}[!-~])?", "A1")]


class ClaimError(BadInputError):
    """The parts of the claim do not fit together; the message names the line."""

    slug = "inconsistent-claim"
    title = "The claim contradicts itself"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drug:
    """The product of a line: NDC in the billing format 5-4-2, no hyphens; quantity in ``unit``.

    ``unit`` is X12's (CTP05): UN units, ML millilitres, GR grams, F2 international units, ME
    milligrams. HCPCS units and NDC units differ and are never converted silently.
    """

    ndc: Ndc
    quantity: Quantity
    unit: Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimLine:
    """One service line. ``fill_number`` and ``days_supply`` are what an 837 cannot say.

    ``attachment_control_number`` (PWK06) names the health record that supports the line.

    ``diagnosis_pointers`` count the claim's diagnoses from 1, as sent: senders get them wrong.
    """

    number: int
    charge_amount: Amount
    units: Quantity
    service_date: date
    service_end_date: date | None = None
    procedure_code: Code | None = None
    modifiers: tuple[Code, ...] = ()
    diagnosis_pointers: tuple[int, ...] = ()
    drug: Drug | None = None
    prescription_number: Id | None = None
    fill_number: int | None = None
    days_supply: int | None = None
    prior_authorization: Id | None = None
    control_number: Id | None = None
    attachment_control_number: Id | None = None

    @property
    def product_code(self) -> str:
        """What the fee schedule is asked for: the procedure, else the drug."""
        if self.procedure_code is not None:
            return self.procedure_code
        assert self.drug is not None, "check_claim saw to it"
        return self.drug.ndc


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A claim without its personal part. ``claim_id`` is the provider's own number (CLM01).

    ``attachment_control_number`` (PWK06) names the health record behind lines that name none.
    """

    claim_id: Id
    payer_id: Id
    billing_provider_npi: Npi
    member_id: Id
    frequency_code: Annotated[str, matching("1 (original)", "1", "1")]
    place_of_service: Code
    lines: tuple[ClaimLine, ...]
    diagnoses: tuple[Code, ...] = ()
    group_number: Id | None = None
    prior_authorization: Id | None = None
    attachment_control_number: Id | None = None

    @property
    def total_amount(self) -> Decimal:
        """The sum of the lines' charges."""
        return sum((line.charge_amount for line in self.lines), ZERO)


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalPart:
    """Who the patient is. It lives in the vault and enters no decision record."""

    family_name: str
    given_name: str = ""
    birth_date: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimDocument:
    """A claim as received: what is decided on, and whom it is about."""

    claim: Claim
    personal: PersonalPart


def latest_service_date(received_at: datetime) -> date:
    """Return the last day on which a service of a claim received then may have begun.

    A date of service is the provider's own and has no zone: it is the day that has come
    anywhere on earth.
    """
    return (received_at.astimezone(UTC) + FIRST_ZONE).date()


def check_served(claim: Claim, latest: date) -> None:
    """Raise ``ClaimError`` for a line whose service begins after ``latest``.

    Payers refuse it on receipt, before any decision. A period may end later: supplies are
    delivered for days to come.
    """
    for line in claim.lines:
        if line.service_date > latest:
            raise ClaimError(
                f"line {line.number}: the date of service {line.service_date} is after the day of"
                f" receipt, {latest}",
                line=line.number,
            )


def check_claim(claim: Claim) -> None:
    """Raise ``ClaimError`` unless the parts of ``claim`` fit together."""
    if [line.number for line in claim.lines] != list(range(1, len(claim.lines) + 1)):
        raise ClaimError("lines are numbered from 1, without gaps")
    if not 1 <= len(claim.lines) <= LINES_MAX:
        raise ClaimError(f"a claim has 1 to {LINES_MAX} lines, not {len(claim.lines)}")
    if claim.total_amount > AMOUNT_MAX:
        raise ClaimError("the charges sum to 10^12 or more")
    for line in claim.lines:
        fault = _line_fault(line)
        if fault is not None:
            raise ClaimError(f"line {line.number}: {fault}", line=line.number)


def _line_fault(line: ClaimLine) -> str | None:
    if line.procedure_code is None and line.drug is None:
        return "neither a procedure nor a drug"
    if line.units <= 0 or (line.drug is not None and line.drug.quantity <= 0):
        return "a quantity of nothing"
    if line.service_end_date is not None and line.service_end_date < line.service_date:
        return "the service ends before it begins"
    if any(number is not None and number < 0 for number in (line.fill_number, line.days_supply)):
        return "a negative fill number or days supply"
    return None
