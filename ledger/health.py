"""Whether the log does its work: what ``/readyz`` and ``/metrics`` say of it."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings
from django.db import DatabaseError
from django.db.models import Count, Min, Q
from django.utils import timezone

from foundation.core.actor import SYSTEM
from foundation.health import readiness_check
from foundation.metrics import Gauge, metrics_source
from foundation.tenancy import acting_as
from ledger.models import Checkpoint, LogFreeze, Pending, WitnessConflict
from ledger.published import checkpoint_published
from ledger.selectors import LogInfo, checkpoint_latest, log_list


@readiness_check("sequencer")
def sequencer() -> str:
    """Return what is in the way of the log: it is frozen, or promises are overdue."""
    return sequencer_trouble(now=timezone.now())  # noqa: TID251 - the probe reads the clock


def sequencer_trouble(*, now: dt.datetime) -> str:
    """Return what is in the way at ``now``: an empty text where nothing is."""
    try:
        with acting_as(SYSTEM):
            if LogFreeze.objects.exists():
                return "a log is frozen: stored bytes differ from their hash, or it was rolled back"
            if Pending.objects.filter(submission__deadline_at__lt=now).exists():
                return "submissions wait beyond the deadline of their receipts"
    except DatabaseError:
        return "cannot be asked"
    return ""


@readiness_check("checkpoint")
def checkpoint() -> str:
    """Return what is in the way of the next checkpoint, before any promise is broken."""
    return checkpoint_trouble(now=timezone.now())  # noqa: TID251 - the probe reads the clock


def checkpoint_trouble(*, now: dt.datetime) -> str:
    """Return since when none was signed though submissions wait; an empty text where all is well.

    An idle log signs nothing, so the age of its last head alone says nothing. Half of the time
    that receipts promise is the sign of a sequencer that is gone or behind.
    """
    try:
        states = log_states(now=now).values()
    except DatabaseError:
        return "cannot be asked"
    late = [state for state in states if state.waiting_s * 2 >= state.deadline_s]
    if not late:
        return ""
    age_s = max(state.head_age_s for state in late)
    return f"the last one is {age_s:.0f} s old, and submissions wait"


@readiness_check("witnesses")
def witnesses() -> str:
    """Return what keeps signed heads from being published: their quorum is late."""
    return witnesses_trouble(now=timezone.now())  # noqa: TID251 - the probe reads the clock


def witnesses_trouble(*, now: dt.datetime) -> str:
    """Return since when no head was published though some were signed; empty where all is well.

    Half of the time that receipts promise is the sign, as with the sequencer.
    """
    try:
        with acting_as(SYSTEM):
            since = [_unpublished_since(log) for log in log_list()]
    except DatabaseError:
        return "cannot be asked"
    waited_s = max(((now - each).total_seconds() for each in since if each), default=0.0)
    if waited_s * 2 < settings.RECEIPT_DEADLINE_S:
        return ""
    return f"no quorum of witnesses for {waited_s:.0f} s: newer heads are provisional"


def _unpublished_since(log: LogInfo) -> dt.datetime | None:
    """Return when the oldest head that is not published was signed."""
    head = checkpoint_published(log)
    beyond = Checkpoint.objects.filter(log_id=log.id, size__gt=head.size if head else 0)
    return beyond.order_by("size").values_list("signed_at", flat=True).first()


@dataclass(frozen=True, slots=True, kw_only=True)
class LogState:
    """How far the sequencer is. Ages are in seconds; nothing waits: 0."""

    size: int
    head_age_s: float
    waiting: int
    waiting_s: float
    overdue: int
    deadline_s: float
    frozen: bool
    published: int


def log_states(*, now: dt.datetime) -> dict[str, LogState]:
    """Return the state of each channel's log by its name, the directory first."""
    with acting_as(SYSTEM):
        return {log.name: _state(log, now) for log in log_list()}


def _state(log: LogInfo, now: dt.datetime) -> LogState:
    head, published = checkpoint_latest(log), checkpoint_published(log)
    found = Pending.objects.filter(log_id=log.id).aggregate(
        waiting=Count("submission_id"),
        since=Min("submission__received_at"),
        deadline=Min("submission__deadline_at"),
        overdue=Count("submission_id", filter=Q(submission__deadline_at__lt=now)),
    )
    since = found["since"] or now
    return LogState(
        size=head.size if head else 0,
        head_age_s=(now - head.signed_at).total_seconds() if head else 0.0,
        waiting=found["waiting"],
        waiting_s=(now - since).total_seconds(),
        overdue=found["overdue"],
        deadline_s=((found["deadline"] or now) - since).total_seconds() or 1.0,
        frozen=LogFreeze.objects.filter(log_id=log.id).exists(),
        published=published.size if published else 0,
    )


GAUGES = {
    "size": ("theriac_log_size", "Leaves in the newest checkpoint: the sequencer's head."),
    "head_age_s": ("theriac_checkpoint_age_seconds", "Age of the newest checkpoint."),
    "waiting": ("theriac_receipts_waiting", "Promised submissions not yet in a checkpoint."),
    "waiting_s": ("theriac_sequencer_lag_seconds", "How long the oldest of them waits."),
    "overdue": ("theriac_receipts_overdue", "Promises past their time: each is provable."),
    "frozen": ("theriac_log_frozen", "1 where nothing is signed any more."),
    "published": ("theriac_log_published", "Leaves in the newest head with its quorum."),
}


@metrics_source("ledger")
def gauges() -> Iterator[Gauge]:
    """Yield how far each log is; nothing before the first genesis."""
    states = log_states(now=timezone.now())  # noqa: TID251 - who looks reads the clock
    for field, (name, about) in GAUGES.items():
        for channel, state in states.items():
            yield Gauge(
                name=name,
                about=about,
                value=float(getattr(state, field)),
                labels=(("channel", channel),),
            )


@metrics_source("witness")
def witness_gauges() -> Iterator[Gauge]:
    """Yield how often logs that are witnessed here contradicted themselves, by kind."""
    with acting_as(SYSTEM):
        found = WitnessConflict.objects.values_list("kind").annotate(count=Count("id"))
        counts = dict(found.order_by("kind"))
    for kind, count in counts.items():
        yield Gauge(
            name="theriac_witness_conflicts",
            about="Heads of witnessed logs that contradict what was cosigned.",
            value=float(count),
            labels=(("kind", kind),),
        )
