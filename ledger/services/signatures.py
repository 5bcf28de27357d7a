"""Signatures verified on all cores, while whoever found them goes on reading.

Ed25519 is what a full verification costs; the replay of governance and hashes cannot be spread,
the signatures can. Processes start only for a log that is worth it.
"""

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import NamedTuple, Self, TypeAlias, cast

from foundation.processes import cores, may_have_children, pool_start
from ledger.core.ed25519 import key_id_of, unsigned
from ledger.core.verify import Fault, SignatureTask

Triple: TypeAlias = tuple[bytes, bytes, bytes]

CHUNK = 256
NOT_SIGNED = "the signature does not belong to key {key}…"
_WAITING_MAX = 16  # chunks that are handed out: memory stays bounded however long the log is


class _Named(NamedTuple):
    task: SignatureTask
    what: str


class SignatureChecker:
    """Takes signatures to verify; ``faults`` gives those that do not hold, in order of index."""

    def __init__(self, *, processes: int | None = None) -> None:
        """Verify in ``processes``, by default one for each core that this process may use."""
        self.count = 0
        self._processes = processes or cores()
        self._pool: ProcessPoolExecutor | None = None
        self._chunk: list[_Named] = []
        self._running: deque[tuple[list[_Named], Future[list[int]]]] = deque()
        self._faults: list[Fault] = []

    def __enter__(self) -> Self:
        """Start nothing yet."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the processes, at once where something went wrong."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=kind is not None)

    def add(self, task: SignatureTask, what: str) -> None:
        """Take a signature; ``what`` is the fault if it does not hold, ``{key}`` in it the key."""
        self.count += 1
        self._chunk.append(_Named(task, what))
        if len(self._chunk) == CHUNK:
            self._hand_out()

    def faults(self) -> Iterator[Fault]:
        """Wait for all, and yield what is wrong."""
        while self._running:
            self._take_back()
        self._note(self._chunk, unsigned(_triples(self._chunk)))
        self._chunk = []
        yield from sorted(self._faults, key=lambda fault: fault.index)

    def _hand_out(self) -> None:
        if self._processes == 1:
            self._note(self._chunk, unsigned(_triples(self._chunk)))
        else:
            self._pool = self._pool or pool_start(self._processes)
            self._running.append((self._chunk, self._pool.submit(unsigned, _triples(self._chunk))))
            if len(self._running) > _WAITING_MAX:
                self._take_back()
        self._chunk = []

    def _take_back(self) -> None:
        chunk, future = self._running.popleft()
        self._note(chunk, future.result())

    def _note(self, chunk: Sequence[_Named], bad: Sequence[int]) -> None:
        for at in bad:
            task, what = chunk[at]
            key = key_id_of(task.public_key).hex()[:16]
            self._faults.append(Fault(index=task.index, what=what.format(key=key)))


class _Processes:
    """One pool for this process, made when first wanted: starting it costs more than most calls."""

    def __init__(self) -> None:
        self._owner, self._pool = 0, cast("ProcessPoolExecutor | None", None)

    def unsigned(self, triples: Sequence[Triple]) -> list[int]:
        chunks = [triples[at : at + CHUNK] for at in range(0, len(triples), CHUNK)]
        try:
            found = list(self._at_hand().map(unsigned, chunks))
        except BrokenProcessPool:
            # Somebody killed one of them; the next call gets new ones.
            self._pool = None
            return unsigned(triples)
        return [chunk * CHUNK + at for chunk, bad in enumerate(found) for at in bad]

    def _at_hand(self) -> ProcessPoolExecutor:
        if self._pool is None or self._owner != os.getpid():
            self._owner, self._pool = os.getpid(), pool_start()
        return self._pool


_PROCESSES = _Processes()


def unsigned_of(triples: Sequence[Triple]) -> list[int]:
    """Return which of (public key, message, signature) do not hold, by their place.

    Many are verified on all cores, in processes that stay.
    """
    if len(triples) < CHUNK or not may_have_children():
        return unsigned(triples)
    return _PROCESSES.unsigned(triples)


def _triples(chunk: Sequence[_Named]) -> list[Triple]:
    return [(task.public_key, task.message, task.signature) for task, _ in chunk]
