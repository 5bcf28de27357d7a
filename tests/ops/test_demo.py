"""The demo as a stranger plays it: a program of its own, to the summary."""

import re
import shutil
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest

from ops.demo.stage import console_on
from ops.environment import ROOT
from tests.vectors_at import SHARED

OWN_FILES = ROOT / "tests" / "vectors" / "claims"
OTHERS = ("gs1/epcis2-json", "fhir/synthea-r4", "x12")


def play(*words: str) -> str:
    """Return what the demo says, on one line; it has to end well."""
    done = subprocess.run(
        [sys.executable, "-m", "ops", "demo", "--no-serve", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✗" not in done.stdout
    return " ".join(done.stdout.split())


def brought(said: str) -> tuple[int, int, int]:
    """Return how many files were brought, taken in and refused."""
    found = re.search(r"(\d+) files brought: (\d+) taken in, (\d+) refused", said)
    assert found is not None, said
    return int(found[1]), int(found[2]), int(found[3])


@pytest.mark.slow
def test_the_demo_proves_what_it_says_and_finds_the_tampering_hand(tmp_path: Path) -> None:
    for name in ("drug.837", "visits.837"):
        (tmp_path / name).write_bytes((OWN_FILES / name).read_bytes())
    (tmp_path / "notes.txt").write_text("nothing that anybody reads")
    # Others' files in the same run: the whole story is played once.
    others = [SHARED / folder for folder in OTHERS] if SHARED.is_dir() else []
    for folder in others:
        shutil.copytree(folder, tmp_path / "others" / folder.name)
    said = play("--tamper", "--input", str(tmp_path))
    assert re.search(r"drug\.837 \(\w+\): taken in", said)
    assert re.search(r"visits\.837 \(\w+\): taken in", said)
    summary = said.split("proven")[-1]
    files, taken_in, refused = brought(summary)
    assert files == sum(each.is_file() for each in tmp_path.rglob("*"))
    assert taken_in + refused == files
    if others:
        assert taken_in > 12  # EPCIS documents, two Synthea bundles, the 837Ps that hold
    else:
        assert (taken_in, refused) == (2, 1)
    for sentence in (
        "promises kept, verified by the standalone verifier",
        "found, first bad index",
        "a fourth dispensing is kept as evidence, changes no balance: balance_exceeded",
        "30 of 30 dispensed tablets billed: paid 28.00",
        "60 billed where 30 were dispensed: denied",
        "anchored, and disclosed by consent: paid 93.45",
        "the next claim waits, it is not denied",
        "a broken glass shows the emergency set",
        "old backups do not open either",
    ):
        assert sentence in summary


def test_no_sentence_is_broken_before_the_terminal_does() -> None:
    said, sentence = StringIO(), "word " * 60 + "end"
    console_on(said).print(sentence)
    assert said.getvalue() == sentence + "\n"


def test_a_folder_that_holds_nothing_is_refused_before_anything_starts(tmp_path: Path) -> None:
    for folder, why in ((tmp_path, "holds no file"), (tmp_path / "missing", "is no folder")):
        done = subprocess.run(
            [sys.executable, "-m", "ops", "demo", "--no-serve", "--input", str(folder)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 1
        assert why in done.stderr
        assert "->" in done.stderr
