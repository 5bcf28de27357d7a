"""The Merkle tree of RFC 6962 section 2.1 (the same in RFC 9162).

A leaf is ``SHA-256(0x00 || data)``, a node ``SHA-256(0x01 || left || right)``; a tree of n leaves
splits at the largest power of two below n, and an odd node is never doubled. The prefixes keep a
node from passing for a leaf. ``CompactRange`` holds what is needed to go on appending: the roots
of the complete subtrees that cover the leaves, at most one for each level.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

from foundation.core.problem import BadInputError

HASH_SIZE_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()
CHAIN_START = bytes(HASH_SIZE_BYTES)
_WAITING_MAX = 1024


class MerkleError(BadInputError):
    """The hashes do not make the compact range of a tree of that size."""

    slug = "bad-compact-range"
    title = "This is no compact range"


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf: 32 bytes."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of the node over two hashes of 32 bytes."""
    assert len(left) == len(right) == HASH_SIZE_BYTES
    return sha256(b"\x01" + left + right).digest()


def next_chain_hash(chain_hash: bytes, leaf: bytes) -> bytes:
    """Return ``SHA-256(chain_hash || leaf)``: one link, so that SQL alone finds a changed row."""
    return sha256(chain_hash + leaf).digest()


def tree_root(leaves: Iterable[bytes]) -> bytes:
    """Return the root over leaf hashes; ``EMPTY_ROOT`` for none."""
    return CompactRange().extend(leaves).root()


@dataclass(frozen=True, slots=True)
class CompactRange:
    """The complete subtrees that cover the first ``size`` leaves, the largest first.

    There is one hash for each bit that is set in ``size``: storing both is storing the tree's
    state. Raise ``MerkleError`` where they do not agree.
    """

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a state that no tree has."""
        if self.size < 0 or self.size.bit_count() != len(self.hashes):
            raise MerkleError(
                f"a tree of {self.size} leaves is not made of {len(self.hashes)} subtrees"
            )
        if any(len(digest) != HASH_SIZE_BYTES for digest in self.hashes):
            raise MerkleError("a hash has the wrong size")

    def extend(self, leaves: Iterable[bytes]) -> "CompactRange":
        """Return the range after more leaf hashes; each costs two hashes on average at most."""
        size, hashes = self.size, list(self.hashes)
        for leaf in leaves:
            digest, carry = leaf, size
            # Appending is adding one in binary: each set bit that carries joins two subtrees.
            while carry % 2 == 1:
                digest = node_hash(hashes.pop(), digest)
                carry //= 2
            hashes.append(digest)
            size += 1
        return CompactRange(size, tuple(hashes))

    def root(self) -> bytes:
        """Return the root of the tree: the subtrees folded from the smallest up."""
        return fold_subtrees(self.hashes) if self.hashes else EMPTY_ROOT

    def nodes(self) -> list[tuple[int, bytes]]:
        """Return the subtrees as (level, hash), the largest first; a leaf has level 0."""
        levels = [level for level in range(self.size.bit_length()) if self.size >> level & 1]
        return list(zip(reversed(levels), self.hashes, strict=True))


def fold_subtrees(hashes: Sequence[bytes]) -> bytes:
    """Return the root over adjoining complete subtrees, the largest first and at least one."""
    digest = hashes[-1]
    for left in reversed(hashes[:-1]):
        digest = node_hash(left, digest)
    return digest


def covering_subtrees(start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield (level, index) of the complete subtrees that cover ``[start, end)``, largest first.

    ``start`` is a multiple of the largest power of two that is at most ``end - start``.
    """
    while start < end:
        level = (end - start).bit_length() - 1
        yield level, start >> level
        start += 1 << level


class TreeBuilder:
    """A compact range that grows leaf by leaf, for one pass over many leaves."""

    def __init__(self) -> None:
        """Start with the empty tree."""
        self._range = CompactRange()
        self._waiting: list[bytes] = []

    @property
    def size(self) -> int:
        """How many leaves were appended."""
        return self._range.size + len(self._waiting)

    def append(self, leaf: bytes) -> None:
        """Take one more leaf hash."""
        self._waiting.append(leaf)
        # Extending makes a new frozen range: worth its while for many leaves only.
        if len(self._waiting) == _WAITING_MAX:
            self._join()

    def root(self) -> bytes:
        """Return the root over the leaves so far."""
        self._join()
        return self._range.root()

    def _join(self) -> None:
        self._range = self._range.extend(self._waiting)
        self._waiting.clear()
