"""Run the outbox: due messages, each as the actor that wanted it.

With ``BROKER_URL`` the relay only leases them and hands the ids to Celery's workers.
"""

import signal
from argparse import ArgumentParser
from threading import Event

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import timezone

from foundation.broker import broker_app
from foundation.relay import relay_here, relay_once, relay_to_broker


class Command(BaseCommand):
    """``manage.py relay``: runs until SIGTERM or Ctrl-C."""

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take ``--once`` for scripts: run what is due, then stop."""
        parser.add_argument("--once", action="store_true")

    def handle(self, *, once: bool, **_: object) -> None:
        """Relay until told to stop; trouble with the database or the broker is waited out."""
        stop = Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        if settings.BROKER_URL:
            relay_to_broker(broker_app(), timezone.now, stop, once=once)
        elif once:
            relay_once(timezone.now)
        else:
            relay_here(timezone.now, stop)
