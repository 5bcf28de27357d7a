"""What was started ends with its starter, even when that is killed."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from threading import Thread

import pytest

from ops import tether
from ops.environment import ROOT
from ops.tether import tethered, watch
from tests.ops.servers import is_running, wait_until

SLEEPER = "import time; time.sleep(600)"
# A program with a child of its own, both in one group, that tells their numbers.
FAMILY = f"""
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {SLEEPER!r}])
print(os.getpid(), child.pid, flush=True)
time.sleep(600)
"""
# Starts the program given as the last argument, and passes its numbers on.
STARTER = """
import subprocess, sys, time
from ops.tether import tethered
subprocess.Popen(
    tethered([sys.executable, "-c", sys.argv[2]]), start_new_session=sys.argv[1] == "leads"
)
time.sleep(600)
"""
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"


def starter(leads: str, program: str) -> tuple[subprocess.Popen[str], list[int]]:
    """Start a starter; return it and the numbers of what it started."""
    process = subprocess.Popen(
        [sys.executable, "-c", STARTER, leads, program],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, [int(number) for number in process.stdout.readline().split()]


@pytest.mark.slow
def test_a_killed_starter_takes_the_whole_group_with_it() -> None:
    process, pids = starter("leads", FAMILY)
    assert [is_running(pid) for pid in pids] == [True, True]
    process.kill()
    process.communicate()
    wait_until(lambda: not any(is_running(pid) for pid in pids))


@pytest.mark.slow
def test_who_shares_the_starters_group_is_stopped_alone() -> None:
    process, pids = starter("shares", FAMILY)
    process.kill()
    process.wait()
    wait_until(lambda: not is_running(pids[0]))
    assert is_running(pids[1])
    os.kill(pids[1], signal.SIGKILL)
    process.communicate()


@pytest.mark.slow
def test_who_ends_by_itself_is_waited_for_as_any_child() -> None:
    command = tethered([sys.executable, "-c", "raise SystemExit(7)"])
    assert subprocess.run(command, check=False).returncode == 7


def test_nothing_begins_for_a_starter_that_is_gone() -> None:
    command = [*tethered([sys.executable, "-c", "raise SystemExit(7)"])]
    command[3] = "1"
    assert subprocess.run(command, check=False).returncode == 0


@contextlib.contextmanager
def running(code: str) -> Iterator[subprocess.Popen[str]]:
    """A program in a group of its own, killed at the end."""
    with subprocess.Popen(
        [sys.executable, "-c", f"{code}\nprint(flush=True)\n{SLEEPER}"],
        start_new_session=True,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


@pytest.fixture(params=["told by the kernel", "asked again and again"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways of knowing that a process has ended."""
    if request.param != "told by the kernel":
        monkeypatch.delattr(os, "pidfd_open")
        monkeypatch.setattr(tether, "POLL_S", 0.01)
    return str(request.param)


def test_a_watcher_stops_who_outlives_the_starter(way: str) -> None:
    with running("") as parent, running("") as target:
        parent.kill()
        parent.wait()
        # Who has ended is there until its parent takes note, which here is us.
        reaper = Thread(target=target.wait)
        reaper.start()
        watch(parent.pid, target.pid, leads=True)
        reaper.join()
        assert target.returncode == -signal.SIGTERM
    assert way


def test_a_watcher_kills_who_does_not_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tether, "GRACE_S", 0.1)
    with running("") as parent, running(DEAF) as target:
        parent.kill()
        watch(parent.pid, target.pid, leads=True)
        assert target.wait() == -signal.SIGKILL


def test_a_watcher_of_who_has_ended_does_nothing(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        pytest.fail("nobody is to be signalled")

    with running("") as parent, running("") as target:
        target.kill()
        target.wait()
        real = os.kill
        monkeypatch.setattr(os, "kill", lambda pid, number: refuse() if number else real(pid, 0))
        monkeypatch.setattr(os, "killpg", refuse)
        watch(parent.pid, target.pid, leads=True)
        monkeypatch.undo()
    assert way
