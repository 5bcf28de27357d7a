"""A document read event by event: which of them can be taken, and what is wrong with the others.

The capture interface needs both: with ``rollback`` one fault refuses all, with ``proceed`` the
good events go on. What this server does not keep, such as master data, is a fault, not a loss.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from provenance.core.epcis import event_nodes, read_node
from provenance.core.epcis_check import FAULTS_MAX, EpcisError, EpcisFault, Faults, Node
from provenance.core.epcis_event import EpcisEvent
from provenance.core.own_names import Names, mentions, misplaced

# Enough to mend an event by; a document of ten thousand bad events stays readable.
FAULTS_OF_AN_EVENT_MAX: Final = 3
_PERSONAL_STEPS: Final = ("dispensing", "retail_selling")


@dataclass(frozen=True, slots=True, kw_only=True)
class EventReading:
    """A document's events in order, ``None`` for one with faults; and all the faults."""

    events: tuple[EpcisEvent | None, ...]
    faults: tuple[EpcisFault, ...]


def read_each(value: object) -> EventReading:
    """Return what can be read of an EPCIS document that is parsed JSON.

    Raise ``EpcisError`` where the fault is the document's own, so that no event can be told from
    another; ``too_many`` among them.
    """
    document = Faults()
    nodes = event_nodes(Node(value, "$", document))
    if document.found:
        document.stop()
    found: list[EpcisFault] = _unkept(value)
    events: list[EpcisEvent | None] = []
    for index, node in enumerate(nodes):
        own = Faults()
        own.identifiers = document.identifiers  # parties recur in every event
        own.names = document.names
        try:
            event = read_node(Node(node.value, node.path, own), index, own)
        except EpcisError:
            event = None  # a hundred faults in one event
        events.append(None if own.found else event)
        found += own.found[:FAULTS_OF_AN_EVENT_MAX]
    return EventReading(events=tuple(events), faults=tuple(found))


def check_all(reading: EventReading) -> None:
    """Raise ``EpcisError`` with all faults, at most 100, unless there are none."""
    if reading.faults:
        raise EpcisError(reading.faults[:FAULTS_MAX])


def with_events(value: Mapping[str, Any], wanted: Collection[int]) -> dict[str, Any]:
    """Return the document with only these of its events, in its order."""
    picked = [event for index, event in enumerate(raw_events(value)) if index in wanted]
    if "queryResults" not in value["epcisBody"]:
        return {**value, "epcisBody": {"eventList": picked}}
    results = value["epcisBody"]["queryResults"]
    return {
        **value,
        "epcisBody": {"queryResults": {**results, "resultsBody": {"eventList": picked}}},
    }


def raw_events(value: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the events of a document that was read, as JSON."""
    body = value["epcisBody"]
    if "queryResults" in body:
        body = body["queryResults"]["resultsBody"]
    found: Sequence[Mapping[str, Any]] = body["eventList"]
    return found


def may_be_personal(value: Mapping[str, Any]) -> bool:
    """Return whether any event, good or bad, could say something of a person."""
    events: Sequence[object] = raw_events(value)
    return (
        any(
            word in str(event.get("bizStep", "")).casefold()
            for event in events
            if isinstance(event, Mapping)
            for word in _PERSONAL_STEPS
        )
        or mentions(value)
        or any(misplaced(value, "$", Names(value.get("@context"))))
    )


def _unkept(value: object) -> list[EpcisFault]:
    """Return a fault for master data, which is not kept yet."""
    header = value.get("epcisHeader") if isinstance(value, Mapping) else None
    if not (isinstance(header, Mapping) and header.get("epcisMasterData")):
        return []
    return [
        EpcisFault(
            event_index=None,
            path="$.epcisHeader.epcisMasterData",
            type="not_built",
            detail="master data is not kept yet: send the events without it",
        )
    ]
