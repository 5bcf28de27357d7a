"""What all addresses of claims share: who may, answered once, one receipt."""

import datetime as dt
import hashlib
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from secrets import token_bytes
from typing import Any, ClassVar

import orjson
from django.http import HttpResponse
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.authentication import ByMethod, actor_of, requires_scope
from accounts.core.scopes import Scope
from claims.services import Disclosed
from foundation.core.actor import Actor
from foundation.idempotency import Answer
from foundation.writes import answer_response, write_once, written_before
from ledger.core.receipt import RECEIPT_HEADER, Receipt

seeds = partial(token_bytes, 32)


class ClaimsView(ByMethod, APIView):
    """Reads with ``claims:read``, writes with ``claims:write``."""

    reads: ClassVar[type[BasePermission]] = requires_scope(Scope.CLAIMS_READ)
    writes: ClassVar[type[BasePermission]] = requires_scope(Scope.CLAIMS_WRITE)


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
    whose = caller.organisation_id
    if actor is None or actor.organisation_id == whose:
        made = write_once(request, actor=actor or caller, raw=raw, now=now, answer=answer)
    else:
        made = write_once(
            request,
            actor=actor,
            raw=raw,
            now=now,
            answer=answer,
            about=f" for {whose}",
            # Of one length: the longest key that is allowed fits with whose it is.
            key_of=lambda key: hashlib.sha256(f"{whose}/{key}".encode()).hexdigest(),
        )
    return answer_response(made)


def answered_before(request: Request, *, raw: bytes) -> HttpResponse | None:
    """Return the first answer to this write of the caller's own, ``None`` where there is none."""
    found = written_before(request, actor=actor_of(request), raw=raw)
    return None if found is None else answer_response(found)


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
