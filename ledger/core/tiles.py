"""Tiles and entry bundles: the log as static files (C2SP tlog-tiles 0.1.0).

A tile of level L and index N holds up to 256 hashes: the roots of the complete subtrees over
``256^L`` leaves each, from leaf ``N * 256^(L+1)`` on. A bundle holds the 256 leaves themselves,
each after its length as u16 big-endian. A tile that is not full yet has its width in its name.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from foundation.core.problem import BadInputError
from ledger.core.merkle import HASH_SIZE_BYTES, leaf_hash, tree_root
from ledger.core.proof import ReadNode

TILE_WIDTH = 256
TILE_HEIGHT = 8
LEVEL_MAX = 63
_LENGTH_SIZE_BYTES = 2
_PATH = re.compile(
    r"tile/(entries|[0-9]|[1-5][0-9]|6[0-3])/((?:x[0-9]{3}/){0,6}[0-9]{3})"
    r"(?:\.p/([1-9][0-9]{0,2}))?"
)


class TileError(BadInputError):
    """The path names no tile, or the bytes are not those of a tile or bundle."""

    slug = "bad-tile"
    title = "This is not a tile"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """The name of a tile of hashes, or with ``level`` ``None`` of a bundle of leaves."""

    level: int | None
    index: int
    width: int = TILE_WIDTH


# The bytes of a tile of hashes.
ReadTile = Callable[[Tile], bytes]


def format_tile_path(tile: Tile) -> str:
    """Return the path below the log's prefix: ``tile/0/x001/x234/067.p/8``."""
    groups = [f"{tile.index % 1000:03}"]
    rest = tile.index // 1000
    while rest:
        groups.insert(0, f"x{rest % 1000:03}")
        rest //= 1000
    level = "entries" if tile.level is None else str(tile.level)
    partial = f".p/{tile.width}" if tile.width < TILE_WIDTH else ""
    return f"tile/{level}/{'/'.join(groups)}{partial}"


def parse_tile_path(path: str) -> Tile:
    """Return the tile that a path names; raise ``TileError``, for a second spelling too."""
    match = _PATH.fullmatch(path)
    if match is None:
        raise TileError("the path names no tile")
    level, index, width = match.groups()
    tile = Tile(
        level=None if level == "entries" else int(level),
        index=int(index.replace("x", "").replace("/", "")),
        width=int(width or TILE_WIDTH),
    )
    if format_tile_path(tile) != path:
        raise TileError("the path is another spelling of a tile's name")
    return tile


def tiles_between(old_size: int, new_size: int) -> Iterator[Tile]:
    """Yield the bundles and tiles that a log of ``new_size`` has and one of ``old_size`` has not.

    From size 0 they are all it has. Leaves first, then level by level: write them in this order,
    the checkpoint last.
    """
    for width_total, level in ((new_size, None), *_levels(new_size)):
        shift = 0 if level is None else TILE_HEIGHT * level
        old_total = old_size >> shift
        if width_total == old_total:
            continue
        for index in range(old_total // TILE_WIDTH, -(-width_total // TILE_WIDTH)):
            width = min(TILE_WIDTH, width_total - index * TILE_WIDTH)
            yield Tile(level=level, index=index, width=width)


def tile_of(*, level: int | None, index: int, size: int) -> Tile:
    """Return the tile as wide as a log of ``size`` has it; raise ``TileError`` if it has none."""
    total = size >> (TILE_HEIGHT * (level or 0))
    width = min(TILE_WIDTH, total - index * TILE_WIDTH)
    if width < 1:
        raise TileError(f"a log of {size} has no tile {index} at level {level}")
    return Tile(level=level, index=index, width=width)


def encode_bundle(leaves: Iterable[bytes]) -> bytes:
    """Return the bundle of leaves: each after its length as u16 big-endian."""
    parts: list[bytes] = []
    for leaf in leaves:
        if len(leaf) >= 1 << 8 * _LENGTH_SIZE_BYTES:
            raise TileError(f"a leaf of {len(leaf)} bytes does not fit a bundle")
        parts += [len(leaf).to_bytes(_LENGTH_SIZE_BYTES, "big"), leaf]
    return b"".join(parts)


def parse_bundle(data: bytes, width: int) -> list[bytes]:
    """Return the ``width`` leaves of a bundle; raise ``TileError``."""
    leaves: list[bytes] = []
    at = 0
    while at < len(data):
        start = at + _LENGTH_SIZE_BYTES
        end = start + int.from_bytes(data[at:start], "big")
        if start > len(data) or end > len(data):
            raise TileError(f"the bundle breaks off in leaf {len(leaves)}")
        leaves.append(data[start:end])
        at = end
    if len(leaves) != width:
        raise TileError(f"the bundle holds {len(leaves)} leaves, not {width}")
    return leaves


def parse_tile(data: bytes, width: int) -> list[bytes]:
    """Return the ``width`` hashes of a tile; raise ``TileError``."""
    if len(data) != width * HASH_SIZE_BYTES:
        raise TileError(f"a tile of {len(data)} bytes; {width} hashes have {width * 32}")
    return [data[at : at + HASH_SIZE_BYTES] for at in range(0, len(data), HASH_SIZE_BYTES)]


def tile_node_reader(*, size: int, read_tile: ReadTile) -> ReadNode:
    """Return a reader of complete subtrees that is fed by the tiles of a log of ``size``.

    It raises ``TileError`` for a subtree that such a log does not have.
    """

    def read_node(level: int, index: int) -> bytes:
        tile_level, height = divmod(level, TILE_HEIGHT)
        tile_index, offset = divmod(index << height, TILE_WIDTH)
        tile = tile_of(level=tile_level, index=tile_index, size=size)
        hashes = parse_tile(read_tile(tile), tile.width)[offset : offset + (1 << height)]
        if len(hashes) != 1 << height:
            raise TileError(f"a log of {size} has no complete subtree {index} at level {level}")
        return tree_root(hashes)

    return read_node


def export_files(
    *, leaves: Iterable[bytes], checkpoint: bytes, vkey: str
) -> Iterator[tuple[str, bytes]]:
    """Yield (path, bytes) of every file of a log: bundles and tiles as they fill, then the rest.

    ``checkpoint`` is last, so that a copy that broke off has none. Memory is one tile a level.
    """
    bundle: list[bytes] = []
    count = 0
    levels = _Levels()
    for leaf in leaves:
        bundle.append(leaf)
        count += 1
        yield from levels.add(0, leaf_hash(leaf))
        if len(bundle) == TILE_WIDTH:
            tile = Tile(level=None, index=count // TILE_WIDTH - 1)
            yield format_tile_path(tile), encode_bundle(bundle)
            bundle.clear()
    if bundle:
        tile = Tile(level=None, index=count // TILE_WIDTH, width=len(bundle))
        yield format_tile_path(tile), encode_bundle(bundle)
    yield from levels.partial()
    yield "vkey", f"{vkey}\n".encode()
    yield "checkpoint", checkpoint


class _Levels:
    """The tiles that are filling, one at each level."""

    def __init__(self) -> None:
        self._hashes: list[list[bytes]] = []
        self._counts: list[int] = []

    def add(self, level: int, digest: bytes) -> Iterator[tuple[str, bytes]]:
        """Take one more hash; a tile that it fills is given out and hashed upward."""
        if level == len(self._hashes):
            self._hashes.append([])
            self._counts.append(0)
        hashes = self._hashes[level]
        hashes.append(digest)
        if len(hashes) == TILE_WIDTH:
            tile = Tile(level=level, index=self._counts[level])
            yield format_tile_path(tile), b"".join(hashes)
            self._counts[level] += 1
            root = tree_root(hashes)
            hashes.clear()
            yield from self.add(level + 1, root)

    def partial(self) -> Iterator[tuple[str, bytes]]:
        """Yield the tiles that are not full; an empty one does not exist."""
        for level, (hashes, count) in enumerate(zip(self._hashes, self._counts, strict=True)):
            if hashes:
                tile = Tile(level=level, index=count, width=len(hashes))
                yield format_tile_path(tile), b"".join(hashes)


def _levels(size: int) -> Sequence[tuple[int, int]]:
    """Return (hashes at that level, level) for every level that has any."""
    return [
        (size >> TILE_HEIGHT * level, level)
        for level in range(LEVEL_MAX + 1)
        if size >> TILE_HEIGHT * level
    ]
