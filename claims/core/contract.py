"""A contract: canonical JSON whose hash is its id, and everything in it checked before it counts.

Analysts write tables, guards and parameters; code owns money. Each rule carries the text of the
clause it stands for. Golden claims are checked by ``contract_check``, which adjudicates them.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from claims.core.cel_profile import (
    PROFILE,
    CelError,
    FactType,
    Guard,
    Profile,
    compile_guard,
    declare_facts,
)
from claims.core.codec import CodecError, format_json, matching, parse_as
from claims.core.facts import Accumulators, Facts, Tier
from claims.core.guard_facts import FACT_TYPES
from claims.core.model import Claim, Id
from claims.core.money import Amount, MoneyError, parse_amount
from foundation.core.problem import BadInputError
from ledger.core.canonical import CanonicalError, canonical_bytes, parse_canonical

BASIS_POINTS = 10_000
CODES_MIN, CODES_MAX = 2, 3
_FEE_COLUMNS = frozenset({"code", "mod", "category", "amount", "mue"})
_FEE_REQUIRED = frozenset({"code", "amount"})
_GROUPS = frozenset({"CO", "PR", "OA", "PI"})

RuleId = Annotated[str, matching("a rule's id", r"[A-Za-z][A-Za-z0-9._-]{0,39}", "G10")]
Clause = Annotated[str, matching("a clause's text", r"\S[\s\S]*", "1.1 Paid once.")]


class ContractError(BadInputError):
    """The contract cannot be taken; ``faults`` names every place and reason."""

    slug = "contract-faulty"
    title = "The contract has faults"

    def __init__(self, faults: Sequence[str]) -> None:
        """Keep the faults, each ``path: reason``."""
        super().__init__("; ".join(faults[:5]), faults=list(faults))
        self.faults = tuple(faults)


class Step(StrEnum):
    """The steps of pricing a line; their order is the contract's."""

    ALLOWED = "allowed"
    COPAY = "copay"
    DEDUCTIBLE = "deductible"
    COINSURANCE = "coinsurance"
    OOP = "oop"


class Edit(StrEnum):
    """The checks that code makes before pricing; their order is the contract's."""

    ELIGIBILITY = "eligibility"
    FILING = "filing"
    DUPLICATE = "duplicate"
    SCHEDULE = "schedule"
    EVIDENCE = "evidence"


class Unlisted(StrEnum):
    """What happens to a code that the fee schedule does not list."""

    DENY = "deny"
    PEND = "pend"


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Days from ``from_date`` to ``to_date``, both included; open where ``None``."""

    from_date: date = field(metadata={"name": "from"})
    to_date: date | None = field(default=None, metadata={"name": "to"})

    def holds(self, day: date) -> bool:
        """Say whether ``day`` lies in the period."""
        return self.from_date <= day and (self.to_date is None or day <= self.to_date)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceTerm:
    """What lines of a category must prove; ``deny`` is [group, CARC, RARC?] when contradicted."""

    category: RuleId
    dispensing: bool
    tier: Tier
    record: bool
    deny: tuple[str, ...]
    clause: Clause


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows under named columns; codes are never keys."""

    cols: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """The contract's tables: the fee schedule (code, mod, category, amount, mue)."""

    fee: Table


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardTerm:
    """A guard: when it holds the line is denied or pended with [group, CARC, RARC?]."""

    id: RuleId
    when: str
    clause: Clause
    deny: tuple[str, ...] | None = None
    pend: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EditTerm:
    """A built-in check, the group code its denial carries, and its clause."""

    edit: Edit
    group: str
    clause: Clause


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTerm:
    """A step of pricing and its clause."""

    step: Step
    clause: Clause


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A yearly limit of one member."""

    individual: Amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """The plan's numbers. ``copay`` is per line; ``coinsurance_bp`` in hundredths of a percent."""

    filing_days: int
    unlisted: Unlisted
    copay: Amount | None = None
    deductible: Limit | None = None
    coinsurance_bp: int | None = None
    oop_max: Limit | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedLine:
    """How a golden claim's line must come out; adjustments as [group, CARC, amount]."""

    status: str
    paid: Amount
    adjustments: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """How a golden claim must come out."""

    status: str
    lines: tuple[ExpectedLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenClaim:
    """A synthetic claim with everything known about it, and its right decision."""

    claim: Claim
    facts: Facts
    accumulators: Accumulators
    as_of: date
    expect: Expected


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The contract as written. ``dos`` picks it by date of service, ``received`` by receipt."""

    v: int
    plan: Id
    payer: Id
    dos: Period
    received: Period
    cel: str
    facts: dict[str, FactType]
    evidence: tuple[EvidenceTerm, ...]
    tables: Tables
    edits: tuple[EditTerm, ...]
    guards: tuple[GuardTerm, ...]
    steps: tuple[StepTerm, ...]
    params: Params
    golden: tuple[GoldenClaim, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fee:
    """A row of the fee schedule: the amount for one unit; ``mue_units`` limits units a line."""

    amount: Decimal
    category: str | None
    mue_units: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """A contract ready to decide: its id, its terms, and what is made of them once."""

    id: str
    terms: Terms
    fees: Mapping[tuple[str, str], Fee]
    guards: Mapping[str, Guard]
    profile: Profile
    evidence: Mapping[str, EvidenceTerm]


def contract_id(data: bytes) -> str:
    """Return the id of the contract with these canonical bytes: their SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


def format_contract(terms: Terms) -> bytes:
    """Return the canonical bytes of ``terms``."""
    return canonical_bytes(format_json(terms))


def parse_contract(data: bytes) -> Contract:
    """Return the contract in canonical ``data``, golden claims not yet tried.

    Raise ``ContractError`` with every fault: form and types first, then what they mean.
    """
    try:
        terms = parse_as(Terms, parse_canonical(data))
    except CanonicalError as error:
        raise ContractError([error.detail]) from error
    except CodecError as error:
        raise ContractError(error.faults) from error
    fees: dict[tuple[str, str], Fee] = {}
    guards: dict[str, Guard] = {}
    profile = declare_facts(terms.facts)
    faults = [
        *_head_faults(terms),
        *_fee_faults(terms.tables.fee, fees),
        *_rule_faults(terms),
        *_guard_faults(terms.guards, profile, guards),
        *_step_faults(terms),
        *_param_faults(terms.params),
    ]
    if faults:
        raise ContractError(faults)
    return Contract(
        id=contract_id(data),
        terms=terms,
        fees=fees,
        guards=guards,
        profile=profile,
        evidence={term.category: term for term in terms.evidence},
    )


def _head_faults(terms: Terms) -> Iterator[str]:
    if terms.v != 1:
        yield "$.v: only version 1 is known"
    if terms.cel != PROFILE:
        yield f"$.cel: only {PROFILE} is known"
    for name, period in (("dos", terms.dos), ("received", terms.received)):
        if period.to_date is not None and period.to_date < period.from_date:
            yield f"$.{name}: ends before it begins"
    for name, kind in terms.facts.items():
        if FACT_TYPES.get(name) != kind:
            yield f"$.facts.{name}: no such fact of this type"
    if not terms.golden:
        yield "$.golden: at least one golden claim shows what the contract means"


def _fee_faults(table: Table, fees: dict[tuple[str, str], Fee]) -> Iterator[str]:
    """Fill ``fees`` from the rows of ``table``; yield what is wrong with it."""
    cols = set(table.cols)
    if len(cols) != len(table.cols) or not _FEE_REQUIRED <= cols <= _FEE_COLUMNS:
        yield "$.tables.fee.cols: code and amount, and any of mod, category, mue, each once"
        return
    for at, cells in enumerate(table.rows):
        path = f"$.tables.fee.rows[{at}]"
        if len(cells) != len(table.cols):
            yield f"{path}: {len(cells)} cells under {len(table.cols)} columns"
            continue
        row = dict(zip(table.cols, cells, strict=True))
        key = (row["code"], row.get("mod", ""))
        mue = row.get("mue", "")
        if not row["code"] or key in fees:
            yield f"{path}: without a code, or its code and modifier stand above already"
        elif mue and not (mue.isascii() and mue.isdecimal() and len(mue) <= 6):  # noqa: PLR2004 - digits
            yield f"{path}: mue is a number of units or empty"
        else:
            try:
                fees[key] = Fee(
                    amount=parse_amount(row["amount"]),
                    category=row.get("category") or None,
                    mue_units=int(mue) if mue else None,
                )
            except MoneyError as error:
                yield f"{path}: {error.detail}"


def _rule_faults(terms: Terms) -> Iterator[str]:
    """Yield what is wrong with the built-in checks and the evidence demanded."""
    edits = [term.edit for term in terms.edits]
    if sorted(edits) != sorted(Edit):
        yield f"$.edits: each of {', '.join(Edit)} once, in the order of your choice"
    for at, term in enumerate(terms.edits):
        if term.group not in _GROUPS:
            yield f"$.edits[{at}].group: none of {', '.join(sorted(_GROUPS))}"
    seen: set[str] = set()
    for at, demand in enumerate(terms.evidence):
        path = f"$.evidence[{at}]"
        if demand.category in seen:
            yield f"{path}.category: stands above already"
        seen.add(demand.category)
        if demand.tier is not Tier.T0 and not demand.dispensing:
            yield f"{path}.tier: custody is shown of a dispensing, which is not demanded"
        yield from _code_faults(demand.deny, f"{path}.deny")


def _code_faults(codes: Sequence[str], path: str) -> Iterator[str]:
    well_formed = all(code.isascii() and code.isalnum() and len(code) <= 5 for code in codes)  # noqa: PLR2004 - X12 ID fields
    if not (CODES_MIN <= len(codes) <= CODES_MAX and well_formed and codes[0] in _GROUPS):
        yield f"{path}: [group, CARC] or [group, CARC, RARC]"


def _guard_faults(
    terms: Sequence[GuardTerm], profile: Profile, guards: dict[str, Guard]
) -> Iterator[str]:
    """Fill ``guards`` by compiling ``terms``; yield what is wrong with them."""
    for at, term in enumerate(terms):
        path = f"$.guards[{at}]"
        if term.id in guards:
            yield f"{path}.id: stands above already"
        if term.id.partition(".")[0] in {*Edit, *Step}:
            yield f"{path}.id: the name of a built-in rule"
        codes = term.pend if term.deny is None else term.deny
        if codes is None or (term.deny is not None and term.pend is not None):
            yield f"{path}: exactly one of deny and pend"
        else:
            yield from _code_faults(codes, f"{path}.{'pend' if term.deny is None else 'deny'}")
        try:
            guards[term.id] = compile_guard(term.when, profile)
        except CelError as error:
            yield f"{path}.when: {error.detail}"


def _step_faults(terms: Terms) -> Iterator[str]:
    steps = [term.step for term in terms.steps]
    if len(set(steps)) != len(steps):
        yield "$.steps: a step stands twice; the second would find nothing to do"
    if steps[:1] != [Step.ALLOWED]:
        yield "$.steps[0]: allowed comes first; every share is taken of it"
    if Step.OOP in steps[:-1]:
        yield "$.steps: oop comes last; a share taken after it would escape the limit"
    params = {
        Step.COPAY: ("copay", terms.params.copay),
        Step.DEDUCTIBLE: ("deductible", terms.params.deductible),
        Step.COINSURANCE: ("coinsurance_bp", terms.params.coinsurance_bp),
        Step.OOP: ("oop_max", terms.params.oop_max),
    }
    for step, (name, value) in params.items():
        if (step in steps) != (value is not None):
            yield f"$.params.{name}: stands if and only if the step {step} does"


def _param_faults(params: Params) -> Iterator[str]:
    if not 0 <= (params.coinsurance_bp or 0) <= BASIS_POINTS:
        yield f"$.params.coinsurance_bp: from 0 to {BASIS_POINTS}"
    if params.filing_days < 0:
        yield "$.params.filing_days: not negative"
