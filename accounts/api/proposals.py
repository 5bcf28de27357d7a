"""Policies and proposals under ``/api/v1/``: what needs endorsements, and what waits for them."""

import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, ClassVar
from uuid import UUID

import orjson
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.views import Permission, View, once, received
from accounts.authentication import actor_of, requires_scope
from accounts.core.scopes import Scope
from accounts.services import proposals as services
from foundation.core.json_input import parse_json
from foundation.core.problem import BadInputError
from foundation.idempotency import Answer
from foundation.openapi import ReceiptOut
from foundation.serializers import Strict
from foundation.writes import IDEMPOTENCY_KEY
from ledger.bodies import PREFER
from ledger.core.ed25519 import SIGNATURE_SIZE_BYTES
from ledger.core.endorsement import ENDORSEMENTS_MAX, EndorsementPolicy
from ledger.core.members import Base64Error, format_base64, parse_base64
from ledger.services import ProposalInfo, Signer

_KIND_LENGTH_MAX = 128
_KEY_ID = re.compile("[0-9a-f]{64}")


class PolicyIn(Strict):
    """How many endorsements, and whose, entries of a kind need from here on; 0 ends it."""

    kind = serializers.CharField(max_length=_KIND_LENGTH_MAX)
    n = serializers.IntegerField(min_value=0, max_value=ENDORSEMENTS_MAX)
    orgs = serializers.ListField(
        child=serializers.UUIDField(), required=False, max_length=ENDORSEMENTS_MAX
    )
    member_kind = serializers.CharField(required=False, max_length=32)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Raise where both say whose endorsements count."""
        if "orgs" in attrs and "member_kind" in attrs:
            raise serializers.ValidationError({"member_kind": "stands in place of orgs"})
        return attrs


class PolicyOut(serializers.Serializer[Any]):
    """A policy in force: ``orgs`` or ``member_kind`` say whose endorsements count."""

    kind = serializers.CharField()
    n = serializers.IntegerField()
    index = serializers.IntegerField(help_text="log index of the entry that set it")
    orgs = serializers.ListField(child=serializers.UUIDField(), required=False)
    member_kind = serializers.CharField(required=False)


class ProposalIn(Strict):
    """``kind`` and ``body`` of an entry that the server signs, or an ``entry`` of one's own key."""

    kind = serializers.CharField(required=False, max_length=_KIND_LENGTH_MAX)
    body = serializers.DictField(required=False)
    entry = serializers.CharField(required=False, help_text="base64, without endorsements")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Raise unless exactly one of the two ways is taken."""
        if attrs.keys() not in ({"kind", "body"}, {"entry"}):
            raise serializers.ValidationError({"entry": "kind and body, or entry alone"})
        return attrs


class EndorsementIn(Strict):
    """Which server-held key endorses, or the key and signature of one's own."""

    signer = serializers.ChoiceField([signer.value for signer in Signer], required=False)
    key_id = serializers.CharField(required=False, max_length=64, help_text="hex, 32 bytes")
    signature = serializers.CharField(
        required=False, max_length=88, help_text="base64, 64 bytes, over the proposal's message"
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Raise unless exactly one of the two ways is taken."""
        if attrs.keys() not in ({"signer"}, {"key_id", "signature"}):
            raise serializers.ValidationError({"signer": "signer, or key_id and signature"})
        if _KEY_ID.fullmatch(attrs.get("key_id", "0" * 64)) is None:
            raise serializers.ValidationError({"key_id": "64 hex digits in lower case"})
        return attrs


class SubmissionIn(Strict):
    """Nothing where the server signs; else statement and signature over the endorsed entry."""

    statement = serializers.CharField(required=False, help_text="base64")
    signature = serializers.CharField(required=False, max_length=88, help_text="base64, 64 bytes")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Raise unless both come, or none."""
        if len(attrs) == 1:
            raise serializers.ValidationError({"statement": "goes with signature"})
        return attrs


class ProposalOut(serializers.Serializer[Any]):
    """An entry that waits for endorsements; ``message`` is what an endorser signs."""

    id = serializers.UUIDField()
    state = serializers.ChoiceField(["open", "submitted", "withdrawn", "expired"])
    organisation_id = serializers.UUIDField()
    kind = serializers.CharField()
    entry = serializers.CharField(help_text="base64, without endorsements")
    entry_hash = serializers.CharField(help_text="hex, the leaf hash of entry")
    message = serializers.CharField(help_text="base64, what an endorser signs")
    policy = serializers.IntegerField()
    n = serializers.IntegerField()
    endorsers = serializers.ListField(child=serializers.UUIDField())
    endorsed = serializers.ListField(child=serializers.UUIDField())
    proposed_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    entry_id = serializers.CharField(allow_null=True)


class EndorsedOut(serializers.Serializer[Any]):
    """The entry with the endorsements that hold: what a statement is signed over."""

    entry = serializers.CharField(help_text="base64")


class _View(View):
    """Reads for ``ledger:read``, writes for ``ledger:write``."""

    in_channels: ClassVar[bool] = True
    reads: ClassVar[Permission] = requires_scope(Scope.LEDGER_READ)
    writes: ClassVar[Permission] = requires_scope(Scope.LEDGER_WRITE)


class PoliciesView(_View):
    """Which kinds need endorsements."""

    @extend_schema(responses=PolicyOut(many=True), operation_id="policy_list")
    def get(self, request: Request) -> Response:
        """List the policies in force, by kind; one that is only promised too."""
        return Response([_policy(each) for each in services.channel_policies(actor_of(request))])

    @extend_schema(
        request=PolicyIn,
        responses={201: ReceiptOut},
        parameters=[IDEMPOTENCY_KEY, PREFER],
        operation_id="policy_set",
    )
    def post(self, request: Request) -> HttpResponse:
        """Set a policy, or end one with n 0 (the operator).

        Once there is a policy for `ledger.policy.set.v1` itself, propose it instead.
        """
        data, actor, now = _read(request, PolicyIn), actor_of(request), timezone.now()

        def work() -> Answer:
            receipt = services.channel_policy_set(
                actor=actor,
                kind=data["kind"],
                n=data["n"],
                organisations=data.get("orgs", []),
                member_kind=data.get("member_kind", ""),
                now=now,
            )
            return received(receipt)

        return once(request, request.body, now, work)


class ProposalsView(_View):
    """Entries that wait for endorsements."""

    @extend_schema(responses=ProposalOut(many=True), operation_id="proposal_list")
    def get(self, request: Request) -> Response:
        """List the caller's proposals and those it may endorse, the newest first."""
        found = services.organisation_proposals(actor=actor_of(request), now=timezone.now())
        return Response([_shown(each) for each in found])

    @extend_schema(
        request=ProposalIn,
        responses={201: ProposalOut},
        parameters=[IDEMPOTENCY_KEY],
        operation_id="proposal_make",
    )
    def post(self, request: Request) -> HttpResponse:
        """Propose an entry to those whose endorsements its policy asks for."""
        data, actor, now = _read(request, ProposalIn), actor_of(request), timezone.now()
        entry = _blob(data["entry"], "entry") if "entry" in data else None

        def work() -> Answer:
            found = services.organisation_propose(
                actor=actor,
                now=now,
                kind=data.get("kind", ""),
                body=data.get("body"),
                entry=entry,
            )
            return _answer(found, HTTPStatus.CREATED)

        return once(request, request.body, now, work)


class ProposalView(_View):
    """One proposal."""

    @extend_schema(responses=ProposalOut, operation_id="proposal_get")
    def get(self, request: Request, proposal_id: UUID) -> Response:
        """Return a proposal, with who endorsed it."""
        found = services.organisation_proposal(
            actor=actor_of(request), proposal_id=proposal_id, now=timezone.now()
        )
        return Response(_shown(found))


class ProposalEntryView(_View):
    """The endorsed entry of one's own proposal."""

    @extend_schema(responses=EndorsedOut, operation_id="proposal_entry")
    def get(self, request: Request, proposal_id: UUID) -> Response:
        """Return the entry with the endorsements that hold: sign your statement over it."""
        entry = services.organisation_proposal_entry(
            actor=actor_of(request), proposal_id=proposal_id, now=timezone.now()
        )
        return Response({"entry": format_base64(entry)})


class EndorseView(_View):
    """The word of one organisation."""

    @extend_schema(
        request=EndorsementIn,
        responses=ProposalOut,
        parameters=[IDEMPOTENCY_KEY],
        operation_id="proposal_endorse",
    )
    def post(self, request: Request, proposal_id: UUID) -> HttpResponse:
        """Endorse a proposal under a server-held key, or by a signature of one's own."""
        data, actor, now = _read(request, EndorsementIn), actor_of(request), timezone.now()
        own = None
        if "key_id" in data:
            own = data["key_id"], _blob(data["signature"], "signature", SIGNATURE_SIZE_BYTES)
        signer = Signer(data.get("signer", Signer.SYSTEM))

        def work() -> Answer:
            return _answer(
                services.organisation_endorse(
                    actor=actor, proposal_id=proposal_id, now=now, signer=signer, own=own
                )
            )

        return once(request, request.body, now, work)


class WithdrawView(_View):
    """The end of a proposal, or of an endorsement."""

    @extend_schema(
        request=None,
        responses=ProposalOut,
        parameters=[IDEMPOTENCY_KEY],
        operation_id="proposal_withdraw",
    )
    def post(self, request: Request, proposal_id: UUID) -> HttpResponse:
        """Withdraw one's own proposal, or one's endorsement of another's."""
        actor, now = actor_of(request), timezone.now()

        def work() -> Answer:
            return _answer(
                services.organisation_withdraw(actor=actor, proposal_id=proposal_id, now=now)
            )

        return once(request, request.body, now, work)


class SubmitView(_View):
    """The way of a proposal into the log."""

    @extend_schema(
        request=SubmissionIn,
        responses={201: ReceiptOut},
        parameters=[IDEMPOTENCY_KEY, PREFER],
        operation_id="proposal_submit",
    )
    def post(self, request: Request, proposal_id: UUID) -> HttpResponse:
        """Append one's own proposal once it has its endorsements."""
        data, actor, now = _read(request, SubmissionIn), actor_of(request), timezone.now()
        own = None
        if data:
            own = (
                _blob(data["statement"], "statement"),
                _blob(data["signature"], "signature", SIGNATURE_SIZE_BYTES),
            )

        def work() -> Answer:
            receipt = services.organisation_submit(
                actor=actor, proposal_id=proposal_id, now=now, own=own
            )
            return received(receipt)

        return once(request, request.body, now, work)


def _read(request: Request, serializer: Callable[..., Strict]) -> dict[str, Any]:
    return serializer(data=parse_json(request.body)).checked()


def _answer(found: ProposalInfo, status: HTTPStatus = HTTPStatus.OK) -> Answer:
    return Answer(status=status, body=orjson.dumps(_shown(found)))


def _policy(policy: EndorsementPolicy) -> dict[str, object]:
    whose: dict[str, object] = {"member_kind": policy.member_kind}
    if not policy.member_kind:
        whose = {"orgs": [str(each) for each in policy.organisations]}
    return {"kind": policy.kind, "n": policy.n, "index": policy.set_index, **whose}


def _shown(found: ProposalInfo) -> dict[str, object]:
    return {
        "id": found.id,
        "state": found.state,
        "organisation_id": found.organisation_id,
        "kind": found.kind,
        "entry": format_base64(found.entry),
        "entry_hash": found.endorsed_hash.hex(),
        "message": format_base64(found.message),
        "policy": found.policy_index,
        "n": found.n,
        "endorsers": found.endorsers,
        "endorsed": found.endorsed,
        "proposed_at": found.proposed_at,
        "expires_at": found.expires_at,
        "entry_id": None if found.entry_id is None else found.entry_id.hex(),
    }


def _blob(text: str, name: str, size: int | None = None) -> bytes:
    try:
        data = parse_base64(text)
    except Base64Error as error:
        raise BadInputError(f"{name} is no base64: {error}", path=name) from error
    if size is not None and len(data) != size:
        raise BadInputError(f"{name} holds {len(data)} bytes, not {size}", path=name)
    return data
