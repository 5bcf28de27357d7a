"""A dispensing's own words: which prescription it fills, for whom; and what it may say in clear.

An EPCIS event of step ``dispensing`` or ``retail_selling`` may carry the member ``prescription``
of our namespace. Of such an event only what names things, places and times is kept in clear;
everything else (the prescription, and whatever else its sender wrote) belongs to the patient.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, Final

from provenance.core.epcis_check import Faults, Node
from provenance.core.epcis_event import EpcisEvent
from provenance.core.ndc import Ndc, NdcError, parse_ndc
from provenance.core.own_names import DEFAULT_PREFIX, MEMBER, NAMESPACE

DISPENSING_STEPS: Final = frozenset({"dispensing", "retail_selling"})
FILL_MAX: Final = 99
# By how much a device's clock may be ahead of ours.
CLOCK_TOLERANCE: Final = timedelta(minutes=10)
# UN/ECE recommendation 20 to the units of a drug claim (X12 CTP05-1).
UNITS: Final[Mapping[str, str]] = {
    "C62": "UN",  # one
    "EA": "UN",  # each
    "H87": "UN",  # piece
    "GRM": "GR",
    "MGM": "ME",
    "MLT": "ML",
    "NIU": "F2",  # international units
}
DEFAULT_UNIT: Final = "UN"
TOO_EARLY: Final = (
    "a dispensing is recorded once it is done: this time is more than"
    f" {CLOCK_TOLERANCE // timedelta(minutes=1)} minutes ahead of ours"
)

_STANDARD: Final = "https://ref.gs1.org/"
_NUMBER: Final = re.compile(r"[!-~](?:[ -~]{0,78}[!-~])?")
_IDENTIFIER_LENGTH_MAX: Final = 255
# What an event of dispensing says in clear, member by member of its parts.
_CLEAR: Final[Mapping[str, frozenset[str] | None]] = {
    "@context": None,
    "type": None,
    "eventID": None,
    "eventTime": None,
    "recordTime": None,
    "eventTimeZoneOffset": None,
    "action": None,
    "bizStep": None,
    "disposition": None,
    "epcList": None,
    "parentID": None,
    "childEPCs": None,
    "quantityList": frozenset({"epcClass", "quantity", "uom"}),
    "childQuantityList": frozenset({"epcClass", "quantity", "uom"}),
    "persistentDisposition": frozenset({"set", "unset"}),
    "readPoint": frozenset({"id"}),
    "bizLocation": frozenset({"id"}),
    "errorDeclaration": frozenset({"declarationTime", "reason", "correctiveEventIDs"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Prescription:
    """Which prescription a dispensing fills, ``fill`` 0 being the first, and for whom."""

    number: str = field(repr=False)
    fill: int = field(repr=False)
    ndc: Ndc
    unit: str
    patient: tuple[str, str] = field(repr=False)  # system and value of an identifier


def dispenses(event: EpcisEvent) -> bool:
    """Return whether the event gives something to a patient."""
    return event.biz_step in DISPENSING_STEPS


def impersonal(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return of a dispensing's JSON what may stay in clear."""
    found = {name: _clear(name, value) for name, value in event.items() if name in _CLEAR}
    if "@context" in found:
        found["@context"] = _clear_context(found["@context"])
    return found


def clear_event(event: EpcisEvent) -> EpcisEvent:
    """Return a dispensing as its clear part gives it: custody rests on nothing else."""
    return replace(
        event,
        sources=(),
        destinations=(),
        biz_transactions=(),
        extensions={},
        ilmd={},
        lot=None,
        expiry_date=None,
        content=None,
    )


def _clear_context(context: object) -> object:
    """Return the standard's contexts: prefixes are for what is not in clear, and free text."""
    if isinstance(context, str):
        return context if context.startswith(_STANDARD) else []
    parts = context if isinstance(context, (list, tuple)) else ()
    return [part for part in parts if isinstance(part, str) and part.startswith(_STANDARD)]


def _clear(name: str, value: object) -> object:
    members = _CLEAR[name]
    if members is None or value is None:
        return value
    if isinstance(value, Mapping):
        return {inner: part for inner, part in value.items() if inner in members}
    assert isinstance(value, Sequence), "the event was read before"
    return [{inner: part for inner, part in each.items() if inner in members} for each in value]


def local_date(event: EpcisEvent) -> date:
    """Return the date of an event where it happened, by its ``eventTimeZoneOffset``."""
    zone = datetime.fromisoformat(f"2000-01-01T00:00:00{event.event_time_zone_offset}").tzinfo
    try:
        return event.event_time.astimezone(zone).date()
    except OverflowError:  # the first or last day that there is
        return event.event_time.date()


def check_given(event: EpcisEvent, *, now: datetime, index: int, faults: Faults) -> None:
    """Note in ``faults`` a dispensing that says it will happen: what was given, was given.

    EPCIS bounds ``eventTime`` on neither side; clocks that go fast are borne with.
    """
    if event.event_time > now + CLOCK_TOLERANCE:
        faults.event_index = index
        faults.add(
            f"$.epcisBody.eventList[{index}].eventTime",
            "time",
            TOO_EARLY,
        )


def read_prescription(
    event: EpcisEvent, *, context: object, index: int, faults: Faults
) -> Prescription | None:
    """Return which prescription a dispensing fills, ``None`` where it names none.

    ``context`` is the document's, whose prefixes count. What is wrong goes to ``faults``; a value
    is returned all the same then, and never leaves the reader.
    """
    faults.event_index = index
    name = next((name for name in event.extensions if name in _names(context)), None)
    if name is None:
        return None
    node = Node(event.extensions[name], f"$.epcisBody.eventList[{index}].{name}", faults)
    if not node.is_object():
        return None
    patient = node.need("patient")
    found = Prescription(
        number=_number(node.need("number")),
        fill=_fill(node.need("fill")),
        ndc=_ndc(node.need("ndc"), event),
        unit=_unit(node, event),
        patient=_identifier(patient),
    )
    _check_members(node, {"number", "fill", "ndc", "patient"})
    return found


def _names(context: object) -> frozenset[str]:
    """Return what the member may be called: by its full name, or by a prefix for it."""
    parts = context if isinstance(context, (list, tuple)) else [context]
    prefixes = {
        name: target for part in parts if isinstance(part, Mapping) for name, target in part.items()
    }
    named = {name for name, target in prefixes.items() if target == NAMESPACE}
    if DEFAULT_PREFIX not in prefixes:
        named.add(DEFAULT_PREFIX)
    return frozenset({NAMESPACE + MEMBER, *(f"{name}:{MEMBER}" for name in named)})


def _check_members(node: Node, known: set[str]) -> None:
    assert isinstance(node.value, Mapping)
    for name in node.value:
        if name not in known:
            node.fault("unknown_field", f"{str(name)[:100]!r} is no member of a prescription")


def _number(node: Node | None) -> str:
    text = node.text() if node else ""
    if node and text and not _NUMBER.fullmatch(text):
        node.fault("value", "a prescription number has 1 to 80 printable ASCII characters")
    return text


def _fill(node: Node | None) -> int:
    if node is None:
        return 0
    value = node.value
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= FILL_MAX:
        return value
    node.fault("value", f"a fill is a number from 0, the first one, to {FILL_MAX}")
    return 0


def _ndc(node: Node | None, event: EpcisEvent) -> Ndc:
    nothing = Ndc(labeler="", product="", package="")
    text = node.text() if node else ""
    if node is None or not text:
        return nothing
    try:
        ndc = parse_ndc(text)
    except NdcError as error:
        node.fault("ndc", error.detail)
        return nothing
    if not event.epcs or not all(
        epc.gtin and epc.serial and ndc.fits(epc.gtin) for epc in event.epcs
    ):
        node.fault("ndc", "each thing dispensed has a serial, and a GTIN made of this NDC")
    return ndc


def _unit(node: Node, event: EpcisEvent) -> str:
    """Return the unit of what was dispensed: that of its quantity, pieces where there is none."""
    named = {quantity.uom for quantity in event.quantities} - {None}
    units = {UNITS.get(str(uom)) for uom in named}
    if None in units or len(units) > 1:
        node.fault("unit", f"quantities of a prescription are in one of {', '.join(sorted(UNITS))}")
    return next((unit for unit in units if unit), DEFAULT_UNIT)


def _identifier(node: Node | None) -> tuple[str, str]:
    if node is None or not node.is_object():
        return "", ""
    parts = [node.need("system"), node.need("value")]
    texts = [part.text() if part else "" for part in parts]
    for part, text in zip(parts, texts, strict=True):
        if part and len(text) > _IDENTIFIER_LENGTH_MAX:
            part.fault("value", f"an identifier has at most {_IDENTIFIER_LENGTH_MAX} characters")
    _check_members(node, {"system", "value"})
    return texts[0], texts[1]
