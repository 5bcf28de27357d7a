"""The tree of RFC 6962 against its recursive definition and known answers."""

import base64

import pytest

from ledger.core.merkle import (
    CHAIN_START,
    EMPTY_ROOT,
    CompactRange,
    MerkleError,
    TreeBuilder,
    covering_subtrees,
    leaf_hash,
    next_chain_hash,
    node_hash,
    tree_root,
)

DATA = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657"]
DATA += ["606162636465666768696a6b6c6d6e6f"]
ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


def defined_root(leaves: list[bytes]) -> bytes:
    """Return the root as RFC 6962 section 2.1 defines it."""
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(defined_root(leaves[:split]), defined_root(leaves[split:]))


def leaves_of(count: int) -> list[bytes]:
    return [leaf_hash(str(index).encode()) for index in range(count)]


@pytest.mark.parametrize(("size", "root"), list(ROOTS.items()))
def test_known_roots_come_out(size: int, root: str) -> None:
    hashes = [leaf_hash(bytes.fromhex(text)) for text in DATA[:size]]
    assert tree_root(hashes).hex() == root


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert base64.b64encode(tree_root([])) == b"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    assert CompactRange().root() == EMPTY_ROOT


def test_every_way_to_grow_a_tree_gives_the_defined_root() -> None:
    leaves = leaves_of(40)
    for size in range(41):
        root = defined_root(leaves[:size])
        for first in range(size + 1):
            grown = CompactRange().extend(leaves[:first]).extend(leaves[first:size])
            assert (grown.size, grown.root()) == (size, root)


def test_a_range_survives_being_stored_as_size_and_hashes() -> None:
    for size in range(20):
        grown = CompactRange().extend(leaves_of(size))
        assert CompactRange(grown.size, tuple(hash_ for _, hash_ in grown.nodes())) == grown
        assert [level for level, _ in grown.nodes()] == [
            level for level, _ in covering_subtrees(0, size)
        ]


@pytest.mark.parametrize(
    ("size", "hashes"), [(1, ()), (0, (bytes(32),)), (2, (bytes(31),)), (-1, (bytes(32),))]
)
def test_a_state_that_no_tree_has_is_refused(size: int, hashes: tuple[bytes, ...]) -> None:
    with pytest.raises(MerkleError):
        CompactRange(size, hashes)


def test_a_builder_agrees_with_the_range_across_its_batches() -> None:
    leaves = leaves_of(2100)
    builder = TreeBuilder()
    for index, leaf in enumerate(leaves):
        builder.append(leaf)
        assert builder.size == index + 1
        if index in (0, 5, 1023, 1024, 2099):
            assert builder.root() == tree_root(leaves[: index + 1])


def test_a_chain_hash_covers_all_before_it() -> None:
    one, two = leaves_of(2)
    forward = next_chain_hash(next_chain_hash(CHAIN_START, one), two)
    assert forward != next_chain_hash(next_chain_hash(CHAIN_START, two), one)
    assert bytes(32) == CHAIN_START
