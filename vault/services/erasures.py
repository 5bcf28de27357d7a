"""Erasure: proposed, approved by two persons with keys of their own, then done in one transaction.

What is destroyed and what stands against it, `vault.core.erasure` decides over what the registry
knows. The entry comes first: without it the database lets no row go.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from django.db import IntegrityError, transaction

from accounts.core.scopes import Scope, organisation_with
from foundation.core.actor import Actor, Role
from foundation.core.problem import ForbiddenError
from foundation.outbox import outbox_put
from foundation.tenancy import acting_as, current_alias
from ledger.core.canonical import Json
from ledger.core.entry import EntryDraft, parse_entry
from ledger.core.receipt import Receipt
from ledger.selectors import entry_get
from ledger.services import Signer, submission_append
from vault.core.erasure import (
    APPROVERS_MIN,
    SUBJECT_CATEGORY,
    SUBJECT_HOLDER,
    ErasurePlan,
    ErasurePlanError,
    ErasureReason,
    Holding,
    Objection,
    erased_body,
    plan_erasure,
)
from vault.errors import ErasureStateError
from vault.models import (
    ErasedItem,
    Erasure,
    ErasureApproval,
    ErasureExecution,
    PersonalItem,
    SubjectKey,
)
from vault.registry import HolderSpec, holder_get, holder_list
from vault.selectors import ErasureInfo, ErasureSummary, erasure_get, erasure_row, erasure_summaries
from vault.services.certificates import CERTIFY
from vault.services.keys import key_id_of, lock, subject_key, subject_key_take, subject_keys_hold
from vault.services.shredding import shred
from vault.services.subjects import tag_next

ERASURE_PROPOSED = "vault.erasure.proposed.v1"
ERASURE_APPROVED = "vault.erasure.approved.v1"
SUBJECT_ERASED = "vault.subject.erased.v1"
ERASERS = frozenset({Role.PRIVACY_OFFICER, Role.ADMIN})
READERS = ERASERS | {Role.AUDITOR}
_LOCK = 24  # classid of the advisory locks on an erasure


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """How the erasure stands after an approval; ``erased`` is the receipt of its execution."""

    info: ErasureInfo
    receipt: Receipt
    erased: Receipt | None


def erasure_propose(
    *,
    actor: Actor,
    subject_id: UUID,
    reason: str,
    now: dt.datetime,
    category: str | None = None,
) -> tuple[ErasureInfo, Receipt]:
    """Propose to erase everything about a subject, or one category of it.

    ``reason`` is one of ``ErasureReason``. What would stand in the way is said now already. Raise
    ``ForbiddenError`` or ``MissingScopeError`` for who may not, ``UnknownSubjectError``,
    ``ErasedError``, ``ErasurePlanError`` or ``ErasureRefusedError``.
    """
    organisation_id = _allowed(actor, ERASERS, Scope.RECORDS_WRITE)
    if reason not in tuple(ErasureReason):
        raise ErasurePlanError(f"the reason is one of {', '.join(ErasureReason)}")
    if category is not None and category not in {spec.category for spec in holder_list()}:
        raise ErasurePlanError(f"no app holds a category {category[:40]!a}")
    with acting_as(actor):
        key = subject_keys_hold([subject_id])[subject_id]
        _plan(actor=actor, key=key, category=category, today=now.date())
        row = Erasure(
            id=uuid4(),
            organisation_id=organisation_id,
            subject_id=subject_id,
            category=category or "",
            reason=reason,
            proposed_at=now,
        )
        body: dict[str, Json] = {**_about(actor, row), "reason": reason}
        if category is not None:
            body["category"] = category
        draft = EntryDraft(kind=ERASURE_PROPOSED, id=uuid4(), body=body)
        receipt = submission_append(actor=actor, entries=[draft], now=now)
        row.entry_id = receipt.entry_ids[0]
        row.save(force_insert=True)
        return erasure_get(row.id), receipt


def erasure_approve(*, actor: Actor, erasure_id: UUID, now: dt.datetime) -> Approved:
    """Approve an erasure under the person's own key; the second person's approval carries it out.

    Raise ``ForbiddenError`` for who may not, ``NotFoundError``, ``NoKeyError`` without a personal
    key or five minutes after logging in, ``ErasureStateError`` where the person has approved
    already or it is erased, ``ErasureRefusedError`` where the law has come in between.
    """
    organisation_id = _allowed(actor, ERASERS, Scope.RECORDS_WRITE)
    if actor.person_id is None:
        raise ForbiddenError("erasures are approved by people, under keys of their own")
    with acting_as(actor):
        lock(_LOCK, erasure_id)
        row = erasure_row(erasure_id)
        if ErasureExecution.objects.filter(erasure=row).exists():
            raise ErasureStateError("it is erased already")
        earlier = list(row.approvals.all())
        if actor.person_id in {approval.person_id for approval in earlier}:
            raise ErasureStateError("two different persons approve; you have already")
        enough = len(earlier) + 1 >= APPROVERS_MIN
        # Alone from the start: to share the key for a tag and then ask for it alone would wait
        # for others who share it and wait for the tag.
        key = subject_key_take(row.subject_id) if enough else None
        draft = EntryDraft(kind=ERASURE_APPROVED, id=uuid4(), body=_about(actor, row))
        receipt = submission_append(actor=actor, entries=[draft], now=now, signer=Signer.PERSON)
        try:
            # The savepoint keeps the transaction usable for a clean refusal.
            with transaction.atomic(using=current_alias()):
                ErasureApproval.objects.create(
                    organisation_id=organisation_id,
                    erasure=row,
                    person_id=actor.person_id,
                    key_id=parse_entry(entry_get(receipt.entry_ids[0]).content).key_id.hex(),
                    approved_at=now,
                    entry_id=receipt.entry_ids[0],
                )
        except IntegrityError as error:
            raise ErasureStateError("two approvals are made with two different keys") from error
        erased = None if key is None else _erase(actor=actor, row=row, key=key, now=now)
        return Approved(info=erasure_get(erasure_id), receipt=receipt, erased=erased)


def _erase(*, actor: Actor, row: Erasure, key: SubjectKey, now: dt.datetime) -> Receipt:
    """Destroy what was approved; return the receipt of the entry that says so."""
    category = row.category or None
    plan = _plan(actor=actor, key=key, category=category, today=now.date())
    key_id = key_id_of(subject_key(key))
    tag = tag_next(actor=actor, subject_id=row.subject_id)
    body = erased_body(
        plan,
        tag=tag,
        key_id=key_id,
        epoch=key.epoch,
        approvers=list(row.approvals.values_list("key_id", flat=True)),
    )
    draft = EntryDraft(kind=SUBJECT_ERASED, id=uuid4(), body={**body, "erasure": str(row.id)})
    receipt = submission_append(actor=actor, entries=[draft], now=now)
    execution = ErasureExecution.objects.create(
        erasure=row,
        organisation_id=row.organisation_id,
        subject_id=row.subject_id,
        category=row.category,
        tag=tag,
        commitments_root=plan.commitments_root,
        key_id=key_id,
        key_version=key.version,
        epoch=key.epoch,
        erased_at=now,
        entry_id=receipt.entry_ids[0],
    )
    ErasedItem.objects.bulk_create(
        ErasedItem(
            execution=execution,
            organisation_id=row.organisation_id,
            holder=held.holder,
            category=held.category,
            item_id=held.item,
            commitment=held.commitment,
        )
        for held in plan.holdings
    )
    shred(actor=actor, key=key, plan=plan, specs=_specs(category))
    # The certificate rests on what others find once this is committed.
    outbox_put(handler=CERTIFY, payload={"erasure": str(row.id)}, now=now)
    return receipt


def erasures_show(*, actor: Actor) -> list[ErasureSummary]:
    """Return the organisation's erasures, the newest first; raises as ``erasure_show``."""
    _allowed(actor, READERS, Scope.RECORDS_READ)
    with acting_as(actor):
        return erasure_summaries()


def erasure_show(*, actor: Actor, erasure_id: UUID) -> ErasureInfo:
    """Return how an erasure stands, for who erases and for auditors.

    Raise ``ForbiddenError`` or ``MissingScopeError`` for who may not, ``NotFoundError``.
    """
    _allowed(actor, READERS, Scope.RECORDS_READ)
    with acting_as(actor):
        return erasure_get(erasure_id)


def _allowed(actor: Actor, roles: frozenset[Role], scope: Scope) -> UUID:
    """Return the organisation that the actor may do this for.

    A person needs one of the roles; a system of the organisation's needs the scope.
    """
    if actor.person_id is None:
        return organisation_with(actor, scope)
    if not actor.roles & roles or actor.organisation_id is None:
        raise ForbiddenError(f"it takes one of the roles {', '.join(sorted(roles))}")
    return actor.organisation_id


def _about(actor: Actor, row: Erasure) -> dict[str, Json]:
    tag = tag_next(actor=actor, subject_id=row.subject_id)
    return {"erasure": str(row.id), "tag": tag}


def _specs(category: str | None) -> list[HolderSpec]:
    return [spec for spec in holder_list() if category in (None, spec.category)]


def _plan(*, actor: Actor, key: SubjectKey, category: str | None, today: dt.date) -> ErasurePlan:
    """Return what is destroyed; raise ``ErasurePlanError`` or ``ErasureRefusedError``."""
    return plan_erasure(
        _holdings(key, category),
        _objections(actor, key.subject_id, _specs(category), today),
        today=today,
        category=category,
    )


def _holdings(key: SubjectKey, category: str | None) -> Iterator[Holding]:
    if category is None:
        yield Holding(
            holder=SUBJECT_HOLDER,
            category=SUBJECT_CATEGORY,
            item=key.subject_id,
            commitment=bytes.fromhex(key_id_of(subject_key(key))),
        )
    rows = PersonalItem.objects.filter(subject_id=key.subject_id)
    for holder, item_id, commitment in rows.values_list("holder", "id", "commitment"):
        yield Holding(
            holder=holder,
            category=holder_get(holder).category,
            item=item_id,
            commitment=bytes(commitment),
        )


def _objections(
    actor: Actor, subject_id: UUID, specs: Sequence[HolderSpec], today: dt.date
) -> list[Objection]:
    return [
        objection
        for spec in specs
        if spec.objections is not None
        for objection in spec.objections(actor=actor, subject_id=subject_id, today=today)
    ]
