"""What the ledger answers: frozen values, never rows. Inside ``acting_as`` only."""

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import connections
from django.db.models import Q

from foundation.core.problem import NotFoundError
from foundation.tenancy import current_alias
from ledger.channels import (
    LogInfo,
    current_log,
    directory_log,
    forget_logs,
    is_operator,
    log_get,
    log_key_name,
    log_list,
    log_of_origin,
    receipt_key_name,
)
from ledger.core.merkle import HASH_SIZE_BYTES, tree_root
from ledger.core.proof import prove_consistency, prove_inclusion
from ledger.core.statement import build_header
from ledger.core.tiles import TILE_HEIGHT, TILE_WIDTH
from ledger.errors import NotSequencedError, UnknownEntryError
from ledger.models import Checkpoint, Entry, Leaf, Member, SigningKey, Tile

__all__ = [
    "HEADS",
    "EntryInfo",
    "Head",
    "KeyInfo",
    "LogInfo",
    "NodeReader",
    "Place",
    "checkpoint_at",
    "checkpoint_latest",
    "consistency_proof",
    "current_log",
    "directory_log",
    "entry_get",
    "entry_list",
    "forget_logs",
    "inclusion_proof",
    "is_operator",
    "key_list",
    "key_page",
    "leaf_data",
    "log_get",
    "log_key_name",
    "log_list",
    "log_of_origin",
    "member_list",
    "place_of",
    "places",
    "receipt_key_name",
    "submissions_of",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A signed head of the log; ``note`` is the C2SP checkpoint, with cosignatures if published.

    ``provisional``: the witnesses' quorum has not cosigned it, nor any larger head.
    """

    size: int
    root_hash: bytes
    chain_hash: bytes
    note: str
    signed_at: dt.datetime
    provisional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an entry stands: its header leaf's index and its own."""

    entry_id: bytes
    header_index: int
    log_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryInfo:
    """An entry with its bytes; ``place`` is missing while it is only promised."""

    entry_id: bytes
    organisation_id: UUID
    kind: str
    content: bytes
    place: Place | None
    log_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyInfo:
    """A key that the log knows, valid after ``added_index`` and before ``revoked_index``."""

    key_id: str
    organisation_id: UUID
    public_key: bytes
    holder: str
    label: str
    added_index: int
    revoked_index: int | None


# Word of a new head, signed or cosigned, goes to who listens to this (``foundation.notices``).
HEADS = "theriac_heads"


def checkpoint_latest(log: LogInfo) -> Head | None:
    """Return the newest signed head, published or not, or ``None`` before the first."""
    row = Checkpoint.objects.filter(log_id=log.id).order_by("-size").first()
    return None if row is None else _head(row)


def checkpoint_at(log: LogInfo, size: int) -> Head:
    """Return the signed head of exactly ``size``; raise ``NotFoundError``."""
    row = Checkpoint.objects.filter(log_id=log.id, size=size).first()
    if row is None:
        raise NotFoundError("no checkpoint of that size was signed")
    return _head(row)


def _head(row: Checkpoint) -> Head:
    return Head(
        size=row.size,
        root_hash=bytes(row.root_hash),
        chain_hash=bytes(row.chain_hash),
        note=row.note,
        signed_at=row.signed_at,
    )


def places(log: LogInfo, entry_ids: Iterable[bytes]) -> dict[bytes, Place]:
    """Return where the sequenced ones of these entries stand; promised ones are left out."""
    return _places(log.id, entry_ids)


def _places(log_id: int, entry_ids: Iterable[bytes]) -> dict[bytes, Place]:
    with connections[current_alias()].cursor() as cursor:
        cursor.execute(
            "SELECT entry.entry_id, leaf.log_index, entry.position"
            " FROM ledger_entry AS entry JOIN ledger_leaf AS leaf"
            " ON leaf.submission_id = entry.submission_id AND leaf.position = 0"
            " WHERE leaf.log_id = %s AND entry.entry_id = ANY(%s)",
            [log_id, list(entry_ids)],
        )
        return {
            bytes(entry_id): Place(
                entry_id=bytes(entry_id), header_index=header, log_index=header + position
            )
            for entry_id, header, position in cursor.fetchall()
        }


def entry_get(entry_id: bytes, log: LogInfo | None = None) -> EntryInfo:
    """Return an entry by its leaf hash: of ``log``, or of any that the actor may know of.

    Raise ``UnknownEntryError``.
    """
    row = Entry.objects.filter(entry_id=entry_id).first()
    if row is None or (log is not None and row.log_id != log.id):
        raise UnknownEntryError("no entry has this id")
    return _entry_info(row, _places(row.log_id, [entry_id]).get(entry_id))


def _entry_info(row: Entry, place: Place | None) -> EntryInfo:
    return EntryInfo(
        entry_id=bytes(row.entry_id),
        organisation_id=row.organisation_id,
        kind=row.kind,
        content=bytes(row.content),
        place=place,
        log_id=row.log_id,
    )


def submissions_of(entry_ids: Collection[bytes]) -> dict[bytes, tuple[bytes, list[bytes]]]:
    """Return by entry the header leaf of its submission, and the ids of all entries of that.

    In two queries, however many are asked for. Raise ``UnknownEntryError`` for one that is none.
    """
    rows = Entry.objects.select_related("submission").filter(entry_id__in=entry_ids)
    submissions = {bytes(row.entry_id): row.submission for row in rows}
    if len(submissions) < len(set(entry_ids)):
        raise UnknownEntryError("no entry has this id")
    ids: dict[int, list[bytes]] = {row.pk: [] for row in submissions.values()}
    of_them = Entry.objects.filter(submission_id__in=ids).order_by("position")
    for submission_id, entry_id in of_them.values_list("submission_id", "entry_id"):
        ids[submission_id].append(bytes(entry_id))
    headers = {
        row.pk: build_header(statement_bytes=bytes(row.statement), signature=bytes(row.signature))
        for row in submissions.values()
    }
    return {entry_id: (headers[row.pk], ids[row.pk]) for entry_id, row in submissions.items()}


def entry_list(
    *,
    kinds: Sequence[str],
    organisation_id: UUID | None = None,
    limit: int | None = None,
    log: LogInfo | None = None,
) -> list[EntryInfo]:
    """Return sequenced entries of these kinds in log order; all, or at most ``limit`` of them."""
    log = log or current_log()
    rows = Entry.objects.filter(kind__in=kinds, log_id=log.id)
    if organisation_id is not None:
        rows = rows.filter(organisation_id=organisation_id)
    found = {bytes(row.entry_id): row for row in rows[:limit]}
    placed = sorted(places(log, found).values(), key=lambda place: place.log_index)
    return [_entry_info(found[place.entry_id], place) for place in placed]


def member_list(log: LogInfo) -> list[tuple[UUID, str, str]]:
    """Return id, name and kind of each member, in the order of admission."""
    rows = Member.objects.filter(log_id=log.id).order_by("admitted_index")
    return list(rows.values_list("organisation_id", "name", "kind"))


def key_list(organisation_id: UUID | None = None) -> list[KeyInfo]:
    """Return the keys that the log that the actor acts in knows, oldest first."""
    rows = SigningKey.objects.filter(log_id=current_log().id).order_by("added_index", "key_id")
    if organisation_id is not None:
        rows = rows.filter(organisation_id=organisation_id)
    return [key_info(row) for row in rows]


def key_page(
    log: LogInfo, *, after: tuple[int, str] | None, limit: int, organisation_id: UUID | None = None
) -> list[KeyInfo]:
    """Return keys that the log knows, oldest first, past the one added there with this id."""
    rows = SigningKey.objects.filter(log_id=log.id).order_by("added_index", "key_id")
    if organisation_id is not None:
        rows = rows.filter(organisation_id=organisation_id)
    if after is not None:
        index, key_id = after
        rows = rows.filter(Q(added_index__gt=index) | Q(added_index=index, key_id__gt=key_id))
    return [key_info(row) for row in rows[:limit]]


def key_info(row: SigningKey) -> KeyInfo:
    """Return what a row of the ledger's own tables says of a key."""
    return KeyInfo(
        key_id=row.key_id,
        organisation_id=row.organisation_id,
        public_key=bytes(row.public_key),
        holder=row.holder,
        label=row.label,
        added_index=row.added_index,
        revoked_index=row.revoked_index,
    )


_LEAF_ROWS_AT_ONCE = 2000
_SELECT_LEAVES = """
    SELECT leaf.position, entry.content, submission.statement, submission.signature
    FROM ledger_leaf AS leaf
    JOIN ledger_submission AS submission ON submission.id = leaf.submission_id
    LEFT JOIN ledger_entry AS entry
        ON entry.submission_id = leaf.submission_id AND entry.position = leaf.position
    WHERE leaf.log_id = %s AND leaf.log_index >= %s AND leaf.log_index < %s
    ORDER BY leaf.log_index
"""


def leaf_data(log: LogInfo, start: int, end: int) -> Iterator[bytes]:
    """Yield the bytes of the leaves from ``start`` up to ``end``, rebuilt from what is stored."""
    for first in range(start, end, _LEAF_ROWS_AT_ONCE):
        with connections[current_alias()].cursor() as cursor:
            cursor.execute(_SELECT_LEAVES, [log.id, first, min(first + _LEAF_ROWS_AT_ONCE, end)])
            rows = cursor.fetchall()
        for position, content, statement, signature in rows:
            if position == 0:
                yield build_header(statement_bytes=bytes(statement), signature=bytes(signature))
            else:
                # A leaf without its entry has no bytes: the verifier names the index.
                yield bytes(content or b"")


class NodeReader:
    """Reads nodes of the tree from stored tiles, and from leaves where a tile is not full."""

    def __init__(self, log: LogInfo, size: int) -> None:
        """Read the tree of ``size`` leaves."""
        self.log, self.size = log, size
        self._tiles: dict[tuple[int, int], list[bytes]] = {}
        self._nodes: dict[tuple[int, int], bytes] = {}

    def tile(self, level: int, index: int) -> list[bytes]:
        """Return the hashes of a tile, up to the tree's size; empty where it has none."""
        key = (level, index)
        if key not in self._tiles:
            full = self.size >> (TILE_HEIGHT * level)
            width = max(0, min(TILE_WIDTH, full - index * TILE_WIDTH))
            self._tiles[key] = self._stored(level, index, width)[:width]
        return self._tiles[key]

    def _stored(self, level: int, index: int, width: int) -> list[bytes]:
        row = Tile.objects.filter(log_id=self.log.id, level=level, tile_index=index).first()
        if row is not None:
            data = bytes(row.hashes)
            return [data[at : at + HASH_SIZE_BYTES] for at in range(0, len(data), HASH_SIZE_BYTES)]
        if level > 0:
            return []
        first = index * TILE_WIDTH
        leaves = Leaf.objects.filter(
            log_id=self.log.id, log_index__gte=first, log_index__lt=first + width
        ).order_by("log_index")
        return [bytes(digest) for digest in leaves.values_list("leaf_hash", flat=True)]

    def node(self, level: int, index: int) -> bytes:
        """Return the root of a complete subtree: ``2**level`` leaves from ``index << level``."""
        key = (level, index)
        if key not in self._nodes:
            tile_level, within = divmod(level, TILE_HEIGHT)
            start = index << within
            tile = self.tile(tile_level, start // TILE_WIDTH)
            offset = start % TILE_WIDTH
            self._nodes[key] = tree_root(tile[offset : offset + (1 << within)])
        return self._nodes[key]


def inclusion_proof(log: LogInfo, *, index: int, size: int) -> list[bytes]:
    """Return the path from leaf ``index`` to the root of ``size``, the leaf's sibling first."""
    return list(prove_inclusion(index=index, size=size, read_node=NodeReader(log, size).node))


def consistency_proof(log: LogInfo, *, old: int, new: int) -> list[bytes]:
    """Return the proof that the tree of ``new`` leaves extends that of ``old``."""
    return list(prove_consistency(size1=old, size2=new, read_node=NodeReader(log, new).node))


def place_of(entry: EntryInfo) -> Place:
    """Return the entry's place; raise ``NotSequencedError`` while it is only promised."""
    if entry.place is None:
        raise NotSequencedError("the entry is promised; ask again after its receipt's deadline")
    return entry.place
