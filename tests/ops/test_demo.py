"""The demo as a stranger plays it: a program of its own, to the summary."""

import subprocess
import sys

import pytest

from ops.environment import ROOT


@pytest.mark.slow
def test_the_demo_proves_what_it_says_and_finds_the_tampering_hand() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ops", "demo", "--no-serve", "--tamper"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    said = " ".join(done.stdout.split())
    assert done.returncode == 0, done.stdout + done.stderr
    summary = said.split("proven")[-1]
    assert "promises kept, verified by the standalone verifier" in summary
    assert "found, first bad index 5" in summary
    assert "✗" not in said
