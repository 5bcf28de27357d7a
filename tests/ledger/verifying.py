"""A user of verifying processes that is a process itself; imported before Django is set up."""

import multiprocessing
from typing import Any

from nacl.signing import SigningKey

PRIVATE = SigningKey(bytes(range(32)))
GOOD = (bytes(PRIVATE.verify_key), b"said", PRIVATE.sign(b"said").signature)
BAD = (GOOD[0], b"not said", GOOD[2])
MANY = [BAD if at in (0, 300, 999) else GOOD for at in range(1000)]


def verified() -> tuple[list[int], list[int]]:
    """Return which of ``MANY`` do not hold, and the processes that verified for this one."""
    import django  # noqa: PLC0415 - a process of its own

    django.setup()
    from ledger.services.signatures import unsigned_of  # noqa: PLC0415 - as above

    bad = unsigned_of(MANY)
    return bad, [child.pid for child in multiprocessing.active_children() if child.pid]


def tell(found: "multiprocessing.Queue[Any]") -> None:
    """Put what was verified into a queue, and end as a process does."""
    found.put(verified())


if __name__ == "__main__":
    import sys

    bad, pids = verified()
    assert bad == [0, 300, 999]
    sys.stdout.write(" ".join(map(str, pids)) + "\n")
    sys.stdout.flush()
    sys.stdin.read()
