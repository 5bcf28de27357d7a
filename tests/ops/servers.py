"""What the tests of the embedded server share."""

import os
import shutil
import tempfile
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
