"""What a witness decides, and how one is asked (C2SP tlog-witness, tlog-cosignature).

A witness cosigns a log's newest checkpoint only where it extends the last one that it cosigned;
it never cosigns two histories. ``decide`` is the whole rule: (last cosigned head, request, trusted
keys) to an outcome. The statuses are those of the specification's editor's copy, which tells a
fork at equal size (422) from an old size (409); version 1.0.0 answers 409 to both.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus

from foundation.core.problem import BadInputError
from ledger.core.checkpoint import (
    SIZE_MAX,
    Checkpoint,
    CheckpointError,
    read_checkpoint,
)
from ledger.core.members import Base64Error, format_base64, parse_base64
from ledger.core.merkle import EMPTY_ROOT, HASH_SIZE_BYTES
from ledger.core.note import (
    NOTE_SIZE_BYTES_MAX,
    Note,
    NoteError,
    VerifierKey,
    check_note,
    format_signature_line,
    parse_note,
)
from ledger.core.proof import ProofError, check_consistency

PROOF_LINES_MAX = 63
_HASH_LINE_SIZE = 45  # 44 characters of base64 and a newline
_HEAD_SIZE_BYTES_MAX = 64 + PROOF_LINES_MAX * _HASH_LINE_SIZE
ADD_CHECKPOINT_SIZE_BYTES_MAX = _HEAD_SIZE_BYTES_MAX + NOTE_SIZE_BYTES_MAX
SIZE_MEDIA_TYPE = "text/x.tlog.size"
TIMESTAMP_S_MAX = 2**63 - 1
# How far a witness' clock may step back before it says nothing more: what one adjustment does.
CLOCK_STEP_S_MAX = 60
_OLD = re.compile(rb"old (0|[1-9][0-9]{0,18})")
_SIZE = re.compile(rb"(0|[1-9][0-9]{0,18})\n")


class AddCheckpointError(BadInputError):
    """The body is not old size, proof, empty line and checkpoint."""

    slug = "bad-add-checkpoint"
    title = "This is not a request to cosign a checkpoint"


class ClockBehindError(ValueError):
    """The clock is far behind the time of the last cosignature: no time to sign is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddCheckpoint:
    """A parsed request, nothing of it verified; ``data`` is the note as it was sent."""

    old_size: int
    proof: tuple[bytes, ...]
    data: bytes
    note: Note
    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class CosignedHead:
    """The last head that a witness cosigned; size 0 where it cosigned none."""

    size: int = 0
    root: bytes = EMPTY_ROOT


class Conflict(StrEnum):
    """Why two signed heads of one log are kept beside each other."""

    FORK = "fork"  # one size, two roots: the log's key signed two histories
    INCONSISTENT = "inconsistent"  # the proof that came with the newer one does not hold


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a witness answers; ``size`` goes with 409, ``conflict`` is to be kept as evidence."""

    status: HTTPStatus
    detail: str = ""
    size: int | None = None
    conflict: Conflict | None = None


def parse_add_checkpoint(data: bytes) -> AddCheckpoint:
    """Return the parts of a request's body; raise ``AddCheckpointError``."""
    if len(data) > ADD_CHECKPOINT_SIZE_BYTES_MAX:
        raise AddCheckpointError(f"at most {ADD_CHECKPOINT_SIZE_BYTES_MAX} bytes are read")
    head, separator, note_data = data.partition(b"\n\n")
    old, *lines = head.split(b"\n", PROOF_LINES_MAX + 1)
    match = _OLD.fullmatch(old)
    if match is None or int(match[1]) > SIZE_MAX:
        raise AddCheckpointError("line 1 is not `old <size>`", line=1)
    if not separator:
        raise AddCheckpointError("no empty line before the checkpoint")
    if len(lines) > PROOF_LINES_MAX:
        raise AddCheckpointError(f"more than {PROOF_LINES_MAX} lines of proof")
    try:
        note = parse_note(note_data)
        checkpoint = read_checkpoint(note.text)
    except (NoteError, CheckpointError) as error:
        # Whoever posts the wrong thing here does not get it back: it may be about a patient.
        raise AddCheckpointError(
            "what follows the empty line is no signed note of a checkpoint"
        ) from error
    return AddCheckpoint(
        old_size=int(match[1]),
        proof=tuple(_hash(line, number) for number, line in enumerate(lines, start=2)),
        data=note_data,
        note=note,
        checkpoint=checkpoint,
    )


def format_add_checkpoint(*, old_size: int, proof: Collection[bytes], note: bytes) -> bytes:
    """Return the body of a request; raise ``AddCheckpointError`` for what cannot be one."""
    lines = [f"old {old_size}", *(format_base64(digest) for digest in proof)]
    data = "".join(f"{line}\n" for line in lines).encode() + b"\n" + note
    parse_add_checkpoint(data)  # refuses what no witness could read
    return data


def decide(request: AddCheckpoint, *, keys: Collection[VerifierKey], head: CosignedHead) -> Outcome:
    """Return what a witness answers that trusts ``keys`` for the origin and cosigned ``head``.

    No key: the origin is unknown. The order is the specification's: a stranger learns nothing.
    """
    checkpoint = request.checkpoint
    if not keys:
        return Outcome(status=HTTPStatus.NOT_FOUND, detail="no log of this origin is witnessed")
    try:
        check_note(request.note, keys)
    except NoteError as error:
        return Outcome(status=HTTPStatus.FORBIDDEN, detail=str(error))
    if request.old_size > checkpoint.size:
        detail = f"old size {request.old_size} is beyond the checkpoint's {checkpoint.size}"
        return Outcome(status=HTTPStatus.BAD_REQUEST, detail=detail)
    if request.old_size != head.size:
        return Outcome(
            status=HTTPStatus.CONFLICT,
            detail=f"the last cosigned size is {head.size}",
            size=head.size,
        )
    return _judge(request, head)


def _judge(request: AddCheckpoint, head: CosignedHead) -> Outcome:
    """Judge a signed checkpoint against the head of the size that it claims to extend."""
    checkpoint, refused = request.checkpoint, HTTPStatus.UNPROCESSABLE_ENTITY
    if checkpoint.size == 0 and checkpoint.root != EMPTY_ROOT:
        return Outcome(
            status=refused, detail="an empty log with another root than the empty tree's"
        )
    if checkpoint.size == head.size and checkpoint.root != head.root:
        detail = f"another root was cosigned at size {head.size}"
        return Outcome(status=refused, detail=detail, conflict=Conflict.FORK)
    if head.size == 0:
        if request.proof:
            return Outcome(status=refused, detail="a proof from size 0: there is none")
        return Outcome(status=HTTPStatus.OK)
    try:
        check_consistency(
            size1=head.size,
            size2=checkpoint.size,
            root1=head.root,
            root2=checkpoint.root,
            proof=request.proof,
        )
    except ProofError as error:
        # With equal roots only the proof is at fault, and nobody forked anything.
        grew = checkpoint.size > head.size
        conflict = Conflict.INCONSISTENT if grew else None
        return Outcome(status=refused, detail=str(error), conflict=conflict)
    return Outcome(status=HTTPStatus.OK)


def cosign_time(*, now_s: int, last_s: int) -> int:
    """Return the time to cosign at: never 0, and never before the last cosignature's.

    Raise ``ClockBehindError`` where the clock is more than ``CLOCK_STEP_S_MAX`` behind it.
    """
    if not 0 < now_s <= TIMESTAMP_S_MAX or last_s - now_s > CLOCK_STEP_S_MAX:
        raise ClockBehindError(f"the time {now_s} is no time after {last_s}")
    return max(now_s, last_s)


def format_cosignature(key: VerifierKey, *, timestamp_s: int, signature: bytes) -> str:
    """Return a witness' signature line (type 0x04); raise ``NoteError`` for a bad name."""
    blob = timestamp_s.to_bytes(8, "big") + signature
    return format_signature_line(key.name, key.key_hash, blob)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back over HTTP: ``body`` whole, ``media_type`` as it was sent."""

    status: int
    media_type: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a reply says: a cosignature's line, or a size, or what is wrong."""

    line: str = ""
    timestamp_s: int = 0
    size: int | None = None
    trouble: str = ""


def read_answer(reply: Reply, *, text: str, key: VerifierKey) -> Answer:
    """Return what the witness of ``key`` answered to the checkpoint ``text``; all is verified."""
    if reply.status == HTTPStatus.CONFLICT and reply.media_type == SIZE_MEDIA_TYPE:
        size = parse_size(reply.body)
        return Answer(size=size, trouble="a size that is none" if size is None else "")
    if reply.status != HTTPStatus.OK:
        return Answer(trouble=f"status {reply.status}")
    try:
        note = parse_note(text.encode() + b"\n" + reply.body)
        signed = check_note(note, [key])
    except NoteError as error:
        return Answer(trouble=str(error))
    timestamp_s = signed[0].timestamp_s
    if note.text != text or not timestamp_s:
        return Answer(trouble="a cosignature of something else, or of no time")
    line = next(each for each in note.signatures if (each.name, each.key_hash) == _id(key))
    return Answer(
        line=format_signature_line(line.name, line.key_hash, line.signature),
        timestamp_s=timestamp_s,
    )


def parse_size(data: bytes) -> int | None:
    """Return the size in a witness' 409, or ``None`` where the body is not exactly one."""
    match = _SIZE.fullmatch(data)
    size = None if match is None else int(match[1])
    return size if size is not None and size <= SIZE_MAX else None


def _id(key: VerifierKey) -> tuple[str, bytes]:
    return key.name, key.key_hash


def _hash(line: bytes, number: int) -> bytes:
    try:
        digest = parse_base64(line.decode("ascii"))
    except (Base64Error, UnicodeDecodeError) as error:
        raise AddCheckpointError(f"line {number} is no base64", line=number) from error
    if len(digest) != HASH_SIZE_BYTES:
        raise AddCheckpointError(
            f"line {number} holds {len(digest)} bytes, no hash of {HASH_SIZE_BYTES}", line=number
        )
    return digest
