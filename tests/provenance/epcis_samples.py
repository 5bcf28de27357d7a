"""EPCIS events as the tests use them: a shipment, a commissioning, a packing."""

from decimal import Decimal
from typing import Any

CONTEXT = "https://ref.gs1.org/standards/epcis/epcis-context.jsonld"
PACK = "https://id.gs1.org/01/00300010123455/21/11"

LOT = "https://id.gs1.org/01/00300010123455/10/L1"
CASE = "https://id.gs1.org/00/403000112345678901"
PLACE = "https://id.gs1.org/414/0300011111116"
PARTY = "https://id.gs1.org/417/0300011111116"

SHIPPING: dict[str, Any] = {
    "type": "ObjectEvent",
    "eventID": "urn:uuid:5b1a5f5e-0000-4000-8000-000000000001",
    "eventTime": "2026-11-24T10:00:00.123456789+01:00",
    "recordTime": "2026-11-24T10:00:01Z",
    "eventTimeZoneOffset": "+01:00",
    "action": "OBSERVE",
    "bizStep": "https://ref.gs1.org/cbv/BizStep-shipping",
    "disposition": "in_transit",
    "persistentDisposition": {"set": ["completeness_verified"], "unset": ["damaged"]},
    "epcList": ["urn:epc:id:sgtin:030001.0012345.11"],
    "quantityList": [
        {"epcClass": LOT, "quantity": Decimal("2.5"), "uom": "KGM"},
        {"epcClass": LOT},
    ],
    "readPoint": {"id": "urn:epc:id:sgln:030001.111111.0"},
    "bizLocation": {"id": PLACE},
    "bizTransactionList": [
        {"type": "po", "bizTransaction": "urn:epc:id:gdti:030001.111111.7"},
        {"bizTransaction": "urn:uuid:1"},
    ],
    "sourceList": [{"type": "owning_party", "source": PARTY}],
    "destinationList": [{"type": "urn:epcglobal:cbv:sdt:location", "destination": PLACE}],
    "errorDeclaration": {
        "declarationTime": "2026-11-25T10:00:00Z",
        "reason": "did_not_occur",
        "correctiveEventIDs": ["urn:uuid:2"],
    },
    "example:note": {"deep": [1]},
}
COMMISSIONING: dict[str, Any] = {
    "type": "ObjectEvent",
    "eventTime": "2026-11-24T10:00:00Z",
    "eventTimeZoneOffset": "-05:00",
    "action": "ADD",
    "bizStep": "commissioning",
    "epcList": [PACK],
    "ilmd": {
        "cbvmda:lotNumber": "L1",
        "urn:epcglobal:cbv:mda#itemExpirationDate": "2028-12-31",
        "theriac:contentQuantity": 100,
        "example:other": None,
        "example:more": {},
    },
}
PACKING: dict[str, Any] = {
    "type": "AggregationEvent",
    "eventTime": "2026-11-24T10:00:00Z",
    "eventTimeZoneOffset": "+00:00",
    "action": "ADD",
    "parentID": CASE,
    "childEPCs": [PACK],
    "childQuantityList": [{"epcClass": LOT, "quantity": 3}],
}


def document(*events: object) -> dict[str, Any]:
    return {
        "@context": [CONTEXT, {"example": "http://example.com/"}],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-11-24T10:00:00Z",
        "epcisBody": {"eventList": list(events)},
    }


def query_document(*events: object) -> dict[str, Any]:
    body = {"queryResults": {"queryName": "q", "resultsBody": {"eventList": list(events)}}}
    return {"@context": CONTEXT, "type": "EPCISQueryDocument", "epcisBody": body}
