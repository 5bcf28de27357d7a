"""A proof step by step agrees with the proofs that are checked, in every small tree."""

import pytest

from ledger.core.merkle import leaf_hash, tree_root
from ledger.core.proof import ProofError, node_reader, prove_inclusion
from ledger.core.proof_steps import proof_steps

LEAVES = [leaf_hash(bytes([number])) for number in range(70)]


def test_the_steps_of_every_leaf_lead_to_the_root_and_name_what_they_stand_for() -> None:
    for size in range(1, 70):
        leaves = LEAVES[:size]
        reader = node_reader(leaves)
        for index, leaf in enumerate(leaves):
            proof = prove_inclusion(index=index, size=size, read_node=reader)
            steps = proof_steps(leaf=leaf, index=index, size=size, proof=proof)
            assert [step.sibling.digest for step in steps] == list(proof)
            for step in steps:
                for node in (step.node, step.sibling, step.parent):
                    assert node.digest == tree_root(leaves[node.first : node.last + 1])
                beside = step.sibling.last + 1 if step.is_left else step.sibling.first
                assert beside == (step.node.first if step.is_left else step.node.last + 1)
            if steps:
                whole = steps[-1].parent
                assert (whole.first, whole.last) == (0, size - 1)


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_an_index_outside_the_tree_has_no_steps(index: int, size: int) -> None:
    with pytest.raises(ProofError, match="outside"):
        proof_steps(leaf=LEAVES[0], index=index, size=size, proof=[])


@pytest.mark.parametrize("count", [0, 1, 3])
def test_another_number_of_hashes_is_refused(count: int) -> None:
    with pytest.raises(ProofError, match="where 2 lead"):
        proof_steps(leaf=LEAVES[0], index=0, size=4, proof=LEAVES[:count])


def test_ten_million_leaves_need_two_dozen_steps() -> None:
    proof = [LEAVES[0]] * 24
    assert len(proof_steps(leaf=LEAVES[1], index=4_999_999, size=10_000_000, proof=proof)) == 24
