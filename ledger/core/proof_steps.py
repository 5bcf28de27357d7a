"""An inclusion proof step by step: what it joins, and which leaves each hash stands for.

For people who want to see a proof (RFC 6962 section 2.1.1). It decides nothing that
``ledger.core.proof`` does not decide: the last step's hash has to be the checkpoint's root.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.core.merkle import node_hash
from ledger.core.proof import ProofError


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeNode:
    """A hash of the tree, and the leaves ``first`` to ``last`` that it stands for."""

    digest: bytes
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofStep:
    """Two hashes that are joined to the one above; ``is_left`` says where the sibling stands."""

    node: TreeNode
    sibling: TreeNode
    is_left: bool
    parent: TreeNode


def proof_steps(
    *, leaf: bytes, index: int, size: int, proof: Sequence[bytes]
) -> tuple[ProofStep, ...]:
    """Return the steps from a leaf hash to the root, lowest first; none in a tree of one leaf.

    Raise ``ProofError`` for an index outside the tree, and for too many or too few hashes.
    """
    if not 0 <= index < size:
        raise ProofError(f"index {index} is outside a tree of {size}")
    ranges = _ranges(index, size)
    if len(proof) != len(ranges):
        raise ProofError(f"{len(proof)} hashes where {len(ranges)} lead to the root")
    steps: list[ProofStep] = []
    node = TreeNode(digest=leaf, first=index, last=index)
    for digest, (first, last, is_left) in zip(proof, ranges, strict=True):
        sibling = TreeNode(digest=digest, first=first, last=last)
        left, right = (sibling, node) if is_left else (node, sibling)
        parent = TreeNode(
            digest=node_hash(left.digest, right.digest), first=left.first, last=right.last
        )
        steps.append(ProofStep(node=node, sibling=sibling, is_left=is_left, parent=parent))
        node = parent
    return tuple(steps)


def _ranges(index: int, size: int) -> list[tuple[int, int, bool]]:
    """Return of each sibling the leaves it stands for, and whether it is on the left."""
    found: list[tuple[int, int, bool]] = []
    start, end = 0, size
    while end - start > 1:
        # RFC 6962 splits at the largest power of two below the number of leaves.
        middle = start + (1 << (end - start - 1).bit_length() - 1)
        if index < middle:
            found.append((middle, end - 1, False))
            end = middle
        else:
            found.append((start, middle - 1, True))
            start = middle
    return found[::-1]
