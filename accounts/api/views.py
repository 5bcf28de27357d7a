"""What all addresses of accounts share: who may, answered once, one receipt."""

import datetime as dt
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, ClassVar

import orjson
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.authentication import IsActing, actor_of, requires_scope
from accounts.core.scopes import Scope
from foundation.idempotency import Answer, answer_once
from ledger.core.receipt import RECEIPT_HEADER, Receipt

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key", str, OpenApiParameter.HEADER, description="1 to 255 printable characters"
)
Permissions = list[type[BasePermission]]


class View(APIView):
    """Reads for who acts; writes for who has ``accounts:write``."""

    reads: ClassVar[Permissions] = [IsActing]
    writes: ClassVar[Permissions] = [requires_scope(Scope.ACCOUNTS_WRITE)]

    def get_permissions(self) -> list[BasePermission]:
        """Return the permissions of the method."""
        chosen = self.reads if self.request.method in {"GET", "HEAD", "OPTIONS"} else self.writes
        return [permission() for permission in chosen]


def once(
    request: Request, raw: bytes, now: dt.datetime, answer: Callable[[], Answer]
) -> HttpResponse:
    """Return the answer to this write, the first one where it is repeated."""
    return http(made_once(request, raw, now, answer))


def made_once(
    request: Request, raw: bytes, now: dt.datetime, answer: Callable[[], Answer]
) -> Answer:
    """Return the same, before it is an answer of HTTP."""
    return answer_once(
        actor=actor_of(request),
        key=request.headers.get("Idempotency-Key"),
        path=f"{request.method} {request.path}",
        body=raw,
        now=now,
        answer=answer,
    )


def http(answer: Answer) -> HttpResponse:
    """Return the answer as HTTP says it."""
    return HttpResponse(
        answer.body,
        status=answer.status,
        content_type=answer.media_type,
        headers=dict(answer.headers),
    )


def created(body: Any) -> Answer:
    """Return 201 with a body."""
    return Answer(status=HTTPStatus.CREATED, body=orjson.dumps(body))


def received(
    receipt: Receipt, status: HTTPStatus = HTTPStatus.CREATED, **members: object
) -> Answer:
    """Return the receipt, as body and header, with further members."""
    return Answer(
        status=status,
        body=orjson.dumps({**members, **receipt.as_json()}),
        headers={RECEIPT_HEADER: receipt.header()},
    )
