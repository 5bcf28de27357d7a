"""Processes that verify signatures: right answers, and gone with whoever started them."""

import multiprocessing
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ledger.services import signatures
from ledger.services.signatures import Triple, unsigned_of
from ops.environment import ROOT
from tests.ledger.verifying import BAD, GOOD, MANY, tell

PATIENCE_S = 60


def is_there(pid: int) -> bool:
    """Whether the process runs: one that nobody waited for is gone all the same."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.parametrize("asked", [[], [GOOD], [BAD, GOOD, BAD], MANY])
def test_they_name_what_does_not_hold(asked: list[Triple]) -> None:
    assert unsigned_of(asked) == [at for at, triple in enumerate(asked) if triple is BAD]


def test_killed_ones_are_replaced() -> None:
    assert unsigned_of(MANY) == [0, 300, 999]
    for process in list(signatures._PROCESSES._at_hand()._processes.values()):  # noqa: SLF001
        process.kill()
        process.join()
    assert unsigned_of(MANY) == [0, 300, 999]
    assert unsigned_of(MANY) == [0, 300, 999]


@pytest.mark.parametrize("daemon", [False, True])
def test_a_process_that_is_a_child_itself_verifies_and_ends(daemon: bool) -> None:  # noqa: FBT001 - a case
    context = multiprocessing.get_context("spawn")
    found = context.Queue()
    child = context.Process(target=tell, args=(found,), daemon=daemon)
    child.start()
    bad, pids = found.get(timeout=PATIENCE_S)
    child.join(PATIENCE_S)
    assert (bad, bool(pids), child.exitcode) == ([0, 300, 999], not daemon, 0)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc here")
def test_none_outlives_a_kill() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.ledger.verifying"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as user:
        assert user.stdout is not None
        pids = [int(pid) for pid in user.stdout.readline().split()]
        assert pids
        assert all(is_there(pid) for pid in pids)
        user.send_signal(signal.SIGKILL)
        user.wait()
    end = time.monotonic() + PATIENCE_S
    while any(is_there(pid) for pid in pids) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(is_there(pid) for pid in pids)
