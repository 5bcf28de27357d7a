"""Items folded in the transaction of whoever records, across organisations (system_fn)."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import orjson
from django.db import connections

from foundation.tenancy import current_alias
from provenance.core.custody import fold_custody
from provenance.core.custody_event import Act, Custody, CustodyEvent
from provenance.core.custody_exception import CustodyException
from provenance.core.verdict import Label
from provenance.states import format_state, parse_view


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A rule that an event broke for one item."""

    epc: str
    exception: CustodyException


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """What the events of one item give: its custody, its maker's label, every rule broken."""

    custody: Custody
    label: Label
    exceptions: tuple[CustodyException, ...]


def items_lock(epcs: Collection[str]) -> None:
    """Hold these items until the transaction ends; events are numbered only under the lock."""
    with connections[current_alias()].cursor() as cursor:
        cursor.execute("SELECT system_fn.provenance_lock(%s::text[])", [sorted(epcs)])


def items_fold(epcs: Collection[str]) -> list[Broken]:
    """Fold locked items anew and store their states; return every rule broken, old ones too.

    The database refuses it for items that no event of this transaction touches, and a state that
    the events do not give.
    """
    with connections[current_alias()].cursor() as cursor:
        cursor.execute(
            "SELECT epc, sequence, entry_id, view::text"
            " FROM system_fn.provenance_views(%s::text[])",
            [sorted(epcs)],
        )
        views = cursor.fetchall()
        folded = fold_views(epcs, views)
        states = [
            {
                "epc": epc,
                "custody": format_state(one.custody, one.label),
                "broken": [exception_row(exception) for exception in one.exceptions],
            }
            for epc, one in folded.items()
        ]
        cursor.execute(
            "SELECT system_fn.provenance_store(%s::jsonb)", [orjson.dumps(states).decode()]
        )
    return [
        Broken(epc=epc, exception=exception)
        for epc, one in folded.items()
        for exception in one.exceptions
    ]


def events_of(
    views: Iterable[tuple[str, int, str, str]],
) -> dict[str, list[tuple[CustodyEvent, Label]]]:
    """Return each item's events, with what was recorded of its label.

    A view is an EPC, its event's number and entry id, and what the item sees, as JSON.
    """
    found: dict[str, list[tuple[CustodyEvent, Label]]] = defaultdict(list)
    for epc, sequence, entry_id, text in views:
        found[epc].append(parse_view(orjson.loads(text), entry_id=entry_id, sequence=sequence))
    return found


def fold_views(
    epcs: Iterable[str], views: Iterable[tuple[str, int, str, str]]
) -> dict[str, Folded]:
    """Return each item's state from such views, by item in order."""
    events, folded = events_of(views), {}
    for epc in sorted(epcs):
        custody, exceptions = fold_custody(event for event, _ in events[epc])
        made = custody.entry_of(Act.COMMISSION)
        folded[epc] = Folded(
            custody=custody,
            label=next((label for event, label in events[epc] if event.entry_id == made), Label()),
            exceptions=tuple(exceptions),
        )
    return folded


def exception_row(exception: CustodyException) -> dict[str, object]:
    """Return a broken rule as it is stored."""
    return {
        "event": exception.event.sequence,
        "class": exception.class_.value,
        "detail": exception.detail,
    }
