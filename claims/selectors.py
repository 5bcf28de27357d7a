"""What claims answers: frozen values, never rows. Inside ``acting_as`` only.

Row-level security says which rows there are; nothing here holds what describes a patient.
"""

import datetime as dt
import functools
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from django.db.models import OuterRef, Q, QuerySet, Subquery, Sum

from claims.core.contract import Contract as ParsedContract
from claims.core.contract import parse_contract
from claims.core.facts import Accumulators
from claims.core.money import ZERO
from claims.models import (
    PENDED,
    AccumulatorKind,
    AccumulatorRow,
    Claim,
    Contract,
    ContractActivation,
    Decision,
)
from foundation.core.problem import NotFoundError

LIST_MAX = 200
RECEIVED = "received"  # the status of a claim before its first decision


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractInfo:
    """A contract and how far it has come; ``signed_as`` holds the roles signed."""

    contract_id: str
    plan: str
    payer: str
    proposed_at: dt.datetime
    signed_as: tuple[str, ...]
    activated_at: dt.datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimInfo:
    """A claim and how it stands: ``received``, or the status of its last decision.

    What the vault holds of it (the biller's number) is told by ``services.claims_shown``.
    """

    id: UUID
    organisation_id: UUID
    submitter_id: UUID
    provider_id: UUID | None
    received_at: dt.datetime
    billed_amount: Decimal
    status: str
    paid_amount: Decimal
    decided_at: dt.datetime | None
    entry_id: str


def contract_row(contract_id: str) -> Contract:
    """Return the acting insurer's contract, for services; raise ``NotFoundError``."""
    row = Contract.objects.filter(contract_id=contract_id).first()
    if row is None:
        raise NotFoundError("your organisation has proposed no contract with this id")
    return row


def contract_get(contract_id: str) -> ContractInfo:
    """Return a contract of the acting insurer; raise ``NotFoundError``."""
    found = _contract_infos(Contract.objects.filter(contract_id=contract_id))
    if not found:
        raise NotFoundError("your organisation has proposed no contract with this id")
    return found[0]


def contract_list() -> list[ContractInfo]:
    """Return the acting insurer's contracts, the newest first."""
    return _contract_infos(Contract.objects.order_by("-proposed_at", "-id"))


def contract_page(*, after: tuple[dt.datetime, str] | None, limit: int) -> list[ContractInfo]:
    """Return the acting insurer's contracts, the newest first, past the one of this key."""
    rows = Contract.objects.order_by("-proposed_at", "-contract_id")
    if after is not None:
        at, id_ = after
        rows = rows.filter(Q(proposed_at__lt=at) | Q(proposed_at=at, contract_id__lt=id_))
    return _contract_infos(rows[:limit])


def contracts_active(payer: str) -> list[tuple[int, ParsedContract]]:
    """Return the active contracts of ``payer`` with their rows' keys, activated last first."""
    active = ContractActivation.objects.filter(contract__payer=payer).order_by("-id")
    rows = active.values_list("contract_id", "contract__content")
    return [(pk, _parsed(bytes(content))) for pk, content in rows]


def contract_parsed(contract_id: str) -> ParsedContract:
    """Return a contract of the acting insurer, ready to decide; raise ``NotFoundError``."""
    # Rows decide who may read; the content behind a hash is the same for whoever may.
    return _parsed(bytes(contract_row(contract_id).content))


@functools.lru_cache(maxsize=64)
def _parsed(content: bytes) -> ParsedContract:
    return parse_contract(content)


def claim_get(claim_id: UUID) -> ClaimInfo:
    """Return a claim that the actor is a party to; raise ``NotFoundError``."""
    found = _claim_infos(Claim.objects.filter(id=claim_id))
    if not found:
        raise NotFoundError("your organisation is party to no claim with this id")
    return found[0]


def claim_list(*, limit: int = LIST_MAX) -> list[ClaimInfo]:
    """Return the claims that the actor is a party to, the newest first, at most ``limit``."""
    return _claim_infos(Claim.objects.order_by("-received_at", "id")[: min(limit, LIST_MAX)])


def claim_page(
    *, after: tuple[dt.datetime, UUID] | None, limit: int, status: str | None = None
) -> list[ClaimInfo]:
    """Return claims that the actor is a party to, the newest first, past the one of this key.

    With ``status``, those that stand so: ``RECEIVED``, or the status of the last decision.
    """
    rows = Claim.objects.order_by("-received_at", "id")
    if after is not None:
        at, id_ = after
        rows = rows.filter(Q(received_at__lt=at) | Q(received_at=at, id__gt=id_))
    if status is not None:
        wanted = None if status == RECEIVED else status
        rows = rows.alias(stands=_last("status")).filter(stands=wanted)
    return _claim_infos(rows[:limit])


def accumulators_of(*, subject_id: UUID, plan: str, plan_year: int) -> Accumulators:
    """Return what a member has met in a plan year: the sums of all rows."""
    rows = AccumulatorRow.objects.filter(subject_id=subject_id, plan=plan, plan_year=plan_year)
    sums = dict(rows.values_list("kind").annotate(Sum("amount")).values_list("kind", "amount__sum"))
    return Accumulators(
        deductible_met_amount=sums.get(AccumulatorKind.DEDUCTIBLE, ZERO),
        oop_met_amount=sums.get(AccumulatorKind.OOP, ZERO),
    )


def _contract_infos(rows: QuerySet[Contract]) -> list[ContractInfo]:
    """Return contracts as values; three queries, however many there are."""
    return [
        ContractInfo(
            contract_id=row.contract_id,
            plan=row.plan,
            payer=row.payer,
            proposed_at=row.proposed_at,
            signed_as=tuple(sorted(signature.role for signature in row.signatures.all())),
            activated_at=row.activation.activated_at if hasattr(row, "activation") else None,
        )
        for row in rows.select_related("activation").prefetch_related("signatures")
    ]


def _last(of: str) -> Subquery:
    """Return a column of a claim's last decision."""
    decisions = Decision.objects.filter(claim_id=OuterRef("id")).order_by("-number")
    return Subquery(decisions.values(of)[:1])


def _claim_infos(rows: QuerySet[Claim]) -> list[ClaimInfo]:
    last = Decision.objects.filter(claim_id=OuterRef("id")).order_by("-number")
    found = rows.annotate(
        status=_last("status"),
        paid_amount=_last("paid_amount"),
        decided_at=Subquery(last.exclude(status=PENDED).values("decided_at")[:1]),
    )
    return [
        ClaimInfo(
            id=row.id,
            organisation_id=row.organisation_id,
            submitter_id=row.submitter_id,
            provider_id=row.provider_id,
            received_at=row.received_at,
            billed_amount=row.billed_amount,
            status=row.status or RECEIVED,
            paid_amount=row.paid_amount or ZERO,
            decided_at=row.decided_at,
            entry_id=bytes(row.entry_id).hex(),
        )
        for row in found
    ]
