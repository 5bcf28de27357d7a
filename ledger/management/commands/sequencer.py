"""Run a sequencer of every channel: the first leads, the others stand by and take over."""

import logging
import signal
import time
from argparse import ArgumentParser

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError, connections
from django.utils import timezone

from foundation.core.actor import SYSTEM
from foundation.core.problem import ProblemError
from foundation.tenancy import SYSTEM_ALIAS, acting_as
from ledger.selectors import LogInfo, log_list
from ledger.services import Sequencer
from ledger.services.witnessing import Witnessing, is_witnessed

logger = logging.getLogger(__name__)

STAND_BY_S = 0.2
TROUBLE_S = 1.0
NEW_CHANNELS_S = 1.0


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
        channels = Channels()
        while not self.stopping:
            try:
                leading = channels.flush()
            except DatabaseError as error:
                logger.warning("the sequencer waits", exc_info=error)
                connections[SYSTEM_ALIAS].close()  # and with it every lead
                channels = Channels()
                time.sleep(TROUBLE_S)
                continue
            if once and leading:
                return
            time.sleep(settings.SEQUENCER_FLUSH_MS / 1000 if leading else STAND_BY_S)

    def _stop(self, *_: object) -> None:
        self.stopping = True


class Channels:
    """Every channel of the deployment, each with its own lead and its own trouble."""

    def __init__(self) -> None:
        """Lead none yet."""
        self._logs: list[LogInfo] = []
        self._leading: dict[int, Sequencer] = {}
        self._asleep: dict[int, float] = {}  # until when nothing is tried, by log
        self._listed = 0.0

    def flush(self) -> bool:
        """Flush every channel that this process leads; return whether it leads any.

        What is wrong with one does not stop the others. Raise ``DatabaseError`` where the
        connection itself is gone.
        """
        now = time.monotonic()
        if now >= self._listed:
            with acting_as(SYSTEM):
                self._logs = log_list()
            self._listed = now + NEW_CHANNELS_S
        for log in self._logs:
            if self._asleep.get(log.id, 0.0) <= now:
                self._flush(log)
        return bool(self._leading)

    def _flush(self, log: LogInfo) -> None:
        sequencer = self._leading.get(log.id)
        try:
            if sequencer is None:
                sequencer = _lead(log)
            if sequencer is None:
                self._asleep[log.id] = time.monotonic() + STAND_BY_S
                return
            self._leading[log.id] = sequencer
            sequencer.flush(now=timezone.now())
        except (DatabaseError, ProblemError) as error:
            if not connections[SYSTEM_ALIAS].is_usable():
                raise
            logger.warning("a channel's sequencer waits", exc_info=error)
            # Given away: another process may be luckier. It holds the lead once, so it goes whole.
            if self._leading.pop(log.id, None) is not None:
                Sequencer(log).resign()
            self._asleep[log.id] = time.monotonic() + TROUBLE_S


def _lead(log: LogInfo) -> Sequencer | None:
    """Return a sequencer that leads, or ``None`` while another does.

    Before it signs anything, the witnesses are asked once: raise ``FrozenError`` where they know
    a larger log. Those who do not answer in time hold up nothing.
    """
    sequencer = Sequencer(log)
    if not sequencer.lead():
        return None
    policy = settings.WITNESS_POLICY
    # The directory's policy is about it, or is refused; heads of a further channel that no policy
    # names are signed, and stay provisional.
    if log.name == settings.CHANNEL_NAME or is_witnessed(log, policy):
        try:
            Witnessing(log, policy, timeout_s=settings.WITNESS_TIMEOUT_S).round(now=timezone.now())
        except BaseException:
            sequencer.resign()
            raise
    return sequencer
