"""Certificates: what was erased is looked for, by who did not delete it, and must not be found.

Stage 1 rests on probes of the committed database. Stage 2 says that the root is destroyed, so
that copies of the database made before do not open either.
"""

import datetime as dt
from collections.abc import Sequence
from uuid import UUID, uuid4

from django.db import connections

from foundation.core.actor import Actor
from foundation.outbox import OutboxWork, outbox_handler
from foundation.tenancy import acting_as, current_alias
from ledger.core.canonical import Json
from ledger.core.entry import EntryDraft
from ledger.core.merkle import leaf_hash, tree_root
from ledger.services import submission_append
from vault.core.erasure import (
    SUBJECT_HOLDER,
    ErasurePlan,
    ErasureProbeError,
    Holding,
    Probe,
    certify_erasure,
)
from vault.errors import ErasureStateError
from vault.models import ErasureCertificate, ErasureExecution, RootDestruction
from vault.registry import holder_list
from vault.selectors import STAGE_PROBED, STAGE_ROOT_DESTROYED, erasure_row
from vault.services.keys import lock

CERTIFY = "vault.erasure.certify"
ERASURE_CERTIFIED = "vault.erasure.certified.v1"
_LOCK = 25  # classid of the advisory locks on an erasure's certificates
# Everything that could still name or open a subject, or what stood under a destroyed key.
_LEFT_OF_ALL = """
    SELECT (SELECT count(*) FROM vault_subject WHERE id = %(subject)s)
        + (SELECT count(*) FROM vault_subjectidentifier WHERE subject_id = %(subject)s)
        + (SELECT count(*) FROM vault_subjectkey WHERE subject_id = %(subject)s)
        + (SELECT count(*) FROM vault_subjecttag WHERE subject_id = %(subject)s)
        + (SELECT count(*) FROM vault_subjectlookup WHERE subject_id = %(subject)s)
        + (SELECT count(*) FROM vault_personalitem WHERE subject_id = %(subject)s)
"""
_LEFT_OF_CATEGORY = """
    SELECT (SELECT count(*) FROM vault_subjectkey
            WHERE subject_id = %(subject)s AND version <= %(version)s)
        + (SELECT count(*) FROM vault_personalitem
            WHERE subject_id = %(subject)s AND kek_version <= %(version)s)
"""


@outbox_handler(CERTIFY)
def certify_later(work: OutboxWork) -> None:
    """Certify the erasure that the message names."""
    erasure_certify(actor=work.actor, erasure_id=UUID(work.payload["erasure"]), now=work.now)


def erasure_certify(*, actor: Actor, erasure_id: UUID, now: dt.datetime) -> None:
    """Probe what was erased and certify that nothing opens; doing it twice is fine.

    Raise ``NotFoundError``, ``ErasureStateError`` before it is erased, ``ErasureProbeError``
    where anything is still there: then there is no certificate.
    """
    with acting_as(actor):
        lock(_LOCK, erasure_id)
        row = erasure_row(erasure_id)
        execution = ErasureExecution.objects.filter(erasure=row).first()
        if execution is None:
            raise ErasureStateError("two persons approve before it is erased and certified")
        if not row.certificates.filter(stage=STAGE_PROBED).exists():
            body = _probed(actor, execution)
            _certify([execution], [body], actor=actor, stage=STAGE_PROBED, now=now)
        dead = RootDestruction.objects.filter(epoch__gte=execution.epoch).order_by("epoch")
        for destruction in dead[:1]:
            # A rotation was quicker than the certificate.
            certify_final(actor=actor, executions=[execution], destruction=destruction, now=now)


def certify_final(
    *,
    actor: Actor,
    executions: Sequence[ErasureExecution],
    destruction: RootDestruction,
    now: dt.datetime,
) -> int:
    """Certify stage 2 of those that have stage 1 and not yet 2; return how many."""
    with acting_as(actor):
        stages = {
            execution.pk: set(execution.erasure.certificates.values_list("stage", flat=True))
            for execution in executions
        }
        due = [each for each in executions if stages[each.pk] == {STAGE_PROBED}]
        bodies: list[dict[str, Json]] = [
            {
                "epoch": destruction.epoch,
                "root_destroyed": bytes(destruction.entry_id).hex(),
                "tag": execution.tag,
            }
            for execution in due
        ]
        _certify(due, bodies, actor=actor, stage=STAGE_ROOT_DESTROYED, now=now)
        return len(due)


def _certify(
    executions: Sequence[ErasureExecution],
    bodies: Sequence[dict[str, Json]],
    *,
    actor: Actor,
    stage: int,
    now: dt.datetime,
) -> None:
    """Put the certificates of a stage on the ledger, as one submission."""
    if not executions:
        return
    drafts = [
        EntryDraft(
            kind=ERASURE_CERTIFIED,
            id=uuid4(),
            body={
                **body,
                "erasure": str(execution.erasure_id),
                "erased": bytes(execution.entry_id).hex(),
                "stage": stage,
            },
        )
        for execution, body in zip(executions, bodies, strict=True)
    ]
    receipt = submission_append(actor=actor, entries=drafts, now=now)
    ErasureCertificate.objects.bulk_create(
        ErasureCertificate(
            organisation_id=execution.organisation_id,
            erasure_id=execution.erasure_id,
            stage=stage,
            certified_at=now,
            entry_id=entry_id,
        )
        for execution, entry_id in zip(executions, receipt.entry_ids, strict=True)
    )


def _probed(actor: Actor, execution: ErasureExecution) -> dict[str, Json]:
    """Return the body of stage 1; raise ``ErasureProbeError``."""
    plan = _plan_of(execution)
    _check_beside(actor, execution)
    return certify_erasure(
        plan,
        _probes(execution, plan),
        tag=execution.tag,
        key_id=execution.key_id,
        epoch=execution.epoch,
        approvers=list(execution.erasure.approvals.values_list("key_id", flat=True)),
    )


def _plan_of(execution: ErasureExecution) -> ErasurePlan:
    """Return the plan as it was carried out; raise ``ErasureProbeError`` if the entry differs."""
    holdings = [
        Holding(
            holder=item.holder,
            category=item.category,
            item=item.item_id,
            commitment=bytes(item.commitment),
        )
        for item in execution.items.all()
    ]
    holdings.sort(key=lambda held: (held.holder, held.item.bytes))
    root = tree_root(leaf_hash(held.commitment) for held in holdings)
    if root != bytes(execution.commitments_root):
        raise ErasureProbeError("what was erased is not what its entry says")
    return ErasurePlan(
        holdings=tuple(holdings), category=execution.category or None, commitments_root=root
    )


def _probes(execution: ErasureExecution, plan: ErasurePlan) -> list[Probe]:
    """Look for each item by its id alone; one that is there counts as opened.

    For the person as a whole, one probe looks for every row that names or opens anything.
    """
    with connections[current_alias()].cursor() as cursor:
        cursor.execute(
            "SELECT id FROM vault_personalitem WHERE id = ANY(%s)",
            [[held.item for held in plan.holdings]],
        )
        there = {item_id for (item_id,) in cursor.fetchall()}
        cursor.execute(
            _LEFT_OF_CATEGORY if execution.category else _LEFT_OF_ALL,
            {"subject": execution.subject_id, "version": execution.key_version},
        )
        left = cursor.fetchone()[0]
    if left and execution.category:
        raise ErasureProbeError(f"{left} rows under the destroyed key are still there")
    return [
        Probe(
            holder=held.holder,
            item=held.item,
            opened=held.item in there or (held.holder == SUBJECT_HOLDER and left > 0),
        )
        for held in plan.holdings
    ]


def _check_beside(actor: Actor, execution: ErasureExecution) -> None:
    """Ask each app for what it kept beside the vault; raise ``ErasureProbeError``."""
    for spec in holder_list():
        if spec.probe is None or execution.category not in ("", spec.category):
            continue
        left = spec.probe(actor=actor, subject_id=execution.subject_id)
        if left:
            raise ErasureProbeError(f"{spec.name} still holds {left} beside the vault")
