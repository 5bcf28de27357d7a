"""Run a sequencer: the first leads, the others stand by and take over."""

import logging
import signal
import time
from argparse import ArgumentParser

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError, connections
from django.utils import timezone

from foundation.core.actor import PUBLIC
from foundation.core.problem import ProblemError
from foundation.tenancy import SYSTEM_ALIAS, acting_as
from ledger.errors import NoLogError
from ledger.selectors import LogInfo, current_log
from ledger.services import Sequencer
from ledger.services.witnessing import Witnessing

logger = logging.getLogger(__name__)

STAND_BY_S = 0.2
TROUBLE_S = 1.0


class Command(BaseCommand):
    """``manage.py sequencer``: runs until SIGTERM or Ctrl-C."""

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take ``--once`` for scripts."""
        parser.add_argument("--once", action="store_true", help="flush once and stop")

    def handle(self, *, once: bool, **_: object) -> None:
        """Lead and flush until told to stop; trouble with the database is waited out."""
        self.stopping = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        sequencer: Sequencer | None = None
        while not self.stopping:
            try:
                sequencer = sequencer or _lead()
                if sequencer is None:
                    time.sleep(STAND_BY_S)
                    continue
                sequencer.flush(now=timezone.now())
            except (DatabaseError, ProblemError) as error:
                logger.warning("the sequencer waits", exc_info=error)
                connections[SYSTEM_ALIAS].close()  # and with it the lead
                sequencer = None
                time.sleep(TROUBLE_S)
                continue
            if once:
                return
            time.sleep(settings.SEQUENCER_FLUSH_MS / 1000)

    def _stop(self, *_: object) -> None:
        self.stopping = True


def _lead() -> Sequencer | None:
    """Return a sequencer that leads, or ``None`` while another does or there is no log.

    Before it signs anything, the witnesses are asked once: raise ``FrozenError`` where they know
    a larger log. Those who do not answer in time hold up nothing.
    """
    log = _log()
    sequencer = None if log is None else Sequencer(log)
    if log is None or sequencer is None or not sequencer.lead():
        return None
    policy = settings.WITNESS_POLICY
    Witnessing(log, policy, timeout_s=settings.WITNESS_TIMEOUT_S).round(now=timezone.now())
    return sequencer


def _log() -> LogInfo | None:
    try:
        with acting_as(PUBLIC):
            return current_log()
    except NoLogError:
        return None
