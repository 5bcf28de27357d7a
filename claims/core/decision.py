"""A decision and its record: canonical JSON that anyone with the same inputs makes again.

The record names what it was decided from by hash, what every rule said with the clause it stands
for, and what each line pays and why. It lives in the vault; its ledger entry holds a commitment.
"""

import hashlib
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from claims.core.codec import CodecError, format_json, parse_as
from claims.core.facts import Accumulators, EntryRef, Hash
from claims.core.kernel import Adjustment
from claims.core.model import Id
from claims.core.money import ZERO, Amount, Quantity
from foundation.core.problem import BadInputError
from ledger.core.canonical import CanonicalError, canonical_bytes, parse_canonical


class DecisionError(BadInputError):
    """The bytes are no decision record."""

    slug = "not-a-decision"
    title = "This is not a decision record"


class Outcome(StrEnum):
    """What a rule says of a line."""

    PASSED = "passed"
    DENIED = "denied"
    PENDED = "pended"


class LineStatus(StrEnum):
    """How a line stands; ``held`` is a sound line of a claim that pends for another."""

    PAID = "paid"
    DENIED = "denied"
    PENDED = "pended"
    HELD = "held"


class ClaimStatus(StrEnum):
    """How a claim stands; ``partially`` paid means that some of its lines are denied."""

    PAID = "paid"
    PARTIALLY = "partially"
    DENIED = "denied"
    PENDED = "pended"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleOutcome:
    """What one rule said: for a pend what is ``needed``, for a denial codes and what is ``shown``.

    ``entries`` are the ledger's entries that prove it.
    """

    rule: str
    outcome: Outcome
    clause: str
    codes: tuple[str, ...] = ()
    needed: str | None = None
    shown: str | None = None
    entries: tuple[EntryRef, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialSpend:
    """So much of a dispensing (the entry of its event) from one item is paid for by a line."""

    epc: str
    entry_id: Hash
    quantity: Quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class LineDecision:
    """One line: billed = paid + adjustments + undecided, and undecided only while it pends.

    ``spends`` says what a priced drug line takes of which serials, also where the patient bears
    all of it.
    """

    number: int
    status: LineStatus
    billed_amount: Amount
    paid_amount: Amount
    undecided_amount: Amount
    rules: tuple[RuleOutcome, ...]
    adjustments: tuple[Adjustment, ...] = ()
    allowed_amount: Amount | None = None
    spends: tuple[SerialSpend, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """What evaluated the guards."""

    name: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A decision on a claim. The accumulators ``after`` equal those before while it pends."""

    v: int
    claim_id: Id
    claim_hash: Hash
    facts_hash: Hash
    accumulators_hash: Hash
    contract_id: Hash
    cel: str
    engine: Engine
    as_of: date
    status: ClaimStatus
    billed_amount: Amount
    paid_amount: Amount
    lines: tuple[LineDecision, ...]
    accumulators: Accumulators
    accumulators_after: Accumulators
    supersedes: Hash | None = None

    @property
    def patient_amount(self) -> Decimal:
        """What the patient bears: the sum of all PR adjustments."""
        adjustments = (adjustment for line in self.lines for adjustment in line.adjustments)
        return sum((each.amount for each in adjustments if each.group_code == "PR"), ZERO)

    @property
    def needed(self) -> tuple[str, ...]:
        """What is needed before the claim can be decided, each once, in order."""
        rules = (rule for line in self.lines for rule in line.rules)
        return tuple(dict.fromkeys(rule.needed for rule in rules if rule.needed is not None))


def value_hash(value: object) -> str:
    """Return the SHA-256, in hex, of the canonical bytes of an input of the decision."""
    return hashlib.sha256(canonical_bytes(format_json(value))).hexdigest()


def format_decision(decision: Decision) -> bytes:
    """Return the decision's record."""
    return canonical_bytes(format_json(decision))


def parse_decision(data: bytes) -> Decision:
    """Return the decision whose record ``data`` is; raise ``DecisionError``."""
    try:
        return parse_as(Decision, parse_canonical(data))
    except (CanonicalError, CodecError) as error:
        raise DecisionError(error.detail) from error
