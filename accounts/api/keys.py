"""The organisation's signing keys under ``/api/v1/keys``: listed, added, revoked, their heads.

These are keys of the ledger, not API keys. Here and not in the ledger, because who may change
them is a matter of roles and scopes, which the ledger knows nothing of.
"""

import datetime as dt
from collections.abc import Callable
from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.serializers import (
    KeyHeadOut,
    KeyIn,
    KeyMadeOut,
    KeyOut,
    KeyRevocationIn,
    KeyRotationIn,
    LeaveIn,
)
from accounts.api.views import Permission, View, once, received
from accounts.authentication import IsActing, actor_of, requires_scope
from accounts.core.scopes import Scope, organisation_with
from accounts.services import (
    my_key_add,
    organisation_key_make,
    organisation_key_offer,
    organisation_key_revoke,
    organisation_key_rotate,
    organisation_leave,
)
from foundation.core.actor import Actor
from foundation.core.json_input import parse_json
from foundation.core.problem import BadInputError, NotFoundError
from foundation.idempotency import Answer
from foundation.openapi import ReceiptOut
from foundation.tenancy import acting_as
from foundation.writes import IDEMPOTENCY_KEY
from ledger.bodies import PREFER, SEALED_MEDIA_TYPE, SealedIn, WriteBody, read_write
from ledger.core.ed25519 import PUBLIC_KEY_SIZE_BYTES, SIGNATURE_SIZE_BYTES, key_id_of
from ledger.core.governance import Holder
from ledger.core.members import Base64Error, format_base64, parse_base64
from ledger.core.sealed import SealedSubmission
from ledger.selectors import KeyInfo, key_list
from ledger.services import key_head

_JSON = "application/json"
_KEY_WRITES: Permission = requires_scope(Scope.LEDGER_WRITE)


class KeysView(View):
    """The organisation's keys, those that the log knows."""

    in_channels: ClassVar[bool] = True
    reads: ClassVar[Permission] = requires_scope(Scope.LEDGER_READ)
    writes: ClassVar[Permission] = _KEY_WRITES

    @extend_schema(responses=KeyOut(many=True), operation_id="key_list")
    def get(self, request: Request) -> Response:
        """List the organisation's keys, revoked ones too, the oldest first."""
        return Response([_shown(info) for info in _keys(actor_of(request))])

    @extend_schema(
        request={_JSON: KeyIn, SEALED_MEDIA_TYPE: SealedIn},
        responses={201: KeyMadeOut},
        parameters=[IDEMPOTENCY_KEY, PREFER],
        operation_id="key_add",
    )
    def post(self, request: Request) -> HttpResponse:
        """Add a key that the organisation's own system or a device holds, or the server makes.

        The server makes those of the holder ``system``, and its last one signs for the new one.
        """
        body = _body(request)
        data = KeyIn(data=parse_json(body.document)).checked()
        actor, now = actor_of(request), timezone.now()
        work = _make if data["holder"] == Holder.SYSTEM else _offer
        return once(request, request.body, now, work(actor, data, body.sealed, now))


class MyKeyView(View):
    """The key of whoever is logged in."""

    in_channels: ClassVar[bool] = True
    writes: ClassVar[Permission] = IsActing

    @extend_schema(
        request=None,
        responses={201: ReceiptOut},
        parameters=[IDEMPOTENCY_KEY, PREFER],
        operation_id="key_add_mine",
    )
    def post(self, request: Request) -> HttpResponse:
        """Make the caller's own key; it needs a log-in within the last five minutes.

        The server keeps it, and signs with it only so shortly after the person proved who they
        are. The newest key of a person is the one that signs.
        """
        actor, now = actor_of(request), timezone.now()
        return once(request, request.body, now, lambda: received(my_key_add(actor=actor, now=now)))


class KeyRevokeView(View):
    """The end of one key."""

    in_channels: ClassVar[bool] = True
    writes: ClassVar[Permission] = _KEY_WRITES

    @extend_schema(
        request={_JSON: KeyRevocationIn, SEALED_MEDIA_TYPE: SealedIn},
        responses={201: ReceiptOut},
        parameters=[IDEMPOTENCY_KEY, PREFER],
        operation_id="key_revoke",
    )
    def post(self, request: Request, key_id: str) -> HttpResponse:
        """Revoke a key: from the answer on nothing is taken under it."""
        body = _body(request)
        data = KeyRevocationIn(data=parse_json(body.document)).checked()
        actor, now = actor_of(request), timezone.now()

        def revoke() -> Answer:
            receipt = organisation_key_revoke(
                actor=actor, key_id=key_id, reason=data["reason"], now=now, sealed=body.sealed
            )
            return received(receipt)

        return once(request, request.body, now, revoke)


class KeyRotateView(View):
    """A new key in the place of one."""

    in_channels: ClassVar[bool] = True
    writes: ClassVar[Permission] = _KEY_WRITES

    @extend_schema(
        request={_JSON: KeyRotationIn, SEALED_MEDIA_TYPE: SealedIn},
        responses={201: KeyMadeOut},
        parameters=[IDEMPOTENCY_KEY, PREFER],
        operation_id="key_rotate",
    )
    def post(self, request: Request, key_id: str) -> HttpResponse:
        """Put a new key in the place of this one, in one entry: no moment has neither.

        The server makes the new one where it holds the old one; else give it with its proof.
        """
        body = _body(request)
        data = KeyRotationIn(data=parse_json(body.document)).checked()
        actor, now = actor_of(request), timezone.now()
        given = "public_key" in data
        public_key = (
            _blob(data["public_key"], "public_key", PUBLIC_KEY_SIZE_BYTES) if given else None
        )
        proof = _blob(data["possession"], "possession", SIGNATURE_SIZE_BYTES) if given else None

        def rotate() -> Answer:
            new, receipt = organisation_key_rotate(
                actor=actor,
                key_id=key_id,
                now=now,
                public_key=public_key,
                possession=proof,
                label=data.get("label", ""),
                sealed=body.sealed,
            )
            return received(receipt, key_id=new)

        return once(request, request.body, now, rotate)


class LeaveView(View):
    """The end of an organisation's membership."""

    in_channels: ClassVar[bool] = True
    writes: ClassVar[Permission] = _KEY_WRITES

    @extend_schema(
        request=LeaveIn,
        responses={201: ReceiptOut},
        parameters=[IDEMPOTENCY_KEY, PREFER],
        operation_id="organisation_leave",
    )
    def post(self, request: Request, organisation_id: UUID) -> HttpResponse:
        """Take the organisation out of the log, for ever: all its keys end.

        It is one's own or, for the operator, any but the operator's.
        """
        raw, data = request.body, LeaveIn(data=request.data).checked()
        actor, now = actor_of(request), timezone.now()

        def leave() -> Answer:
            receipt = organisation_leave(
                actor=actor, organisation_id=organisation_id, reason=data["reason"], now=now
            )
            return received(receipt)

        return once(request, raw, now, leave)


class KeyHeadView(View):
    """Where the chain of one key stands."""

    in_channels: ClassVar[bool] = True
    reads: ClassVar[Permission] = requires_scope(Scope.LEDGER_READ)

    @extend_schema(responses=KeyHeadOut, operation_id="key_head")
    def get(self, request: Request, key_id: str) -> Response:
        """Return what the next statement under a member's or device's key must say."""
        actor = actor_of(request)
        with acting_as(actor):
            chained = {info.key_id for info in _keys(actor) if Holder(info.holder).chains}
            if key_id not in chained:
                raise NotFoundError("your organisation's system or devices hold no such key")
            head = key_head(key_id)
        return Response({"first": head.first, "prev": head.prev.hex()})


def _make(
    actor: Actor, data: dict[str, Any], sealed: SealedSubmission | None, now: dt.datetime
) -> Callable[[], Answer]:
    """Return what makes a key here; raise ``BadInputError`` for a sealed wish."""
    if sealed is not None:
        raise BadInputError("a key that the server makes cannot be signed for before it is made")

    def make() -> Answer:
        label = data.get("label", "")
        key_id, receipt = organisation_key_make(actor=actor, now=now, label=label)
        return received(receipt, key_id=key_id)

    return make


def _offer(
    actor: Actor, data: dict[str, Any], sealed: SealedSubmission | None, now: dt.datetime
) -> Callable[[], Answer]:
    """Return what adds an offered key; raise ``BadInputError`` for a key that is none."""
    public_key = _blob(data["public_key"], "public_key", PUBLIC_KEY_SIZE_BYTES)
    possession = _blob(data["possession"], "possession", SIGNATURE_SIZE_BYTES)

    def offer() -> Answer:
        receipt = organisation_key_offer(
            actor=actor,
            holder=Holder(data["holder"]),
            public_key=public_key,
            possession=possession,
            label=data.get("label", ""),
            now=now,
            sealed=sealed,
        )
        return received(receipt, key_id=key_id_of(public_key).hex())

    return offer


def _body(request: Request) -> WriteBody:
    return read_write(body=request.body, content_type=request.content_type, media_types=(_JSON,))


def _keys(actor: Actor) -> list[KeyInfo]:
    organisation_id = organisation_with(actor, Scope.LEDGER_READ)
    with acting_as(actor):
        return key_list(organisation_id)


def _shown(info: KeyInfo) -> dict[str, object]:
    return {
        "key_id": info.key_id,
        "holder": info.holder,
        "label": info.label,
        "public_key": format_base64(info.public_key),
        "valid_from_index": info.added_index,
        "revoked_index": info.revoked_index,
    }


def _blob(text: str, name: str, size: int) -> bytes:
    try:
        data = parse_base64(text)
    except Base64Error as error:
        raise BadInputError(f"{name} is no base64: {error}", path=name) from error
    if len(data) != size:
        raise BadInputError(f"{name} holds {len(data)} bytes, not {size}", path=name)
    return data
