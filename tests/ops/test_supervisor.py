"""Programs are started together, restarted with back-off and stopped together."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ops import supervisor
from ops.supervisor import Program, Supervisor, back_off_s


def python(code: str) -> list[str]:
    """Return the call of a small program."""
    return [sys.executable, "-c", code]


def test_the_wait_doubles_up_to_half_a_minute() -> None:
    assert [back_off_s(failures) for failures in range(1, 9)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert back_off_s(10_000) == 30


def test_a_program_that_ends_is_started_again_later_and_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "BACK_OFF_S_MIN", 0.01)
    monkeypatch.setattr(supervisor, "POLL_S", 0.01)
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        if len(said) == 3:
            one.stop()

    one = Supervisor(
        programs=[Program(name="web", command=python("import os; os._exit(3)"))],
        environment=os.environ,
        folder=tmp_path,
        say=say,
    )
    one.run()
    assert said == [
        "web ended (exit 3); again in 0.01 s",
        "web ended (exit 3); again in 0.02 s",
        "web ended (exit 3); again in 0.04 s",
    ]


def test_a_program_that_was_steady_starts_anew_with_the_shortest_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "BACK_OFF_S_MIN", 0.01)
    monkeypatch.setattr(supervisor, "STEADY_S", 0.0)
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        if len(said) == 2:
            one.stop()

    kill_itself = python("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    one = Supervisor(
        programs=[Program(name="relay", command=kill_itself)],
        environment=os.environ,
        folder=tmp_path,
        say=say,
    )
    one.run()
    assert said == ["relay ended (signal SIGKILL); again in 0.01 s"] * 2


# Runs two programs; the supervisor's own process is told to stop by the second.
SUPERVISE = """
import os, sys
from pathlib import Path
from ops import supervisor
from ops.supervisor import Program, Supervisor
supervisor.STOP_TIMEOUT_S = float(sys.argv[2])
folder = Path(sys.argv[1])
programs = [
    Program(name=name, command=[sys.executable, "-c", code])
    for name, code in zip("ab", sys.argv[3:], strict=True)
]
Supervisor(programs=programs, environment=os.environ, folder=folder).run()
print("all stopped")
"""
WAIT = "import time; time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "


def supervised(folder: Path, timeout_s: float, first: str) -> subprocess.Popen[str]:
    """Start a supervisor of two programs and wait until both run."""
    marks = [folder / name for name in "ab"]
    codes = [f"{first}open({str(mark)!r}, 'w').close(); {WAIT}" for mark in marks]
    process = subprocess.Popen(
        [sys.executable, "-c", SUPERVISE, str(folder), str(timeout_s), *codes],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )
    while not all(mark.exists() for mark in marks):
        assert process.poll() is None
    return process


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_everything_in_order(tmp_path: Path, number: signal.Signals) -> None:
    with supervised(tmp_path, 20, "") as process:
        process.send_signal(number)
        assert process.communicate()[0] == "all stopped\n"
    assert process.returncode == 0


@pytest.mark.slow
def test_who_does_not_stop_in_time_is_killed(tmp_path: Path) -> None:
    with supervised(tmp_path, 0.2, STUBBORN) as process:
        process.send_signal(signal.SIGTERM)
        said = process.communicate()[0].splitlines()
    assert said == [
        "a did not stop in time and was killed",
        "b did not stop in time and was killed",
        "all stopped",
    ]


@pytest.mark.slow
def test_a_second_ctrl_c_ends_the_wait(tmp_path: Path) -> None:
    with supervised(tmp_path, 600, STUBBORN) as process:
        # Two in a row may be seen as one, so ask until it has heard twice.
        while process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(0.3)
            except subprocess.TimeoutExpired:
                continue
        assert process.communicate()[0] == "all stopped\n"
