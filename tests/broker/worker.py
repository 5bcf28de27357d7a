"""A Celery worker as deployments run it, with handlers that the tests can see and hold up.

python -m celery -A tests.broker.worker worker
"""

import os
import time
from pathlib import Path

from config.celery import app
from foundation.outbox import OutboxWork, outbox_handler, outbox_put

__all__ = ["app"]

FOLDER = Path(os.environ.get("TESTS_BROKER_FOLDER", "/nowhere"))


@outbox_handler("tests.broker.effect")
def effect(work: OutboxWork) -> None:
    """Leave a row that a second run would leave again: it is not idempotent on purpose."""
    outbox_put(handler="tests.broker.done", payload=work.payload, now=work.now, queue="outside")


@outbox_handler("tests.broker.held_up")
def held_up(work: OutboxWork) -> None:
    """Have the effect, say so, and stay until the test lets go or kills."""
    effect(work)
    (FOLDER / "begun").touch()
    while not (FOLDER / "go").exists():
        time.sleep(0.05)


@outbox_handler("tests.broker.done")
def done(work: OutboxWork) -> None:
    """Do nothing: the row itself is what tests count."""
