"""What is counted here, in the form that Prometheus reads (text exposition format 0.0.4).

Requests are counted by the process that answers them, and summed over the processes where
``PROMETHEUS_MULTIPROC_DIR`` names a folder that they share. What the database knows is asked when
somebody looks. Labels are names of ours: never an address with an id in it.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from django.db import DatabaseError
from django.utils import timezone
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector

from foundation.outbox import outbox_states

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_REGISTRY = CollectorRegistry()
_REQUESTS = Counter(
    "theriac_requests", "Answered requests.", ("method", "route", "status"), registry=_REGISTRY
)
_SECONDS = Histogram(
    "theriac_request_seconds", "Time to the answer.", ("route",), registry=_REGISTRY
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """A number of now, with what it counts and, where there are several, which one it is."""

    name: str
    about: str
    value: float
    labels: tuple[tuple[str, str], ...] = ()


Source = Callable[[], Iterable[Gauge]]
_SOURCES: dict[str, Source] = {}


def metrics_source(name: str) -> Callable[[Source], Source]:
    """Register an app's gauges, asked for at each look."""

    def register(source: Source) -> Source:
        _SOURCES[name] = source
        return source

    return register


def count_request(*, method: str, route: str, status: int, seconds: float) -> None:
    """Count one answered request."""
    _REQUESTS.labels(method if method in METHODS else "other", route, str(status)).inc()
    _SECONDS.labels(route).observe(seconds)


def render_metrics() -> bytes:
    """Return everything that is counted; a database that is gone is told by a gauge."""
    registry = _REGISTRY
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call] # the package's own gap
    now = CollectorRegistry()
    now.register(_Now())
    return generate_latest(registry) + generate_latest(now)


@metrics_source("outbox")
def _outbox() -> Iterator[Gauge]:
    now = timezone.now()  # noqa: TID251 - who looks at the gauges reads the clock
    for state in outbox_states(now=now):
        labels = (("queue", state.queue),)
        yield Gauge(
            name="theriac_outbox_due", about="Work that waits.", value=state.due, labels=labels
        )
        yield Gauge(
            name="theriac_outbox_oldest_seconds",
            about="How long the oldest of it has been due.",
            value=state.oldest_s,
            labels=labels,
        )
        yield Gauge(
            name="theriac_outbox_given_up",
            about="Work that failed to the last attempt: look at its last_error.",
            value=state.given_up,
            labels=labels,
        )


class _Now:
    """The gauges of all sources."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield each gauge once, with all its labels."""
        answers = GaugeMetricFamily("theriac_answers", "Whether it could be asked.", None, ["part"])
        found: dict[str, GaugeMetricFamily] = {}
        for part, source in sorted(_SOURCES.items()):
            try:
                gauges = list(source())
            except DatabaseError:
                answers.add_metric([part], 0)
                continue
            answers.add_metric([part], 1)
            for gauge in gauges:
                names = [name for name, _ in gauge.labels]
                family = found.setdefault(
                    gauge.name, GaugeMetricFamily(gauge.name, gauge.about, None, names)
                )
                family.add_metric([value for _, value in gauge.labels], gauge.value)
        yield answers
        yield from found.values()
