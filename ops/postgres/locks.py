"""The two locks of a home, which the kernel lets go of when a process dies in whatever way."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def alone(home: Path) -> Iterator[None]:
    """Hold the home's lock: nobody else starts or stops its server meanwhile."""
    descriptor = open_lock(home / "postgres.lock")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def try_alone(users: int) -> bool:
    """Tell whether nobody else uses the server."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def open_lock(path: Path) -> int:
    """Return a descriptor of a lock's file, made where there is none."""
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
