"""Checkpoints: the signed state of a log (C2SP tlog-checkpoint 1.0.0).

The text of a signed note: origin, size and root, a line each. Ours has no further lines, because
post-quantum cosignatures would not cover them; those of other logs are kept as read.
"""

import re
from dataclasses import dataclass

from foundation.core.problem import BadInputError
from ledger.core.members import Base64Error, format_base64, parse_base64
from ledger.core.merkle import EMPTY_ROOT, HASH_SIZE_BYTES
from ledger.core.note import NoteError, VerifierKey, check_note, parse_note

SIZE_MAX = 2**63 - 1
_SIZE = re.compile("0|[1-9][0-9]{0,18}")
_LINES = 3


class CheckpointError(BadInputError):
    """The text is no checkpoint, or not one of this log signed by its key."""

    slug = "bad-checkpoint"
    title = "This is not a checkpoint that holds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A log's size in leaves and its root; ``extensions`` are the further lines of other logs."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()


def format_checkpoint(*, origin: str, size: int, root: bytes) -> str:
    """Return the text that is signed; raise ``CheckpointError`` for what cannot be one."""
    text = f"{origin}\n{size}\n{format_base64(root)}\n"
    parsed = parse_checkpoint(text)
    if (parsed.origin, parsed.extensions) != (origin, ()):
        raise CheckpointError(f"{origin[:64]!a} cannot be an origin")
    return text


def parse_checkpoint(text: str) -> Checkpoint:
    """Return the checkpoint of a note's text; raise ``CheckpointError``."""
    checkpoint = read_checkpoint(text)
    if checkpoint.size == 0 and checkpoint.root != EMPTY_ROOT:
        raise CheckpointError("an empty log with a root other than that of the empty tree")
    return checkpoint


def read_checkpoint(text: str) -> Checkpoint:
    """Return what the text says, even an empty log with a root that none has.

    A witness names that fault only to those whose checkpoint is signed (C2SP tlog-witness).
    Raise ``CheckpointError`` where the text has another form.
    """
    lines = text.split("\n")
    if len(lines) <= _LINES or lines.pop() != "":
        raise CheckpointError("a checkpoint has three lines or more, each with its newline")
    origin, size, root, *extensions = lines
    if not all((origin, *extensions)):
        raise CheckpointError("an empty line in the checkpoint")
    if _SIZE.fullmatch(size) is None or int(size) > SIZE_MAX:
        raise CheckpointError(f"{size[:40]!a} is no tree size")
    try:
        digest = parse_base64(root)
    except Base64Error as error:
        raise CheckpointError(f"the root is no base64: {error}") from error
    if len(digest) != HASH_SIZE_BYTES:
        raise CheckpointError(f"a root of {len(digest)} bytes, not 32")
    return Checkpoint(origin=origin, size=int(size), root=digest, extensions=tuple(extensions))


def open_checkpoint(data: bytes, vkey: VerifierKey) -> Checkpoint:
    """Return the checkpoint of one of our logs, whose key is ``vkey`` and named as its origin.

    Raise ``CheckpointError`` where it is malformed, another log's, unsigned or has further lines.
    """
    try:
        note = parse_note(data)
        check_note(note, [vkey])
    except NoteError as error:
        raise CheckpointError(str(error)) from error
    checkpoint = parse_checkpoint(note.text)
    if checkpoint.origin != vkey.name:
        raise CheckpointError(f"a checkpoint of {checkpoint.origin[:64]!a}, not of {vkey.name}")
    if checkpoint.extensions:
        raise CheckpointError("further lines below the root, which no log of ours writes")
    return checkpoint
