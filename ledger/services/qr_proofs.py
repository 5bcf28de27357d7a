"""Proofs for printed codes: of an entry in the published checkpoint."""

import zlib
from dataclasses import dataclass

from foundation.core.actor import PUBLIC, Actor
from foundation.tenancy import acting_as
from ledger.core.checkpoint import open_checkpoint
from ledger.core.note import parse_note, parse_vkey
from ledger.core.proof import node_reader, prove_inclusion
from ledger.core.qr_proof import QrProof, QrProofError, format_qr_proof, format_qr_texts
from ledger.core.statement import parse_statement
from ledger.errors import NotSequencedError, ProvisionalError
from ledger.exploring import EntrySeen, entry_seen
from ledger.published import head_published
from ledger.selectors import Head, inclusion_proof, log_get, submissions_of

_RAW_DEFLATE = -15


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedProof:
    """The texts of an entry's codes (docs/spec/qr.md), and the head that they prove it in.

    ``trouble`` says why there are none, where no codes hold the proof.
    """

    texts: tuple[str, ...]
    trouble: str
    head: Head


def qr_proof(entry_id: bytes, *, channel: str, actor: Actor = PUBLIC) -> PrintedProof:
    """Return the proof of an entry in the published checkpoint, for printed codes.

    Raise ``UnknownEntryError``, ``NotSequencedError``, ``ProvisionalError`` as ``entry_proof``.
    """
    with acting_as(actor):
        log = log_get(channel)
        head, seen = head_published(log), entry_seen(log, entry_id)
        place, key = seen.info.place, seen.submission.key
        if place is None or key is None:
            raise NotSequencedError("the entry is promised; ask again after its receipt's deadline")
        if place.log_index >= head.size:
            raise ProvisionalError(f"it is signed at index {place.log_index} and not cosigned yet")
        hashes = inclusion_proof(log, index=place.log_index, size=head.size)
        _, entry_ids = submissions_of([entry_id])[entry_id]
    note, vkey = head.note.encode(), parse_vkey(log.vkey)
    open_checkpoint(note, vkey)
    own, *others = parse_note(note).signatures
    position = place.log_index - place.header_index - 1
    proof = QrProof(
        log_key=vkey.public_key,
        size=head.size,
        log_signature=own.signature,
        index=place.log_index,
        hashes=tuple(hashes),
        position=position,
        path=prove_inclusion(index=position, size=len(entry_ids), read_node=node_reader(entry_ids)),
        statement=parse_statement(seen.submission.statement),
        public_key=key.public_key,
        signature=seen.submission.signature,
        cosignatures=tuple(others),
        entry=_deflated(seen),
    )
    try:
        texts = format_qr_texts(format_qr_proof(proof))
    except QrProofError as error:
        return PrintedProof(texts=(), trouble=error.detail, head=head)
    return PrintedProof(texts=tuple(texts), trouble="", head=head)


def _deflated(seen: EntrySeen) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, _RAW_DEFLATE)
    return packer.compress(seen.info.content) + packer.flush()
