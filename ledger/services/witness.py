"""The witness: cosigns the checkpoints of other logs, each log in one history only.

The row of a log is locked, compared and written before the cosignature leaves the transaction,
so whoever got one finds the witness remembering it, and no two histories are ever cosigned. What
a log's own key signed against itself is kept as evidence.
"""

import datetime as dt
import logging
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus

from django.conf import settings

from foundation.core.actor import SYSTEM
from foundation.core.problem import NotFoundError
from foundation.key_providers import KeyMissingError, key_provider
from foundation.tenancy import acting_as
from ledger.core.members import ORIGIN
from ledger.core.merkle import EMPTY_ROOT
from ledger.core.note import (
    KeyType,
    VerifierKey,
    cosignature_message,
    format_note,
    format_signature_line,
    format_vkey,
    parse_vkey,
)
from ledger.core.witness import (
    AddCheckpoint,
    ClockBehindError,
    Conflict,
    CosignedHead,
    Outcome,
    cosign_time,
    decide,
    format_cosignature,
    parse_add_checkpoint,
)
from ledger.errors import NoWitnessKeyError, WitnessClockError, WitnessedLogRefusedError
from ledger.models import WitnessConflict, WitnessedLog

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cosigning:
    """What a witness answers; ``line`` is its signature line where the status is 200."""

    outcome: Outcome
    line: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessedInfo:
    """A log that this witness watches, and the last head that it cosigned."""

    origin: str
    vkeys: tuple[str, ...]
    size: int
    root_hash: bytes
    cosigned_at: dt.datetime | None
    conflicts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictInfo:
    """Two heads under a log's own signature that contradict each other; notes as signed."""

    origin: str
    kind: str
    seen_at: dt.datetime
    cosigned_note: str
    note: str
    proof: bytes


def witness_vkey() -> VerifierKey:
    """Return this witness' own verifier key; raise ``NoWitnessKeyError`` before it was made."""
    try:
        public_key = key_provider().signing_key_public(_key_name())
    except KeyMissingError as error:
        raise NoWitnessKeyError("make the witness' key first: manage.py witness vkey") from error
    return VerifierKey(
        name=settings.WITNESS_NAME, key_type=KeyType.COSIGNATURE, public_key=public_key
    )


def witness_vkey_make() -> VerifierKey:
    """Return this witness' verifier key, made where it was missing."""
    try:
        return witness_vkey()
    except NoWitnessKeyError:
        key_provider().signing_key_create(_key_name())
        return witness_vkey()


def witnessed_log_add(*, vkey: str, now: dt.datetime, origin: str | None = None) -> str:
    """Trust a log's key, or one more key of the log; return its origin.

    The origin is the key's name unless given. What was cosigned before stays cosigned. Raise
    ``NoteError`` for a text that is no key, and ``WitnessedLogRefusedError``.
    """
    key = parse_vkey(vkey)
    name = key.name if origin is None else origin
    if key.key_type is not KeyType.ED25519:
        raise WitnessedLogRefusedError("a log signs with a key of type 0x01; this one cosigns")
    if ORIGIN.fullmatch(name) is None:
        raise WitnessedLogRefusedError(
            "an origin is 1 to 255 printable ASCII characters without space and plus"
        )
    # A cosignature does not name who made it: one key has one role.
    if key.public_key == witness_vkey_make().public_key:
        raise WitnessedLogRefusedError("this is the witness' own key: a log has a key of its own")
    with acting_as(SYSTEM):
        row, _ = WitnessedLog.objects.select_for_update().get_or_create(
            origin=name,
            defaults={
                "origin_hash": sha256(name.encode()).hexdigest(),
                "root_hash": EMPTY_ROOT,
                "added_at": now,
            },
        )
        row.vkeys = "\n".join(dict.fromkeys([*row.vkeys.split(), format_vkey(key)]))
        row.save(update_fields=["vkeys"])
    return name


def witnessed_log_drop(*, origin: str) -> None:
    """Trust no key of the log any more; what was cosigned is remembered.

    Raise ``NotFoundError`` where no key was trusted.
    """
    with acting_as(SYSTEM):
        if not WitnessedLog.objects.filter(origin=origin).exclude(vkeys="").update(vkeys=""):
            raise NotFoundError("no log of this origin is witnessed")


def witnessed_log_list() -> list[WitnessedInfo]:
    """Return the logs that are or were witnessed, by origin."""
    with acting_as(SYSTEM):
        return [
            WitnessedInfo(
                origin=row.origin,
                vkeys=tuple(row.vkeys.split()),
                size=row.size,
                root_hash=bytes(row.root_hash),
                cosigned_at=row.cosigned_at,
                conflicts=WitnessConflict.objects.filter(log_id=row.pk).count(),
            )
            for row in WitnessedLog.objects.order_by("origin")
        ]


def witness_conflict_list() -> list[ConflictInfo]:
    """Return the evidence, the oldest first."""
    with acting_as(SYSTEM):
        return [
            ConflictInfo(
                origin=row.log.origin,
                kind=row.kind,
                seen_at=row.seen_at,
                cosigned_note=row.cosigned_note,
                note=row.note,
                proof=bytes(row.proof),
            )
            for row in WitnessConflict.objects.select_related("log").order_by("id")
        ]


def checkpoint_cosign(*, data: bytes, now: dt.datetime) -> Cosigning:
    """Decide on a request's body; where it is granted, remember the head and cosign it.

    Raise ``AddCheckpointError`` for what is none, ``WitnessClockError`` and ``NoWitnessKeyError``
    where this witness cannot sign now.
    """
    request = parse_add_checkpoint(data)
    with acting_as(SYSTEM):
        rows = WitnessedLog.objects.filter(origin=request.checkpoint.origin)
        row = rows.first()
        outcome = _decide(request, row)
        if row is None or (outcome.status != HTTPStatus.OK and outcome.conflict is None):
            return Cosigning(outcome=outcome)
        # What is granted or kept is decided again under the lock: meanwhile another may have been.
        row = rows.select_for_update().get()
        outcome = _decide(request, row)
        if outcome.conflict is not None:
            _keep_conflict(row, request, outcome.conflict, now)
        if outcome.status != HTTPStatus.OK:
            return Cosigning(outcome=outcome)
        return Cosigning(outcome=outcome, line=_cosign(row, request, now))


def cosigned_checkpoint(origin_hash: str) -> str:
    """Return the last cosigned checkpoint of the log with this SHA-256 of its origin.

    The note carries the log's signatures and the witness'. Inside ``acting_as``. Raise
    ``NotFoundError``.
    """
    row = WitnessedLog.objects.filter(origin_hash=origin_hash).exclude(note="").first()
    if row is None:
        raise NotFoundError("nothing of such a log was cosigned here")
    return _cosigned_note(row)


def _decide(request: AddCheckpoint, row: WitnessedLog | None) -> Outcome:
    if row is None:
        return decide(request, keys=(), head=CosignedHead())
    head = CosignedHead(size=row.size, root=bytes(row.root_hash))
    return decide(request, keys=_keys(row), head=head)


def _cosign(row: WitnessedLog, request: AddCheckpoint, now: dt.datetime) -> str:
    """Sign, and write the head with the signature into the locked row; return the line."""
    key = witness_vkey()
    try:
        timestamp_s = cosign_time(now_s=int(now.timestamp()), last_s=row.cosigned_s)
    except ClockBehindError as error:
        logger.critical("the clock is behind the last cosignature", extra={"origin": row.origin})
        raise WitnessClockError(str(error)) from error
    message = cosignature_message(text=request.note.text, timestamp_s=timestamp_s)
    line = format_cosignature(
        key, timestamp_s=timestamp_s, signature=key_provider().sign(_key_name(), message)
    )
    written = WitnessedLog.objects.filter(
        pk=row.pk, size=row.size, root_hash=bytes(row.root_hash)
    ).update(
        size=request.checkpoint.size,
        root_hash=request.checkpoint.root,
        note=_verified_note(request, _keys(row)),
        cosignature=line,
        cosigned_s=timestamp_s,
        cosigned_at=now,
    )
    assert written == 1, "the row is locked: nobody else can have moved it"
    return line


def _keep_conflict(
    row: WitnessedLog, request: AddCheckpoint, conflict: Conflict, now: dt.datetime
) -> None:
    """Keep both signed heads, each pair of a kind once: strangers may send a head many times."""
    _, is_new = WitnessConflict.objects.get_or_create(
        log_id=row.pk,
        kind=conflict.value,
        size=request.checkpoint.size,
        root_hash=request.checkpoint.root,
        defaults={
            "note": _verified_note(request, _keys(row)),
            "proof": b"".join(request.proof),
            "cosigned_size": row.size,
            "cosigned_root": bytes(row.root_hash),
            "cosigned_note": _cosigned_note(row),
            "seen_at": now,
        },
    )
    if is_new:
        logger.critical(
            "a witnessed log contradicts itself",
            extra={"origin": row.origin, "kind": conflict.value, "size": request.checkpoint.size},
        )


def _verified_note(request: AddCheckpoint, keys: tuple[VerifierKey, ...]) -> str:
    """Return the note with the trusted keys' signatures alone: others' were not looked at."""
    known = {(key.name, key.key_hash) for key in keys}
    lines = [
        format_signature_line(each.name, each.key_hash, each.signature)
        for each in request.note.signatures
        if (each.name, each.key_hash) in known
    ]
    return format_note(request.note.text, lines).decode()


def _cosigned_note(row: WitnessedLog) -> str:
    return f"{row.note}{row.cosignature}\n" if row.note else ""


def _keys(row: WitnessedLog) -> tuple[VerifierKey, ...]:
    return tuple(parse_vkey(vkey) for vkey in row.vkeys.split())


def _key_name() -> str:
    """Return the provider's name of this witness' key: no other role's, and bound to its name."""
    return f"witness/{sha256(settings.WITNESS_NAME.encode()).hexdigest()}"
