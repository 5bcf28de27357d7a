"""What the vault answers about erasures: frozen values, never rows. Inside ``acting_as`` only.

Nothing here is about a person: reads of personal data are services.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, Max

from foundation.core.problem import NotFoundError
from ledger.core.canonical import Json
from ledger.core.entry import parse_entry
from ledger.selectors import entry_get
from vault.core.erasure import ErasureState
from vault.models import Erasure, ErasureExecution

LIST_MAX = 200
STAGE_PROBED, STAGE_ROOT_DESTROYED = 1, 2
_STATES = {
    STAGE_PROBED: ErasureState.CERTIFIED,
    STAGE_ROOT_DESTROYED: ErasureState.FINAL,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryRef:
    """An entry of the ledger: what kind of act, and the id under which its proof is found."""

    kind: str
    entry_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureInfo:
    """An erasure and how far it has come.

    ``category`` None is everything; ``approvers`` are the ids of the keys that approved;
    ``certificates`` are the bodies of the entries that certify, stage 1 first; ``entries`` are
    all its entries in their order.
    """

    id: UUID
    state: ErasureState
    category: str | None
    reason: str
    proposed_at: dt.datetime
    erased_at: dt.datetime | None
    count: int | None
    approvers: tuple[str, ...]
    certificates: tuple[Mapping[str, Json], ...]
    entries: tuple[EntryRef, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureSummary:
    """An erasure in a list: how far it has come, and how many approved it."""

    id: UUID
    state: ErasureState
    category: str | None
    reason: str
    proposed_at: dt.datetime
    approvals: int


def erasure_summaries(*, limit: int = LIST_MAX) -> list[ErasureSummary]:
    """Return the acting organisation's erasures, the newest first, at most ``limit``."""
    rows = Erasure.objects.annotate(
        erased=Count("execution", distinct=True),
        stage=Max("certificates__stage"),
        approved=Count("approvals", distinct=True),
    ).order_by("-proposed_at", "id")
    return [
        ErasureSummary(
            id=row.id,
            state=_state(row.erased > 0, row.stage),
            category=row.category or None,
            reason=row.reason,
            proposed_at=row.proposed_at,
            approvals=row.approved,
        )
        for row in rows[: min(limit, LIST_MAX)]
    ]


def _state(is_erased: bool, stage: int | None) -> ErasureState:  # noqa: FBT001 - two facts of a row
    if stage is not None:
        return _STATES[stage]
    return ErasureState.ERASED if is_erased else ErasureState.PROPOSED


def erasure_row(erasure_id: UUID) -> Erasure:
    """Return an erasure of the acting organisation, for services; raise ``NotFoundError``."""
    row = Erasure.objects.filter(id=erasure_id).first()
    if row is None:
        raise NotFoundError("your organisation proposed no erasure with this id")
    return row


def erasure_get(erasure_id: UUID) -> ErasureInfo:
    """Return an erasure of the acting organisation; raise ``NotFoundError``."""
    row = erasure_row(erasure_id)
    approvals = list(row.approvals.order_by("id"))
    execution = ErasureExecution.objects.filter(erasure=row).first()
    certificates = list(row.certificates.order_by("stage"))
    stage = certificates[-1].stage if certificates else None
    ids = [bytes(row.entry_id), *(bytes(each.entry_id) for each in approvals)]
    if execution is not None:
        ids.append(bytes(execution.entry_id))
    ids += [bytes(each.entry_id) for each in certificates]
    found = [entry_get(entry_id) for entry_id in ids]
    return ErasureInfo(
        id=row.id,
        state=_state(execution is not None, stage),
        category=row.category or None,
        reason=row.reason,
        proposed_at=row.proposed_at,
        erased_at=None if execution is None else execution.erased_at,
        count=None if execution is None else execution.items.count(),
        approvers=tuple(each.key_id for each in approvals),
        certificates=tuple(
            parse_entry(entry.content).body for entry in found[len(found) - len(certificates) :]
        ),
        entries=tuple(EntryRef(kind=entry.kind, entry_id=entry.entry_id.hex()) for entry in found),
    )
