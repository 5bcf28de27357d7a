"""Celery, where ``BROKER_URL`` names a broker; without one the relay runs everything itself."""

import os

from celery import Celery
from django.conf import settings
from django.utils import timezone

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("theriac", broker=settings.BROKER_URL or None)
app.conf.update(task_acks_late=True, task_ignore_result=True, worker_hijack_root_logger=False)


@app.task(name="foundation.outbox_run")
def outbox_run_task(message_id: str) -> None:
    """Run one leased message; the row, not the broker, guarantees that it is done."""
    from uuid import UUID  # noqa: PLC0415 - the apps are ready only when a task runs

    from foundation.outbox import outbox_run  # noqa: PLC0415 - as above

    outbox_run(UUID(message_id), now=timezone.now())
