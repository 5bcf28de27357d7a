"""Celery's workers: ``celery -A config.celery worker``, where ``BROKER_URL`` names a broker.

Without one the relay runs everything itself, and there is no worker.
"""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django

django.setup()

from uuid import UUID  # noqa: E402 - the apps are ready only now

from django.utils import timezone  # noqa: E402

from foundation.broker import TASK, broker_app  # noqa: E402
from foundation.outbox import outbox_begin, outbox_run  # noqa: E402

app = broker_app()


@app.task(name=TASK)
def outbox_run_task(message_id: str) -> None:
    """Run one message; the row, not the broker, guarantees that it is done once."""
    if outbox_begin(UUID(message_id), now=timezone.now()):
        outbox_run(UUID(message_id), now=timezone.now())
