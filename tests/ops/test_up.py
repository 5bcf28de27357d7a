"""``up`` has the database ready before anything is served, and says what keeps it from that."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from ops import up
from ops.environment import ROOT, without_database
from ops.postgres import destroy_server
from ops.up import MigrationError
from tests.ops.servers import descendants, is_running, listens, wait_until


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """What ``up`` does, in order; nothing of it really happens."""
    done: list[str] = []

    @contextmanager
    def database(environment: Mapping[str, str], home: Path) -> Iterator[dict[str, str]]:
        done.append("database")
        yield {**environment, "THERIAC_HOME": str(home)}
        done.append("database released")

    class Supervisor:
        def __init__(self, **named: object) -> None:
            assert named["environment"]

        def run(self) -> None:
            done.append("supervised")

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        done.append(command[2])
        return subprocess.CompletedProcess(command, 1 if "refuse" in done else 0)

    monkeypatch.setenv("THERIAC_HOME", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setattr(up, "check_port", lambda port: done.append(f"port {port}"))
    monkeypatch.setattr(up, "check_loading", lambda _: None)
    monkeypatch.setattr(up, "database_environment", database)
    monkeypatch.setattr(up, "Supervisor", Supervisor)
    monkeypatch.setattr(subprocess, "run", run)
    return done


def test_everything_is_ready_before_it_is_served(
    steps: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert up.up(port=8123) == 0
    assert steps == ["port 8123", "database", "migrate", "supervised", "database released"]
    assert "http://127.0.0.1:8123/" in capsys.readouterr().out


@pytest.mark.parametrize(("url", "where"), [("", ""), ("postgresql://mine", "setup-db")])
def test_a_database_that_cannot_be_migrated_is_not_served(
    steps: list[str], monkeypatch: pytest.MonkeyPatch, url: str, where: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    steps.append("refuse")
    with pytest.raises(MigrationError, match="could not be migrated") as caught:
        up.up(port=8123)
    assert "supervised" not in steps
    assert where in caught.value.remedy


def test_the_programs_run_with_this_python() -> None:
    assert {program.command[0] for program in up.programs(1)} == {sys.executable}


def _has_ended(pid: int) -> bool:
    return not is_running(pid)


@pytest.mark.slow
def test_everything_that_is_killed_with_up_is_gone_and_comes_back(tmp_path: Path) -> None:
    port = next(port for port in range(8100, 9000) if not listens(port))
    for _ in range(2):  # the second start recovers from what the first kill left
        with subprocess.Popen(
            [sys.executable, "-m", "ops", "up", "--port", str(port)],
            cwd=ROOT,
            env={**without_database(os.environ), "THERIAC_HOME": str(tmp_path)},
            stdout=subprocess.DEVNULL,
        ) as process:
            wait_until(lambda: listens(port))
            pids = descendants(process.pid)
            assert len(pids) > 5
            process.kill()
        assert process.returncode == -signal.SIGKILL
        for pid in pids:
            wait_until(partial(_has_ended, pid))
        wait_until(lambda: not listens(port))
    destroy_server(tmp_path)
