"""Proofs of one entry as a file: the bundle, and C2SP's tlog-proof."""

from collections.abc import Sequence

from foundation.core.actor import PUBLIC
from foundation.tenancy import acting_as
from ledger.core.bundle import Bundle, Opening, ProvenEntry, format_bundle
from ledger.core.governance import GENESIS, KEY_ADDED, KEY_REVOKED, MEMBER_ADMITTED
from ledger.core.proof import node_reader, prove_inclusion
from ledger.core.tlog_proof import TlogProof, format_tlog_proof
from ledger.errors import NotSequencedError
from ledger.selectors import (
    EntryInfo,
    Head,
    LogInfo,
    NodeReader,
    checkpoint_latest,
    current_log,
    entry_get,
    entry_list,
    place_of,
    submission_of,
)

GOVERNANCE = (GENESIS, MEMBER_ADMITTED, KEY_ADDED, KEY_REVOKED)


def proof_bundle(entry_id: bytes, openings: Sequence[Opening] = ()) -> bytes:
    """Return the one-file proof of an entry: canonical JSON (docs/spec/bundle.md).

    It proves the entry and all governance before it in the newest checkpoint. Raise
    ``UnknownEntryError``, or ``NotSequencedError`` while the entry is only promised.
    """
    with acting_as(PUBLIC):
        log, head = _log_and_head()
        entry = entry_get(entry_id)
        place = place_of(entry)
        nodes = NodeReader(log, head.size)
        before = [
            info
            for info in entry_list(kinds=GOVERNANCE)
            if place_of(info).log_index < place.log_index
        ]
        return format_bundle(
            Bundle(
                vkey=log.vkey,
                checkpoint=head.note.encode(),
                entry=_proven(entry, nodes),
                governance=tuple(_proven(info, nodes) for info in before),
                openings=tuple(openings),
            )
        )


def tlog_proof(entry_id: bytes) -> bytes:
    """Return C2SP's tlog-proof of an entry in the newest checkpoint; raises as above."""
    with acting_as(PUBLIC):
        log, head = _log_and_head()
        place = place_of(entry_get(entry_id))
        proof = prove_inclusion(
            index=place.log_index, size=head.size, read_node=NodeReader(log, head.size).node
        )
        return format_tlog_proof(
            TlogProof(index=place.log_index, hashes=proof, checkpoint=head.note.encode())
        )


def _log_and_head() -> tuple[LogInfo, Head]:
    log = current_log()
    head = checkpoint_latest(log)
    if head is None:
        raise NotSequencedError("the log has no checkpoint yet")
    return log, head


def _proven(entry: EntryInfo, nodes: NodeReader) -> ProvenEntry:
    place = place_of(entry)
    header, entry_ids = submission_of(entry.entry_id)
    return ProvenEntry(
        entry=entry.content,
        index=place.log_index,
        proof=prove_inclusion(index=place.log_index, size=nodes.size, read_node=nodes.node),
        path=prove_inclusion(
            index=place.log_index - place.header_index - 1,
            size=len(entry_ids),
            read_node=node_reader(entry_ids),
        ),
        header=header,
        header_index=place.header_index,
        header_proof=prove_inclusion(
            index=place.header_index, size=nodes.size, read_node=nodes.node
        ),
    )
