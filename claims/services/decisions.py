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

from django.db.models import Q

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
from claims.keeping import Holder, Kept, Seeds, keep, kept, kept_many, new_id, tags
from claims.models import PENDED, AccumulatorKind, AccumulatorRow, Payment
from claims.models import Claim as ClaimRow
from claims.models import Coverage as CoverageRow
from claims.models import Decision as DecisionRow
from claims.selectors import accumulators_of, contract_parsed, contracts_active
from claims.services.contracts import check_insurer
from claims.services.dispensing_spends import dispensings_held, dispensings_spend
from foundation.core.actor import Actor
from foundation.core.problem import NotBuiltError, NotFoundError
from foundation.tenancy import acting_as
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
        row = _claim_held(organisation_id, claim_id)
        known = _known(actor=actor, row=row)
        contract_pk, contract = contract_for(known.claim, row.received_at.date())
        held = dispensings_held(actor=actor, told=dispensings)
        facts = _facts(row, known, _lines(held, records))
        plan, plan_year = contract.terms.plan, _plan_year(known.claim)
        accumulators = accumulators_of(subject_id=row.subject_id, plan=plan, plan_year=plan_year)
        snapshot = _decided(known.claim, facts, accumulators, contract, as_of=now.date())
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
        fresh.number = known.decisions_count + 1
        fresh.id, fresh.contract_id, fresh.decided_at = decision_id, contract_pk, now
        fresh.save(force_insert=True)
        _pay(actor, decision=decision, row=fresh, receipt=receipt)
        _accumulate(decision, fresh, plan=plan, plan_year=plan_year)
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


def claim_document(*, actor: Actor, row: ClaimRow) -> ClaimDocument:
    """Return the claim as received, from the vault."""
    return _document(kept(actor=actor, item_id=row.item_id))


def _document(data: bytes) -> ClaimDocument:
    return parse_as(ClaimDocument, parse_canonical(data))


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


def _claim_held(organisation_id: UUID, claim_id: UUID) -> ClaimRow:
    """Return a claim of the insurer, holding its member's turn until the transaction ends.

    Who asks for the turn meanwhile waits. Raise ``NotFoundError``.
    """
    rows = ClaimRow.objects.raw(
        "SELECT claim.*, pg_advisory_xact_lock(hashtextextended("
        "'claims/member/' || claim.organisation_id || '/' || claim.subject_id, 13))"
        " FROM claims_claim AS claim WHERE claim.id = %s AND claim.organisation_id = %s",
        [claim_id, organisation_id],
    )
    for row in rows:
        return row
    raise NotFoundError("your organisation received no claim with this id")


def _facts(row: ClaimRow, known: "_Known", lines: tuple[LineEvidence, ...]) -> Facts:
    """Return all that the decision rests on beside the claim, the contract and what was used."""
    return Facts(
        received_date=row.received_at.date(),
        coverage=known.coverage,
        prior_lines=known.prior_lines,
        lines=lines,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What the insurer itself knows about a claim that is not decided."""

    claim: Claim
    coverage: Coverage | None
    prior_lines: tuple[PriorLine, ...]
    decisions_count: int


def _known(*, actor: Actor, row: ClaimRow) -> _Known:
    """Return what is kept of the claim and of its member; three queries, however much it is.

    Prior are the lines of the member's claims that are decided, oldest decision first. What was
    erased is not known any more. Raise ``AlreadyDecidedError``, or ``ErasedError`` for the claim.
    """
    own_or_decided = Q(claim_id=row.id) | ~Q(status=PENDED)
    decisions = list(
        DecisionRow.objects.filter(own_or_decided, claim__subject_id=row.subject_id)
        .order_by("decided_at", "id")
        .values_list("claim_id", "status", "claim__item_id")
    )
    own = [status for claim_id, status, _ in decisions if claim_id == row.id]
    if any(status != PENDED for status in own):
        raise AlreadyDecidedError("a decision is final; appeals are another act")
    prior = [item_id for claim_id, _, item_id in decisions if claim_id != row.id]
    stated = CoverageRow.objects.filter(subject_id=row.subject_id).order_by("-id")[:1]
    coverages = list(stated.values_list("item_id", flat=True))
    found = kept_many(actor=actor, item_ids=[row.item_id, *coverages, *prior])
    if row.item_id not in found:
        kept(actor=actor, item_id=row.item_id)  # raises, and says by which entry it was erased
    claims = {
        item_id: _document(found[item_id]).claim
        for item_id in (row.item_id, *prior)
        if item_id in found
    }
    return _Known(
        claim=claims[row.item_id],
        coverage=next(
            (
                parse_as(Coverage, parse_canonical(found[each]))
                for each in coverages
                if each in found
            ),
            None,
        ),
        prior_lines=tuple(
            prior_line(claims[item_id], line)
            for item_id in prior
            if item_id in claims
            for line in claims[item_id].lines
        ),
        decisions_count=len(own),
    )


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
    named = tags(actor=actor, subject_id=row.subject_id, count=len(kinds))
    return [
        EntryDraft(
            kind=kind,
            id=new_id(seeds),
            body={**body, "tag": tag},
            commitments=(item.commitment,),
        )
        for kind, tag in zip(kinds, named, strict=True)
    ]


def _decision_row(decision: Decision, item: Kept, receipt: Receipt, row: ClaimRow) -> DecisionRow:
    return DecisionRow(
        organisation_id=row.organisation_id,
        claim=row,
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
