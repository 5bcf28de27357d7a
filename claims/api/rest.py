"""Contracts, claims, decisions and remittances under ``/api/v1/``.

Answers that are kept for a repeat hold ids, statuses and amounts; what describes a patient is
under ``/decision`` and ``/remittance``, and reading it is an entry.
"""

import dataclasses
from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.authentication import actor_of
from claims.api.renderers import X12Renderer
from claims.api.serializers import (
    ClaimOut,
    ContractOut,
    DecidedOut,
    PayerProfileIn,
    SignIn,
    SubmittedOut,
)
from claims.api.views import (
    ClaimsView,
    answered,
    answered_before,
    created,
    once,
    seeds,
    shown,
)
from claims.core.codec import parse_as, schema_of
from claims.core.contract import Terms
from claims.core.decision import Decision
from claims.core.facts import Coverage
from claims.core.json_claim import PharmacyClaim, parse_json_claim
from claims.core.model import Id
from claims.keeping import new_id
from claims.parsers import ContractParser
from claims.selectors import contract_get, contract_list
from claims.services import (
    Decided,
    claim_decide,
    claim_shown,
    claim_submit,
    claims_receiver,
    claims_shown,
    contract_activate,
    contract_propose,
    contract_sign,
    coverage_state,
    decision_disclose,
    payer_profile_put,
    remittance_disclose,
)
from foundation.idempotency import Answer
from foundation.openapi import ReceiptOut
from foundation.parsers import OrjsonRenderer, body_of
from foundation.tenancy import acting_as
from foundation.writes import IDEMPOTENCY_KEY


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CoverageIn:
    """When a member of a payer is insured."""

    payer_id: Id
    member_id: Id
    coverage: Coverage


class ContractsView(ClaimsView):
    """Contracts of the caller's organisation."""

    parser_classes = (ContractParser,)

    @extend_schema(responses=ContractOut(many=True), operation_id="contract_list")
    def get(self, request: Request) -> Response:
        """List contracts, the newest first."""
        with acting_as(actor_of(request)):
            return Response([dataclasses.asdict(info) for info in contract_list()])

    @extend_schema(
        request={"application/json": schema_of(Terms)},
        responses={201: ContractOut},
        parameters=[IDEMPOTENCY_KEY],
        operation_id="contract_propose",
    )
    def post(self, request: Request) -> HttpResponse:
        """Propose a contract: canonical JSON, whose SHA-256 becomes its id."""
        content, actor, now = body_of(request), actor_of(request), timezone.now()

        def propose() -> Answer:
            info, receipt = contract_propose(actor=actor, content=content, new_id=_new_id, now=now)
            return created(dataclasses.asdict(info), receipt)

        return once(request, raw=content, now=now, answer=propose)


class ContractView(ClaimsView):
    """One contract."""

    @extend_schema(responses=ContractOut, operation_id="contract_get")
    def get(self, request: Request, contract_id: str) -> Response:
        """Show how far a contract has come."""
        with acting_as(actor_of(request)):
            return Response(dataclasses.asdict(contract_get(contract_id)))


class ContractSignView(ClaimsView):
    """Signatures under a contract."""

    @extend_schema(
        request=SignIn,
        responses=ContractOut,
        parameters=[IDEMPOTENCY_KEY],
        operation_id="contract_sign",
    )
    def post(self, request: Request, contract_id: str) -> HttpResponse:
        """Sign as author or approver, within five minutes of logging in again."""
        raw, actor, now = request.body, actor_of(request), timezone.now()
        role = SignIn(data=request.data).checked()["role"]

        def sign() -> Answer:
            info, receipt = contract_sign(
                actor=actor, contract_id=contract_id, role=role, new_id=_new_id, now=now
            )
            return answered(dataclasses.asdict(info), receipt)

        return once(request, raw=raw, now=now, answer=sign)


class ContractActivateView(ClaimsView):
    """Puts contracts in force."""

    @extend_schema(
        request=None,
        responses=ContractOut,
        parameters=[IDEMPOTENCY_KEY],
        operation_id="contract_activate",
    )
    def post(self, request: Request, contract_id: str) -> HttpResponse:
        """Put a contract in force that its author and its approver signed."""
        actor, now = actor_of(request), timezone.now()

        def activate() -> Answer:
            info, receipt = contract_activate(
                actor=actor, contract_id=contract_id, new_id=_new_id, now=now
            )
            return answered(dataclasses.asdict(info), receipt)

        return once(request, raw=request.body, now=now, answer=activate)


class CoveragesView(ClaimsView):
    """When members are insured."""

    @extend_schema(
        request={"application/json": schema_of(CoverageIn)},
        responses={201: ReceiptOut},
        parameters=[IDEMPOTENCY_KEY],
        operation_id="coverage_state",
    )
    def post(self, request: Request) -> HttpResponse:
        """State a member's coverage; the newest statement counts."""
        raw, actor, now = request.body, actor_of(request), timezone.now()
        stated = parse_as(CoverageIn, request.data)

        def state() -> Answer:
            receipt = coverage_state(
                actor=actor,
                payer_id=stated.payer_id,
                member_id=stated.member_id,
                coverage=stated.coverage,
                seeds=seeds,
                now=now,
            )
            return created({}, receipt)

        return once(request, raw=raw, now=now, answer=state)


class PayerProfileView(ClaimsView):
    """How the insurer names itself in remittances."""

    @extend_schema(request=PayerProfileIn, responses={204: None}, operation_id="payer_profile_put")
    def put(self, request: Request) -> HttpResponse:
        """Keep the payer's trace id, address and contact."""
        payer_profile_put(
            actor=actor_of(request), profile=PayerProfileIn(data=request.data).checked()
        )
        return HttpResponse(status=204)


class ClaimsListView(ClaimsView):
    """Claims that the caller is a party to."""

    @extend_schema(responses=ClaimOut(many=True), operation_id="claim_list")
    def get(self, request: Request) -> Response:
        """List claims, the newest first, at most 200."""
        found = claims_shown(actor=actor_of(request))
        return Response([dataclasses.asdict(info) for info in found])

    @extend_schema(
        request={"application/json": schema_of(PharmacyClaim)},
        responses={201: SubmittedOut},
        parameters=[IDEMPOTENCY_KEY],
        operation_id="claim_submit",
    )
    def post(self, request: Request) -> HttpResponse:
        """Submit a pharmacy's claim; it goes to the insurer that decides its payer's claims."""
        raw, caller, now = request.body, actor_of(request), timezone.now()
        document = parse_json_claim(request.data)
        actor = claims_receiver(actor=caller, documents=[document])

        def submit() -> Answer:
            taken = claim_submit(
                actor=actor,
                submitter_id=caller.organisation,
                documents=[document],
                seeds=seeds,
                now=now,
            )
            return created({"claim_id": taken.claim_ids[0]}, taken.receipt)

        return once(request, raw=raw, now=now, answer=submit, actor=actor)


class ClaimView(ClaimsView):
    """One claim."""

    @extend_schema(responses=ClaimOut, operation_id="claim_get")
    def get(self, request: Request, claim_id: UUID) -> Response:
        """Show how a claim stands."""
        found = claim_shown(actor=actor_of(request), claim_id=claim_id)
        return Response(dataclasses.asdict(found))


class AdjudicateView(ClaimsView):
    """Decides claims."""

    @extend_schema(
        request=None,
        responses=DecidedOut,
        parameters=[IDEMPOTENCY_KEY],
        operation_id="claim_adjudicate",
    )
    def post(self, request: Request, claim_id: UUID) -> HttpResponse:
        """Decide a claim from what is known now; a pended one may be decided again.

        Repeating needs a new ``Idempotency-Key``: without one the first answer comes back.
        """
        raw, now = request.body, timezone.now()
        return claim_decide(
            actor=actor_of(request),
            claim_id=claim_id,
            stored=lambda: answered_before(request, raw=raw),
            once=lambda decide: once(request, raw=raw, now=now, answer=lambda: _decided(decide())),
            seeds=seeds,
            now=now,
        )


class DecisionView(ClaimsView):
    """What was decided, and why."""

    @extend_schema(
        responses={(200, "application/json"): schema_of(Decision)}, operation_id="decision_disclose"
    )
    def get(self, request: Request, claim_id: UUID) -> HttpResponse:
        """Show the last decision's record; each reading is an entry."""
        found = decision_disclose(
            actor=actor_of(request), claim_id=claim_id, seeds=seeds, now=timezone.now()
        )
        return shown(found, "application/json")


class RemittanceView(ClaimsView):
    """What was paid, as an 835."""

    renderer_classes = (OrjsonRenderer, X12Renderer)

    @extend_schema(
        responses={(200, "application/edi-x12"): OpenApiTypes.BINARY},
        operation_id="remittance_disclose",
    )
    def get(self, request: Request, claim_id: UUID) -> HttpResponse:
        """Show the claim's balanced 835; each reading is an entry."""
        found = remittance_disclose(
            actor=actor_of(request), claim_id=claim_id, seeds=seeds, now=timezone.now()
        )
        return shown(found, X12Renderer.media_type)


def _new_id() -> UUID:
    return new_id(seeds)


def _decided(made: Decided) -> Answer:
    """Return a decision as made: nothing of it describes the patient."""
    value = {
        "claim_id": made.claim_id,
        "decision_id": made.decision_id,
        "status": made.status,
        "paid_amount": made.paid_amount,
    }
    return answered(value, made.receipt)
