"""The vectors of docs/spec are what the code makes, and the standalone verifier takes them."""

import json

import pytest

from ledger.core.merkle import leaf_hash
from tests.ledger.test_theriac_verify import VERIFIER
from tests.vectors.make_ledger_vectors import FOLDER, vectors


@pytest.mark.parametrize("name", ["bundle.json", "ledger.json"])
def test_the_vectors_are_made_again_to_the_byte(name: str) -> None:
    assert vectors()[name] == (FOLDER / name).read_bytes()


def test_the_standalone_verifier_takes_the_bundle() -> None:
    vkey = json.loads((FOLDER / "ledger.json").read_bytes())["vkey"]
    assert VERIFIER.main([str(FOLDER / "bundle.json"), "--vkey", vkey]) == 0


def test_the_leaves_hash_as_they_say() -> None:
    leaves = json.loads((FOLDER / "ledger.json").read_bytes())["leaves"]
    assert [leaf["index"] for leaf in leaves] == list(range(14))
    for leaf in leaves:
        assert leaf_hash(leaf["leaf"].encode()).hex() == leaf["leaf_hash"]


def test_what_the_pages_quote_is_in_the_vectors() -> None:
    parts = json.loads((FOLDER / "ledger.json").read_bytes())
    spec = FOLDER.parents[2] / "docs" / "spec"
    for page, quoted in (
        ("entry.md", [parts["leaves"][8]["leaf"], parts["leaves"][8]["leaf_hash"]]),
        ("entry.md", [parts["canonical"]["bytes"]]),
        ("submission.md", [parts["statement"]["hash"], parts["statement"]["signature"]]),
        ("log.md", [parts["tree"]["roots"][14], parts["checkpoint"]]),
        ("commitment.md", [parts["commitment"]["commitment"]]),
    ):
        text = (spec / page).read_text()
        for words in quoted:
            assert words in text
