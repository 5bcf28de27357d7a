"""Sharing one server: who comes first starts it, who leaves last stops it.

Two files in the home are locked with flock, which the kernel lets go of when a process dies in
whatever way. ``postgres.users`` is held shared by every user; ``postgres.lock`` is held alone
while a server is started or stopped, so that coming and going never overlap. Users that were
killed leave no order behind them: a keeper beside the server stops it for them.
"""

import contextlib
import errno
import fcntl
import json
import os
import secrets
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from ops.errors import DiskFullError, FolderPermissionError, OpsError
from ops.postgres.binaries import find_binaries
from ops.postgres.cluster import (
    ADMIN,
    Cluster,
    OtherVersionError,
    StartError,
    find_running,
    make_cluster,
    start_cluster,
    stop_cluster,
)
from ops.postgres.keeper import leave_keeper
from ops.postgres.locks import alone, open_lock, try_alone
from ops.postgres.place import Place, place_for, reachable_binaries

Profile = Literal["safe", "test"]


class PasswordGoneError(OpsError):
    """There is a cluster, but the file with its password is gone."""


class Server:
    """A share in a running server. Use it as a context manager, or ``release()`` it once.

    The share also ends with the process; a server that nobody shares any more is stopped by
    whoever leaves last, and by its keeper where that one was killed.
    """

    def __init__(
        self,
        *,
        cluster: Cluster,
        home: Path,
        port: int,
        users: int,
        child: subprocess.Popen[bytes] | None,
    ) -> None:
        """Keep the share: ``users`` is the descriptor that holds the lock."""
        self._cluster = cluster
        self._home = home
        self._users: int | None = users
        self._child = child
        self._pid = os.getpid()
        self.port = port

    def admin_url(self, database: str = "postgres") -> str:
        """Return the URL of the cluster's administrator, a superuser that no app ever is."""
        return self._cluster.admin_url(self.port, database)

    @property
    def log(self) -> Path:
        """Return the server's log file."""
        return self._cluster.place.log

    def release(self) -> None:
        """Give the share back; the last one stops the server. Again does nothing."""
        users, self._users = self._users, None
        if users is None or self._pid != os.getpid():  # a fork's copy is no share of its own
            return
        with alone(self._home):
            try:
                if try_alone(users):
                    stop_cluster(self._cluster.place)
                    if self._child is not None:
                        self._child.wait()
                elif self._child is not None:
                    # It outlives us for its other users: nobody waits for this child.
                    self._child.returncode = 0
            finally:
                os.close(users)

    def __enter__(self) -> Self:
        """Return the server itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Release the share."""
        self.release()


def ensure_server(home: Path, *, profile: Profile = "safe") -> Server:
    """Return a share in the PostgreSQL of ``home``, making and starting it where needed.

    ``safe`` is durable; ``test`` may lose everything with the machine and is then made again.
    Safe to call from any number of processes and threads at once: a running server is joined in
    a few milliseconds. Raises an ``OpsError`` with the remedy.
    """
    home = home.absolute()
    with contextlib.ExitStack() as undo:
        try:
            home.mkdir(mode=0o711, parents=True, exist_ok=True)
            home = home.resolve()
            with alone(home):
                users = open_lock(home / "postgres.users")
                undo.callback(os.close, users)
                cluster, port, child = _running_cluster(
                    home, profile=profile, alone=try_alone(users)
                )
                fcntl.flock(users, fcntl.LOCK_SH)
                if child is not None:
                    leave_keeper(home, child.pid)
        except OSError as error:
            raise _explain(home, error) from error
        undo.pop_all()
    return Server(cluster=cluster, home=home, port=port, users=users, child=child)


def destroy_server(home: Path) -> None:
    """Stop the server of ``home`` and remove its cluster, wherever it lies: for throwaway homes."""
    home = home.resolve()
    link = home / "postgres"
    if not link.is_dir():
        return
    with alone(home):
        place = place_for(home, disposable=True)
        stop_cluster(place)
        shutil.rmtree(place.folder)
        if link.is_symlink():
            link.unlink()


def _running_cluster(
    home: Path, *, profile: Profile, alone: bool
) -> tuple[Cluster, int, subprocess.Popen[bytes] | None]:
    """Return the cluster, its port, and the server's process where this call started it."""
    disposable = profile == "test"
    place = place_for(home, disposable=disposable)
    binaries = reachable_binaries(place, find_binaries())
    cluster = Cluster(place=place, binaries=binaries, password=_password(place), profile=profile)
    port = find_running(cluster)
    if port is not None:
        return cluster, port, None
    try:
        make_cluster(cluster)
        return cluster, *start_cluster(cluster)
    except (OtherVersionError, StartError):
        if not (disposable and alone):
            raise
        # Without fsync a crash may leave rubble, and nothing in it is worth keeping.
        stop_cluster(place)
        shutil.rmtree(place.data)
        make_cluster(cluster)
        return cluster, *start_cluster(cluster)


def _password(place: Place) -> str:
    """Return the administrator's password, made once."""
    path = place.folder / "password.json"
    if not path.exists():
        if place.data.exists():
            raise PasswordGoneError(
                f"{path} is gone, and with it the way into {place.data}",
                remedy="restore the file, or move the folder away to begin with an empty database",
            )
        draft = path.with_suffix(".new")
        content = json.dumps({ADMIN: secrets.token_hex(32)})
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
    return str(json.loads(path.read_bytes())[ADMIN])


def _explain(home: Path, error: OSError) -> OpsError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return DiskFullError(
            f"no space left for the database in {home}",
            remedy="free some space, or set THERIAC_HOME to another disk",
        )
    return FolderPermissionError(
        f"{home} cannot hold the database: {error.strerror}",
        remedy="use the account that made it, or set THERIAC_HOME to a folder of your own",
    )
