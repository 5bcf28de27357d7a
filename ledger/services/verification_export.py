"""``ledger_verify --export``: the same engine over a folder of tiles, without any database.

The folder is what ``ledger_export`` writes, or what somebody fetched from ``/log/<channel>/``:
bundles of entries, tiles of hashes, the checkpoint. It is evidence of somebody else's; nothing in
it is trusted but what the verifier key signs.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from ledger.core.checkpoint import parse_checkpoint
from ledger.core.note import parse_note, parse_vkey
from ledger.core.receipt import Receipt
from ledger.core.tiles import (
    TILE_WIDTH,
    Tile,
    TileError,
    export_files,
    format_tile_path,
    parse_bundle,
    parse_tile_path,
    tiles_between,
)
from ledger.core.verify import Fault, LogVerifier, StoredCheckpoint, StoredLeaf
from ledger.services.signatures import NOT_SIGNED, SignatureChecker
from ledger.services.verdict import Progress, Verdict, at_most, silent, told

# A bundle of 256 entries of the greatest size, each with its length.
_FILE_SIZE_BYTES_MAX = TILE_WIDTH * (65_535 + 2)


class _MissingError(OSError):
    """A file is not there, or not what its name says; the log cannot be read beyond ``index``."""

    def __init__(self, index: int, what: str) -> None:
        super().__init__(what)
        self.index = index


def export_verify(
    folder: Path,
    *,
    vkey: str | None = None,
    receipts: Iterable[Receipt] = (),
    checkpoints: Iterable[StoredCheckpoint] = (),
    progress: Progress = silent,
) -> Verdict:
    """Verify an exported log whole, also against what somebody outside kept.

    ``vkey`` is the key to trust, by default the one in the folder: then the log agrees with
    itself, and whose it is has to be compared elsewhere. ``progress`` is told leaves read and the
    log's size. Raise ``OSError`` where checkpoint or key cannot be read, ``NoteError`` or
    ``CheckpointError`` where they are none.
    """
    key = parse_vkey(vkey or _read(folder / "vkey").decode("utf-8", "replace").strip())
    note = _read(folder / "checkpoint")
    size = parse_checkpoint(parse_note(note).text).size
    known = [StoredCheckpoint(size=size, note=note), *checkpoints]
    faults: list[Fault] = []
    with SignatureChecker() as signatures:
        verifier = LogVerifier(
            vkey=key,
            checkpoints=sorted(known, key=lambda each: each.size),
            receipts=receipts,
            defer=lambda task: signatures.add(task, NOT_SIGNED),
        )
        try:
            faults += at_most(verifier.faults(told(_leaves(folder, size), size, progress)))
        except _MissingError as error:
            faults.append(Fault(index=error.index, what=str(error)))
        faults += at_most(signatures.faults())
        if not faults:  # else the tiles are those of other leaves, and the leaves are named
            faults += at_most(_tiles(folder, size))
    return Verdict.of(verifier, faults)


def _leaves(folder: Path, size: int) -> Iterator[StoredLeaf]:
    """Yield the leaves of the bundles, in order."""
    index = 0
    for tile in tiles_between(0, size):
        if tile.level is None:
            for data in _bundle(folder, tile):
                yield StoredLeaf(index=index, data=data)
                index += 1


def _bundle(folder: Path, tile: Tile) -> list[bytes]:
    first = tile.index * TILE_WIDTH
    name = format_tile_path(tile)
    try:
        return parse_bundle(_read(folder / name), tile.width)
    except TileError as error:
        raise _MissingError(first, f"{name}: {error.detail}") from error
    except OSError as error:
        raise _MissingError(first, f"{name} cannot be read: {error.strerror}") from error


def _tiles(folder: Path, size: int) -> Iterator[Fault]:
    """Yield the tiles of hashes that are not those of the leaves."""
    leaves = (leaf.data for leaf in _leaves(folder, size))
    for name, data in export_files(leaves=leaves, checkpoint=b"", vkey=""):
        if not name.startswith("tile/") or name.startswith("tile/entries/"):
            continue
        tile = parse_tile_path(name)
        index = tile.index * TILE_WIDTH ** ((tile.level or 0) + 1)
        try:
            if _read(folder / name) != data:
                yield Fault(index=index, what=f"{name} is not that of the leaves")
        except OSError as error:
            yield Fault(index=index, what=f"{name} cannot be read: {error.strerror}")


def _read(path: Path) -> bytes:
    """Return a file's bytes, but no more than a file of an export can have."""
    with path.open("rb") as file:
        return file.read(_FILE_SIZE_BYTES_MAX + 1)
