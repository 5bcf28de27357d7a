"""Organisations, credentials and API keys as JSON under ``/api/v1/``.

Every write takes ``Idempotency-Key``; repeated, it gets the first answer again. One thing is
never stored: a new API key's text. Its first answer carries it as ``key``; a repeat gets the
same answer without it. Whoever lost the first answer revokes that key and makes another.
"""

import dataclasses
from http import HTTPStatus
from typing import Any, ClassVar
from uuid import UUID, uuid4

import orjson
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.serializers import (
    AdmissionOut,
    ApiKeyIn,
    ApiKeyMadeOut,
    ApiKeyOut,
    CredentialIn,
    MeOut,
    OrganisationIn,
    OrganisationOut,
)
from accounts.api.views import (
    Permission,
    View,
    created,
    once,
    received,
)
from accounts.authentication import actor_of, requires_scope
from accounts.core.credential import CredentialFacts, CredentialType
from accounts.core.scopes import Scope
from accounts.selectors import ApiKeyInfo, api_key_list, organisation_get, organisation_list
from accounts.services import (
    api_key_create,
    api_key_revoke,
    credential_verify,
    organisation_admit,
)
from foundation.idempotency import Answer
from foundation.openapi import ReceiptOut
from foundation.tenancy import acting_as
from foundation.writes import IDEMPOTENCY_KEY, answer_response, write_once

__all__ = ["ApiKeyView", "ApiKeysView", "CredentialsView", "MeView", "OrganisationsView"]


class OrganisationsView(View):
    """Members of the channel."""

    @extend_schema(responses=OrganisationOut(many=True), operation_id="organisation_list")
    def get(self, request: Request) -> Response:
        """List the members of the channel."""
        with acting_as(actor_of(request)):
            found = organisation_list()
        return Response([dataclasses.asdict(info) for info in found])

    @extend_schema(
        request=OrganisationIn,
        responses={201: AdmissionOut},
        parameters=[IDEMPOTENCY_KEY],
        operation_id="organisation_admit",
    )
    def post(self, request: Request) -> HttpResponse:
        """Admit an organisation (the operator)."""
        raw, data = request.body, OrganisationIn(data=request.data).checked()
        actor, now = actor_of(request), timezone.now()

        def admit() -> Answer:
            organisation_id = data.get("id") or uuid4()
            receipt = organisation_admit(
                actor=actor,
                organisation_id=organisation_id,
                name=data["name"],
                kind=data["kind"],
                gln=data.get("gln"),
                now=now,
            )
            return received(receipt, organisation_id=organisation_id)

        return once(request, raw, now, admit)


class CredentialsView(View):
    """Credentials that the operator and regulators verify."""

    @extend_schema(
        request=CredentialIn,
        responses={201: ReceiptOut},
        parameters=[IDEMPOTENCY_KEY],
        operation_id="credential_verify",
    )
    def post(self, request: Request) -> HttpResponse:
        """Record a verified credential of an organisation."""
        raw, data = request.body, CredentialIn(data=request.data).checked()
        facts = CredentialFacts(**{**data, "type": CredentialType(data["type"])})
        actor, now = actor_of(request), timezone.now()

        def verify() -> Answer:
            return received(credential_verify(actor=actor, facts=facts, now=now))

        return once(request, raw, now, verify)


class MeView(View):
    """Who is asking."""

    @extend_schema(responses=MeOut, operation_id="me")
    def get(self, request: Request) -> Response:
        """Say who is asking, for whom, and what they may ask for."""
        actor = actor_of(request)
        organisation = None
        if actor.organisation_id is not None:
            with acting_as(actor):
                organisation = dataclasses.asdict(organisation_get(actor.organisation_id))
        return Response(
            {
                "kind": actor.kind,
                "organisation": organisation,
                "person_id": actor.person_id,
                "api_key_id": actor.api_key_id,
                "roles": sorted(actor.roles),
                "scopes": sorted(actor.scopes),
            }
        )


class ApiKeysView(View):
    """API keys of the caller's organisation."""

    reads: ClassVar[Permission] = requires_scope(Scope.ACCOUNTS_READ)

    @extend_schema(responses=ApiKeyOut(many=True), operation_id="api_key_list")
    def get(self, request: Request) -> Response:
        """List the organisation's API keys."""
        with acting_as(actor_of(request)):
            found = api_key_list()
        return Response([_api_key(info) for info in found])

    @extend_schema(
        request=ApiKeyIn,
        responses={201: ApiKeyMadeOut},
        parameters=[IDEMPOTENCY_KEY],
        operation_id="api_key_create",
    )
    def post(self, request: Request) -> HttpResponse:
        """Make an API key; its text is in the first answer only."""
        raw, data = request.body, ApiKeyIn(data=request.data).checked()
        actor, now = actor_of(request), timezone.now()
        shown: list[str] = []

        def make() -> Answer:
            info, text = api_key_create(actor=actor, now=now, **data)
            shown.append(text)
            return created(_api_key(info))

        answer = write_once(request, actor=actor, raw=raw, now=now, answer=make)
        if shown:
            body = {**orjson.loads(answer.body), "key": shown[0]}
            answer = dataclasses.replace(answer, body=orjson.dumps(body))
        return answer_response(answer)


class ApiKeyView(View):
    """One API key."""

    @extend_schema(
        request=None,
        responses=ApiKeyOut,
        parameters=[IDEMPOTENCY_KEY],
        operation_id="api_key_revoke",
    )
    def delete(self, request: Request, api_key_id: UUID) -> HttpResponse:
        """Revoke an API key."""
        actor, now = actor_of(request), timezone.now()

        def revoke() -> Answer:
            info = api_key_revoke(actor=actor, api_key_id=api_key_id, now=now)
            return Answer(status=HTTPStatus.OK, body=orjson.dumps(_api_key(info)))

        return once(request, request.body, now, revoke)


def _api_key(info: ApiKeyInfo) -> dict[str, Any]:
    return {**dataclasses.asdict(info), "scopes": sorted(info.scopes)}
