"""Inclusion and consistency proofs: every one of a small world, and every bit of it flipped."""

import base64
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ledger.core.merkle import EMPTY_ROOT, tree_root
from ledger.core.proof import (
    ProofError,
    check_consistency,
    check_inclusion,
    node_reader,
    prove_consistency,
    prove_inclusion,
)
from tests.ledger.test_merkle import leaves_of
from tests.vectors_at import shared_list

LEAVES = leaves_of(300)
READ_NODE = node_reader(LEAVES)
ROOTS = [tree_root(LEAVES[:size]) for size in range(301)]
SMALL = 40


def flipped(digest: bytes, bit: int) -> bytes:
    changed = bytearray(digest)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def bits_to_flip(size: int) -> list[int]:
    """Return every bit for one size in four up to 40, one bit a byte for the rest."""
    if size > SMALL:
        return [0]
    return list(range(256)) if size in (1, 2, 3, 5, 8, 13, 21, 40) else list(range(0, 256, 8))


@pytest.mark.parametrize("size", [*range(1, SMALL + 1), 255, 256, 257, 300])
def test_every_inclusion_proof_holds_and_none_with_a_flipped_bit(size: int) -> None:
    root = ROOTS[size]
    indices = range(size) if size <= SMALL else (0, 1, 127, 128, 254, size - 1)
    for index in indices:
        leaf = LEAVES[index]
        proof = prove_inclusion(index=index, size=size, read_node=READ_NODE)
        check_inclusion(leaf=leaf, index=index, size=size, proof=proof, root=root)
        for at, sibling in enumerate(proof):
            for bit in bits_to_flip(size):
                spoiled = [*proof[:at], flipped(sibling, bit), *proof[at + 1 :]]
                with pytest.raises(ProofError, match="another root"):
                    check_inclusion(leaf=leaf, index=index, size=size, proof=spoiled, root=root)
        for bit in bits_to_flip(size):
            with pytest.raises(ProofError, match="another root"):
                check_inclusion(
                    leaf=flipped(leaf, bit), index=index, size=size, proof=proof, root=root
                )


def test_a_proof_holds_for_its_own_index_and_size_alone() -> None:
    for size in range(1, 20):
        for index in range(size):
            proof = prove_inclusion(index=index, size=size, read_node=READ_NODE)
            for other in range(size):
                if other != index:
                    with pytest.raises(ProofError):
                        check_inclusion(
                            leaf=LEAVES[index],
                            index=other,
                            size=size,
                            proof=proof,
                            root=ROOTS[size],
                        )


def test_every_consistency_proof_up_to_40_holds_and_none_with_a_flipped_bit() -> None:
    for size2 in range(1, SMALL + 1):
        for size1 in range(1, size2 + 1):
            proof = prove_consistency(size1=size1, size2=size2, read_node=READ_NODE)
            check = partial(check_consistency, size1=size1, size2=size2)
            root1, root2 = ROOTS[size1], ROOTS[size2]
            check(root1=root1, root2=root2, proof=proof)
            for at, sibling in enumerate(proof):
                for bit in (0, 100, 255):
                    spoiled = [*proof[:at], flipped(sibling, bit), *proof[at + 1 :]]
                    with pytest.raises(ProofError, match="other roots"):
                        check(root1=root1, root2=root2, proof=spoiled)
            with pytest.raises(ProofError):
                check(root1=flipped(root1, 7), root2=root2, proof=proof)
            with pytest.raises(ProofError):
                check(root1=root1, root2=flipped(root2, 7), proof=proof)


def test_a_proof_that_is_too_long_or_too_short_is_refused() -> None:
    proof = prove_inclusion(index=3, size=7, read_node=READ_NODE)
    for spoiled, message in ((proof[:-1], "short"), ((*proof, proof[0]), "long")):
        with pytest.raises(ProofError, match=message):
            check_inclusion(leaf=LEAVES[3], index=3, size=7, proof=spoiled, root=ROOTS[7])
    proof = prove_consistency(size1=3, size2=7, read_node=READ_NODE)
    for spoiled, message in ((proof[:-1], "short"), ((*proof, proof[0]), "long")):
        with pytest.raises(ProofError, match=message):
            check_consistency(size1=3, size2=7, root1=ROOTS[3], root2=ROOTS[7], proof=spoiled)


def test_hostile_numbers_and_hashes_are_refused() -> None:
    for index, size in ((0, 0), (-1, 5), (5, 5), (2**64 - 1, 2**64 - 2)):
        with pytest.raises(ProofError, match="outside"):
            check_inclusion(leaf=LEAVES[0], index=index, size=size, proof=[], root=ROOTS[1])
        with pytest.raises(ProofError, match="outside"):
            prove_inclusion(index=index, size=size, read_node=READ_NODE)
    with pytest.raises(ProofError, match="wrong size"):
        check_inclusion(leaf=LEAVES[0], index=0, size=2, proof=[b"short"], root=ROOTS[2])
    with pytest.raises(ProofError, match="wrong size"):
        check_consistency(size1=1, size2=2, root1=ROOTS[1], root2=ROOTS[2], proof=[b"short"])
    with pytest.raises(ProofError, match="too short"):
        check_inclusion(
            leaf=LEAVES[0], index=2**63, size=2**64 - 1, proof=[LEAVES[1]], root=ROOTS[2]
        )


def test_equal_trees_need_no_proof_and_an_empty_one_proves_nothing() -> None:
    assert prove_consistency(size1=4, size2=4, read_node=READ_NODE) == ()
    check_consistency(size1=0, size2=0, root1=EMPTY_ROOT, root2=EMPTY_ROOT, proof=[])
    refused: list[tuple[int, int, bytes, bytes, list[bytes]]] = [
        (0, 0, ROOTS[1], ROOTS[1], []),
        (4, 4, ROOTS[4], ROOTS[4], [ROOTS[1]]),
        (4, 4, ROOTS[4], ROOTS[5], []),
        (0, 4, EMPTY_ROOT, ROOTS[4], []),
        (5, 4, ROOTS[5], ROOTS[4], []),
        (3, 4, ROOTS[3], ROOTS[4], []),
        (-1, -1, ROOTS[3], ROOTS[3], []),
    ]
    for size1, size2, root1, root2, proof in refused:
        with pytest.raises(ProofError):
            check_consistency(size1=size1, size2=size2, root1=root1, root2=root2, proof=proof)
    for size1, size2 in ((0, 4), (5, 4)):
        with pytest.raises(ProofError):
            prove_consistency(size1=size1, size2=size2, read_node=READ_NODE)


def answer(check: Callable[[dict[str, Any]], None], path: Path) -> tuple[bool, bool]:
    case = json.loads(path.read_bytes())
    try:
        check(case)
    except ProofError:
        return True, case["wantErr"]
    return False, case["wantErr"]


def blobs(case: dict[str, Any]) -> list[bytes]:
    return [base64.b64decode(text) for text in case["proof"] or []]


@pytest.mark.parametrize("path", shared_list("rfc6962/testdata/inclusion", "**/*.json"))
def test_inclusion_vectors_of_others_agree(path: Path) -> None:
    def check(case: dict[str, Any]) -> None:
        check_inclusion(
            leaf=base64.b64decode(case["leafHash"] or ""),
            index=case["leafIdx"],
            size=case["treeSize"],
            proof=blobs(case),
            root=base64.b64decode(case["root"] or ""),
        )

    ours, theirs = answer(check, path)
    assert ours == theirs


@pytest.mark.parametrize("path", shared_list("rfc6962/testdata/consistency", "**/*.json"))
def test_consistency_vectors_of_others_agree(path: Path) -> None:
    def check(case: dict[str, Any]) -> None:
        check_consistency(
            size1=case["size1"],
            size2=case["size2"],
            root1=base64.b64decode(case["root1"] or ""),
            root2=base64.b64decode(case["root2"] or ""),
            proof=blobs(case),
        )

    ours, theirs = answer(check, path)
    assert ours == theirs
