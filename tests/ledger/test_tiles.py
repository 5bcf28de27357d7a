"""Tiles and bundles: names, widths, a log made by others, and an export of our own."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.core.merkle import leaf_hash, tree_root
from ledger.core.proof import check_inclusion, prove_inclusion
from ledger.core.tiles import (
    Tile,
    TileError,
    encode_bundle,
    export_files,
    format_tile_path,
    parse_bundle,
    parse_tile,
    parse_tile_path,
    tile_node_reader,
    tile_of,
    tiles_between,
)
from tests.vectors_at import shared_vectors

TILES = st.builds(
    Tile,
    level=st.none() | st.integers(0, 63),
    index=st.integers(0, 10**21 - 1),
    width=st.integers(1, 256),
)


@settings(deadline=None)
@given(TILES)
def test_a_path_reads_back(tile: Tile) -> None:
    assert parse_tile_path(format_tile_path(tile)) == tile


def test_paths_are_those_of_the_specification() -> None:
    assert format_tile_path(Tile(level=0, index=1234067)) == "tile/0/x001/x234/067"
    assert format_tile_path(Tile(level=None, index=0, width=8)) == "tile/entries/000.p/8"
    assert format_tile_path(Tile(level=63, index=1000)) == "tile/63/x001/000"


@pytest.mark.parametrize(
    "path",
    [
        "tile/64/000",
        "tile/00/000",
        "tile/0/00",
        "tile/0/x000/001",
        "tile/0/001/002",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/999",
        "/tile/0/000",
        "tile/0/000\n",
        "tile/0/\u0660\u0660\u0660",
        "tile/0/../000",
        "",
    ],
)
def test_a_name_of_no_tile_or_a_second_spelling_is_refused(path: str) -> None:
    with pytest.raises(TileError):
        parse_tile_path(path)


def test_a_log_of_70000_leaves_has_the_tiles_of_the_specification() -> None:
    tiles = list(tiles_between(0, 70_000))
    level_0 = [tile for tile in tiles if tile.level == 0]
    assert [tile.width for tile in level_0] == [256] * 273 + [112]
    assert [tile.width for tile in tiles if tile.level == 1] == [256, 17]
    assert [tile.width for tile in tiles if tile.level == 2] == [1]
    assert [tile.width for tile in tiles if tile.level is None] == [256] * 273 + [112]
    assert list(tiles_between(0, 256)) == [
        Tile(level=None, index=0),
        Tile(level=0, index=0),
        Tile(level=1, index=0, width=1),
    ]
    assert list(tiles_between(0, 0)) == []


def test_what_is_added_between_two_sizes_is_what_was_not_there() -> None:
    sizes = [0, 1, 5, 255, 256, 257, 511, 512, 600]
    for old in sizes:
        for new in sizes:
            if old <= new:
                had = set(tiles_between(0, old))
                added = list(tiles_between(old, new))
                assert set(added) == set(tiles_between(0, new)) - had
                assert len(added) == len(set(added))


@settings(deadline=None)
@given(st.lists(st.binary(max_size=300), max_size=8))
def test_a_bundle_reads_back(leaves: list[bytes]) -> None:
    assert parse_bundle(encode_bundle(leaves), len(leaves)) == leaves


@pytest.mark.parametrize("data", [b"\0", b"\0\x05abc", b"\0\x01ab", b"\0\x01a\0\x01b", b""])
def test_a_bundle_that_breaks_off_or_holds_another_number_is_refused(data: bytes) -> None:
    with pytest.raises(TileError):
        parse_bundle(data, 1)


def test_a_leaf_that_does_not_fit_and_a_tile_of_another_width_are_refused() -> None:
    assert len(encode_bundle([bytes(65_535)])) == 65_537
    with pytest.raises(TileError, match="65536 bytes"):
        encode_bundle([bytes(65_536)])
    with pytest.raises(TileError, match="31 bytes"):
        parse_tile(bytes(31), 1)


@pytest.mark.parametrize("size", [1, 2, 5, 255, 256, 257, 300, 512, 600])
def test_an_export_holds_every_tile_and_proves_every_leaf(size: int) -> None:
    leaves = [b"leaf %d" % index for index in range(size)]
    hashes = [leaf_hash(leaf) for leaf in leaves]
    listed = list(export_files(leaves=leaves, checkpoint=b"note", vkey="key"))
    files = dict(listed)
    assert len(files) == len(listed)
    assert listed[-2:] == [("vkey", b"key\n"), ("checkpoint", b"note")]
    names = {format_tile_path(tile) for tile in tiles_between(0, size)}
    assert files.keys() == names | {"vkey", "checkpoint"}
    read_node = tile_node_reader(size=size, read_tile=lambda tile: files[format_tile_path(tile)])
    for index in {0, 1, size // 2, 255, 256, size - 1} & set(range(size)):
        check_inclusion(
            leaf=hashes[index],
            index=index,
            size=size,
            proof=prove_inclusion(index=index, size=size, read_node=read_node),
            root=tree_root(hashes),
        )
    bundles = [tile for tile in tiles_between(0, size) if tile.level is None]
    stored = [
        leaf for tile in bundles for leaf in parse_bundle(files[format_tile_path(tile)], tile.width)
    ]
    assert stored == leaves


def test_a_subtree_that_the_log_does_not_have_is_refused() -> None:
    read_node = tile_node_reader(size=3, read_tile=lambda tile: bytes(32 * tile.width))
    assert read_node(1, 0) == tree_root([bytes(32), bytes(32)])
    for level, index in ((0, 300), (1, 1), (8, 0), (2, 0)):
        with pytest.raises(TileError):
            read_node(level, index)
    with pytest.raises(TileError):
        tile_of(level=None, index=1, size=256)


def test_the_tiles_of_a_log_that_others_made_come_out() -> None:
    root: Path = shared_vectors("tlog/sumdb-256")
    leaves = parse_bundle((root / "tile/entries/000").read_bytes(), 256)
    for path, data in export_files(leaves=leaves, checkpoint=b"", vkey=""):
        if path.startswith("tile/"):
            assert (root / path).read_bytes() == data
