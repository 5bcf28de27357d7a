"""EPCIS 2.0 in JSON-LD: a document read into events, or every reason why not.

Object and aggregation events are read; other types are refused as not built. What is accepted
has the right shape (EPCIS 2.0 section 7) and makes sense: real times with a zone, words of the
Core Business Vocabulary, identifiers that check, things where things belong and classes where
classes do. Whether it fits what happened before is the business of custody.
"""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from provenance.core.cbv import (
    BizStep,
    BizTransactionType,
    Disposition,
    ErrorReason,
    SourceDestType,
)
from provenance.core.epc import Epc
from provenance.core.epcis_check import NEVER, Faults, Node
from provenance.core.epcis_event import (
    Action,
    BizTransaction,
    EpcisEvent,
    ErrorDeclaration,
    EventType,
    Party,
    Quantity,
)
from provenance.core.own_names import Names, misplaced
from provenance.core.prescription import dispenses

EVENTS_MAX: Final = 10_000
# EPCIS 2.0 section 7.1 and its errata: their JSON is the same.
SCHEMA_VERSIONS: Final = ("2.0", "2.0.0", "2.0.1")


_ACTIONS: Final = frozenset(action.value for action in Action)
_OFFSET: Final = re.compile("[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00)")
_UOM: Final = re.compile("[A-Z0-9]{2,3}")
_OTHER_TYPES: Final = {"AssociationEvent", "TransactionEvent", "TransformationEvent"}
_COMMON: Final = frozenset(
    {
        "@context",
        "type",
        "eventTime",
        "recordTime",
        "eventTimeZoneOffset",
        "eventID",
        "certificationInfo",
        "errorDeclaration",
        "action",
        "bizStep",
        "disposition",
        "readPoint",
        "bizLocation",
        "bizTransactionList",
        "sourceList",
        "destinationList",
        "sensorElementList",
    }
)
_FIELDS: Final[dict[str, frozenset[str]]] = {
    EventType.OBJECT: _COMMON | {"epcList", "quantityList", "persistentDisposition", "ilmd"},
    EventType.AGGREGATION: _COMMON | {"parentID", "childEPCs", "childQuantityList"},
}
_DOCUMENT_FIELDS: Final = frozenset(
    {
        "@context",
        "id",
        "type",
        "schemaVersion",
        "creationDate",
        "instanceIdentifier",
        "sender",
        "receiver",
        "epcisHeader",
        "epcisBody",
    }
)


def read_document(value: object) -> tuple[EpcisEvent, ...]:
    """Return the events of an ``EPCISDocument`` or ``EPCISQueryDocument``, in its order.

    ``value`` is parsed JSON. Raise ``EpcisError`` with all faults, at most 100.
    """
    faults = Faults()
    root = Node(value, "$", faults)
    events = [read_node(node, i, faults) for i, node in enumerate(event_nodes(root))]
    faults.event_index = None
    return _done(events, faults)


def read_event(value: object) -> EpcisEvent:
    """Return a single event, which carries its own ``@context``. Raise ``EpcisError``."""
    faults = Faults()
    root = Node(value, "$", faults)
    _check_context(root)
    return _done([read_node(root, 0, faults)], faults)[0]


def _done(events: list[EpcisEvent | None], faults: Faults) -> tuple[EpcisEvent, ...]:
    if faults.found:
        faults.stop()
    return tuple(event for event in events if event is not None)


def _check_context(node: Node) -> None:
    context = node.need("@context") if node.is_object() else None
    if context and not isinstance(context.value, (str, list, tuple, Mapping)):
        context.fault("shape", "a context is a URI, an object, or an array of them")
    elif context:
        node.faults.names = Names(context.value)


def event_nodes(root: Node) -> list[Node]:
    """Return the nodes of all events; faults of the document around them are noted."""
    _check_context(root)
    if not isinstance(root.value, Mapping):
        return []
    root.extensions(_DOCUMENT_FIELDS)
    kind = root.need("type")
    name = kind.one_of({"EPCISDocument", "EPCISQueryDocument"}) if kind else ""
    body = root.need("epcisBody")
    if version := root.need("schemaVersion") if name == "EPCISDocument" else None:
        version.one_of(SCHEMA_VERSIONS)
    if name == "EPCISDocument":
        if created := root.need("creationDate"):
            created.time()
    elif name == "EPCISQueryDocument":
        results = body.need("queryResults") if body and body.is_object() else None
        body = results.need("resultsBody") if results and results.is_object() else None
    events = body.need("eventList") if body and body.is_object() else None
    nodes = list(events.items()) if events else []
    for wrong in misplaced(root.value, "$", root.faults.names, skip=events and events.value):
        root.faults.add(*wrong)
    if events and len(nodes) > EVENTS_MAX:
        events.fault("too_many", f"a document holds at most {EVENTS_MAX} events")
        return []
    return nodes


def read_node(node: Node, index: int, faults: Faults) -> EpcisEvent | None:
    """Return the event at ``node``, the ``index``-th; its faults are noted there."""
    faults.event_index = index
    kind = node.need("type") if node.is_object() else None
    name = kind.text() if kind else ""
    if kind is None or not name:
        return None
    if name in _OTHER_TYPES or ":" in name:
        kind.fault("not_built", f"events of type {name[:100]!r} are not read yet")
        return None
    if name not in _FIELDS:
        kind.fault("event_type", f"{name[:100]!r} is no type of event")
        return None
    event_type = EventType(name)
    own = _read_object if event_type is EventType.OBJECT else _read_aggregation
    common = _read_common(node, event_type)
    event = EpcisEvent(**common, **own(node, common["action"]))
    if not dispenses(event):
        for wrong in misplaced(node.value, node.path, faults.names):
            faults.add(*wrong)
    return event


def _read_common(node: Node, event_type: EventType) -> dict[str, Any]:
    """Return what all types of events have."""
    time, offset, action = (
        node.need(name) for name in ("eventTime", "eventTimeZoneOffset", "action")
    )
    if offset and not _OFFSET.fullmatch(offset.text()):
        offset.fault("time", "an offset is written +02:00, at most 14:00")
    step, disposition = node.get("bizStep"), node.get("disposition")
    event_id, error = node.get("eventID"), node.get("errorDeclaration")
    if recorded := node.get("recordTime"):
        recorded.time()
    return {
        "type": event_type,
        "event_time": time.time() if time else NEVER,
        "event_time_text": str(time.value) if time else "",
        "event_time_zone_offset": str(offset.value) if offset else "",
        "action": _action(action),
        "event_id": event_id.identifier().uri if event_id else None,
        "biz_step": step.word(BizStep) if step else None,
        "disposition": disposition.word(Disposition) if disposition else None,
        "read_point": _place(node.get("readPoint")),
        "biz_location": _place(node.get("bizLocation")),
        "biz_transactions": _transactions(node.get("bizTransactionList")),
        "sources": _parties(node.get("sourceList"), "source"),
        "destinations": _parties(node.get("destinationList"), "destination"),
        "error_declaration": _error_declaration(error) if error else None,
        "extensions": node.extensions(_FIELDS[event_type]),
    }


def _read_object(node: Node, action: Action) -> dict[str, Any]:
    quantities = _quantities(node.get("quantityList"))
    if node.get("epcList") is None and not quantities and node.get("sensorElementList") is None:
        node.fault("missing", "an object event names things, classes or sensor data")
    ilmd = node.get("ilmd")
    if ilmd and action is not Action.ADD:
        ilmd.fault("combination", "the master data of an instance comes with action ADD only")
    to_set, to_unset = _persistent(node.get("persistentDisposition"))
    return {
        "epcs": _instances(node.get("epcList")),
        "quantities": quantities,
        "dispositions_set": to_set,
        "dispositions_unset": to_unset,
        **_read_ilmd(ilmd),
    }


def _read_aggregation(node: Node, action: Action) -> dict[str, Any]:
    parent_node = node.get("parentID")
    parent = parent_node.instance() if parent_node else None
    children = _instances(node.get("childEPCs"))
    quantities = _quantities(node.get("childQuantityList"))
    if parent is None and action is not Action.OBSERVE:
        node.fault("missing", "parentID is missing")
    # EPCIS 2.0 section 7.4.3: DELETE without children takes all of them out.
    if not children and not quantities and action is not Action.DELETE:
        node.fault("missing", "an aggregation event names children")
    if parent is not None and parent in children:
        node.fault("combination", "a parent cannot be its own child")
    return {"parent": parent, "child_epcs": children, "child_quantities": quantities}


def _action(node: Node | None) -> Action:
    text = node.one_of(_ACTIONS) if node else ""
    return Action(text) if text in _ACTIONS else Action.OBSERVE


def _instances(node: Node | None) -> tuple[Epc, ...]:
    found: dict[str, Epc] = {}
    for item in node.items() if node else ():
        epc = item.instance()
        if epc.uri and epc.uri in found:
            item.fault("duplicate", "this identifier stands in the list twice")
        found[epc.uri] = epc
    return tuple(found.values())


def _quantities(node: Node | None) -> tuple[Quantity, ...]:
    found = []
    for item in node.items() if node else ():
        epc_class = item.need("epcClass") if item.is_object() else None
        if epc_class is None:
            continue
        quantity, uom = item.get("quantity"), item.get("uom")
        if uom and not _UOM.fullmatch(uom.text()):
            uom.fault("value", "a unit is a code of UN/ECE recommendation 20, as KGM")
        found.append(
            Quantity(
                epc_class=epc_class.class_(),
                quantity=quantity.decimal() if quantity else None,
                uom=str(uom.value) if uom else None,
            )
        )
        item.extensions({"epcClass", "quantity", "uom"})
    return tuple(found)


def _place(node: Node | None) -> Epc | None:
    place = node.need("id") if node and node.is_object() else None
    return place.identifier() if place else None


def _transactions(node: Node | None) -> tuple[BizTransaction, ...]:
    found = []
    for item in node.items() if node else ():
        document = item.need("bizTransaction") if item.is_object() else None
        kind = item.get("type")
        if document:
            found.append(
                BizTransaction(
                    biz_transaction=document.identifier().uri,
                    type=kind.word(BizTransactionType) if kind else None,
                )
            )
    return tuple(found)


def _parties(node: Node | None, name: str) -> tuple[Party, ...]:
    found = []
    for item in node.items() if node else ():
        kind, party = (item.need("type"), item.need(name)) if item.is_object() else (None, None)
        if kind and party:
            found.append(Party(type=kind.word(SourceDestType), id=party.identifier()))
    return tuple(found)


def _persistent(node: Node | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if node is None or not node.is_object():
        return (), ()
    lists = [node.get("set"), node.get("unset")]
    to_set, to_unset = (
        tuple(item.word(Disposition) for item in part.items(least=1)) if part else ()
        for part in lists
    )
    if not any(lists):
        node.fault("missing", "a persistent disposition sets or unsets something")
    if set(to_set) & set(to_unset):
        node.fault("combination", "the same disposition is set and unset")
    return to_set, to_unset


def _error_declaration(node: Node) -> ErrorDeclaration | None:
    time = node.need("declarationTime") if node.is_object() else None
    reason, ids = node.get("reason"), node.get("correctiveEventIDs")
    if time is None:
        return None
    return ErrorDeclaration(
        declaration_time=time.time(),
        reason=reason.word(ErrorReason) if reason else None,
        corrective_event_ids=tuple(item.identifier().uri for item in ids.items()) if ids else (),
    )


def _read_ilmd(node: Node | None) -> dict[str, Any]:
    """Return lot, expiry and content from the master data, by local name."""
    if node is None or not node.is_object():
        return {}
    ilmd = node.extensions(())
    found: dict[str, Any] = {"ilmd": ilmd}
    for name in ilmd:
        # Prefixes differ, and the namespace of CBV occurs with and without its last colon.
        local, item = re.split("[:/#]", name)[-1], node.get(name)
        if item is None:
            continue
        if local == "lotNumber":
            found["lot"] = item.text()
        elif local == "itemExpirationDate":
            found["expiry_date"] = _date(item)
        elif local == "contentQuantity":
            found["content"] = item.decimal()
    return found


def _date(node: Node) -> date | None:
    """Return a date, ``YYYY-MM-DD``; a time behind it is left out."""
    try:
        return date.fromisoformat(node.text()[:10])
    except ValueError:
        node.fault("time", "this must be a date, as 2028-12-31")
        return None
