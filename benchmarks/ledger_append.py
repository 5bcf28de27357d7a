"""How fast one process appends and sequences, single-signed and batch-signed, with fsync.

    .venv/bin/python -m benchmarks.ledger_append

Plain submissions over the embedded PostgreSQL with the profile `safe`: entries are built, signed,
stored with their receipt and sequenced, all checks on. One submitter, so this is latency bound;
it is no claim about many.
"""

import datetime as dt
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from uuid import uuid4

from ops.environment import ROOT, database_environment, without_database

SINGLES = 500
BATCHES = 20
BATCH_SIZE = 1000


def main() -> None:
    """Measure, print, and write the result."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        home.chmod(0o755)
        with database_environment(without_database(os.environ), home) as environment:
            os.environ.update(environment, DJANGO_SETTINGS_MODULE="config.settings")
            migrate = [sys.executable, str(ROOT / "manage.py"), "migrate", "--verbosity", "0"]
            subprocess.run(migrate, check=True)  # noqa: S603 - our own program
            measured = _measure()
    result = {
        "benchmark": "ledger_append",
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {sys.version.split()[0]}",
        "entries_per_s": measured,
    }
    for name, rate in measured.items():
        print(f"{name:<28}{rate:>12,.0f} entries/s")
    path = ROOT / "benchmarks" / "results" / "ledger_append.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n")


def _measure() -> dict[str, float]:
    import django  # noqa: PLC0415 - settings read the environment that was made just now

    django.setup()
    from foundation.core.actor import organisation_actor  # noqa: PLC0415 - as above
    from ledger.core.entry import EntryDraft  # noqa: PLC0415 - as above
    from ledger.services import Sequencer, channel_create, submission_append  # noqa: PLC0415

    operator_id = uuid4()
    log = channel_create(operator_id=operator_id, operator_name="Bench", now=_now())
    actor = organisation_actor(operator_id)
    sequencer = Sequencer(log)

    def rate(submissions: int, size: int) -> float:
        started = time.perf_counter()
        for _ in range(submissions):
            drafts = [
                EntryDraft(kind="bench.entry.made.v1", id=uuid4(), body={"number": number})
                for number in range(size)
            ]
            submission_append(actor=actor, entries=drafts, now=_now())
            if size > 1:
                sequencer.flush(now=_now())
        sequencer.flush(now=_now())
        return submissions * size / (time.perf_counter() - started)

    return {
        "one signature per entry": rate(SINGLES, 1),
        f"one per {BATCH_SIZE} entries": rate(BATCHES, BATCH_SIZE),
    }


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


if __name__ == "__main__":
    main()
