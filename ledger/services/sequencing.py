"""The sequencer: gives committed submissions their place, and signs the new head.

One per channel, chosen by an advisory lock and fenced by constraints: an index is given once,
and each head has one successor. It reads back and re-hashes the stored bytes before it signs;
a mismatch freezes the log.
"""

import datetime as dt
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from django.db import connections

from foundation.bulk import ByteaArray, Int4Array, Int8Array, bulk_cursor
from foundation.core.actor import SYSTEM
from foundation.key_providers import key_provider
from foundation.notices import notify
from foundation.tenancy import SYSTEM_ALIAS, acting_as
from ledger.core.checkpoint import format_checkpoint
from ledger.core.merkle import CHAIN_START, CompactRange, covering_subtrees, leaf_hash, tree_root
from ledger.core.note import format_note, format_signature_line, parse_vkey
from ledger.core.statement import join_header, statement_hash
from ledger.core.tiles import TILE_WIDTH
from ledger.errors import FrozenError
from ledger.models import LogFreeze
from ledger.selectors import (
    HEADS,
    Head,
    LogInfo,
    NodeReader,
    checkpoint_latest,
    log_key_name,
)
from ledger.services.projection import governance_project

logger = logging.getLogger(__name__)

_SEQUENCER_LOCK = 12  # classid of the advisory lock that the leader of a log holds


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLeaf:
    """A leaf about to be written; ``data`` are its bytes."""

    submission_pk: int
    position: int
    digest: bytes
    data: bytes


@dataclass(frozen=True, slots=True)
class TreeState:
    """What appending needs: the compact range, and each tile level's unfinished tail."""

    tree: CompactRange
    chain_hash: bytes
    tails: tuple[tuple[bytes, ...], ...]


class Waiting(NamedTuple):
    """A submission that waits for its place, as stored."""

    pk: int
    statement: bytes
    statement_hash: bytes
    signature: bytes


class Sequencer:
    """Sequences one log; ``lead`` first, then ``flush`` again and again."""

    def __init__(self, log: LogInfo) -> None:
        """Work on ``log``; nothing is read until the first flush."""
        self.log = log
        self._state: TreeState | None = None

    def lead(self) -> bool:
        """Try to become the log's one sequencer; it lasts as long as the connection."""
        connection = connections[SYSTEM_ALIAS]
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [_SEQUENCER_LOCK, self.log.id])
            return bool(cursor.fetchone()[0])

    def resign(self) -> None:
        """Give the lead to whoever waits."""
        with connections[SYSTEM_ALIAS].cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [_SEQUENCER_LOCK, self.log.id])

    def flush(self, *, now: dt.datetime) -> int:
        """Sequence everything that is committed and waits; return how many leaves were added.

        Leaves, tiles, projections, the checkpoint and the emptied queue are one transaction.
        Raise ``FrozenError`` where stored bytes differ from their hash: nothing is signed then.
        """
        try:
            with acting_as(SYSTEM):
                return self._flush(now)
        except FrozenError as error:
            log_freeze(self.log, str(error), now=now)
            raise
        except BaseException:
            # The transaction is gone, so what we remember of it is too.
            self._state = None
            raise

    def _flush(self, now: dt.datetime) -> int:
        if LogFreeze.objects.filter(log_id=self.log.id).exists():
            raise FrozenError("the log is frozen; the operator must look at it")
        submissions = _waiting(self.log)
        if not submissions:
            return 0
        head = checkpoint_latest(self.log)
        state = self._load(head)
        leaves = _read_back(submissions)
        chain, links = state.chain_hash, []
        for leaf in leaves:
            chain = sha256(chain + leaf.digest).digest()
            links.append(chain)
        _insert_leaves(self.log, state.tree.size, leaves, links)
        tree = state.tree.extend(leaf.digest for leaf in leaves)
        tails = _write_tiles(self.log, state, [leaf.digest for leaf in leaves])
        _check_written(self.log, state.tree.size, leaves)
        governance_project(self.log, first_index=state.tree.size, leaves=leaves)
        _publish(self.log, head=head, tree=tree, chain=chain, now=now)
        notify(HEADS)
        with connections[SYSTEM_ALIAS].cursor() as cursor:
            cursor.execute(
                "DELETE FROM ledger_pending WHERE submission_id = ANY(%s)",
                [[submission.pk for submission in submissions]],
            )
        self._state = TreeState(tree, chain, tails)
        return len(leaves)

    def _load(self, head: Head | None) -> TreeState:
        """Return the tree's state at ``head``: remembered, or read from tiles and leaves."""
        size = 0 if head is None else head.size
        if self._state is not None and self._state.tree.size == size:
            return self._state
        reader = NodeReader(self.log, size)
        tree = CompactRange(
            size, tuple(reader.node(level, index) for level, index in covering_subtrees(0, size))
        )
        if head is not None and tree.root() != head.root_hash:
            raise FrozenError(f"the stored tree of {size} leaves has another root than was signed")
        tails: list[tuple[bytes, ...]] = []
        while size:
            tails.append(tuple(reader.tile(len(tails), size // TILE_WIDTH)))
            size //= TILE_WIDTH
        return TreeState(tree, CHAIN_START if head is None else head.chain_hash, tuple(tails))


def log_freeze(log: LogInfo, reason: str, *, now: dt.datetime) -> None:
    """Let nothing be signed any more, until the operator has looked; the first reason stays."""
    logger.critical("the log is frozen", extra={"channel": log.name})
    with acting_as(SYSTEM):
        LogFreeze.objects.get_or_create(
            log_id=log.id, defaults={"reason": reason[:300], "frozen_at": now}
        )


def _waiting(log: LogInfo) -> list[Waiting]:
    """Return what waits, in the order in which it was accepted.

    Numbers are given under the lock that ``submission_append`` and revocations share, so whatever
    was accepted under a key stands before the revocation of that key, and a key's statements
    stand in the order of their chain, whatever they say.
    """
    with bulk_cursor(SYSTEM_ALIAS) as cursor:
        cursor.execute(
            "SELECT s.id, s.statement, s.statement_hash, s.signature FROM ledger_pending AS p"
            " JOIN ledger_submission AS s ON s.id = p.submission_id"
            " WHERE p.log_id = %s ORDER BY s.id",
            [log.id],
        )
        return [Waiting(*row) for row in cursor]


def _read_back(submissions: Sequence[Waiting]) -> list[NewLeaf]:
    """Return the leaves of these submissions from their stored bytes, each hashed again."""
    entries: dict[int, list[tuple[int, bytes, bytes]]] = {}
    with bulk_cursor(SYSTEM_ALIAS) as cursor:
        cursor.execute(
            "SELECT submission_id, position, entry_id, content FROM ledger_entry"
            " WHERE submission_id = ANY(%s) ORDER BY submission_id, position",
            [[submission.pk for submission in submissions]],
        )
        for pk, position, entry_id, content in cursor:
            entries.setdefault(pk, []).append((position, entry_id, content))
    leaves = []
    for submission in submissions:
        pk = submission.pk
        if statement_hash(submission.statement) != submission.statement_hash:
            raise FrozenError(f"submission {pk}: the stored statement was changed")
        header = join_header(statement_bytes=submission.statement, signature=submission.signature)
        leaves.append(NewLeaf(submission_pk=pk, position=0, digest=leaf_hash(header), data=header))
        for expected, (position, entry_id, content) in enumerate(entries.get(pk, []), start=1):
            digest = leaf_hash(content)
            if digest != entry_id or position != expected:
                raise FrozenError(f"submission {pk} entry {expected}: stored bytes were changed")
            leaves.append(NewLeaf(submission_pk=pk, position=position, digest=digest, data=content))
    return leaves


def _insert_leaves(
    log: LogInfo, first: int, leaves: Sequence[NewLeaf], links: Sequence[bytes]
) -> None:
    # Arrays, because COPY FROM is refused under row-level security.
    with bulk_cursor(SYSTEM_ALIAS) as cursor:
        cursor.execute(
            "INSERT INTO ledger_leaf"
            " (log_id, log_index, leaf_hash, chain_hash, submission_id, position)"
            " SELECT %s, %s + n - 1, digest, link, submission, at"
            " FROM unnest(%s, %s, %s, %s) WITH ORDINALITY"
            " AS leaf (digest, link, submission, at, n)",
            [
                log.id,
                first,
                ByteaArray(leaf.digest for leaf in leaves),
                ByteaArray(links),
                Int8Array(leaf.submission_pk for leaf in leaves),
                Int4Array(leaf.position for leaf in leaves),
            ],
        )


def _write_tiles(
    log: LogInfo, state: TreeState, digests: Sequence[bytes]
) -> tuple[tuple[bytes, ...], ...]:
    """Write the tiles that these leaves fill or change; return each level's new tail.

    Level 0 is written when full (its tail is in the leaves); higher levels whenever they grow.
    """
    tails: list[tuple[bytes, ...]] = []
    rows: list[tuple[int, int, int, bytes]] = []
    fresh, size, level = list(digests), state.tree.size, 0
    while fresh:
        tail = state.tails[level] if level < len(state.tails) else ()
        index = (size - len(tail)) // TILE_WIDTH
        hashes, above = [*tail, *fresh], []
        for start in range(0, len(hashes), TILE_WIDTH):
            part = hashes[start : start + TILE_WIDTH]
            if len(part) == TILE_WIDTH:
                above.append(tree_root(part))
            if level > 0 or len(part) == TILE_WIDTH:
                rows.append((log.id, level, index, b"".join(part)))
            index += 1
        tails.append(tuple(hashes[len(hashes) // TILE_WIDTH * TILE_WIDTH :]))
        fresh, size, level = above, size // TILE_WIDTH, level + 1
    tails.extend(state.tails[level:])
    with connections[SYSTEM_ALIAS].cursor() as cursor:
        cursor.executemany(
            "INSERT INTO ledger_tile (log_id, level, tile_index, hashes) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT (log_id, level, tile_index) DO UPDATE SET hashes = EXCLUDED.hashes",
            rows,
        )
    return tuple(tails)


def _check_written(log: LogInfo, first: int, leaves: Sequence[NewLeaf]) -> None:
    """Read the new leaves' hashes back from the table: what is signed is what is stored."""
    with bulk_cursor(SYSTEM_ALIAS) as cursor:
        cursor.execute(
            "SELECT leaf_hash FROM ledger_leaf WHERE log_id = %s AND log_index >= %s"
            " ORDER BY log_index",
            [log.id, first],
        )
        stored = [digest for (digest,) in cursor]
    if stored != [leaf.digest for leaf in leaves]:
        raise FrozenError(f"the leaves from {first} on are not what was written")


def _publish(
    log: LogInfo, *, head: Head | None, tree: CompactRange, chain: bytes, now: dt.datetime
) -> None:
    text = format_checkpoint(origin=log.origin, size=tree.size, root=tree.root())
    vkey = parse_vkey(log.vkey)
    signature = key_provider().sign(log_key_name(log.origin), text.encode())
    note = format_note(text, [format_signature_line(vkey.name, vkey.key_hash, signature)])
    with connections[SYSTEM_ALIAS].cursor() as cursor:
        cursor.execute(
            "INSERT INTO ledger_checkpoint"
            " (log_id, size, prev_size, root_hash, chain_hash, note, signed_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            [
                log.id,
                tree.size,
                -1 if head is None else head.size,
                tree.root(),
                chain,
                note.decode(),
                now,
            ],
        )
