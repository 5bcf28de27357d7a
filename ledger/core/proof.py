"""Inclusion and consistency proofs of the ledger's Merkle tree (RFC 6962 section 2.1).

An inclusion proof is the list of sibling hashes from a leaf up to the root, lowest first (the
RFC's audit path): whoever holds an entry, a proof and a signed checkpoint needs nobody else. A
consistency proof shows that a tree only grew. Provers read roots of complete subtrees through
``ReadNode``, so tiles, a database or a list of leaves can feed them.
"""

from collections.abc import Callable, Iterator, Sequence

from foundation.core.problem import BadInputError
from ledger.core.merkle import (
    EMPTY_ROOT,
    HASH_SIZE_BYTES,
    covering_subtrees,
    fold_subtrees,
    node_hash,
)

# (level, index) -> root of the complete subtree over leaves [index << level, (index+1) << level).
ReadNode = Callable[[int, int], bytes]


class ProofError(BadInputError):
    """The proof does not lead to the root, or there can be none for these numbers."""

    slug = "bad-proof"
    title = "The proof does not hold"


def node_reader(leaves: Sequence[bytes]) -> ReadNode:
    """Return a reader over leaf hashes in memory."""
    levels = [list(leaves)]
    while len(levels[-1]) > 1:
        below = levels[-1]
        whole = len(below) // 2 * 2
        levels.append([node_hash(below[at], below[at + 1]) for at in range(0, whole, 2)])
    return lambda level, index: levels[level][index]


def range_root(*, start: int, end: int, read_node: ReadNode) -> bytes:
    """Return the root over ``[start, end)``, a range that splitting a tree makes; not empty."""
    return fold_subtrees([read_node(level, at) for level, at in covering_subtrees(start, end)])


def prove_inclusion(*, index: int, size: int, read_node: ReadNode) -> tuple[bytes, ...]:
    """Return the proof that leaf ``index`` stands in the tree of ``size``; raise ``ProofError``."""
    if not 0 <= index < size:
        raise ProofError(f"index {index} is outside a tree of {size}")
    proof: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            proof.append(range_root(start=middle, end=end, read_node=read_node))
            end = middle
        else:
            proof.append(range_root(start=start, end=middle, read_node=read_node))
            start = middle
    return tuple(reversed(proof))


def check_inclusion(
    *, leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Raise ``ProofError`` unless ``leaf`` is the leaf hash ``index`` of the tree ``root``."""
    if not 0 <= index < size:
        raise ProofError(f"index {index} is outside a tree of {size}")
    _check_sizes((leaf, *proof))

    digest = leaf
    for sibling, is_left in _climb(index, size - 1, proof):
        digest = node_hash(sibling, digest) if is_left else node_hash(digest, sibling)
    if digest != root:
        raise ProofError("the proof leads to another root")


def prove_consistency(*, size1: int, size2: int, read_node: ReadNode) -> tuple[bytes, ...]:
    """Return the proof that the tree of ``size2`` extends that of ``size1``.

    Raise ``ProofError`` for ``size1 > size2``, and for an empty first tree: every log extends it.
    """
    if size1 == size2:
        return ()
    if not 0 < size1 < size2:
        raise ProofError(f"nothing to prove from size {size1} to size {size2}")
    proof: list[bytes] = []
    start, end = 0, size2
    while size1 != end:
        middle = start + _split(end - start)
        if size1 <= middle:
            proof.append(range_root(start=middle, end=end, read_node=read_node))
            end = middle
        else:
            proof.append(range_root(start=start, end=middle, read_node=read_node))
            start = middle
    # From the left border on, what is left is the first tree itself, whose root the reader has.
    if start > 0:
        proof.append(range_root(start=start, end=end, read_node=read_node))
    return tuple(reversed(proof))


def check_consistency(
    *, size1: int, size2: int, root1: bytes, root2: bytes, proof: Sequence[bytes]
) -> None:
    """Raise ``ProofError`` unless the tree ``root2`` extends the tree ``root1``."""
    if size1 == size2:
        _check_same(size1, root1, root2, proof)
        return
    if not 0 < size1 < size2:
        raise ProofError(f"no proof leads from size {size1} to size {size2}")
    if not proof:
        raise ProofError("the proof is empty")

    # A first tree that is one complete subtree of the second starts the path itself.
    path = [root1, *proof] if size1.bit_count() == 1 else list(proof)
    _check_sizes(path)
    node, last = size1 - 1, size2 - 1
    while node % 2 == 1:
        node, last = node // 2, last // 2
    old = new = path[0]
    for sibling, is_left in _climb(node, last, path[1:]):
        if is_left:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
        else:
            new = node_hash(new, sibling)
    if (old, new) != (root1, root2):
        raise ProofError("the proof leads to other roots")


def _climb(node: int, last: int, proof: Sequence[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Yield each sibling and whether it stands on the left; refuse any other number of them.

    ``node`` and ``last`` walk up together: our path, and that of the tree's last leaf.
    """
    for sibling in proof:
        if last == 0:
            raise ProofError("the proof is too long")
        is_left = node % 2 == 1 or node == last
        yield sibling, is_left
        # On the right border a level without a sibling adds no hash, so it is skipped.
        while is_left and node % 2 == 0 and node != 0:
            node, last = node // 2, last // 2
        node, last = node // 2, last // 2
    if last != 0:
        raise ProofError("the proof is too short")


def _check_same(size: int, root1: bytes, root2: bytes, proof: Sequence[bytes]) -> None:
    if size < 0 or proof:
        raise ProofError(f"equal sizes of {size} with a proof of {len(proof)} hashes")
    if root1 != root2 or (size == 0 and root1 != EMPTY_ROOT):
        raise ProofError("equal sizes, other roots")


def _check_sizes(hashes: Sequence[bytes]) -> None:
    if any(len(digest) != HASH_SIZE_BYTES for digest in hashes):
        raise ProofError("a hash has the wrong size")


def _split(size: int) -> int:
    """Return the largest power of two below ``size``."""
    return 1 << (size - 1).bit_length() - 1
