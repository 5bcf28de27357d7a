"""Does an 835 balance, ours or anyone's: line, claim and payment (005010X221A1, 1.10.2.1)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from claims.core.money import ZERO
from claims.core.x12 import Segment, TransactionSet, parse_number

_ADJUSTMENTS = range(3, 19, 3)  # CAS03, 06, … 18
_PROVIDER_AMOUNTS = range(4, 15, 2)  # PLB04, 06, … 14


class Level(StrEnum):
    """Where a remittance must balance."""

    LINE = "line"
    CLAIM = "claim"
    PAYMENT = "payment"


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceFault:
    """What does not balance; ``position`` counts the set's segments, ST being 1."""

    level: Level
    position: int
    reason: str


@dataclass(slots=True, kw_only=True)
class _Account:
    """A charge, a payment and the adjustments between them, as they are read."""

    segment: Segment
    level: Level
    charge: Decimal
    paid: Decimal
    adjusted: Decimal = ZERO
    patient: Decimal = ZERO


@dataclass(slots=True, kw_only=True)
class _Books:
    header: Segment
    faults: list[BalanceFault] = field(default_factory=list)
    claim: _Account | None = None
    line: _Account | None = None
    payment: Segment | None = None
    claims_paid: Decimal = ZERO
    provider_adjusted: Decimal = ZERO

    def fault(self, level: Level, segment: Segment, reason: str) -> None:
        position = segment.position - self.header.position + 1
        self.faults.append(BalanceFault(level=level, position=position, reason=reason))

    def amount(self, segment: Segment, number: int, level: Level) -> Decimal:
        """Return an amount, zero where empty; what is no number is a fault."""
        text = segment.element(number)
        value = parse_number(text) if text else ZERO
        if value is None:
            self.fault(level, segment, f"{segment.id}{number:02d} is no number")
        return value or ZERO


def check_balance(transaction_set: TransactionSet) -> tuple[BalanceFault, ...]:
    """Return everything in an 835 that does not balance; nothing where all does."""
    books = _Books(header=transaction_set.header)
    for segment in transaction_set.segments:
        match segment.id:
            case "BPR":
                books.payment = segment
            case "CLP":
                _close(books, claim=True)
                books.claim = _open(books, segment, Level.CLAIM, (3, 4))
                books.claims_paid += books.claim.paid
            case "SVC":
                _close(books, claim=False)
                books.line = _open(books, segment, Level.LINE, (2, 3))
            case "CAS":
                _adjust(books, segment)
            case "PLB":
                amounts = (books.amount(segment, at, Level.PAYMENT) for at in _PROVIDER_AMOUNTS)
                books.provider_adjusted += sum(amounts, ZERO)
            case _:
                pass
    _close(books, claim=True)
    _check_payment(books)
    return tuple(books.faults)


def _open(books: _Books, segment: Segment, level: Level, places: tuple[int, int]) -> _Account:
    charge, paid = (books.amount(segment, place, level) for place in places)
    return _Account(segment=segment, level=level, charge=charge, paid=paid)


def _adjust(books: _Books, segment: Segment) -> None:
    level = Level.CLAIM if books.line is None else Level.LINE
    amount = sum((books.amount(segment, at, level) for at in _ADJUSTMENTS), ZERO)
    for account in _accounts(books):
        account.adjusted += amount
        account.patient += amount if segment.element(1) == "PR" else ZERO


def _accounts(books: _Books) -> Iterator[_Account]:
    """Yield the accounts that an adjustment here belongs to: the line's is the claim's too."""
    if books.claim is not None:
        yield books.claim
    if books.line is not None:
        yield books.line


def _close(books: _Books, *, claim: bool) -> None:
    """Balance the open line and, with ``claim``, the open claim."""
    line, books.line = books.line, None
    accounts = [line]
    if claim:
        accounts.append(books.claim)
        _check_patient(books)
        books.claim = None
    for account in accounts:
        if account is not None and account.charge - account.adjusted != account.paid:
            books.fault(
                account.level,
                account.segment,
                f"{account.charge} less {account.adjusted} is not {account.paid}",
            )


def _check_patient(books: _Books) -> None:
    """CLP05, where it is given, is the sum of all PR adjustments."""
    claim = books.claim
    if claim is None or not claim.segment.element(5):
        return
    borne = books.amount(claim.segment, 5, Level.CLAIM)
    if borne != claim.patient:
        books.fault(Level.CLAIM, claim.segment, f"CLP05 {borne} is not {claim.patient}, its PR")


def _check_payment(books: _Books) -> None:
    if books.payment is None:
        books.fault(Level.PAYMENT, books.header, "no BPR")
        return
    paid = books.amount(books.payment, 2, Level.PAYMENT)
    due = books.claims_paid - books.provider_adjusted
    if paid != due:
        books.fault(Level.PAYMENT, books.payment, f"BPR02 {paid} is not {due}")
