"""kill -9 of the monitor at every step: what it found is told all the same, nothing else is."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ops.environment import ROOT
from tests.client.scripted_log import Sender, served
from tests.ledger.log_builder import DONE, small_log

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket]
STEPS_MAX = 60


def watched(folder: Path, steps: int) -> tuple[int, set[str]]:
    """Look once, killed at this step; return the status and the evidence that was named."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.client.killed", "watch", str(steps), str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1, -signal.SIGKILL), done.stderr
    return done.returncode, set(re.findall("evidence: (.*)", done.stdout))


def test_what_is_found_is_told_wherever_the_monitor_dies(tmp_path: Path) -> None:
    with served() as scripted:
        log, cast = small_log()
        sender = Sender(log, cast.wholesaler, tmp_path / "client")
        sender.keeps(scripted.address)
        evidence = sender.folder / "monitor" / "evidence"
        told: set[str] = set()
        steps, status = 1, -signal.SIGKILL
        while status < 0:
            # One more submission that no client sent, at each try.
            log.submit(cast.wholesaler, log.draft(DONE, {"step": steps}))
            scripted.show(log)
            status, said = watched(sender.folder, steps)
            assert all(Path(name).exists() for name in said)  # on disk before it is said
            told |= said
            _, said = watched(sender.folder, 0)
            told |= said
            assert told == set(map(str, evidence.glob("[!.]*")))
            assert watched(sender.folder, 0) == (0, set())
            steps += 1
            assert steps < STEPS_MAX
        assert steps > 10
        # The small log had one of them already.
        assert len(told) == steps
