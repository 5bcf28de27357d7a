"""Stops a server that nobody shares any more, for users that were killed and could not.

    python -P -m ops.postgres.keeper HOME PID

Whoever starts the server PID leaves this beside it. It ends with the server.
"""

import contextlib
import os
import subprocess
import sys
from pathlib import Path
from time import sleep

from ops.postgres.cluster import server_pid, stop_cluster
from ops.postgres.locks import alone, open_lock, try_alone
from ops.postgres.place import Place

POLL_S = 0.5


def leave_keeper(home: Path, pid: int) -> None:
    """Leave a keeper beside the server ``pid`` of ``home``.

    A process that changed its account may not be allowed to start its own interpreter again; then
    there is none, and the server is stopped by its last user alone.
    """
    if not os.access(sys.executable, os.X_OK):
        return
    process = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-P", "-m", "ops.postgres.keeper", str(home), str(pid)],
        cwd="/",
        env={"PATH": os.defpath, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    process.returncode = 0  # it may outlive us: nobody waits for this child


def keep(home: Path, pid: int) -> None:
    """Return when the server ``pid`` is gone, stopping it when nobody shares it any more."""
    place = Place(folder=(home / "postgres").resolve(), account=None)
    # Asking again and again, never waiting in line for the users' lock: who waits could get it
    # in the moment in which a user changes a shared lock into one alone.
    with contextlib.suppress(FileNotFoundError):  # a throwaway home was removed
        while not _is_over(home, place, pid):
            sleep(POLL_S)


def _is_over(home: Path, place: Place, pid: int) -> bool:
    with alone(home):
        if server_pid(place) != pid:
            return True
        users = open_lock(home / "postgres.users")
        try:
            if try_alone(users):
                stop_cluster(place)
                return True
        finally:
            os.close(users)
    return False


if __name__ == "__main__":
    keep(Path(sys.argv[1]), int(sys.argv[2]))
