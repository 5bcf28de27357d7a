"""Proofs small enough for a printed code: an entry, its signature and its place (docs/spec/qr.md).

What follows from the rest is left out: the roots, the statement and the checkpoint are made again
by whoever checks. Left out too is governance, so that a code shows under which key an entry was
signed and not whose key it is. A code holds digits, which stand in an address as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from foundation.core.problem import BadInputError
from ledger.core.entry import format_time
from ledger.core.merkle import HASH_SIZE_BYTES
from ledger.core.note import NoteSignature
from ledger.core.statement import Statement

VERSION = 1
NAME = "tq1"
CODES_MAX = 4
# A code of version 30 at level L holds so many bytes as digits, beside an address of 90 letters.
CODE_SIZE_BYTES_MAX = 1600
_GROUP = 7  # bytes, in 17 digits: 99 % of what digits can hold
_DIGITS = (0, 3, 5, 8, 10, 13, 15, 17)
_CHECK_SIZE_BYTES = 4
_HASHES_MAX = 63
_NAME_SIZE_BYTES_MAX = 255
_COSIGNATURE_SIZE_BYTES = 72  # time and signature


class QrProofError(BadInputError):
    """The proof does not fit into printed codes; the message says what does not."""

    slug = "qr-proof-too-large"
    title = "The proof is too large for printed codes"


@dataclass(frozen=True, slots=True, kw_only=True)
class QrProof:
    """The parts of a code.

    ``entry`` is the raw DEFLATE (RFC 1951) of the entry; ``hashes`` lead from its leaf at
    ``index`` to the root of ``size`` leaves, ``path`` from it to the root of ``statement``, in
    which it has the number ``position`` from 0.
    """

    log_key: bytes
    size: int
    log_signature: bytes
    index: int
    hashes: tuple[bytes, ...]
    position: int
    path: tuple[bytes, ...]
    statement: Statement
    public_key: bytes
    signature: bytes
    cosignatures: tuple[NoteSignature, ...]
    entry: bytes


def format_qr_proof(proof: QrProof) -> bytes:
    """Return the bytes that codes carry; raise ``QrProofError`` for more than there is room for."""
    stated = proof.statement
    chain = b"\x00"
    if stated.chain is not None:
        chain = b"\x01" + stated.chain.first.to_bytes(8, "big") + stated.chain.prev
    return b"".join(
        (
            bytes([VERSION]),
            proof.log_key,
            proof.size.to_bytes(8, "big"),
            proof.log_signature,
            proof.index.to_bytes(8, "big"),
            _hashes(proof.hashes),
            proof.position.to_bytes(4, "big"),
            stated.n.to_bytes(4, "big"),
            _hashes(proof.path),
            stated.id.bytes,
            format_time(stated.time).encode(),
            chain,
            proof.public_key,
            proof.signature,
            _cosignatures(proof.cosignatures),
            proof.entry,
        )
    )


def format_qr_texts(payload: bytes) -> list[str]:
    """Return what stands in each code, one or several of about the same size.

    Raise ``QrProofError`` for a proof that needs more than ``CODES_MAX`` codes.
    """
    count = -(-len(payload) // CODE_SIZE_BYTES_MAX)
    if count > CODES_MAX:
        raise QrProofError(f"{len(payload)} bytes: more than {CODES_MAX} codes hold")
    size = -(-len(payload) // count)
    check = sha256(payload).digest()[:_CHECK_SIZE_BYTES].hex()
    return [
        f"{NAME}.{at + 1}.{count}.{check}.{format_digits(payload[at * size : (at + 1) * size])}"
        for at in range(count)
    ]


def format_digits(data: bytes) -> str:
    """Return bytes as decimal digits: seven in seventeen, the rest in as few as hold it."""
    groups = (data[at : at + _GROUP] for at in range(0, len(data), _GROUP))
    return "".join(str(int.from_bytes(group, "big")).zfill(_DIGITS[len(group)]) for group in groups)


def _hashes(hashes: Sequence[bytes]) -> bytes:
    assert len(hashes) <= _HASHES_MAX
    assert all(len(digest) == HASH_SIZE_BYTES for digest in hashes)
    return bytes([len(hashes)]) + b"".join(hashes)


def _cosignatures(lines: Sequence[NoteSignature]) -> bytes:
    parts = [bytes([len(lines)])]
    for line in lines:
        name = line.name.encode()
        if len(name) > _NAME_SIZE_BYTES_MAX or len(line.signature) != _COSIGNATURE_SIZE_BYTES:
            raise QrProofError(f"a cosignature that no code holds, of {line.name[:40]!a}")
        parts += (bytes([len(name)]), name, line.key_hash, line.signature)
    return b"".join(parts)
