"""Printed codes of a log in memory, and of logs that are too large to build here."""

import zlib
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256

from ledger.core.checkpoint import format_checkpoint
from ledger.core.merkle import leaf_hash
from ledger.core.note import NoteSignature, parse_note
from ledger.core.proof_steps import proof_steps
from ledger.core.qr_proof import QrProof, format_qr_proof
from ledger.core.statement import parse_header
from tests.ledger.log_builder import ORIGIN, PHARMACY, LogBuilder, Signer

# Whose key signed, by its id: codes carry the public key itself.
NAMES = ("operator", "wholesaler", "pharmacy", "scanner", "pharmacy 2", "pharmacy 3", "second")


def packed(entry: bytes) -> bytes:
    """Return the raw DEFLATE of an entry."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(entry) + packer.flush()


def stored(entry: bytes) -> bytes:
    """Return a raw DEFLATE that packs nothing: the same bytes by every library."""
    size = len(entry).to_bytes(2, "little")
    return b"\x01" + size + bytes(byte ^ 0xFF for byte in size) + entry


def qr_proof_of(
    log: LogBuilder, index: int, *, cosignatures: Sequence[NoteSignature] = ()
) -> QrProof:
    """Return the proof of the entry at an index in the log's checkpoint."""
    proven, note = log.proven(index), parse_note(log.checkpoint())
    header = parse_header(proven.header)
    keys = {signer.key_id: signer for signer in (Signer(name, PHARMACY) for name in NAMES)}
    return QrProof(
        log_key=log.vkey.public_key,
        size=len(log.leaves),
        log_signature=note.signatures[0].signature,
        index=index,
        hashes=proven.proof,
        position=index - proven.header_index - 1,
        path=proven.path,
        statement=header.statement,
        public_key=keys[header.statement.key_id].public_key,
        signature=header.signature,
        cosignatures=tuple(cosignatures),
        entry=packed(proven.entry),
    )


def in_a_log_of(size: int, log: LogBuilder, index: int) -> QrProof:
    """Return a sound proof as if the entry stood in the middle of a log of so many leaves.

    Its siblings are made up, and the log's key signs the root that they lead to.
    """
    small, middle = qr_proof_of(log, index), size // 2
    count = _path_length(middle, size)
    hashes = tuple(sha256(b"sibling %d" % at).digest() for at in range(count))
    leaf = leaf_hash(log.leaves[index])
    root = proof_steps(leaf=leaf, index=middle, size=size, proof=hashes)[-1].parent.digest
    text = format_checkpoint(origin=ORIGIN, size=size, root=root)
    signature = log.log_signer.sign(text.encode())
    return replace(small, size=size, index=middle, hashes=hashes, log_signature=signature)


def payload_of(log: LogBuilder, index: int) -> bytes:
    """Return what the codes of an entry carry."""
    return format_qr_proof(qr_proof_of(log, index))


def _path_length(index: int, size: int) -> int:
    """Return how many hashes lead from a leaf to the root (RFC 9162 section 2.1.3.1)."""
    count, last = 0, size - 1
    while last:
        if index % 2 == 1 or index != last:
            count += 1
        index, last = index // 2, last // 2
    return count
