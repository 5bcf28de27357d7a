"""Items folded in the transaction of whoever records, across organisations (system_fn)."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

import orjson
from django.db import connections

from foundation.tenancy import current_alias
from provenance.core.custody import fold_custody
from provenance.core.custody_event import Act, CustodyEvent
from provenance.core.custody_exception import CustodyException
from provenance.core.verdict import Label
from provenance.states import format_state, parse_view


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A rule that an event broke for one item."""

    epc: str
    exception: CustodyException


def items_lock(epcs: Collection[str]) -> None:
    """Hold these items until the transaction ends; events are numbered only under the lock."""
    with connections[current_alias()].cursor() as cursor:
        cursor.execute("SELECT system_fn.provenance_lock(%s::text[])", [sorted(epcs)])


def items_fold(epcs: Collection[str]) -> list[Broken]:
    """Fold locked items anew and store their states; return every rule broken, old ones too."""
    events: dict[str, list[CustodyEvent]] = defaultdict(list)
    labels: dict[str, Label] = {}
    with connections[current_alias()].cursor() as cursor:
        cursor.execute(
            "SELECT epc, sequence, entry_id, view::text"
            " FROM system_fn.provenance_views(%s::text[])",
            [sorted(epcs)],
        )
        for epc, sequence, entry_id, text in cursor.fetchall():
            event, label = parse_view(orjson.loads(text), entry_id=entry_id, sequence=sequence)
            events[epc].append(event)
            labels[f"{epc} {entry_id}"] = label
        broken: list[Broken] = []
        rows: list[tuple[str, str, str, str]] = []
        for epc in sorted(epcs):
            custody, exceptions = fold_custody(events[epc])
            broken += [Broken(epc=epc, exception=exception) for exception in exceptions]
            recorded = labels.get(f"{epc} {custody.entry_of(Act.COMMISSION)}", Label())
            state = orjson.dumps(format_state(custody, recorded)).decode()
            found = orjson.dumps([_row(exception) for exception in exceptions]).decode()
            rows.append((epc, state, str(custody.dispensed), found))
        cursor.executemany(
            "SELECT system_fn.provenance_store(%s, %s::jsonb, %s::numeric, %s::jsonb)", rows
        )
    return broken


def _row(exception: CustodyException) -> dict[str, object]:
    return {
        "event": exception.event.sequence,
        "class": exception.class_,
        "detail": exception.detail,
    }
