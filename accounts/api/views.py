"""What all addresses of accounts share: who may, answered once, one receipt."""

import datetime as dt
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, ClassVar

import orjson
from django.http import HttpResponse
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.authentication import ByMethod, IsActing, actor_of, requires_scope
from accounts.core.scopes import Scope
from foundation.idempotency import Answer
from foundation.writes import answer_response, write_once
from ledger.core.receipt import RECEIPT_HEADER, Receipt

Permission = type[BasePermission]


class View(ByMethod, APIView):
    """Reads for who acts; writes for who has ``accounts:write``."""

    reads: ClassVar[Permission] = IsActing
    writes: ClassVar[Permission] = requires_scope(Scope.ACCOUNTS_WRITE)


def once(
    request: Request, raw: bytes, now: dt.datetime, answer: Callable[[], Answer]
) -> HttpResponse:
    """Return the answer to this write of the caller's, the first one where it is repeated."""
    made = write_once(request, actor=actor_of(request), raw=raw, now=now, answer=answer)
    return answer_response(made)


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
