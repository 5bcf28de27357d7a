"""Channels under ``/api/v1/channels``: listed, opened, joined, linked."""

import datetime as dt
from collections.abc import Callable
from typing import Any, ClassVar

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.views import Permission, View, received
from accounts.authentication import actor_of, requires_scope
from accounts.core.scopes import Scope, organisation_with
from accounts.services.channels import channel_admit, channel_begin, channel_know
from foundation.core.actor import Actor
from foundation.idempotency import Answer
from foundation.openapi import ReceiptOut
from foundation.serializers import Strict
from foundation.tenancy import acting_as
from foundation.writes import IDEMPOTENCY_KEY, answer_response, write_once
from ledger.bodies import PREFER
from ledger.core.members import format_base64
from ledger.selectors import LogInfo, log_list
from ledger.services import channel_actor


class ChannelOut(serializers.Serializer[Any]):
    """A channel; ``entries`` is ``all`` or ``members``: who may read them."""

    name = serializers.CharField()
    origin = serializers.CharField()
    vkey = serializers.CharField()
    entries = serializers.ChoiceField(["all", "members"])


class ChannelIn(Strict):
    """A channel to open."""

    name = serializers.CharField(max_length=40)
    entries = serializers.ChoiceField(["all", "members"])


class ChannelMadeOut(ReceiptOut):
    """The channel, and the receipt of the directory's entry about it."""

    channel = ChannelOut()


class MemberIn(Strict):
    """An organisation of this deployment, to admit."""

    org = serializers.UUIDField()


class LinkIn(Strict):
    """The channel whose head is to be known."""

    channel = serializers.CharField(max_length=40)


class LinkOpeningOut(serializers.Serializer[Any]):
    """What opens the link's commitment; base64."""

    key = serializers.CharField()
    header = serializers.CharField()
    data = serializers.CharField()  # type: ignore[assignment] # the format has this name


class LinkOut(ReceiptOut):
    """The receipt, and what only the caller has: keep the opening and the checkpoint."""

    opening = LinkOpeningOut()
    checkpoint = serializers.CharField()


class ChannelsView(View):
    """The channels of this deployment."""

    reads: ClassVar[Permission] = requires_scope(Scope.LEDGER_READ)
    writes: ClassVar[Permission] = requires_scope(Scope.LEDGER_WRITE)

    @extend_schema(responses=ChannelOut(many=True), operation_id="channel_list")
    def get(self, request: Request) -> Response:
        """List the channels that the organisation may know of, the first one first."""
        actor = actor_of(request)
        organisation_with(actor, Scope.LEDGER_READ)
        with acting_as(actor):
            return Response([_shown(log) for log in log_list()])

    @extend_schema(
        request=ChannelIn,
        responses={201: ChannelMadeOut},
        parameters=[IDEMPOTENCY_KEY, PREFER],
        operation_id="channel_open",
    )
    def post(self, request: Request) -> HttpResponse:
        """Open a channel, as the operator of the deployment."""
        raw, data = request.body, ChannelIn(data=request.data).checked()
        actor, now = actor_of(request), timezone.now()

        def make() -> Answer:
            log, receipt = channel_begin(
                actor=actor,
                name=data["name"],
                members_only=data["entries"] == "members",
                now=now,
            )
            return received(receipt, channel=_shown(log))

        return _once(request, actor, raw=raw, now=now, answer=make)


class ChannelMembersView(View):
    """The members of a channel."""

    writes: ClassVar[Permission] = requires_scope(Scope.LEDGER_WRITE)

    @extend_schema(
        request=MemberIn,
        responses={201: ReceiptOut},
        parameters=[IDEMPOTENCY_KEY, PREFER],
        operation_id="channel_admit",
    )
    def post(self, request: Request, channel: str) -> HttpResponse:
        """Admit an organisation of the deployment to the channel, as its operator."""
        raw, data = request.body, MemberIn(data=request.data).checked()
        actor, now = channel_actor(actor_of(request), channel), timezone.now()

        def admit() -> Answer:
            return received(channel_admit(actor=actor, organisation_id=data["org"], now=now))

        return _once(request, actor, raw=raw, now=now, answer=admit)


class ChannelLinksView(View):
    """What a channel knows of others' heads."""

    writes: ClassVar[Permission] = requires_scope(Scope.LEDGER_WRITE)

    @extend_schema(
        request=LinkIn,
        responses={201: LinkOut},
        parameters=[IDEMPOTENCY_KEY, PREFER],
        operation_id="channel_link",
    )
    def post(self, request: Request, channel: str) -> HttpResponse:
        """Commit this channel to the published head of another one."""
        raw, data = request.body, LinkIn(data=request.data).checked()
        actor, now = channel_actor(actor_of(request), channel), timezone.now()

        def know() -> Answer:
            made = channel_know(actor=actor, channel=data["channel"], now=now)
            opening = {
                "key": format_base64(made.opening.key),
                "header": format_base64(made.opening.header),
                "data": format_base64(made.opening.data),
            }
            return received(made.receipt, opening=opening, checkpoint=made.note)

        return _once(request, actor, raw=raw, now=now, answer=know)


def _once(
    request: Request, actor: Actor, *, raw: bytes, now: dt.datetime, answer: Callable[[], Answer]
) -> HttpResponse:
    """Return the answer to this write, as the actor in the channel that the address names."""
    return answer_response(write_once(request, actor=actor, raw=raw, now=now, answer=answer))


def _shown(log: LogInfo) -> dict[str, str]:
    return {
        "name": log.name,
        "origin": log.origin,
        "vkey": log.vkey,
        "entries": "members" if log.members_only else "all",
    }
