"""Keeping a few programs running: started together, restarted with back-off, stopped together."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

BACK_OFF_S_MIN = 0.5
BACK_OFF_S_MAX = 30.0
STEADY_S = 30.0  # whoever ran this long starts anew with the shortest back-off
STOP_TIMEOUT_S = 20.0
POLL_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program to keep running."""

    name: str
    command: Sequence[str]


@dataclass(slots=True, kw_only=True)
class _Running:
    program: Program
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    start_at: float = 0.0
    failures: int = 0


def back_off_s(failures: int) -> float:
    """Return how long to wait before the next start after so many failures in a row."""
    return min(BACK_OFF_S_MAX, BACK_OFF_S_MIN * 2.0 ** min(failures - 1, 10))


@dataclass(slots=True, kw_only=True)
class Supervisor:
    """Runs programs until it is told to stop, each in a session of its own.

    Ctrl-C therefore reaches the supervisor alone, which stops everything in order.
    """

    programs: Sequence[Program]
    environment: Mapping[str, str]
    folder: Path
    say: Callable[[str], None] = print
    stopping: bool = False
    _running: list[_Running] = field(default_factory=list)

    def run(self) -> None:
        """Run until SIGTERM, Ctrl-C or ``stop()``; then stop all, newest first."""
        before = {
            number: signal.signal(number, self._on_signal)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        }
        self._running = [_Running(program=program) for program in self.programs]
        try:
            while not self.stopping:
                for running in self._running:
                    self._tend(running)
                time.sleep(POLL_S)
        finally:
            self._stop_all()
            for number, handler in before.items():
                signal.signal(number, handler)

    def stop(self) -> None:
        """Let ``run`` stop everything and return."""
        self.stopping = True

    def _on_signal(self, *_: object) -> None:
        if self.stopping:  # asked twice: no more waiting
            for running in self._running:
                _signal(running, signal.SIGKILL)
        self.stopping = True

    def _tend(self, running: _Running) -> None:
        now = time.monotonic()
        process = running.process
        if process is None:
            if now >= running.start_at:
                self._start(running, now)
            return
        code = process.poll()
        if code is None:
            return
        _signal(running, signal.SIGKILL)  # what it may have left behind in its session
        steady = now - running.started_at >= STEADY_S
        running.failures = 1 if steady else running.failures + 1
        wait_s = back_off_s(running.failures)
        running.process, running.start_at = None, now + wait_s
        self.say(f"{running.program.name} ended ({_ending(code)}); again in {wait_s:g} s")

    def _start(self, running: _Running, now: float) -> None:
        running.started_at = now
        running.process = subprocess.Popen(  # noqa: S603 - our own programs
            running.program.command,
            cwd=self.folder,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _stop_all(self) -> None:
        for running in reversed(self._running):
            _signal(running, signal.SIGTERM)
        deadline = time.monotonic() + STOP_TIMEOUT_S
        for running in self._running:
            if running.process is None:
                continue
            try:
                running.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self.say(f"{running.program.name} did not stop in time and was killed")
            _signal(running, signal.SIGKILL)
            running.process.wait()
            running.process = None


def _signal(running: _Running, number: signal.Signals) -> None:
    """Signal the program's whole session, which may outlive the program itself."""
    if running.process is not None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(running.process.pid, number)


def _ending(code: int) -> str:
    return f"exit {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
