"""What the tests of the embedded server share."""

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from ops.postgres.place import Account


def is_up(url: str) -> bool:
    """Tell whether somebody answers there."""
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def postmaster_of(home: Path) -> int:
    """Return the server's process."""
    return int((home / "postgres" / "data" / "postmaster.pid").read_text().splitlines()[0])


def is_running(pid: int) -> bool:
    """Tell whether the process is there and no zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def descendants(pid: int) -> list[int]:
    """Return the children of a process, theirs, and so on."""
    found, parents = [pid], {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    for each in found:  # grows while it is read
        found += [child for child, parent in parents.items() if parent == each]
    return found[1:]


def listens(port: int) -> bool:
    """Tell whether somebody listens on a port of this machine."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    rows = [line.split() for line in lines]
    return any(row[3] == "0A" and row[1].endswith(f":{port:04X}") for row in rows)


def wait_until(true: Callable[[], bool]) -> None:
    """Return once it is true; fail after a minute and a half."""
    deadline = time.monotonic() + 90
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


class open_folder:  # noqa: N801 - reads as a function
    """A folder that everybody may pass, removed with the server in it."""

    def __enter__(self) -> Path:
        """Return the folder."""
        self.folder = Path(tempfile.mkdtemp(prefix="theriac test "))
        self.folder.chmod(0o711)
        return self.folder

    def __exit__(self, *_: object) -> None:
        """Remove it."""
        shutil.rmtree(self.folder)


def as_account(account: Account, work: Callable[[], bool]) -> bool:
    """Run ``work`` in a child under another account; tell whether it returned true."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setgroups([])
            os.setgid(account.gid)
            os.setuid(account.uid)
            code = 0 if work() else 1
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
