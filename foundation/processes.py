"""Processes for work that one interpreter cannot spread over the cores.

They import only what they are given to do, and never Django; none outlives whoever started it.
"""

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.util import Finalize
from threading import Thread


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


def may_have_children() -> bool:
    """Whether this process may start others: one that its parent ends by force may not."""
    return not multiprocessing.current_process().daemon


def pool_start(processes: int | None = None) -> ProcessPoolExecutor:
    """Return a pool of ``processes``, by default one for each core; they start when needed."""
    pool = ProcessPoolExecutor(
        processes or cores(),
        # Spawned, not forked: a child must not inherit the connections to the database.
        mp_context=multiprocessing.get_context("spawn"),
        initializer=end_with_parent,
    )
    # A process that is itself a child waits for its children at its end, and would for ever: they
    # are told first, before the queue that tells them is closed (which has priority 10).
    Finalize(None, pool.shutdown, exitpriority=100)
    return pool


def end_with_parent() -> None:
    """Let this process end once its parent is gone, killed or not: nothing else would tell it."""

    def wait() -> None:
        parent = multiprocessing.parent_process()
        assert parent is not None
        parent.join()
        os._exit(0)

    Thread(target=wait, daemon=True).start()
