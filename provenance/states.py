"""Custody and its events as JSON, to the database and back."""

import dataclasses
import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from provenance.core.custody_event import Act, Custody, CustodyEvent, Role, Tier
from provenance.core.epcis_event import Action
from provenance.core.verdict import Label

# Every value in them is plain: nothing is to be copied, as ``asdict`` would.
_VIEW: Final = tuple(
    each.name
    for each in dataclasses.fields(CustodyEvent)
    if each.name not in {"entry_id", "sequence"}
)
_STATE: Final = tuple(each.name for each in dataclasses.fields(Custody))


def format_view(event: CustodyEvent, label: Label) -> dict[str, object]:
    """Return an event as its item sees it, with what the maker recorded of the label."""
    value: dict[str, object] = {name: getattr(event, name) for name in _VIEW}
    value["quantity"] = None if event.quantity is None else str(event.quantity)
    value["event_time"] = event.event_time.isoformat()
    return {**value, **_label_json(label)}


def parse_view(
    value: Mapping[str, Any], *, entry_id: str, sequence: int
) -> tuple[CustodyEvent, Label]:
    """Return what ``format_view`` was given."""
    members = {name: item for name, item in value.items() if name not in {"lot", "expiry_date"}}
    quantity = members["quantity"]
    event = CustodyEvent(
        **{
            **members,
            "entry_id": entry_id,
            "sequence": sequence,
            "event_time": dt.datetime.fromisoformat(members["event_time"]),
            "action": Action(members["action"]),
            "role": Role(members["role"]),
            "quantity": None if quantity is None else Decimal(quantity),
        }
    )
    return event, _label(value)


def format_state(custody: Custody, label: Label) -> dict[str, object]:
    """Return the state of an item, with what its maker recorded of the label."""
    value: dict[str, object] = {name: getattr(custody, name) for name in _STATE}
    moment = custody.last_event_time
    return {
        **value,
        **_label_json(label),
        "content": str(custody.content),
        "balance": str(custody.balance),
        "last_event_time": None if moment is None else moment.isoformat(),
        "evidence": {act.value: entry for act, entry in custody.evidence},
    }


def parse_state(value: Mapping[str, Any]) -> tuple[Custody, Label]:
    """Return what ``format_state`` was given; of an empty object, an unknown item."""
    if not value:
        return Custody(), Label()
    members = {name: item for name, item in value.items() if name not in {"lot", "expiry_date"}}
    moment = members["last_event_time"]
    evidence = members["evidence"].items()
    custody = Custody(
        **{
            **members,
            "content": Decimal(members["content"]),
            "balance": Decimal(members["balance"]),
            "tier": Tier(members["tier"]),
            "last_event_time": None if moment is None else dt.datetime.fromisoformat(moment),
            "evidence": tuple(sorted((Act(act), entry) for act, entry in evidence)),
        }
    )
    return custody, _label(value)


def _label_json(label: Label) -> dict[str, object]:
    expiry = label.expiry_date
    return {"lot": label.lot, "expiry_date": None if expiry is None else expiry.isoformat()}


def _label(value: Mapping[str, Any]) -> Label:
    expiry = value["expiry_date"]
    return Label(
        lot=value["lot"], expiry_date=None if expiry is None else dt.date.fromisoformat(expiry)
    )
