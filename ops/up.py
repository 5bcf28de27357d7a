"""``./theriac up``: the whole product on this machine, until Ctrl-C."""

import errno
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from ops.environment import ROOT, database_environment, has_own_database, theriac_home
from ops.errors import FolderPermissionError, OpsError, PortTakenError
from ops.settings_checks import check_loading
from ops.supervisor import Program, Supervisor
from ops.tether import tethered

HOST = "127.0.0.1"
PORT_MAX = 65_535
MANAGE = str(ROOT / "manage.py")
# More than granian likes by the cores: threads wait for the database, and for places in the log.
BLOCKING_THREADS = 8


class MigrationError(OpsError):
    """The database could not be brought to this version."""


def up(*, port: int) -> int:
    """Serve until stopped: database, migrations, web, sequencer, relay. Raises ``OpsError``."""
    check_port(port)
    check_loading(os.environ)
    home = theriac_home()
    with database_environment(os.environ, home) as environment:
        _migrate(environment, own=has_own_database(os.environ))
        _say(f"http://{HOST}:{port}/  (Ctrl-C stops)")
        environment["PROMETHEUS_MULTIPROC_DIR"] = str(_counters(home, port))
        running = programs(port) + askers(environment) + workers(environment)
        Supervisor(programs=running, environment=environment, folder=ROOT, say=_say).run()
    _say("stopped")
    return 0


def programs(port: int) -> list[Program]:
    """Return what runs: the web server, the sequencer of the log, the relay of the outbox.

    Each ends with this process, also when that is killed.
    """
    python = sys.executable
    web = [
        *(python, "-m", "granian", "--interface", "wsgi", "--host", HOST, "--port", str(port)),
        *("--workers", str(min(os.cpu_count() or 1, 8))),
        *("--blocking-threads", str(BLOCKING_THREADS), "--no-ws", "--log-level", "error"),
        "config.wsgi:application",
    ]
    return [
        Program(name="web", command=tethered(web)),
        Program(name="sequencer", command=tethered([python, MANAGE, "sequencer"])),
        Program(name="relay", command=tethered([python, MANAGE, "relay"])),
    ]


def askers(environment: Mapping[str, str]) -> list[Program]:
    """Return the program that has the log witnessed; none without a policy."""
    if not environment.get("THERIAC_WITNESS_POLICY"):
        return []
    ask = [sys.executable, MANAGE, "witness", "ask"]
    return [Program(name="witness", command=tethered(ask))]


def workers(environment: Mapping[str, str]) -> list[Program]:
    """Return the worker that runs what the relay hands to a broker; none without a broker."""
    if not any(environment.get(name) for name in ("BROKER_URL", "BROKER_URL_FILE")):
        return []
    worker = [
        *(sys.executable, "-m", "celery", "--quiet", "-A", "config.celery", "worker"),
        *("--concurrency", str(min(os.cpu_count() or 1, 8)), "--loglevel", "WARNING"),
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
    ]
    return [Program(name="worker", command=tethered(worker))]


def check_port(port: int, word: str = "up") -> None:
    """Raise ``PortTakenError`` or ``FolderPermissionError`` unless ``port`` can be listened on.

    ``word`` is the command that the remedy names.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            if error.errno == errno.EACCES:
                raise FolderPermissionError(
                    f"port {port} is reserved for the system",
                    remedy=f"choose one from 1024 on: ./theriac {word} --port 8080",
                ) from error
            raise PortTakenError(
                f"another program listens on port {port}",
                remedy=f"stop it, or choose another port: ./theriac {word} --port {_other(port)}",
            ) from error


def _other(port: int) -> int:
    return port + 1 if port < PORT_MAX else port - 1


def _counters(home: Path, port: int) -> Path:
    """Return the folder in which the web server's processes count together, from nought."""
    folder = home / "metrics" / str(port)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _migrate(environment: dict[str, str], *, own: bool) -> None:
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, MANAGE, "migrate", "--no-input", "--verbosity", "0"],
        env=environment,
        check=False,
    )
    if done.returncode != 0:
        where = "the roles: ./theriac setup-db" if own else f"{Path(environment['THERIAC_HOME'])}"
        raise MigrationError(
            "the database could not be migrated, see above",
            remedy=f"./theriac doctor says more; look at {where}",
        )


def _say(text: str) -> None:
    print(f"theriac: {text}", flush=True)
