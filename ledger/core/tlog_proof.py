"""The one-file inclusion proof ``.tlog-proof`` (C2SP tlog-proof@v1).

A line that names the format, perhaps an ``extra`` that nothing authenticates, the index, the
hashes from the leaf's sibling upward, an empty line, and the signed checkpoint as it is.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass

from foundation.core.problem import BadInputError
from ledger.core.checkpoint import Checkpoint, CheckpointError, parse_checkpoint
from ledger.core.members import Base64Error, format_base64, parse_base64
from ledger.core.merkle import HASH_SIZE_BYTES, leaf_hash
from ledger.core.note import NoteError, VerifierKey, check_note, parse_note
from ledger.core.proof import ProofError, check_inclusion

FIRST_LINE = "c2sp.org/tlog-proof@v1"
HASHES_MAX = 63
_INDEX = re.compile("index (0|[1-9][0-9]{0,18})")
_EXTRA = "extra "


class TlogProofError(BadInputError):
    """The file is no such proof, or it does not prove this entry."""

    slug = "bad-tlog-proof"
    title = "This is not a proof that holds"


@dataclass(frozen=True, slots=True, kw_only=True)
class TlogProof:
    """A parsed proof, nothing of it checked; ``checkpoint`` is the signed note."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None


def format_tlog_proof(proof: TlogProof) -> bytes:
    """Return the file; raise ``TlogProofError`` for a proof that has no such form."""
    lines = [FIRST_LINE]
    if proof.extra is not None:
        lines.append(_EXTRA + format_base64(proof.extra))
    lines.append(f"index {proof.index}")
    lines += [format_base64(digest) for digest in proof.hashes]
    data = "\n".join(lines).encode() + b"\n\n" + proof.checkpoint
    parse_tlog_proof(data)  # refuses what could not be read again
    return data


def parse_tlog_proof(data: bytes) -> TlogProof:
    """Return the parts of the file; raise ``TlogProofError``."""
    head, separator, checkpoint = data.partition(b"\n\n")
    if not separator:
        raise TlogProofError("no empty line before the checkpoint")
    try:
        first, *lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise TlogProofError(f"byte {error.start} is not ASCII") from error
    if first != FIRST_LINE:
        raise TlogProofError(f"the first line is not {FIRST_LINE}")
    extra = None
    if lines and lines[0].startswith(_EXTRA):
        extra = _blob(lines.pop(0).removeprefix(_EXTRA))
    match = _INDEX.fullmatch(lines[0]) if lines else None
    if match is None:
        raise TlogProofError("no index line")
    hashes = tuple(_blob(line) for line in lines[1:])
    if len(hashes) > HASHES_MAX or any(len(digest) != HASH_SIZE_BYTES for digest in hashes):
        raise TlogProofError(f"a proof has at most {HASHES_MAX} hashes of 32 bytes")
    return TlogProof(index=int(match[1]), hashes=hashes, checkpoint=checkpoint, extra=extra)


def check_tlog_proof(
    proof: TlogProof, *, leaf: bytes, log: VerifierKey, witnesses: Collection[VerifierKey] = ()
) -> Checkpoint:
    """Return the checkpoint that ``leaf`` (the entry's bytes) is proven to be in.

    Every witness that is named must have cosigned. Raise ``TlogProofError``.
    """
    try:
        note = parse_note(proof.checkpoint)
        signed = {signature.key for signature in check_note(note, [log, *witnesses])}
        checkpoint = parse_checkpoint(note.text)
        if checkpoint.origin != log.name:
            raise TlogProofError(f"a checkpoint of another log: {checkpoint.origin[:64]!a}")
        for key in (log, *witnesses):
            if key not in signed:
                raise TlogProofError(f"{key.name} did not sign the checkpoint")
        check_inclusion(
            leaf=leaf_hash(leaf),
            index=proof.index,
            size=checkpoint.size,
            proof=proof.hashes,
            root=checkpoint.root,
        )
    except (NoteError, CheckpointError, ProofError) as error:
        raise TlogProofError(str(error)) from error
    return checkpoint


def _blob(text: str) -> bytes:
    try:
        return parse_base64(text)
    except Base64Error as error:
        raise TlogProofError(f"a line is no base64: {error}") from error
