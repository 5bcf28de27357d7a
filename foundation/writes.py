"""Writes over HTTP: answered once, under the header ``Idempotency-Key``, the same everywhere."""

import datetime as dt
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from foundation.core.actor import Actor
from foundation.idempotency import Answer, answer_once, answer_stored, check_key

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key", str, OpenApiParameter.HEADER, description="1 to 255 printable characters"
)


def write_once(
    request: HttpRequest | Request,
    *,
    actor: Actor,
    raw: bytes,
    now: dt.datetime,
    answer: Callable[[], Answer],
    about: str = "",
    key_of: Callable[[str], str] | None = None,
) -> Answer:
    """Return the answer to this write, the first one where it is repeated, as ``actor``.

    ``about`` is what besides the address and the bytes ``raw`` makes it the same write;
    ``key_of`` makes of the caller's key the one that is stored, where several callers write in
    one organisation's transactions. Raises as ``answer_once``.
    """
    key = sent_key(request)
    if key is not None and key_of is not None:
        check_key(key)
        key = key_of(key)
    return answer_once(
        actor=actor,
        key=key,
        path=f"{request.method} {request.path}{about}{_in_channel(actor)}",
        body=raw,
        now=now,
        answer=answer,
    )


def written_before(request: HttpRequest | Request, *, actor: Actor, raw: bytes) -> Answer | None:
    """Return the first answer to this write, ``None`` where there is none; raises so too."""
    return answer_stored(
        actor=actor,
        key=sent_key(request),
        path=f"{request.method} {request.path}{_in_channel(actor)}",
        body=raw,
    )


def _in_channel(actor: Actor) -> str:
    """Return what makes a write into a channel another one than the same into the directory."""
    return f" in {actor.channel}" if actor.channel else ""


def sent_key(request: HttpRequest | Request) -> str | None:
    """Return the caller's Idempotency-Key, where there is one."""
    return request.headers.get("Idempotency-Key")


def answer_response(answer: Answer) -> HttpResponse:
    """Return the answer as HTTP says it; nothing has no media type."""
    response = HttpResponse(
        answer.body,
        status=answer.status,
        content_type=answer.media_type,
        headers=dict(answer.headers),
    )
    if not answer.body:
        del response["Content-Type"]
    return response
