"""A client of the ledger as a process of its own: journals before it sends, and what it was told.

    python -m tests.faults.writer JOURNAL ORGANISATION SECONDS [--acknowledge-early]

With ``--acknowledge-early`` it notes a success before the commit: the planted defect that the
campaign has to catch.
"""

import datetime as dt
import json
import sys
import time
from pathlib import Path
from uuid import UUID, uuid4

import django

django.setup()

from django.db import DatabaseError, connections  # noqa: E402 - after the set-up

from foundation.core.actor import Actor, ActorKind  # noqa: E402
from foundation.core.problem import ProblemError  # noqa: E402
from foundation.tenancy import acting_as  # noqa: E402
from ledger.core.entry import EntryDraft  # noqa: E402
from ledger.services import submission_append  # noqa: E402


class AbandonedError(Exception):
    """The planted defect's transaction, rolled back after its success was told."""


def main(journal: Path, organisation_id: UUID, seconds: float, *, early: bool) -> None:
    """Append until the time is over, one journal line before and one after each request."""
    actor = Actor(kind=ActorKind.ORGANISATION, organisation_id=organisation_id)
    end = time.monotonic() + seconds
    with journal.open("a", buffering=1) as lines:
        number = 0
        while time.monotonic() < end:
            number += 1
            draft = EntryDraft(kind="test.thing.done.v1", id=uuid4(), body={"n": number})
            lines.write(json.dumps({"start": str(draft.id)}) + "\n")
            try:
                _append(actor, draft, lines.write, abandon=early and number % 10 == 0)
            except (DatabaseError, ProblemError):
                connections.close_all()
                time.sleep(0.05)
            except AbandonedError:
                continue


def _append(actor: Actor, draft: EntryDraft, write: object, *, abandon: bool) -> None:
    assert callable(write)
    with acting_as(actor):
        now = dt.datetime.now(dt.UTC)  # noqa: TID251 - a program of its own, with a clock
        receipt = submission_append(actor=actor, entries=[draft], now=now)
        acknowledged = json.dumps({"ack": receipt.entry_ids[0].hex()}) + "\n"
        if abandon:
            write(acknowledged)
            raise AbandonedError
    write(acknowledged)


if __name__ == "__main__":
    main(
        Path(sys.argv[1]),
        UUID(sys.argv[2]),
        float(sys.argv[3]),
        early="--acknowledge-early" in sys.argv,
    )
