"""``ledger_verify`` over the database: the pure engine, fed with what is stored, and more.

The engine re-hashes every leaf and replays governance and signatures. Here every other stored
column is compared with what the bytes say, so that no edit of a row passes, and what belongs to
no leaf and waits in no queue is named.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from django.db import connections

from foundation.core.actor import SYSTEM
from foundation.tenancy import SYSTEM_ALIAS, acting_as
from ledger.core.checkpoint import CheckpointError, parse_checkpoint
from ledger.core.entry import EntryError, parse_entry
from ledger.core.merkle import HASH_SIZE_BYTES, leaf_hash, tree_root
from ledger.core.note import NoteError, check_note, parse_note, parse_vkey
from ledger.core.receipt import Receipt, ReceiptError, receipt_message
from ledger.core.statement import StatementError, build_header, parse_statement, statement_hash
from ledger.core.tiles import TILE_WIDTH
from ledger.core.verify import Fault, LogVerifier, SignatureTask, StoredCheckpoint, StoredLeaf
from ledger.models import Checkpoint, Tile
from ledger.selectors import LogInfo, directory_log, log_get
from ledger.services.projection_check import projection_faults
from ledger.services.signatures import NOT_SIGNED, SignatureChecker
from ledger.services.signed import promise_of
from ledger.services.verdict import FAULTS_MAX, Progress, Verdict, at_most, silent, told

_NOT_PROMISED = "the receipt (received_at, deadline_at, receipt_signature) was not signed so"
_ROWS_AT_ONCE = 2000
_SELECT = """
    SELECT leaf.log_index, leaf.leaf_hash, leaf.chain_hash, leaf.submission_id, leaf.position,
        entry.entry_id, entry.organisation_id, entry.uuid, entry.kind, entry.content,
        s.id, s.log_id, s.organisation_id, s.submission_id, s.key_id, s.count, s.first,
        s.statement, s.statement_hash, s.signature, s.received_at, s.deadline_at,
        s.receipt_signature, entry.log_id
    FROM ledger_leaf AS leaf
    LEFT JOIN ledger_submission AS s ON s.id = leaf.submission_id
    LEFT JOIN ledger_entry AS entry
        ON entry.submission_id = leaf.submission_id AND entry.position = leaf.position
    WHERE leaf.log_id = %s AND leaf.log_index >= %s ORDER BY leaf.log_index LIMIT %s
"""
# What is stored, yet stands in no leaf and waits in no queue: a leaf was cut off or renamed.
_ORPHANS = """
    SELECT count(*) FROM ledger_entry AS entry
    WHERE NOT EXISTS (SELECT FROM ledger_leaf AS leaf
        WHERE leaf.submission_id = entry.submission_id AND leaf.position = entry.position)
    AND NOT EXISTS (SELECT FROM ledger_pending AS p WHERE p.submission_id = entry.submission_id)
    UNION ALL
    SELECT count(*) FROM ledger_submission AS s
    WHERE NOT EXISTS (SELECT FROM ledger_leaf AS leaf
        WHERE leaf.submission_id = s.id AND leaf.position = 0)
    AND NOT EXISTS (SELECT FROM ledger_pending AS p WHERE p.submission_id = s.id)
"""


# What was submitted to this log, or signed as its head, and stands in another.
_STRAYS = """
    SELECT count(*) FROM ledger_leaf AS leaf
    JOIN ledger_submission AS s ON s.id = leaf.submission_id
    WHERE leaf.log_id <> %(log)s AND s.log_id = %(log)s
    UNION ALL
    SELECT count(*) FROM ledger_checkpoint
    WHERE log_id <> %(log)s AND starts_with(note, %(origin)s || E'\n')
"""


def log_verify(
    *,
    channel: str | None = None,
    vkey: str | None = None,
    receipts: Iterable[Receipt] = (),
    checkpoints: Iterable[StoredCheckpoint] = (),
    progress: Progress = silent,
) -> Verdict:
    """Verify the stored log of a channel whole, also against what somebody outside kept.

    It is the directory's unless ``channel`` names one; raise ``NotFoundError``. ``vkey`` is the
    key to trust; without it the one that the database names, which shows damage but no operator
    that replaced everything. ``receipts`` and ``checkpoints`` from outside show a cut tail, which
    nothing inside can. ``progress`` is told leaves read and the size of the newest checkpoint.
    """
    with acting_as(SYSTEM), SignatureChecker() as signatures:
        log = directory_log() if channel is None else log_get(channel)
        stored = [*_checkpoints(log), *checkpoints]
        stored.sort(key=lambda checkpoint: checkpoint.size)
        verifier = LogVerifier(
            vkey=parse_vkey(vkey or log.vkey),
            checkpoints=stored,
            receipts=receipts,
            defer=lambda task: signatures.add(task, NOT_SIGNED),
        )
        columns = _Columns(log, signatures)
        size = stored[-1].size if stored else 0
        faults = at_most(verifier.faults(told(columns.leaves(), size, progress)))
        faults += at_most(signatures.faults())
        faults += columns.faults[:FAULTS_MAX]
        faults += at_most(_after(log, verifier, columns))
    return Verdict.of(verifier, faults)


class _Columns:
    """Reads the leaves in order, and compares every stored column on the way."""

    def __init__(self, log: LogInfo, signatures: SignatureChecker) -> None:
        self.log = log
        self.signatures = signatures
        self.faults: list[Fault] = []
        self.tiles = _Tiles(log)
        self.complete = False

    def leaves(self) -> Iterator[StoredLeaf]:
        """Yield each leaf with the bytes that its row leads to."""
        first = 0
        while True:
            with connections[SYSTEM_ALIAS].cursor() as cursor:
                cursor.execute(_SELECT, [self.log.id, first, _ROWS_AT_ONCE])
                rows = cursor.fetchall()
            for row in rows:
                leaf = self._leaf(row)
                self.tiles.add(leaf.leaf_hash or b"")
                yield leaf
            if len(rows) < _ROWS_AT_ONCE:
                self.complete = True
                return
            first = rows[-1][0] + 1

    def _leaf(self, row: tuple[Any, ...]) -> StoredLeaf:
        index, digest, chain, _, position = row[:5]
        if len(self.faults) < FAULTS_MAX:
            if position == 0:
                found = _submission_faults(self.log, row, self.signatures)
            else:
                found = _entry_faults(self.log, row)
            self.faults += [Fault(index=index, what=what) for what in found]
        data = b""
        if position != 0:
            data = bytes(row[9] or b"")
        elif row[17] is not None:
            data = _header(row)
        return StoredLeaf(index=index, data=data, leaf_hash=bytes(digest), chain_hash=bytes(chain))


def _header(row: tuple[Any, ...]) -> bytes:
    try:
        return build_header(statement_bytes=bytes(row[17]), signature=bytes(row[19]))
    except StatementError:
        return b""


def _submission_faults(
    log: LogInfo, row: tuple[Any, ...], signatures: SignatureChecker
) -> Iterator[str]:
    """Yield the columns of a submission that differ from its statement and its receipt."""
    if row[10] is None:
        yield "the submission of this leaf is missing"
        return
    try:
        stated = parse_statement(bytes(row[17]))
    except StatementError as error:
        yield f"statement: {error.detail}"
        return
    chain_first = None if stated.chain is None else stated.chain.first
    expected = {
        "log_id": (row[11], log.id),
        "organisation_id": (row[12], stated.organisation_id),
        "submission_id": (row[13], stated.id),
        "key_id": (row[14], stated.key_id.hex()),
        "count": (row[15], stated.n),
        "first": (row[16], chain_first),
        "statement_hash": (bytes(row[18]), statement_hash(bytes(row[17]))),
    }
    for name, (is_, should) in expected.items():
        if is_ != should:
            yield f"column {name} of the submission differs from its statement"
    promise = promise_of(
        log=log, stated=stated, statement=bytes(row[17]), time=row[20], deadline=row[21]
    )
    try:
        message = receipt_message(promise)
    except ReceiptError:
        yield _NOT_PROMISED
    else:
        task = SignatureTask(
            index=row[0],
            public_key=log.receipt_public_key,
            message=message,
            signature=bytes(row[22]),
        )
        signatures.add(task, _NOT_PROMISED)
    microseconds = (row[20].microsecond, row[21].microsecond)
    if any(microsecond % 1000 for microsecond in microseconds):
        yield "received_at or deadline_at is finer than the signed receipt"


def _entry_faults(log: LogInfo, row: tuple[Any, ...]) -> Iterator[str]:
    """Yield the columns of an entry that differ from its bytes."""
    if row[5] is None:
        yield "the entry of this leaf is missing"
        return
    content = bytes(row[9])
    if bytes(row[5]) != leaf_hash(content):
        yield "column entry_id is not the hash of the entry's bytes"
    try:
        entry = parse_entry(content)
    except EntryError as error:
        yield f"entry: {error.detail}"
        return
    expected = {
        "organisation_id": (row[6], entry.organisation_id),
        "uuid": (row[7], entry.id),
        "kind": (row[8], entry.kind),
        "log_id": (row[23], log.id),
        "log": (log.origin, entry.log),
    }
    for name, (is_, should) in expected.items():
        if is_ != should:
            yield f"column {name} of the entry differs from its bytes"


class _Tiles:
    """Recomputes the stored tiles from the leaf hashes that pass by."""

    def __init__(self, log: LogInfo) -> None:
        self.stored: dict[tuple[int, int], bytes] = {
            (level, index): bytes(hashes)
            for level, index, hashes in Tile.objects.filter(log_id=log.id)
            .values_list("level", "tile_index", "hashes")
            .iterator()
        }
        self.levels: list[list[bytes]] = []
        self.counts: list[int] = []
        self.faults: list[Fault] = []

    def add(self, digest: bytes, level: int = 0) -> None:
        if level == len(self.levels):
            self.levels.append([])
            self.counts.append(0)
        tile = self.levels[level]
        tile.append(digest)
        if len(tile) == TILE_WIDTH:
            self._compare(level)
            self.levels[level], self.counts[level] = [], self.counts[level] + 1
            if all(len(hash_) == HASH_SIZE_BYTES for hash_ in tile):
                self.add(tree_root(tile), level + 1)

    def end(self, *, complete: bool) -> Iterator[Fault]:
        """Yield what differs; of tiles over leaves that were not all read nothing is known."""
        for level in range(1, len(self.levels) if complete else 0):
            if self.levels[level]:
                self._compare(level)
        yield from self.faults
        for level, index in self.stored if complete else ():
            yield Fault(index=index * TILE_WIDTH ** (level + 1), what="a tile beyond the log")

    def _compare(self, level: int) -> None:
        index = self.counts[level]
        stored = self.stored.pop((level, index), None)
        if stored != b"".join(self.levels[level]):
            self.faults.append(
                Fault(
                    index=index * TILE_WIDTH ** (level + 1),
                    what=f"tile {level}/{index} is not that of the leaves",
                )
            )


def _checkpoints(log: LogInfo) -> list[StoredCheckpoint]:
    rows = Checkpoint.objects.filter(log_id=log.id).order_by("size")
    return [
        StoredCheckpoint(size=row.size, note=row.note.encode(), root=bytes(row.root_hash))
        for row in rows.iterator()
    ]


def _after(log: LogInfo, verifier: LogVerifier, columns: _Columns) -> Iterator[Fault]:
    """Yield what only the whole log shows: heads, tiles, orphans, members and keys."""
    yield from _head_faults(log)
    yield from columns.tiles.end(complete=columns.complete)
    with connections[SYSTEM_ALIAS].cursor() as cursor:
        cursor.execute(_ORPHANS)
        orphans = sum(count for (count,) in cursor.fetchall())
        cursor.execute(_STRAYS, {"log": log.id, "origin": log.origin})
        strays = sum(count for (count,) in cursor.fetchall())
    if orphans:
        yield Fault(index=verifier.size, what=f"{orphans} stored rows stand in no leaf")
    if strays:
        yield Fault(index=verifier.size, what=f"{strays} leaves or heads name another log")
    yield from projection_faults(log, verifier.governance, verifier.size)
    yield from _cosignature_faults()


def _head_faults(log: LogInfo) -> Iterator[Fault]:
    """Yield checkpoints whose chain hash or predecessor is not what the leaves say."""
    with connections[SYSTEM_ALIAS].cursor() as cursor:
        cursor.execute(
            "SELECT c.size, c.prev_size, c.chain_hash, leaf.chain_hash,"
            " lag(c.size, 1, -1::bigint) OVER (ORDER BY c.size), c.note"
            " FROM ledger_checkpoint AS c LEFT JOIN ledger_leaf AS leaf"
            " ON leaf.log_id = c.log_id AND leaf.log_index = c.size - 1"
            " WHERE c.log_id = %s ORDER BY c.size",
            [log.id],
        )
        rows = cursor.fetchall()
    for size, prev_size, chain, link, before, note in rows:
        # The signed note knows which head this was, whatever the row says now.
        signed = _signed_size(note)
        if signed is not None and signed != size:
            yield Fault(
                index=max(signed - 1, 0), what=f"checkpoint {signed} is stored as of size {size}"
            )
        linked = link is not None and bytes(chain) == bytes(link)
        if prev_size != before or not linked:
            yield Fault(
                index=max(size - 1, 0),
                what=f"checkpoint {size}: prev_size or chain_hash is not the leaves'",
            )


def _cosignature_faults() -> Iterator[Fault]:
    """Yield cosignatures, of whichever log, that do not hold for the head they stand beside."""
    with connections[SYSTEM_ALIAS].cursor() as cursor:
        cursor.execute(
            "SELECT s.size, s.vkey, s.line, s.timestamp_s, c.note FROM ledger_cosignature AS s"
            " LEFT JOIN ledger_checkpoint AS c ON c.log_id = s.log_id AND c.size = s.size"
            " ORDER BY s.size"
        )
        rows = cursor.fetchall()
    for size, vkey, line, timestamp_s, note in rows:
        try:
            text = parse_note((note or "").encode()).text
            signed = check_note(parse_note(f"{text}\n{line}\n".encode()), [parse_vkey(vkey)])
            holds = [each.timestamp_s for each in signed] == [timestamp_s]
        except NoteError:
            holds = False
        if not holds:
            what = f"a cosignature of checkpoint {size} does not hold"
            yield Fault(index=max(size - 1, 0), what=what)


def _signed_size(note: str) -> int | None:
    try:
        return parse_checkpoint(parse_note(note.encode()).text).size
    except (NoteError, CheckpointError):
        return None  # the engine names a note that cannot be read
