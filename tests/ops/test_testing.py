"""How the tests are run: on which server, with what left out, and what is swept away."""

import os
import sys
from pathlib import Path

import psycopg
import pytest

from ops import testing
from ops.postgres import destroy_server, ensure_server
from ops.postgres.roles import url_with
from ops.testing import NoTestServerError, pytest_command, run_tests

DEAD = 4_194_305  # above the largest number that Linux gives a process


def test_the_fault_campaigns_run_only_when_all_is_asked_for() -> None:
    assert pytest_command([], everything=False)[-2:] == ["-m", "not faults"]
    assert "-m" not in pytest_command([], everything=True)[3:]
    assert pytest_command(["-m", "slow"], everything=False)[-2:] == ["-m", "slow"]


def test_workers_are_one_per_processor_unless_the_caller_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    assert pytest_command(["tests/ops"], everything=True) == [
        *(sys.executable, "-m", "pytest", "-n", "8", "--dist", "worksteal", "tests/ops"),
    ]
    assert pytest_command(["-n0"], everything=True)[3:] == ["-n0"]


@pytest.mark.slow
def test_pytest_gets_a_server_of_its_own_and_nothing_of_the_operators(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    probe = """
import os, sys, psycopg
psycopg.connect(os.environ["THERIAC_TEST_ADMIN_URL"]).close()
sys.exit(7 if "DATABASE_URL" not in os.environ else 1)
"""
    monkeypatch.setenv("THERIAC_HOME", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", "postgresql://never")
    monkeypatch.setattr(testing, "pytest_command", lambda *_, **__: [sys.executable, "-c", probe])
    for _ in range(2):
        assert run_tests([], everything=False, own_server=False) == 7
    destroy_server(tmp_path / "test")


@pytest.mark.slow
def test_what_killed_runs_left_is_swept_away(tmp_path: Path) -> None:
    mine = f"theriac_test_{os.getpid()}_gw0"
    with (
        ensure_server(tmp_path, profile="test") as one,
        psycopg.connect(one.admin_url(), autocommit=True) as connection,
    ):
        for name in (mine, f"theriac_test_{DEAD}_gw0", "theriac_test_1_gw0", "theriac"):
            connection.execute(f"CREATE DATABASE {name}".encode())
        for number in range(5):
            connection.execute(f"CREATE DATABASE theriac_template_{number}".encode())
        testing._sweep(one.admin_url())  # noqa: SLF001 - the run itself would take a while
        left = connection.execute(
            "SELECT datname FROM pg_database WHERE datname LIKE 'theriac%' ORDER BY oid"
        ).fetchall()
    assert [name for (name,) in left] == [
        *(mine, "theriac_test_1_gw0", "theriac"),
        *("theriac_template_2", "theriac_template_3", "theriac_template_4"),
    ]
    destroy_server(tmp_path)


@pytest.mark.slow
def test_an_own_server_needs_a_role_that_may_make_databases(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(testing, "_run", lambda _, environment: len(environment))
    monkeypatch.delenv("DATABASE_OWNER_URL", raising=False)
    with pytest.raises(NoTestServerError, match="needs DATABASE_OWNER_URL"):
        run_tests([], everything=False, own_server=True)
    with ensure_server(tmp_path, profile="test") as one:
        monkeypatch.setenv("DATABASE_OWNER_URL", one.admin_url())
        assert run_tests([], everything=False, own_server=True) > 0
        with psycopg.connect(one.admin_url(), autocommit=True) as connection:
            connection.execute("CREATE ROLE small LOGIN CREATEDB PASSWORD 'known'")
        small = url_with(one.admin_url(), database="postgres", user="small", password="known")
        monkeypatch.setenv("DATABASE_OWNER_URL", small)
        with pytest.raises(NoTestServerError, match="may not make databases and roles"):
            run_tests([], everything=False, own_server=True)
    with pytest.raises(NoTestServerError, match="cannot be used"):
        run_tests([], everything=False, own_server=True)
    destroy_server(tmp_path)
