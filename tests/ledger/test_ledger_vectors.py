"""The vectors of docs/spec are what the code makes, and the standalone verifier takes them."""

import json

import pytest

from ledger.core.merkle import leaf_hash, tree_root
from tests.ledger.test_theriac_verify import VERIFIER
from tests.vectors.make_ledger_vectors import FOLDER, vectors

NAMES = ["bundle.json", "endorsed-bundle.json", "governance.json", "ledger.json", "qr.json"]


@pytest.mark.parametrize("name", NAMES)
def test_the_vectors_are_made_again_to_the_byte(name: str) -> None:
    assert vectors()[name] == (FOLDER / name).read_bytes()


@pytest.mark.parametrize("name", ["bundle.json", "endorsed-bundle.json"])
def test_the_standalone_verifier_takes_the_bundle(name: str) -> None:
    vkey = json.loads((FOLDER / "ledger.json").read_bytes())["vkey"]
    assert VERIFIER.main([str(FOLDER / name), "--vkey", vkey]) == 0


@pytest.mark.parametrize("which", ["one", "two"])
def test_the_standalone_verifier_takes_the_printed_codes(
    which: str, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = json.loads((FOLDER / "qr.json").read_bytes())
    texts = [f"--qr={text}" for text in parts[which]["texts"]]
    assert VERIFIER.main([*texts, "--vkey", parts["vkey"]]) == 0
    said = capsys.readouterr().out
    assert f"entry {parts[which]['index']} of ledger.example/7f3a9c" in said
    assert len(texts) == {"one": 1, "two": 2}[which]
    assert VERIFIER.qr_payload(parts[which]["texts"]).hex() == parts[which]["payload"]


def test_the_governed_log_continues_the_small_one() -> None:
    small = json.loads((FOLDER / "ledger.json").read_bytes())
    parts = json.loads((FOLDER / "governance.json").read_bytes())
    leaves = [leaf["leaf"].encode() for leaf in [*small["leaves"], *parts["leaves"]]]
    assert tree_root(leaf_hash(leaf) for leaf in leaves).hex() == parts["root"]
    made = parts["endorsement"]
    assert leaf_hash(made["entry_without"].encode()).hex() == made["leaf_hash_without"]
    label = b"theriac/endorsement/v1\n".hex()
    assert made["message"] == label + made["leaf_hash_without"] + f"{made['policy']:016x}"
    assert made["sig_of_wholesaler"] in leaves[19].decode()


def test_the_leaves_hash_as_they_say() -> None:
    leaves = json.loads((FOLDER / "ledger.json").read_bytes())["leaves"]
    assert [leaf["index"] for leaf in leaves] == list(range(14))
    for leaf in leaves:
        assert leaf_hash(leaf["leaf"].encode()).hex() == leaf["leaf_hash"]


def test_what_the_pages_quote_is_in_the_vectors() -> None:
    parts = json.loads((FOLDER / "ledger.json").read_bytes())
    governed = json.loads((FOLDER / "governance.json").read_bytes())
    spec = FOLDER.parents[2] / "docs" / "spec"
    for page, quoted in (
        ("entry.md", [parts["leaves"][8]["leaf"], parts["leaves"][8]["leaf_hash"]]),
        ("entry.md", [parts["canonical"]["bytes"]]),
        ("submission.md", [parts["statement"]["hash"], parts["statement"]["signature"]]),
        ("log.md", [parts["tree"]["roots"][14], parts["checkpoint"]]),
        ("commitment.md", [parts["commitment"]["commitment"]]),
        ("entry.md", [governed["endorsement"]["message"]]),
    ):
        text = (spec / page).read_text()
        for words in quoted:
            assert words in text
