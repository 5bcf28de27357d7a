"""A client or a monitor that is killed at the n-th step: ``python -m tests.client.killed``.

A step is the moment before or after a file is in place, or a request is answered.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from theriac_client import Client, Web
from theriac_client.monitor.cli import main as ledger_monitor

STEPS_LEFT = [0]


def step() -> None:
    STEPS_LEFT[0] -= 1
    if STEPS_LEFT[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)


def stepped(call: Callable[..., Any]) -> Callable[..., Any]:
    """Return the call with a step before it and one after it."""

    def run(*arguments: Any, **named: Any) -> Any:
        step()
        result = call(*arguments, **named)
        step()
        return result

    return run


def stepping() -> None:
    """Count steps from here on."""
    Path.replace = stepped(Path.replace)  # type: ignore[method-assign]
    Path.unlink = stepped(Path.unlink)  # type: ignore[method-assign]
    Web.post = stepped(Web.post)  # type: ignore[method-assign]


def main() -> None:
    if sys.argv[1] == "watch":
        STEPS_LEFT[0] = int(sys.argv[2])
        stepping()
        os.fsync = stepped(os.fsync)
        sys.exit(ledger_monitor(["--once", "--folder", sys.argv[3]]))
    folder, address, api_key, steps = sys.argv[1:]
    STEPS_LEFT[0] = int(steps)
    stepping()
    client = Client(folder=Path(folder), web=Web(address, api_key=api_key), key_wait_s=0)
    if document := sys.stdin.buffer.read():
        client.submit(document)
    else:
        client.rotate()


if __name__ == "__main__":
    main()
