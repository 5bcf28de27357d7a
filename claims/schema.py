"""Contracts, claims and decisions in GraphQL. A decision is personal: reading it is an entry."""

import dataclasses
import datetime as dt
from dataclasses import dataclass
from functools import partial
from secrets import token_bytes
from typing import Any
from uuid import UUID

import graphene
from django.utils import timezone

from accounts.core.scopes import Scope, check_scope
from claims.core.decision import ClaimStatus as DecidedStatus
from claims.core.decision import parse_decision
from claims.selectors import (
    RECEIVED,
    ContractInfo,
    contract_page,
)
from claims.services import ClaimShown, claim_shown, claims_page_shown, decision_disclose
from foundation.core.actor import Actor
from foundation.graphql.types import Hash, Page, actor_of, page_of, paged, wanted
from foundation.tenancy import acting_as

ClaimStatus = graphene.Enum(
    "ClaimStatus", [("RECEIVED", RECEIVED), *((each.name, each.value) for each in DecidedStatus)]
)
seeds = partial(token_bytes, 32)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimAsked(ClaimShown):
    """A claim asked for by its id, and who asks: its decision is read only where it is wanted."""

    actor: Actor


class Contract(graphene.ObjectType):
    """A contract of the caller's and how far it has come; its id is the hash of its terms."""

    contract_id = graphene.String(required=True)
    plan = graphene.String(required=True)
    payer = graphene.String(required=True)
    proposed_at = graphene.DateTime(required=True)
    signed_as = graphene.List(graphene.NonNull(graphene.String), required=True)
    activated_at = graphene.DateTime()


class ClaimSummary(graphene.ObjectType):
    """A claim and how it stands; nothing here describes the patient."""

    id = graphene.UUID(required=True)
    organisation_id = graphene.UUID(required=True, description="the insurer")
    submitter_id = graphene.UUID(required=True)
    provider_id = graphene.UUID()
    control_number = graphene.String(description="the biller's (CLM01); null where erased")
    received_at = graphene.DateTime(required=True)
    billed_amount = graphene.Decimal(required=True)
    status = graphene.Field(ClaimStatus, required=True)
    paid_amount = graphene.Decimal(required=True)
    decided_at = graphene.DateTime()
    entry_id = graphene.Field(Hash, required=True)


class Adjustment(graphene.ObjectType):
    """Why a line pays less than billed, in X12's codes."""

    group_code = graphene.String(required=True, description="CO, PR, OA or PI")
    reason_code = graphene.String(required=True, description="CARC")
    remark_code = graphene.String(description="RARC")
    amount = graphene.Decimal(required=True)


class RuleOutcome(graphene.ObjectType):
    """What one rule said of a line, and the clause it stands for."""

    rule = graphene.String(required=True)
    outcome = graphene.String(required=True)
    clause = graphene.String(required=True)
    codes = graphene.List(graphene.NonNull(graphene.String), required=True)
    needed = graphene.String(description="what a pended line waits for")
    shown = graphene.String(description="what a denied line was denied by")
    entry_ids = graphene.List(graphene.NonNull(Hash), required=True)

    @staticmethod
    def resolve_entry_ids(rule: Any, _info: Any) -> list[str]:
        """Return the entries that prove it."""
        return [entry.entry_id for entry in rule.entries]


class ClaimResponseItem(graphene.ObjectType):
    """One line: billed = paid + adjustments, and what is undecided while it pends."""

    number = graphene.Int(required=True)
    status = graphene.String(required=True)
    billed_amount = graphene.Decimal(required=True)
    allowed_amount = graphene.Decimal()
    paid_amount = graphene.Decimal(required=True)
    undecided_amount = graphene.Decimal(required=True)
    adjustments = graphene.List(graphene.NonNull(Adjustment), required=True)
    rules = graphene.List(graphene.NonNull(RuleOutcome), required=True)


class ClaimResponse(graphene.ObjectType):
    """A decision (FHIR's name). ``receipt`` is of the entry that this reading of it wrote."""

    status = graphene.Field(ClaimStatus, required=True)
    as_of = graphene.Date(required=True)
    contract_id = graphene.String(required=True)
    billed_amount = graphene.Decimal(required=True)
    paid_amount = graphene.Decimal(required=True)
    patient_amount = graphene.Decimal(required=True)
    needed = graphene.List(graphene.NonNull(graphene.String), required=True)
    lines = graphene.List(graphene.NonNull(ClaimResponseItem), required=True)
    receipt = graphene.String(required=True, description="as in the header Theriac-Receipt")


class Claim(ClaimSummary):
    """One claim, with its last decision. Asking for ``decision`` discloses it: an entry."""

    decision = graphene.Field(ClaimResponse)

    @staticmethod
    def resolve_decision(claim: ClaimAsked, _info: Any) -> dict[str, Any] | None:
        """Disclose the last decision; ``None`` before the first."""
        if claim.status == RECEIVED:
            return None
        found = decision_disclose(
            actor=claim.actor, claim_id=claim.id, seeds=seeds, now=timezone.now()
        )
        decision = parse_decision(found.data)
        names = [name for name in ClaimResponse._meta.fields if name != "receipt"]
        return {
            **{name: getattr(decision, name) for name in names},
            "status": decision.status.value,
            "receipt": found.receipt.header(),
        }


class Query(graphene.ObjectType):
    """What a party may ask of claims."""

    contracts = paged(Contract, "Contract", description="The caller's contracts, newest first.")
    claims = paged(
        ClaimSummary,
        "Claim",
        status=ClaimStatus(description="those that stand so"),
        description="Claims that the caller is a party to, newest first.",
    )
    claim = graphene.Field(
        Claim, id=graphene.UUID(required=True), description="One claim, with its decision."
    )

    @staticmethod
    def resolve_contracts(
        _root: None, info: Any, first: int, after: str | None = None
    ) -> Page[ContractInfo]:
        """Return a page of contracts."""
        actor = actor_of(info)
        check_scope(actor, Scope.CLAIMS_READ)
        asked = wanted(first, after, dt.datetime, str)
        with acting_as(actor):
            rows = contract_page(after=asked.key, limit=asked.limit)
        return page_of(rows, asked, lambda row: (row.proposed_at, row.contract_id))

    @staticmethod
    def resolve_claims(
        _root: None, info: Any, first: int, after: str | None = None, status: Any = None
    ) -> Page[ClaimShown]:
        """Return a page of claims."""
        actor = actor_of(info)
        check_scope(actor, Scope.CLAIMS_READ)
        asked = wanted(first, after, dt.datetime, UUID)
        rows = claims_page_shown(
            actor=actor,
            after=asked.key,
            limit=asked.limit,
            status=None if status is None else status.value,
        )
        return page_of(rows, asked, lambda row: (row.received_at, row.id))

    @staticmethod
    def resolve_claim(_root: None, info: Any, id: UUID) -> ClaimAsked:  # noqa: A002 - the argument's name
        """Return a claim; raise ``NotFoundError``."""
        actor = actor_of(info)
        check_scope(actor, Scope.CLAIMS_READ)
        found = claim_shown(actor=actor, claim_id=id)
        return ClaimAsked(**dataclasses.asdict(found), actor=actor)
