"""Whether the log does its work: what ``/readyz`` says of it."""

import datetime as dt

from django.db import DatabaseError
from django.utils import timezone

from foundation.core.actor import SYSTEM
from foundation.health import readiness_check
from foundation.tenancy import acting_as
from ledger.models import LogFreeze, Pending


@readiness_check("sequencer")
def sequencer() -> str:
    """Return what is in the way of the log: it is frozen, or promises are overdue."""
    return sequencer_trouble(now=timezone.now())  # noqa: TID251 - the probe reads the clock


def sequencer_trouble(*, now: dt.datetime) -> str:
    """Return what is in the way at ``now``: an empty text where nothing is."""
    try:
        with acting_as(SYSTEM):
            if LogFreeze.objects.exists():
                return "the log is frozen: stored bytes differ from their hash"
            if Pending.objects.filter(submission__deadline_at__lt=now).exists():
                return "submissions wait beyond the deadline of their receipts"
    except DatabaseError:
        return "cannot be asked"
    return ""
