"""Decisions: facts in, core's decision out, kept with all its inputs; a claim is paid once.

Everything happens in one transaction that holds the member's turn: two decisions on one claim, or
two claims against one deductible, wait for each other.
"""

import datetime as dt
import importlib.metadata
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from django.db import connections

from accounts.core.scopes import Scope, organisation_with
from claims.core.adjudicate import adjudicate
from claims.core.codec import format_json, parse_as
from claims.core.contract import Contract
from claims.core.decision import ClaimStatus, Decision, Engine
from claims.core.edits import prior_line
from claims.core.facts import (
    Accumulators,
    Coverage,
    DispensingEvidence,
    Facts,
    LineEvidence,
    PriorLine,
    RecordEvidence,
)
from claims.core.model import Claim, ClaimDocument
from claims.core.replay import ReplayBundle, ReplayInputs, check_replay
from claims.errors import AlreadyDecidedError, NoContractError
from claims.keeping import Holder, Kept, Seeds, keep, kept, kept_unless_erased, new_id, tag
from claims.models import PENDED, AccumulatorKind, AccumulatorRow, Payment
from claims.models import Claim as ClaimRow
from claims.models import Coverage as CoverageRow
from claims.models import Decision as DecisionRow
from claims.selectors import accumulators_of, contract_parsed, contracts_active
from claims.services.contracts import check_insurer
from claims.services.dispensing_spends import dispensings_held, dispensings_spend
from foundation.core.actor import Actor
from foundation.core.problem import NotBuiltError, NotFoundError
from foundation.tenancy import acting_as, current_alias
from ledger.core.canonical import canonical_bytes, parse_canonical
from ledger.core.entry import EntryDraft
from ledger.core.receipt import Receipt
from ledger.services import submission_append

CLAIM_DECIDED = "claims.claim.decided.v1"
PAYMENT_MADE = "claims.payment.made.v1"
ENGINE = "cel-expr-python"
# What others hold is told only for a claim that its holder sent: an insurer may take a claim on
# paper, and could write any name on it.
OWN_SUBMISSION = "the billing provider's own submission"
NO_DISPENSINGS: Mapping[int, DispensingEvidence] = {}
NO_RECORDS: Mapping[int, RecordEvidence] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What is kept of a decision: its inputs but the claim and the contract, and its record.

    The claim is an item of its own, the contract is found by the id that the decision names.
    """

    v: int
    facts: Facts
    accumulators: Accumulators
    decision: Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A decision as made: ``needed`` says what a pended claim waits for."""

    decision_id: UUID
    claim_id: UUID
    status: ClaimStatus
    paid_amount: Decimal
    needed: tuple[str, ...]
    receipt: Receipt


def claim_adjudicate(
    *,
    actor: Actor,
    claim_id: UUID,
    dispensings: Mapping[int, DispensingEvidence] = NO_DISPENSINGS,
    records: Mapping[int, RecordEvidence] = NO_RECORDS,
    seeds: Seeds,
    now: dt.datetime,
) -> Decided:
    """Decide a claim of the acting insurer from what is known now; return the decision.

    ``dispensings`` (what ``dispensings_gather`` was told) and ``records`` are evidence by line;
    how much of a dispensing is left is read again, and held until it is spent.
    What is missing pends the claim, which may be decided again. Raise ``ForbiddenError`` for who
    is no insurer, ``NotFoundError``, ``ErasedError``, ``AlreadyDecidedError``, ``NoContractError``
    where none of the payer's is in force, or ``ReplayMismatchError``: nothing is kept then.
    """
    organisation_id = organisation_with(actor, Scope.CLAIMS_WRITE)
    with acting_as(actor):
        check_insurer(organisation_id)
        row = claim_received(organisation_id, claim_id)
        _take_turn(f"{organisation_id}/{row.subject_id}")
        if row.decisions.exclude(status=PENDED).exists():
            raise AlreadyDecidedError("a decision is final; appeals are another act")
        claim = claim_document(actor=actor, row=row).claim
        contract_pk, contract = contract_for(claim, row.received_at.date())
        held = dispensings_held(actor=actor, told=dispensings)
        facts = _facts(actor=actor, row=row, lines=_lines(held, records))
        accumulators = accumulators_of(
            subject_id=row.subject_id, plan=contract.terms.plan, plan_year=_plan_year(claim)
        )
        snapshot = _decided(claim, facts, accumulators, contract, as_of=now.date())
        decision = snapshot.decision
        decision_id = new_id(seeds)
        item = keep(
            actor=actor,
            subject_id=row.subject_id,
            holder=Holder.DECISION,
            ref=decision_id,
            data=canonical_bytes(format_json(snapshot)),
            seeds=seeds,
        )
        receipt = submission_append(
            actor=actor,
            entries=_drafts(actor, row, decision, item=item, seeds=seeds),
            now=now,
        )
        fresh = _decision_row(decision, item, receipt, row)
        fresh.id, fresh.contract_id, fresh.decided_at = decision_id, contract_pk, now
        fresh.save(force_insert=True)
        _pay(actor, decision=decision, row=fresh, receipt=receipt)
        _accumulate(decision, fresh, plan=contract.terms.plan, plan_year=_plan_year(claim))
        return Decided(
            decision_id=decision_id,
            claim_id=claim_id,
            status=decision.status,
            paid_amount=decision.paid_amount,
            needed=decision.needed,
            receipt=receipt,
        )


def decision_replay(*, actor: Actor, decision_id: UUID) -> Decision:
    """Make a kept decision again from its kept inputs; return it.

    Raise ``NotFoundError``, ``ErasedError`` where the decision or its claim was erased (it can
    never be made again), or ``ReplayMismatchError`` where other bytes come out.
    """
    organisation_id = organisation_with(actor, Scope.CLAIMS_READ)
    with acting_as(actor):
        rows = DecisionRow.objects.select_related("claim", "contract")
        row = rows.filter(id=decision_id, organisation_id=organisation_id).first()
        if row is None:
            raise NotFoundError("your organisation made no decision with this id")
        snapshot = decision_snapshot(actor=actor, row=row)
        claim = claim_document(actor=actor, row=row.claim).claim
        contract = contract_parsed(row.contract.contract_id)
        _check_replays(snapshot, claim=claim, contract=contract)
        return snapshot.decision


def claim_received(organisation_id: UUID, claim_id: UUID) -> ClaimRow:
    """Return a claim that the insurer received; raise ``NotFoundError``."""
    row = ClaimRow.objects.filter(id=claim_id, organisation_id=organisation_id).first()
    if row is None:
        raise NotFoundError("your organisation received no claim with this id")
    return row


def claim_document(*, actor: Actor, row: ClaimRow) -> ClaimDocument:
    """Return the claim as received, from the vault."""
    return parse_as(ClaimDocument, parse_canonical(kept(actor=actor, item_id=row.item_id)))


def decision_snapshot(*, actor: Actor, row: DecisionRow) -> Snapshot:
    """Return a decision with its inputs, from the vault."""
    return parse_as(Snapshot, parse_canonical(kept(actor=actor, item_id=row.item_id)))


def _decided(
    claim: Claim, facts: Facts, accumulators: Accumulators, contract: Contract, *, as_of: dt.date
) -> Snapshot:
    """Return the decision with its inputs, from which it was made a second time."""
    decision = adjudicate(
        claim=claim,
        facts=facts,
        accumulators=accumulators,
        contract=contract,
        as_of=as_of,
        engine=Engine(name=ENGINE, version=importlib.metadata.version(ENGINE)),
    )
    snapshot = Snapshot(v=1, facts=facts, accumulators=accumulators, decision=decision)
    _check_replays(snapshot, claim=claim, contract=contract)
    return snapshot


def contract_for(claim: Claim, received_date: dt.date) -> tuple[int, Contract]:
    """Return the contract activated last that holds for every line; raise ``NoContractError``."""
    for pk, contract in contracts_active(claim.payer_id):
        terms = contract.terms
        if terms.received.holds(received_date) and all(
            terms.dos.holds(line.service_date) for line in claim.lines
        ):
            return pk, contract
    raise NoContractError(
        f"activate a contract of payer {claim.payer_id} for the dates of service and of receipt"
    )


def _plan_year(claim: Claim) -> int:
    years = {line.service_date.year for line in claim.lines}
    if len(years) > 1:
        raise NotBuiltError("a claim over two plan years is not decided yet; split it")
    return years.pop()


def _lines(
    dispensings: Mapping[int, DispensingEvidence], records: Mapping[int, RecordEvidence]
) -> tuple[LineEvidence, ...]:
    return tuple(
        LineEvidence(number=line, dispensing=dispensings.get(line), record=records.get(line))
        for line in sorted({*dispensings, *records})
    )


def _facts(*, actor: Actor, row: ClaimRow, lines: tuple[LineEvidence, ...]) -> Facts:
    """Return all that is known about a claim: its lines' evidence, and the insurer's own rows."""
    stated = CoverageRow.objects.filter(subject_id=row.subject_id).order_by("-id").first()
    data = None if stated is None else kept_unless_erased(actor=actor, item_id=stated.item_id)
    coverage = None if data is None else parse_as(Coverage, parse_canonical(data))
    return Facts(
        received_date=row.received_at.date(),
        coverage=coverage,
        prior_lines=_prior_lines(actor=actor, row=row),
        lines=lines,
    )


def _prior_lines(*, actor: Actor, row: ClaimRow) -> tuple[PriorLine, ...]:
    """Return the lines of the member's claims that are decided, oldest decision first.

    What was erased is not known any more.
    """
    decided = DecisionRow.objects.exclude(status=PENDED).filter(claim__subject_id=row.subject_id)
    found = [
        kept_unless_erased(actor=actor, item_id=each.claim.item_id)
        for each in decided.select_related("claim").order_by("decided_at", "id")
    ]
    claims = [
        parse_as(ClaimDocument, parse_canonical(data)).claim for data in found if data is not None
    ]
    return tuple(prior_line(claim, line) for claim in claims for line in claim.lines)


def _check_replays(snapshot: Snapshot, *, claim: Claim, contract: Contract) -> None:
    """Raise ``ReplayMismatchError`` unless what is kept makes the same decision again."""
    decision = snapshot.decision
    inputs = ReplayInputs(
        claim=claim,
        facts=snapshot.facts,
        accumulators=snapshot.accumulators,
        contract=contract.terms,
        as_of=decision.as_of,
        engine=decision.engine,
        supersedes=decision.supersedes,
    )
    check_replay(ReplayBundle(v=1, inputs=inputs, decision=decision))


def _drafts(
    actor: Actor, row: ClaimRow, decision: Decision, *, item: Kept, seeds: Seeds
) -> list[EntryDraft]:
    """Return the entry of the decision, and of the payment where something is paid."""
    body = {"claim": str(row.id), "contract": decision.contract_id}
    kinds = [CLAIM_DECIDED, PAYMENT_MADE] if decision.paid_amount > 0 else [CLAIM_DECIDED]
    return [
        EntryDraft(
            kind=kind,
            id=new_id(seeds),
            body={**body, "tag": tag(actor=actor, subject_id=row.subject_id)},
            commitments=(item.commitment,),
        )
        for kind in kinds
    ]


def _decision_row(decision: Decision, item: Kept, receipt: Receipt, row: ClaimRow) -> DecisionRow:
    return DecisionRow(
        organisation_id=row.organisation_id,
        claim=row,
        number=row.decisions.count() + 1,
        status=decision.status.value,
        billed_amount=decision.billed_amount,
        paid_amount=decision.paid_amount,
        patient_amount=decision.patient_amount,
        item_id=item.item_id,
        commitment=item.commitment,
        entry_id=receipt.entry_ids[0],
    )


def _pay(actor: Actor, *, decision: Decision, row: DecisionRow, receipt: Receipt) -> None:
    """Write the payment and what it spends; the database refuses a second one for the claim."""
    if decision.paid_amount > 0:
        Payment.objects.create(
            organisation_id=row.organisation_id,
            claim_id=row.claim_id,
            decision=row,
            amount=decision.paid_amount,
            paid_at=row.decided_at,
            entry_id=receipt.entry_ids[1],
        )
    dispensings_spend(
        actor=actor, claim_id=row.claim_id, decision=decision, entry_id=receipt.entry_ids[0]
    )


def _accumulate(decision: Decision, row: DecisionRow, *, plan: str, plan_year: int) -> None:
    """Project what the decision adds to the member's year."""
    before, after = decision.accumulators, decision.accumulators_after
    added = {
        AccumulatorKind.DEDUCTIBLE: after.deductible_met_amount - before.deductible_met_amount,
        AccumulatorKind.OOP: after.oop_met_amount - before.oop_met_amount,
    }
    AccumulatorRow.objects.bulk_create(
        AccumulatorRow(
            organisation_id=row.organisation_id,
            subject_id=row.claim.subject_id,
            plan=plan,
            plan_year=plan_year,
            kind=kind,
            amount=amount,
            decision=row,
        )
        for kind, amount in added.items()
        if amount
    )


def _take_turn(name: str) -> None:
    """Hold a member's turn until the transaction ends: who asks for it meanwhile waits."""
    with connections[current_alias()].cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 13))", [f"claims/member/{name}"]
        )
