"""Run the outbox: due messages, each as the actor that wanted it.

With ``BROKER_URL`` the relay only leases them and hands the ids to Celery's workers.
"""

import logging
import signal
import time
from argparse import ArgumentParser
from collections.abc import Callable
from uuid import UUID

from celery import Celery
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError, connections
from django.utils import timezone

from foundation.outbox import outbox_claim, outbox_run

logger = logging.getLogger(__name__)

IDLE_S = 0.2
TROUBLE_S = 1.0


class Command(BaseCommand):
    """``manage.py relay``: runs until SIGTERM or Ctrl-C."""

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take ``--once`` for scripts: run what is due, then stop."""
        parser.add_argument("--once", action="store_true")

    def handle(self, *, once: bool, **_: object) -> None:
        """Claim and run until told to stop; trouble with the database is waited out."""
        self.stopping = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        run = _runner()
        while not self.stopping:
            try:
                claimed = outbox_claim(now=timezone.now())
                for message_id in claimed:
                    run(message_id)
            except DatabaseError as error:
                logger.warning("the relay waits", exc_info=error)
                connections.close_all()
                time.sleep(TROUBLE_S)
                continue
            if not claimed:
                if once:
                    return
                time.sleep(IDLE_S)

    def _stop(self, *_: object) -> None:
        self.stopping = True


def _runner() -> Callable[[UUID], object]:
    """Return what is done with a leased message: run it here, or give it to a worker."""
    if not settings.BROKER_URL:
        return lambda message_id: outbox_run(message_id, now=timezone.now())
    broker = Celery(broker=settings.BROKER_URL)
    # A message that the broker loses is leased again when its lease runs out.
    return lambda message_id: broker.send_task("foundation.outbox_run", [str(message_id)])
