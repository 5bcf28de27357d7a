"""A program that ends with whoever started it, even by ``kill -9``.

    python -I ops/tether.py PARENT command ...

becomes ``command``, after leaving a small watcher beside it. When the process PARENT is gone the
watcher stops the command: the whole group where the command leads one, else the command alone.
Standard library only: it runs before anything else is loaded.
"""

import contextlib
import os
import select
import signal
import sys
import time
from collections.abc import Sequence

GRACE_S = 10.0  # between asking and killing
POLL_S = 0.5  # only where the kernel cannot tell by itself
LOOK_S = 0.05


def tethered(command: Sequence[str]) -> list[str]:
    """Return the call of ``command`` that ends with this process."""
    return [sys.executable, "-I", __file__, str(os.getpid()), *command]


def main(arguments: Sequence[str]) -> None:
    """Leave the watcher and become the command."""
    parent, command = int(arguments[0]), list(arguments[1:])
    target = os.getpid()
    leads = os.getpgid(0) == target
    if os.getppid() != parent:
        return  # it was killed before we began
    if os.fork() == 0:
        os.setsid()  # out of the group, and of Ctrl-C's reach
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in range(3):
            os.dup2(nowhere, descriptor)
        watch(parent, target, leads=leads)
        os._exit(0)
    os.execvp(command[0], command)  # noqa: S606 - our own programs, no shell


def watch(parent: int, target: int, *, leads: bool) -> None:
    """Return when ``target`` has ended; when ``parent`` ends before it, stop ``target``."""
    if not _parent_ends(parent, target):
        return
    send = os.killpg if leads else os.kill
    with contextlib.suppress(ProcessLookupError, PermissionError):
        send(target, signal.SIGTERM)
        deadline = time.monotonic() + GRACE_S
        while time.monotonic() < deadline:
            send(target, 0)  # raises once nobody is left
            time.sleep(LOOK_S)
        send(target, signal.SIGKILL)


def _parent_ends(parent: int, target: int) -> bool:
    """Wait until either ends; tell whether the parent did."""
    try:
        ends = {os.pidfd_open(target): False, os.pidfd_open(parent): True}
    except (AttributeError, OSError):  # no such call here, or one of them is gone already
        while _is_there(parent) and _is_there(target):
            time.sleep(POLL_S)
        return not _is_there(parent)
    poll = select.poll()
    for descriptor in ends:
        poll.register(descriptor, select.POLLIN)
    ended = [descriptor for descriptor, _ in poll.poll()]
    for descriptor in ends:
        os.close(descriptor)
    return any(ends[descriptor] for descriptor in ended)


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


if __name__ == "__main__":
    main(sys.argv[1:])
