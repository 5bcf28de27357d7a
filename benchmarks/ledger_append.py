"""How fast a ledger takes entries, end to end: built, signed, stored, sequenced, in a checkpoint.

    .venv/bin/python -m benchmarks.ledger_append

Submitters are processes, as web workers are; the sequencer is one more, as in production; the
embedded PostgreSQL runs with the profile ``safe``, which waits for the disk. Entries are counted,
not headers, and the clock stops when the last one stands in a signed checkpoint. Beside it, what
the disk and the table would bear if nothing were checked: rows of the same bytes by a bare COPY.
"""

import multiprocessing
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier
from secrets import token_bytes
from statistics import quantiles
from uuid import UUID, uuid4

from benchmarks.harness import Measured, now, own_database, report
from ops.environment import ROOT

PROCESSES = 2
SINGLES = 1500  # submissions of one entry, by each process, one after the other
SIGNED, SIGNED_AT_ONCE, DEVICES = 12_000, 1000, 16  # signed by devices' keys, by each process
BATCHES, BATCH_SIZE = 20, 1000  # submissions, and the entries of each, by each process
WRITERS = 64
WAITED = 10  # submissions that each writer waits for
COPIED, COPIED_AT_ONCE = 40_000, 1000
ENTRY_SIZE_BYTES = 420


def main() -> None:
    """Measure, print, and write the result."""
    with own_database():
        operator_id = _channel()
        with subprocess.Popen([sys.executable, str(ROOT / "manage.py"), "sequencer"]) as sequencer:  # noqa: S603
            measured = [
                _rate("one signature per entry, one call each", operator_id, SINGLES, 1),
                _signed(operator_id),
                _rate(f"one per {BATCH_SIZE} entries", operator_id, BATCHES, BATCH_SIZE),
                *_latency(operator_id),
            ]
            sequencer.terminate()
        measured.append(_copy())
    report("ledger_append", measured, processes=PROCESSES, writers=WRITERS)


def _channel() -> UUID:
    from ledger.services import channel_create  # noqa: PLC0415 - Django was set up just now

    operator_id = uuid4()
    channel_create(operator_id=operator_id, operator_name="Bench", now=now())
    return operator_id


def _rate(name: str, operator_id: UUID, submissions: int, size: int) -> Measured:
    """Let every process submit; return entries a second until all are sequenced."""
    took = _together(_submit, operator_id, submissions, size)
    return Measured(name, PROCESSES * submissions * size / took, "entries/s")


def _signed(operator_id: UUID) -> Measured:
    """Let every process bring what devices signed one by one; the clients' work is done before."""
    took = _together(_bring, operator_id)
    name = f"one signature per entry, {SIGNED_AT_ONCE} to a call"
    return Measured(name, PROCESSES * SIGNED / took, "entries/s")


def _together(work: Callable[..., None], *args: object) -> float:
    """Run ``work`` in every process at once; return the seconds until all is sequenced."""
    context = multiprocessing.get_context("spawn")
    ready, go = context.Barrier(PROCESSES + 1), context.Barrier(PROCESSES + 1)
    workers = [
        context.Process(target=work, args=args, kwargs={"barriers": (ready, go)})
        for _ in range(PROCESSES)
    ]
    for worker in workers:
        worker.start()
    ready.wait()
    started = time.perf_counter()
    go.wait()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    _drained()
    return time.perf_counter() - started


def _bring(operator_id: UUID, *, barriers: Sequence[Barrier]) -> None:
    import django  # noqa: PLC0415 - a new process

    django.setup()
    from benchmarks.devices import devices_made, signed_by_devices  # noqa: PLC0415 - as above
    from foundation.core.actor import organisation_actor  # noqa: PLC0415 - as above
    from ledger.core.receipt import Receipt  # noqa: PLC0415 - as above
    from ledger.errors import QueueFullError  # noqa: PLC0415 - as above
    from ledger.services import submissions_append  # noqa: PLC0415 - as above

    actor = organisation_actor(operator_id)
    devices = devices_made(actor, DEVICES, now())
    # The first call starts the processes that verify, as a server's first one does.
    batches = [
        signed_by_devices(actor, devices, SIGNED_AT_ONCE, now())
        for _ in range(1 + SIGNED // SIGNED_AT_ONCE)
    ]
    submissions_append(actor=actor, sent=batches.pop(0), now=now())
    for barrier in barriers:
        barrier.wait()
    for batch in batches:
        while True:
            try:
                outcomes = submissions_append(actor=actor, sent=batch, now=now())
            except QueueFullError:
                time.sleep(0.01)
            else:
                assert all(isinstance(outcome, Receipt) for outcome in outcomes)
                break


def _submit(operator_id: UUID, submissions: int, size: int, *, barriers: Sequence[Barrier]) -> None:
    """Submit, and come back when the queue is full, as a caller does that is told 503."""
    import django  # noqa: PLC0415 - a new process

    django.setup()
    from ledger.errors import QueueFullError  # noqa: PLC0415 - as above

    for barrier in barriers:
        barrier.wait()
    for _ in range(submissions):
        while True:
            try:
                _append(operator_id, size)
            except QueueFullError:
                time.sleep(0.01)
            else:
                break


def _append(operator_id: UUID, size: int) -> tuple[str, UUID]:
    from foundation.core.actor import organisation_actor  # noqa: PLC0415 - Django is set up
    from ledger.core.entry import EntryDraft  # noqa: PLC0415 - as above
    from ledger.services import submission_append  # noqa: PLC0415 - as above

    actor = organisation_actor(operator_id)
    drafts = [
        EntryDraft(
            kind="bench.entry.made.v1",
            id=uuid4(),
            body={"number": number},
            commitments=(token_bytes(32),),
        )
        for number in range(size)
    ]
    promise = submission_append(actor=actor, entries=drafts, now=now()).promise
    return promise.log, promise.id


def _drained() -> None:
    from foundation.core.actor import SYSTEM  # noqa: PLC0415 - Django is set up
    from foundation.tenancy import acting_as  # noqa: PLC0415 - as above
    from ledger.models import Pending  # noqa: PLC0415 - as above

    while True:
        with acting_as(SYSTEM):
            if not Pending.objects.exists():
                return
        time.sleep(0.005)


def _latency(operator_id: UUID) -> Sequence[Measured]:
    """Return median and 99th percentile from the call to a proof in a published checkpoint."""
    waits = multiprocessing.get_context("spawn").SimpleQueue()
    _together(_wait, operator_id, waits)
    all_waited = [each for _ in range(PROCESSES) for each in waits.get()]
    percentiles = quantiles(all_waited, n=100)
    return [
        Measured(f"submit to proof, {WRITERS} writers, p50", percentiles[49], "ms"),
        Measured(f"submit to proof, {WRITERS} writers, p99", percentiles[98], "ms"),
    ]


def _wait(
    operator_id: UUID, waits: "SimpleQueue[list[float]]", *, barriers: Sequence[Barrier]
) -> None:
    """Let this process's share of the writers submit and wait; tell how long each waited, in ms."""
    import django  # noqa: PLC0415 - a new process

    django.setup()
    from django.db import connections  # noqa: PLC0415 - as above

    from ledger.waiting import sequenced_wait  # noqa: PLC0415 - as above

    def write(_: int) -> list[float]:
        waited = []
        for _ in range(WAITED):
            started = time.perf_counter()
            origin, submission_id = _append(operator_id, 1)
            found = sequenced_wait(
                origin=origin,
                organisation_id=operator_id,
                submission_id=submission_id,
                wait_s=10,
            )
            assert found is not None
            waited.append((time.perf_counter() - started) * 1000)
        connections.close_all()
        return waited

    share = WRITERS // PROCESSES
    with ThreadPoolExecutor(share) as pool:
        for barrier in barriers:
            barrier.wait()
        waits.put([each for waited in pool.map(write, range(share)) for each in waited])


def _copy() -> Measured:
    """Return the limit: the same bytes into a table with one index, unchecked, by COPY."""
    from django.db import connections  # noqa: PLC0415 - Django is set up

    connection = connections["owner"]
    rows = [(token_bytes(32), bytes(ENTRY_SIZE_BYTES)) for _ in range(COPIED)]
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bench_rows (id bytea PRIMARY KEY, content bytea NOT NULL)")
        started = time.perf_counter()
        for first in range(0, COPIED, COPIED_AT_ONCE):
            with cursor.copy("COPY bench_rows FROM STDIN (FORMAT BINARY)") as copy:
                copy.set_types(["bytea", "bytea"])
                for row in rows[first : first + COPIED_AT_ONCE]:
                    copy.write_row(row)
        took = time.perf_counter() - started
        cursor.execute("DROP TABLE bench_rows")
    return Measured("limit: the same bytes by COPY, unchecked", COPIED / took, "rows/s")


if __name__ == "__main__":
    main()
