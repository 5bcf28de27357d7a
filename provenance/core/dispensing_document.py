"""A dispensing as a pharmacy's system says it, made into the EPCIS event that is recorded."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from foundation.core.problem import BadInputError
from foundation.core.values import Json
from provenance.core.cbv import BizStep
from provenance.core.epc import Epc, EpcKind, find_uri, identify, parse_epc
from provenance.core.epcis_check import EpcisError, Faults, Node
from provenance.core.gs1 import parse_scan
from provenance.core.own_names import MEMBER, NAMESPACE
from provenance.core.prescription import CLOCK_TOLERANCE, TOO_EARLY, UNITS

CONTEXT: Final = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
SCAN_LENGTH_MAX: Final = 8192
# The code of UN/ECE recommendation 20 for each of X12's units.
_UOMS: Final = {"UN": "EA", **{unit: uom for uom, unit in UNITS.items() if unit != "UN"}}
_MEMBERS: Final = frozenset(
    {"scan", "prescription", "quantity", "unit", "dispensed_at", "event_id"}
)


# Where the document has what the caller sent under another name.
_PLACES: Final = {
    "quantityList": "quantity",
    "eventTime": "dispensed_at",
    "eventID": "event_id",
    "epcList": "scan",
}


class DispensingError(BadInputError):
    """The request says no dispensing; ``path`` names the member."""

    slug = "bad-dispensing"
    title = "This is no dispensing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Zoned:
    """A moment as EPCIS writes it: time with a zone, and the zone again."""

    time: str
    offset: str


def dispensing_document(
    value: object, *, moment: Zoned, event_id: str, now: datetime
) -> dict[str, Any]:
    """Return the EPCIS document of one dispensing, recorded ``now``.

    ``value`` is parsed JSON: ``scan`` and ``prescription``, and as one likes ``quantity`` with
    ``unit``, ``dispensed_at``, ``event_id``; ``moment`` and ``event_id`` stand in for the last
    two. What is inside ``prescription`` is checked where the document is read. Raise
    ``DispensingError``, or what an unreadable scan raises.
    """
    if not isinstance(value, Mapping):
        raise DispensingError("send an object with the members scan and prescription")
    unknown = sorted(set(value) - _MEMBERS)
    if unknown or not {"scan", "prescription"} <= set(value):
        raise DispensingError(f"the members are {', '.join(sorted(_MEMBERS))}")
    epc = _scanned(value["scan"])
    if value.get("dispensed_at") is not None:
        moment = _moment(value["dispensed_at"], now)
    event: dict[str, Any] = {
        "type": "ObjectEvent",
        "eventID": value.get("event_id", event_id),
        "eventTime": moment.time,
        "eventTimeZoneOffset": moment.offset,
        "action": "OBSERVE",
        "bizStep": BizStep.DISPENSING.value,
        "epcList": [epc.uri],
        **_quantity(value, epc),
        NAMESPACE + MEMBER: value["prescription"],
    }
    return {
        "@context": CONTEXT,
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": moment.time,
        "epcisBody": {"eventList": [event]},
    }


def dispensing_error(error: EpcisError) -> DispensingError:
    """Return what is wrong with the document as what is wrong with the request it was made of.

    ``path`` and the paths in ``faults`` name the members that the caller sent.
    """
    faults: list[dict[str, Json]] = [
        {"path": _member(fault.path), "type": fault.type, "detail": fault.detail}
        for fault in error.faults
    ]
    first = faults[0]
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return DispensingError(
        f"{first['path']}: {first['detail']}{more}",
        path=first["path"],
        fault=first["type"],
        faults=list[Json](faults),
    )


def _member(path: str) -> str:
    """Return the caller's member for a place in the document that was made of it."""
    _, _, place = path.partition("eventList[0].")
    rest = place.partition(MEMBER)[2]
    if rest or place.endswith(MEMBER):
        return f"prescription{rest}"
    if place.startswith("quantityList") and place.endswith("uom"):
        return "unit"
    return next((name for start, name in _PLACES.items() if place.startswith(start)), "scan")


def _scanned(scan: object) -> Epc:
    if not isinstance(scan, str) or not 1 <= len(scan) <= SCAN_LENGTH_MAX:
        raise DispensingError(f"scan is a text of 1 to {SCAN_LENGTH_MAX} characters", path="scan")
    uri = find_uri(scan)
    epc = parse_epc(uri) if uri is not None else identify(parse_scan(scan))
    if epc.kind is EpcKind.CLASS:
        raise DispensingError(
            "this code names a product, not the pack that was given: scan the pack's DataMatrix,"
            " which holds its serial number",
            path="scan",
        )
    return epc


def _moment(text: object, now: datetime) -> Zoned:
    faults = Faults()
    found = Node(text, "dispensed_at", faults).time()
    if faults.found or not isinstance(text, str):
        raise DispensingError(
            "dispensed_at is a time with a zone, as 2026-11-24T09:00:00Z", path="dispensed_at"
        )
    if found > now + CLOCK_TOLERANCE:
        raise DispensingError(TOO_EARLY, path="dispensed_at")
    return Zoned(time=text, offset="+00:00" if text.endswith("Z") else text[-6:])


def _quantity(value: Mapping[str, Any], epc: Epc) -> dict[str, Any]:
    """Return the quantity list: of nothing, where all that is left was given."""
    quantity, unit = value.get("quantity"), value.get("unit", "UN")
    if not isinstance(unit, str) or unit not in _UOMS:
        raise DispensingError(f"unit is one of {', '.join(sorted(_UOMS))}", path="unit")
    if quantity is None:
        if unit != "UN":
            raise DispensingError("a unit comes with its quantity", path="quantity")
        return {}
    if not isinstance(quantity, (int, Decimal)) or isinstance(quantity, bool) or epc.gtin is None:
        raise DispensingError("quantity is a number, of something with a GTIN", path="quantity")
    product = {"epcClass": f"https://id.gs1.org/01/{epc.gtin}", "quantity": quantity}
    return {"quantityList": [product | ({} if unit == "UN" else {"uom": _UOMS[unit]})]}
