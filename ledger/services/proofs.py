"""Proofs of one entry: as a file (the bundle, C2SP's tlog-proof), as a value; and of a receipt."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from foundation.bulk import bulk_cursor
from foundation.core.actor import PUBLIC, SYSTEM, Actor, organisation_actor
from foundation.tenancy import acting_as, current_alias
from ledger.core.bundle import Bundle, Opening, ProvenEntry, format_bundle
from ledger.core.governance import KINDS
from ledger.core.merkle import HASH_SIZE_BYTES
from ledger.core.proof import node_reader, prove_inclusion
from ledger.core.receipt import Receipt
from ledger.core.sequenced import Sequenced
from ledger.core.statement import build_header
from ledger.core.tlog_proof import TlogProof, format_tlog_proof
from ledger.errors import ProvisionalError
from ledger.models import Leaf
from ledger.published import checkpoint_published, head_published
from ledger.selectors import (
    EntryInfo,
    Head,
    LogInfo,
    NodeReader,
    Place,
    current_log,
    entry_get,
    entry_list,
    log_get,
    log_of_origin,
    place_of,
    submissions_of,
)

# Each leaf is one step into an index, whatever the planner believes of tables that only grow: a
# LIMIT keeps it from joining them whole.
_SEQUENCED = """
    SELECT s.statement, s.signature, s.count, header.log_index, before.chain_hash, last.chain_hash
    FROM ledger_submission AS s
    CROSS JOIN LATERAL (
        SELECT log_index FROM ledger_leaf WHERE submission_id = s.id AND position = 0 LIMIT 1
    ) AS header
    CROSS JOIN LATERAL (
        SELECT chain_hash FROM ledger_leaf
        WHERE log_id = s.log_id AND log_index = header.log_index + s.count LIMIT 1
    ) AS last
    LEFT JOIN LATERAL (
        SELECT chain_hash FROM ledger_leaf
        WHERE log_id = s.log_id AND log_index = header.log_index - 1 LIMIT 1
    ) AS before ON true
    WHERE s.log_id = %s AND s.organisation_id = %s AND s.submission_id = %s
"""
_NODES_MAX = 8  # heads whose tiles are remembered: some 64 KiB each
_NODES: dict[tuple[str, int, bytes], NodeReader] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryProof:
    """An entry in the newest checkpoint: ``hashes`` lead from it to ``head``'s root."""

    entry: EntryInfo
    log_index: int
    hashes: tuple[bytes, ...]
    head: Head
    channel: str


def public_head(channel: str) -> tuple[LogInfo, Head]:
    """Return a channel's log and its published head, which everybody may know of every channel.

    Raise ``NotFoundError``, or as ``head_published``.
    """
    with acting_as(SYSTEM):
        return _log_and_head(channel)


def entry_proof(
    entry_id: bytes, *, channel: str | None = None, actor: Actor = PUBLIC
) -> EntryProof:
    """Return an entry with its inclusion in the published checkpoint, to ``actor``.

    Raise ``UnknownEntryError``, ``NotSequencedError`` while it is only promised, and
    ``ProvisionalError`` while the head that holds it lacks its quorum; ``NotFoundError`` for a
    channel that the actor may not know of.
    """
    with acting_as(actor):
        log, head = _log_and_head(channel)
        entry = entry_get(entry_id, log)
        index, nodes = _published_place(entry, head).log_index, NodeReader(log, head.size)
        hashes = prove_inclusion(index=index, size=head.size, read_node=nodes.node)
        return EntryProof(
            entry=entry, log_index=index, hashes=tuple(hashes), head=head, channel=log.name
        )


def proof_bundle(
    entry_id: bytes,
    openings: Sequence[Opening] = (),
    *,
    channel: str | None = None,
    actor: Actor = PUBLIC,
) -> bytes:
    """Return the one-file proof of an entry: canonical JSON (docs/spec/bundle.md).

    It proves the entry and all governance before it in the published checkpoint of the
    channel (the one that the actor acts in unless given). Raises as ``entry_proof``.
    """
    with acting_as(actor):
        log, head = _log_and_head(channel)
        entry = entry_get(entry_id, log)
        place = _published_place(entry, head)
        nodes = NodeReader(log, head.size)
        before = [
            info
            for info in entry_list(kinds=KINDS, log=log)
            if place_of(info).log_index < place.log_index
        ]
        parts = submissions_of([entry_id, *(info.entry_id for info in before)])
        return format_bundle(
            Bundle(
                vkey=log.vkey,
                checkpoint=head.note.encode(),
                entry=_proven(entry, nodes, parts[entry_id]),
                governance=tuple(_proven(info, nodes, parts[info.entry_id]) for info in before),
                openings=tuple(openings),
            )
        )


def tlog_proof(entry_id: bytes, *, channel: str | None = None, actor: Actor = PUBLIC) -> bytes:
    """Return C2SP's tlog-proof of an entry in the published checkpoint; raises as above."""
    found = entry_proof(entry_id, channel=channel, actor=actor)
    return format_tlog_proof(
        TlogProof(index=found.log_index, hashes=found.hashes, checkpoint=found.head.note.encode())
    )


def sequenced_of(log: LogInfo, organisation_id: UUID, submission_id: UUID) -> Sequenced | None:
    """Return where a submission stands, proven in the published checkpoint; ``None`` before.

    Inside ``acting_as``, of whomever: what is in the log, every member may know.
    """
    head = checkpoint_published(log)
    with bulk_cursor(current_alias()) as cursor:
        cursor.execute(_SEQUENCED, [log.id, organisation_id, submission_id])
        found = cursor.fetchone()
    if found is None or head is None:
        return None
    statement, signature, count, index, before, after = found
    # A leaf comes with the checkpoint that covers it, which may be provisional still.
    if index + count >= head.size:
        return None
    read_node = _nodes_of(log, head).node
    return Sequenced(
        header=build_header(statement_bytes=statement, signature=signature),
        header_index=index,
        header_proof=prove_inclusion(index=index, size=head.size, read_node=read_node),
        last_proof=prove_inclusion(index=index + count, size=head.size, read_node=read_node),
        chain_before=before or bytes(HASH_SIZE_BYTES),
        chain_after=after,
        checkpoint=head.note.encode(),
    )


def _nodes_of(log: LogInfo, head: Head) -> NodeReader:
    """Return the reader of a head's tree: many wait for the same head, and read the same tiles."""
    key = (log.origin, head.size, head.root_hash)
    nodes = _NODES.get(key)
    if nodes is None:
        nodes = NodeReader(log, head.size)
        if len(_NODES) >= _NODES_MAX:
            _NODES.clear()
        _NODES[key] = nodes
    return nodes


def provisional_index(receipt: Receipt) -> int | None:
    """Return where a submission's header stands in a signed head, if in no published one yet."""
    promise = receipt.promise
    with acting_as(organisation_actor(promise.organisation_id)):
        log = log_of_origin(promise.log)
        first = Leaf.objects.filter(
            log_id=log.id,
            submission__organisation_id=promise.organisation_id,
            submission__submission_id=promise.id,
            position=0,
        ).first()
        head = checkpoint_published(log)
    # The sequencer may have been since somebody looked: what is published is not provisional.
    if first is None or (head is not None and first.log_index + promise.n < head.size):
        return None
    return first.log_index


def _log_and_head(channel: str | None) -> tuple[LogInfo, Head]:
    log = current_log() if channel is None else log_get(channel)
    return log, head_published(log)


def _published_place(entry: EntryInfo, head: Head) -> Place:
    """Return the entry's place; raise ``NotSequencedError``, or ``ProvisionalError`` beyond it."""
    place = place_of(entry)
    if place.log_index >= head.size:
        raise ProvisionalError(
            f"it is signed at index {place.log_index}, and cosigned is size {head.size} only:"
            " ask again once more witnesses cosigned"
        )
    return place


def _proven(
    entry: EntryInfo, nodes: NodeReader, submission: tuple[bytes, list[bytes]]
) -> ProvenEntry:
    place = place_of(entry)
    header, entry_ids = submission
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
