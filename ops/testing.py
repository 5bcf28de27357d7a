"""``./theriac test``: pytest beside a throwaway PostgreSQL that later runs use again."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg
from psycopg import sql

from ops.environment import ROOT, theriac_home, without_database
from ops.errors import OpsError
from ops.postgres import ensure_server
from ops.tether import tethered

WORKERS_MAX = 8
TEMPLATES_KEPT = 3
# What tests/database.py names its databases: by process, and by the hash of the migrations.
WORKER_NAME = re.compile(r"theriac_test_(\d+)_")
TEMPLATE_NAME = "theriac_template_%"


class NoTestServerError(OpsError):
    """``--server`` was asked for, and no server was named that tests can use."""


def run_tests(arguments: Sequence[str], *, everything: bool, own_server: bool) -> int:
    """Run pytest and return its status; raise ``OpsError`` where no server can be had."""
    home = theriac_home() / "test"
    environment = {**without_database(os.environ), "THERIAC_HOME": str(home)}
    with _own_server() if own_server else _embedded_server(home) as admin_url:
        environment["THERIAC_TEST_ADMIN_URL"] = admin_url
        return _run(pytest_command(arguments, everything=everything), environment)


def pytest_command(arguments: Sequence[str], *, everything: bool) -> list[str]:
    """Return the call of pytest; what the caller says of workers or markers goes first."""
    command = [sys.executable, "-m", "pytest"]
    if not any(word.startswith(("-n", "--numprocesses", "--pdb")) for word in arguments):
        workers = min(os.cpu_count() or 1, WORKERS_MAX)
        command += ["-n", str(workers), "--dist", "worksteal"]
    if not everything and "-m" not in arguments:
        command += ["-m", "not faults"]
    return [*command, *arguments]


@contextlib.contextmanager
def _embedded_server(home: Path) -> Iterator[str]:
    with ensure_server(home, profile="test") as server:
        _sweep(server.admin_url())
        yield server.admin_url()


@contextlib.contextmanager
def _own_server() -> Iterator[str]:
    """Yield DATABASE_OWNER_URL after a look at what its role may do."""
    url = os.environ.get("DATABASE_OWNER_URL", "")
    remedy = "set DATABASE_OWNER_URL to a role with CREATEDB and CREATEROLE"
    if not url:
        raise NoTestServerError("--server needs DATABASE_OWNER_URL", remedy=remedy)
    try:
        with psycopg.connect(url, connect_timeout=10) as connection:
            row = connection.execute(
                "SELECT rolsuper OR (rolcreatedb AND rolcreaterole) FROM pg_roles"
                " WHERE rolname = CURRENT_USER"
            ).fetchone()
    except psycopg.Error as error:
        raise NoTestServerError(
            "the server of DATABASE_OWNER_URL cannot be used", remedy=remedy
        ) from error
    if row != (True,):
        raise NoTestServerError(
            "the role of DATABASE_OWNER_URL may not make databases and roles", remedy=remedy
        )
    yield url


def _sweep(admin_url: str) -> None:
    """Drop what killed runs left behind, and templates of migrations long gone."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        names = [row[0] for row in connection.execute("SELECT datname FROM pg_database")]
        doomed = [
            name
            for name in names
            if (match := WORKER_NAME.match(name)) and not _is_alive(int(match[1]))
        ]
        templates = connection.execute(
            "SELECT datname FROM pg_database WHERE datname LIKE %s ORDER BY oid DESC",
            [TEMPLATE_NAME],
        ).fetchall()
        doomed += [row[0] for row in templates[TEMPLATES_KEPT:]]
        for name in doomed:
            with contextlib.suppress(psycopg.errors.ObjectInUse):  # another run is at it
                connection.execute(
                    sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name))
                )


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _run(command: Sequence[str], environment: dict[str, str]) -> int:
    """Run pytest as a child: the share in the server must outlive it, which exec would end."""
    process = subprocess.Popen(  # noqa: S603 - our own words
        tethered(command), cwd=ROOT, env=environment
    )
    before = {
        # Ctrl-C reaches pytest by itself; a SIGTERM is passed on. Both times pytest decides.
        signal.SIGINT: signal.signal(signal.SIGINT, signal.SIG_IGN),
        signal.SIGTERM: signal.signal(signal.SIGTERM, lambda *_: process.terminate()),
    }
    try:
        return process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
