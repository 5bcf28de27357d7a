"""What all addresses of claims share: who may, answered once, one receipt."""

import datetime as dt
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from secrets import token_bytes
from typing import Any, ClassVar

import orjson
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.authentication import actor_of, requires_scope
from accounts.core.scopes import Scope
from claims.services import Disclosed
from foundation.core.actor import Actor
from foundation.idempotency import Answer, answer_once, answer_stored
from ledger.core.receipt import Receipt

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key", str, OpenApiParameter.HEADER, description="1 to 255 printable characters"
)
RECEIPT_HEADER = "Theriac-Receipt"
seeds = partial(token_bytes, 32)


class ClaimsView(APIView):
    """Reads with ``claims:read``, writes with ``claims:write``."""

    reads: ClassVar[type[BasePermission]] = requires_scope(Scope.CLAIMS_READ)
    writes: ClassVar[type[BasePermission]] = requires_scope(Scope.CLAIMS_WRITE)

    def get_permissions(self) -> list[BasePermission]:
        """Return the permission of the method."""
        safe = self.request.method in {"GET", "HEAD", "OPTIONS"}
        return [self.reads() if safe else self.writes()]


def body_of(request: Request) -> bytes:
    """Return the body as a parser of bytes read it; raise what the framework raises."""
    data: Any = request.data
    return bytes(data)


def once(
    request: Request,
    *,
    raw: bytes,
    now: dt.datetime,
    answer: Callable[[], Answer],
    actor: Actor | None = None,
) -> HttpResponse:
    """Return the answer to this write, the first one where it is repeated.

    ``actor`` is whose transaction it is; where that is not the caller's, keys of different
    callers are kept apart.
    """
    caller = actor_of(request)
    path = f"{request.method} {request.path}"
    if actor is not None and actor.organisation_id != caller.organisation_id:
        path += f" for {caller.organisation_id}"
    made = answer_once(
        actor=actor or caller,
        key=_key(request, caller, actor),
        path=path,
        body=raw,
        now=now,
        answer=answer,
    )
    return _response(made)


def answered_before(request: Request, *, raw: bytes) -> HttpResponse | None:
    """Return the first answer to this write of the caller's own, ``None`` where there is none."""
    caller = actor_of(request)
    found = answer_stored(
        actor=caller,
        key=request.headers.get("Idempotency-Key"),
        path=f"{request.method} {request.path}",
        body=raw,
    )
    return None if found is None else _response(found)


def _response(made: Answer) -> HttpResponse:
    return HttpResponse(
        made.body, status=made.status, content_type=made.media_type, headers=dict(made.headers)
    )


def _key(request: Request, caller: Actor, actor: Actor | None) -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is None or actor is None or actor.organisation_id == caller.organisation_id:
        return key
    return f"{caller.organisation_id}/{key}"


def created(value: dict[str, Any], receipt: Receipt) -> Answer:
    """Return 201 with ``value`` and the receipt beside it."""
    return answered(value, receipt, HTTPStatus.CREATED)


def answered(value: dict[str, Any], receipt: Receipt, status: HTTPStatus = HTTPStatus.OK) -> Answer:
    """Return ``value`` and the receipt beside it."""
    body = orjson.dumps({**value, **receipt.as_json()}, default=str)
    return Answer(status=status, body=body, headers={RECEIPT_HEADER: receipt.header()})


def shown(disclosed: Disclosed, media_type: str) -> HttpResponse:
    """Return what is disclosed, never to be kept on the way, with its receipt."""
    headers = {RECEIPT_HEADER: disclosed.receipt.header(), "Cache-Control": "no-store"}
    return HttpResponse(disclosed.data, content_type=media_type, headers=headers)
