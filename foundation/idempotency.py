"""Each write is answered once: the same key with the same body gets the first answer again.

The record is written in the write's own transaction, so an answer is remembered exactly when
its effect is. It is operational; the key and the body never enter the ledger.
"""

import datetime as dt
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar
from uuid import UUID

from django.conf import settings
from django.db import connections

from foundation.core.actor import Actor
from foundation.core.problem import BadInputError, ConflictError, UnprocessableError
from foundation.models import IdempotencyRecord
from foundation.tenancy import acting_as, current_alias

_KEY = re.compile(r"[\x21-\x7e]{1,255}")
# Keys that we derive carry a prefix that no client may send.
_DERIVED = "derived:"


class KeyReusedError(UnprocessableError):
    """The key came before, with another body."""

    slug = "idempotency-key-reused"
    title = "This Idempotency-Key was used with another body"


class InFlightError(ConflictError):
    """The first request under this key has not been answered yet."""

    slug = "in-flight"
    title = "The same request is being answered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a write answers: stored as it is, so it never holds personal data."""

    status: int
    body: bytes = b""
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    JSON: ClassVar[str] = "application/json"


def answer_once(
    *,
    actor: Actor,
    key: str | None,
    path: str,
    body: bytes,
    now: dt.datetime,
    answer: Callable[[], Answer],
) -> Answer:
    """Return the answer to this write: the stored one, or that of ``answer()``, stored now.

    Everything happens in one transaction as ``actor``. Without a key it is derived from
    organisation, person, path and body, so that a standard's client may repeat itself and two
    people who say the same are two. Raise
    ``KeyReusedError``, ``InFlightError`` or ``BadInputError`` (a key that is no key).
    """
    write = _write_of(actor=actor, key=key, path=path, body=body)
    with acting_as(actor):
        stored = _stored(write)
        if stored is not None:
            return stored
        made = answer()
        IdempotencyRecord.objects.create(
            scope_id=write.scope,
            key=write.key,
            body_mac=write.body_mac,
            status=made.status,
            media_type=made.media_type,
            headers=dict(made.headers),
            body=made.body,
            created_at=now,
        )
        return made


def answer_stored(*, actor: Actor, key: str | None, path: str, body: bytes) -> Answer | None:
    """Return the stored answer to this write, ``None`` where it was not answered yet.

    For a write that others act for before its own transaction: a repeat asks nobody again. Raise
    what ``answer_once`` raises.
    """
    write = _write_of(actor=actor, key=key, path=path, body=body)
    with acting_as(actor):
        return _stored(write)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Write:
    """What a write is known by."""

    scope: UUID
    key: str
    body_mac: bytes


def _write_of(*, actor: Actor, key: str | None, path: str, body: bytes) -> _Write:
    """Return what the write is known by, its key derived where it has none."""
    if key is not None:
        check_key(key)
    scope = actor.organisation_id or actor.person_id
    if scope is None:
        raise BadInputError("a write needs an organisation or a person that it acts for")
    body_mac = _mac(path.encode() + b"\n" + body)
    who = b"" if actor.person_id is None else actor.person_id.bytes
    key = key or _DERIVED + _mac(who + b"\n" + body_mac).hex()
    return _Write(scope=scope, key=key, body_mac=body_mac)


def _stored(write: _Write) -> Answer | None:
    """Hold the key until the transaction ends; return the answer stored under it."""
    _take_turn(f"{write.scope}/{write.key}")
    stored = IdempotencyRecord.objects.filter(scope_id=write.scope, key=write.key).first()
    if stored is None:
        return None
    if not hmac.compare_digest(bytes(stored.body_mac), write.body_mac):
        raise KeyReusedError("send the first body again, or this one under a new key")
    return Answer(
        status=stored.status,
        body=bytes(stored.body),
        media_type=stored.media_type,
        headers=stored.headers,
    )


def check_key(key: str) -> None:
    """Raise ``BadInputError`` for what a client may not send as an Idempotency-Key."""
    if not _KEY.fullmatch(key) or key.startswith(_DERIVED):
        raise BadInputError("an Idempotency-Key has 1 to 255 printable ASCII characters")


def _take_turn(name: str) -> None:
    """Hold the key until the transaction ends; raise ``InFlightError`` where another does."""
    with connections[current_alias()].cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 7))", [name])
        if not cursor.fetchone()[0]:
            raise InFlightError("wait for the first answer, or repeat the request in a moment")


def _mac(data: bytes) -> bytes:
    key = hashlib.blake2b(settings.SECRET_KEY.encode(), person=b"theriac/idempot").digest()
    return hmac.digest(key, data, "sha256")
