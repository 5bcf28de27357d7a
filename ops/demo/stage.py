"""The stage: a fresh database and channel on the embedded server, web and sequencer running."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import IO

import psycopg
from psycopg import sql
from rich.console import Console

from ops.environment import ROOT, theriac_home, without_database
from ops.errors import OpsError
from ops.postgres import ensure_database, ensure_roles, ensure_server, urls
from ops.postgres.roles import url_with
from ops.up import HOST, MANAGE, check_port, programs

START_TIMEOUT_S = 60.0


class StageError(OpsError):
    """A program of the demo did not come up."""


def console_on(file: IO[str] | None = None) -> Console:
    """Return what the demo prints on: it breaks no sentence, the terminal does, at its width."""
    return Console(file=file, highlight=False, soft_wrap=True)


@dataclass(slots=True)
class Stage:
    """What the story plays on."""

    port: int
    folder: Path
    admin_url: str
    console: Console
    log_ins: list[str] = field(default_factory=list)

    def serve(self) -> None:
        """Keep the pages up until Ctrl-C."""
        self.console.print(f"\nThe pages are at [bold]http://{HOST}:{self.port}/[/bold]")
        for log_in in self.log_ins:
            self.console.print(f"  {log_in}")
        self.console.print("Ctrl-C stops.")
        try:
            signal.pause()
        except KeyboardInterrupt:
            self.console.print("stopped")


@contextmanager
def stage(*, port: int, console: Console) -> Iterator[Stage]:
    """Yield the stage; afterwards its programs, database and keys are gone. Raises ``OpsError``."""
    run = f"{os.getpid()}_{secrets.token_hex(4)}"
    home = theriac_home() / "demo"
    folder = home / run
    port = port or _free_port()
    check_port(port, "demo")
    folder.mkdir(mode=0o700, parents=True)
    console.print("Starting PostgreSQL …")
    with ensure_server(home, profile="safe") as server:
        admin_url = server.admin_url()
        ensure_roles(admin_url)
        _sweep(admin_url, home)
        database = f"theriac_demo_{run}"
        ensure_database(admin_url, database)
        try:
            environment = {
                **without_database(os.environ),
                **urls(admin_url, database),
                "THERIAC_EMBEDDED": "1",
                "THERIAC_HOME": str(folder),
                "LOG_LEVEL": "ERROR",
                "DJANGO_SETTINGS_MODULE": "config.settings",
            }
            os.environ.update(environment)
            console.print("Making tables, roles and triggers …")
            _run([sys.executable, MANAGE, "migrate", "--no-input", "--verbosity", "0"])
            _set_up_django()
            with _running(port, environment):
                yield Stage(port, folder, url_with(admin_url, database=database), console)
        finally:
            with psycopg.connect(admin_url, autocommit=True) as admin:
                _drop(admin, database)
            shutil.rmtree(folder, ignore_errors=True)


def _set_up_django() -> None:
    import django  # noqa: PLC0415 - settings read the environment that was made just now

    django.setup()


@contextmanager
def _running(port: int, environment: dict[str, str]) -> Iterator[None]:
    """Run web, sequencer and relay; stop them all at the end."""
    processes = [
        subprocess.Popen(  # noqa: S603 - our own programs
            program.command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        for program in programs(port)
    ]
    try:
        _wait_for_web(port, processes[0])
        yield
    finally:
        for process in reversed(processes):
            _stop(process)


def _wait_for_web(port: int, web: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and web.poll() is None:
        try:
            connection = HTTPConnection(HOST, port, timeout=5)
            connection.request("GET", "/healthz")
            if connection.getresponse().status == 200:  # noqa: PLR2004 - HTTP
                return
        except OSError:
            time.sleep(0.1)
    raise StageError("the web server did not come up", remedy="see its messages above")


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _run(command: list[str]) -> None:
    if subprocess.run(command, cwd=ROOT, check=False).returncode != 0:  # noqa: S603 - our own
        raise StageError("the database could not be made", remedy="see the message above")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _sweep(admin_url: str, home: Path) -> None:
    """Remove what killed demos left: databases and folders whose process is gone."""
    with psycopg.connect(admin_url, autocommit=True) as admin:
        names = admin.execute("SELECT datname FROM pg_database WHERE datname LIKE 'theriac_demo_%'")
        for (name,) in names.fetchall():
            if not _is_alive(name.split("_")[2]):
                _drop(admin, name)
    for folder in home.glob("[0-9]*_*"):
        if not _is_alive(folder.name.split("_")[0]):
            shutil.rmtree(folder, ignore_errors=True)


def _is_alive(pid: str) -> bool:
    return pid.isdigit() and Path(f"/proc/{pid}").exists()


def _drop(admin: psycopg.Connection[tuple[object, ...]], name: str) -> None:
    admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
