"""What is known about a claim when it is decided: typed facts, each with where it is proven.

A fact is missing, proven or contradicted. Missing says what is needed; the other two name the
ledger entries that show it. Consent that was refused or revoked is missing, never a contradiction.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Annotated

from claims.core.codec import matching
from claims.core.model import Code, Id, Ndc, Npi
from claims.core.money import Amount, Quantity

Hash = Annotated[str, matching("64 hex digits", r"[0-9a-f]{64}", "ab" * 32)]


class State(StrEnum):
    """What is known of a fact."""

    MISSING = "missing"
    PROVEN = "proven"
    CONTRADICTED = "contradicted"


class Tier(StrEnum):
    """How far custody is proven: from T0, nothing known, to T4, the whole chain."""

    T0 = "T0"
    T1 = "T1"
    T2 = "T2"
    T3 = "T3"
    T4 = "T4"


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryRef:
    """A ledger entry: its id (leaf hash) and, once sequenced, its place in the log."""

    entry_id: Hash
    log_index: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One fact. ``note`` says what is needed when missing, what is shown when contradicted."""

    state: State
    note: str = ""
    entries: tuple[EntryRef, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DispensedItem:
    """What of a dispensing came from one item: ``entry_id`` names the dispensing's event.

    ``available_quantity`` is what of it nobody has spent.
    """

    epc: str
    entry_id: Hash
    dispensed_quantity: Quantity
    available_quantity: Quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class DispensingEvidence:
    """What the ledger shows of the dispensing a line is bound to.

    ``dispensing`` is the dispensing itself, its first entry naming it; ``custody`` is
    contradicted where a break is proven, and ``tier`` says how far it is proven; ``condition`` is
    contradicted where the product was recalled, expired or quarantined at the date of service;
    ``available_quantity`` is what is dispensed and not yet spent by anyone, in ``unit``: the sum
    over ``items``, where they are named.
    """

    dispensing: Fact
    custody: Fact
    condition: Fact
    tier: Tier = Tier.T0
    dispensed_quantity: Quantity | None = None
    available_quantity: Quantity | None = None
    unit: str = ""
    items: tuple[DispensedItem, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordEvidence:
    """The health record behind a line: ``anchored`` (it opens to the fields) and consent."""

    anchored: Fact
    consent: Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class LineEvidence:
    """The evidence of the claim line ``number``; what is not there is missing."""

    number: int
    dispensing: DispensingEvidence | None = None
    record: RecordEvidence | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """When the member is insured; ``to_date`` is the last day, open where ``None``."""

    from_date: date
    to_date: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorLine:
    """A line already decided and not reversed, of the same member.

    ``prescription_number`` tells two fills of one drug on one day apart.
    """

    claim_id: Id
    number: int
    billing_provider_npi: Npi
    service_date: date
    charge_amount: Amount
    procedure_code: Code | None = None
    ndc: Ndc | None = None
    modifiers: tuple[Code, ...] = ()
    prescription_number: Id | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that is known when a claim is decided. ``coverage`` is ``None`` when not known."""

    received_date: date
    coverage: Coverage | None = None
    prior_lines: tuple[PriorLine, ...] = ()
    lines: tuple[LineEvidence, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Accumulators:
    """What the member has met in the plan year so far: sums of all decisions' rows."""

    deductible_met_amount: Amount
    oop_met_amount: Amount
