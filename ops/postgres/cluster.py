"""One cluster: made whole or not at all, started, found again, stopped.

Nothing here locks; ``ops.postgres.server`` calls it under the home's lock.
"""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg

from ops.errors import DiskFullError, FolderPermissionError, OpsError, PortTakenError
from ops.postgres.binaries import Binaries
from ops.postgres.place import Place

ADMIN = "theriac_admin"
# Below the ports that Linux hands out for outgoing connections, so that none is in the way.
PORT_MIN = 15_432
PORT_MAX = 32_000
PORT_TRIES = 20
START_TIMEOUT_S = 300  # recovery after a crash may replay much
ORPHANS_TIMEOUT_S = 30
STOP_TIMEOUT_S = 120
LOG_SIZE_BYTES_MAX = 10_000_000

# Values of persons must not reach the log: neither a statement nor the detail of an error.
QUIET = {
    "log_statement": "none",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
}
PROFILES: Mapping[str, Mapping[str, str]] = {
    "safe": {
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "data_sync_retry": "off",
        "max_connections": "200",
        "max_wal_size": "2GB",
    },
    # For tests: what is lost with the machine is made again.
    "test": {
        "fsync": "off",
        "full_page_writes": "off",
        "synchronous_commit": "off",
        "max_connections": "400",
        "max_wal_size": "1GB",
    },
}


class OtherVersionError(OpsError):
    """The cluster was made by another major version of PostgreSQL."""


class StartError(OpsError):
    """PostgreSQL did not start, for a reason that its log tells."""


class StopError(OpsError):
    """PostgreSQL did not stop in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A cluster, the programs for it and its administrator's password."""

    place: Place
    binaries: Binaries
    password: str
    profile: str

    def admin_url(self, port: int, database: str = "postgres") -> str:
        """Return the administrator's URL of ``database``."""
        return f"postgresql://{ADMIN}:{self.password}@127.0.0.1:{port}/{quote(database, safe='')}"


def make_cluster(cluster: Cluster) -> None:
    """Make the cluster where there is none; one half made by a killed process is made anew.

    Raises ``OtherVersionError``, ``DiskFullError``, ``FolderPermissionError`` or ``StartError``.
    """
    place = cluster.place
    if (place.data / "PG_VERSION").is_file():
        _check_version(cluster)
        return
    draft = place.folder / "data.new"
    password_file = place.folder / "password.new"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    place.give(draft)
    with os.fdopen(os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as f:
        f.write(cluster.password)
    place.give(password_file)
    try:
        _initdb(cluster, draft, password_file)
    except OpsError:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    finally:
        password_file.unlink()
    draft.rename(place.data)


def _check_version(cluster: Cluster) -> None:
    found = (cluster.place.data / "PG_VERSION").read_text().strip()
    if found != str(cluster.binaries.major):
        raise OtherVersionError(
            f"{cluster.place.data} belongs to PostgreSQL {found},"
            f" the programs at hand are of {cluster.binaries.major}",
            remedy=f"dump it with PostgreSQL {found} (pg_dumpall), move the folder away and"
            " restore into the new cluster, or set THERIAC_HOME to another folder",
        )


def _initdb(cluster: Cluster, draft: Path, password_file: Path) -> None:
    command = [
        str(cluster.binaries.initdb),
        f"--pgdata={draft}",
        f"--username={ADMIN}",
        f"--pwfile={password_file}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        "--data-checksums",
        "--no-instructions",
        *(["--no-sync"] if cluster.profile == "test" else []),
    ]
    try:
        done = subprocess.run(  # noqa: S603 - our own programs and paths
            command,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            cwd="/",
            env=_environment(),
            check=False,
            umask=0o077,
            **cluster.place.child_arguments(),
        )
    except PermissionError as error:
        raise FolderPermissionError(
            f"{cluster.binaries.initdb} cannot be run by PostgreSQL's account",
            remedy="run as an ordinary user, or set DATABASE_URL to a server you have",
        ) from error
    if done.returncode != 0:
        raise _explain(done.stderr, cluster.place)


def start_cluster(cluster: Cluster) -> tuple[int, subprocess.Popen[bytes]]:
    """Start the server; return its port and process once it answers.

    Raises ``PortTakenError``, ``DiskFullError``, ``FolderPermissionError`` or ``StartError``.
    """
    _rotate_log(cluster.place.log)
    (cluster.place.folder / "pg_hba.conf").write_text("host all all 127.0.0.1/32 scram-sha-256\n")
    (cluster.place.folder / "pg_hba.conf").chmod(0o644)
    orphans_until = time.monotonic() + ORPHANS_TIMEOUT_S
    ports = [PORT_MIN + secrets.randbelow(PORT_MAX - PORT_MIN) for _ in range(PORT_TRIES)]
    while ports:
        offset = cluster.place.log.stat().st_size if cluster.place.log.exists() else 0
        process = _spawn(cluster, ports[-1])
        if _answers_in_time(cluster, ports[-1], process):
            return ports[-1], process
        with cluster.place.log.open("rb") as log:
            log.seek(offset)
            said = log.read().decode("utf-8", "replace")
        if "pre-existing shared memory block" in said and time.monotonic() < orphans_until:
            time.sleep(0.5)  # backends of a killed server are about to notice
        elif "could not bind" in said:
            ports.pop()
        else:
            raise _explain(said, cluster.place)
    raise PortTakenError(
        f"{PORT_TRIES} ports between {PORT_MIN} and {PORT_MAX} were all taken",
        remedy="stop what listens there, or set DATABASE_URL to a server you have",
    )


def _spawn(cluster: Cluster, port: int) -> subprocess.Popen[bytes]:
    place = cluster.place
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": "",
        "hba_file": str(place.folder / "pg_hba.conf"),
        "timezone": "UTC",
        "log_timezone": "UTC",
        "lc_messages": "C",
        "password_encryption": "scram-sha-256",
        "shared_buffers": "256MB",
        "jit": "off",
        **QUIET,
        **PROFILES[cluster.profile],
    }
    command = [str(cluster.binaries.postgres), "-D", str(place.data)]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    environment = _environment()
    stale = _recorded_pid(place)
    if stale is not None and not _is_postmaster(stale, place):
        # PostgreSQL takes any live process of the number in postmaster.pid for a server of this
        # cluster, except the one named here. The check for orphaned backends stays in force.
        environment["PG_GRANDPARENT_PID"] = str(stale)
    descriptor = os.open(place.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        return subprocess.Popen(  # noqa: S603 - our own programs and paths
            command,
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            cwd="/",
            env=environment,
            start_new_session=True,  # Ctrl-C in the terminal does not reach it
            umask=0o077,
            **place.child_arguments(),
        )
    except PermissionError as error:
        raise FolderPermissionError(
            f"{cluster.binaries.postgres} cannot be run by PostgreSQL's account",
            remedy="run as an ordinary user, or set DATABASE_URL to a server you have",
        ) from error
    finally:
        os.close(descriptor)


def _answers_in_time(cluster: Cluster, port: int, process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if answers(cluster, port):
            return True
        if process.poll() is not None:
            return False
        time.sleep(0.03)
    process.send_signal(signal.SIGQUIT)
    process.wait()
    raise StartError(
        f"PostgreSQL did not answer within {START_TIMEOUT_S} s",
        remedy=f"see {cluster.place.log}",
    )


def answers(cluster: Cluster, port: int) -> bool:
    """Tell whether this cluster, and no other server, answers on ``port``."""
    try:
        with psycopg.connect(
            cluster.admin_url(port),
            connect_timeout=5,
            require_auth="scram-sha-256",  # never show the password to another program
            autocommit=True,
        ) as connection:
            row = connection.execute("SHOW data_directory").fetchone()
    except psycopg.OperationalError:
        return False
    return row is not None and Path(row[0]) == cluster.place.data


def find_running(cluster: Cluster) -> int | None:
    """Return the port of the cluster's running server, waiting while one starts or stops."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        pid, port = _recorded_pid(cluster.place), _recorded_port(cluster.place)
        if port is not None and answers(cluster, port):
            return port
        if pid is None or not _is_postmaster(pid, cluster.place):
            return None
        time.sleep(0.05)
    raise StartError(
        f"a PostgreSQL of {cluster.place.data} runs but does not answer",
        remedy=f"see {cluster.place.log}, and stop that server",
    )


def stop_cluster(place: Place) -> None:
    """Stop the cluster's server, if one runs, and wait until it is gone; raise ``StopError``."""
    pid = server_pid(place)
    if pid is None:
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGINT)  # "fast": roll back, disconnect, checkpoint
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while _is_postmaster(pid, place):
        if time.monotonic() > deadline:
            raise StopError(
                f"PostgreSQL did not stop within {STOP_TIMEOUT_S} s", remedy=f"see {place.log}"
            )
        time.sleep(0.02)


def server_pid(place: Place) -> int | None:
    """Return the process of the cluster's server, ``None`` where none runs."""
    pid = _recorded_pid(place)
    return pid if pid is not None and _is_postmaster(pid, place) else None


def _recorded_pid(place: Place) -> int | None:
    return _recorded(place, 0)


def _recorded_port(place: Place) -> int | None:
    return _recorded(place, 3)


def _recorded(place: Place, line: int) -> int | None:
    """Return a number of postmaster.pid, which a server that starts fills line by line."""
    try:
        lines = (place.data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return None
    text = lines[line].strip() if len(lines) > line else ""
    return abs(int(text)) if text.lstrip("-").isdecimal() else None


def _is_postmaster(pid: int, place: Place) -> bool:
    """Tell whether process ``pid`` is a server of this cluster: numbers are used again."""
    if Path("/proc/self/cmdline").exists():
        try:
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
        return os.fsencode(place.data) in arguments  # a zombie has no arguments
    done = subprocess.run(  # noqa: S603 - a number of ours
        ["/bin/ps", "-p", str(pid), "-o", "stat=,command="],
        capture_output=True,
        text=True,
        check=False,
    )
    return str(place.data) in done.stdout and not done.stdout.startswith("Z")


def _rotate_log(log: Path) -> None:
    if log.exists() and log.stat().st_size > LOG_SIZE_BYTES_MAX:
        log.rename(log.with_suffix(".log.1"))


def _environment() -> dict[str, str]:
    """Return a child's environment: none of ours, so that no PG variable or secret leaks in."""
    return {"LC_ALL": "C", "PATH": "/usr/bin:/bin", "TZ": "UTC"}


def _explain(said: str, place: Place) -> OpsError:
    """Return the typed error for what PostgreSQL said when it failed."""
    last = next((line for line in reversed(said.splitlines()) if line.strip()), "it said nothing")
    if "No space left on device" in said:
        return DiskFullError(
            f"no space left for the database in {place.folder}",
            remedy="free some space (a gigabyte is plenty), or set THERIAC_HOME to another disk",
        )
    if "Permission denied" in said or "Operation not permitted" in said:
        return FolderPermissionError(
            f"PostgreSQL may not use {place.folder}: {last}",
            remedy="check who owns the folder, or set THERIAC_HOME to another",
        )
    return StartError(f"PostgreSQL did not start: {last}", remedy=f"see {place.log}")
