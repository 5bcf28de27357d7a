"""The CapabilityStatement: what the FHIR façade does, and what it asks of a reader."""

import orjson

from records.core.fhir_names import RESOURCE_NAMES

_NOT_KEPT = frozenset({"Bundle"})
_PATIENT = ({"name": "_id", "type": "token"}, {"name": "identifier", "type": "token"})
_OTHERS = (
    {"name": "patient", "type": "reference"},
    {"name": "patient.identifier", "type": "token"},
)


def format_capability(*, base: str) -> bytes:
    """Return the statement for the server whose addresses begin with ``base``."""
    resources = [
        {
            "type": name,
            "interaction": [{"code": code} for code in ("create", "update", "read", "search-type")],
            "versioning": "versioned",
            "updateCreate": True,
            "searchParam": list(_PATIENT if name == "Patient" else _OTHERS),
        }
        for name in sorted(RESOURCE_NAMES - _NOT_KEPT)
    ]
    rest = {
        "mode": "server",
        "documentation": "A reading names its purpose of use (v3-ActReason) in the header"
        " Theriac-Purpose, and another organisation's records by the header Theriac-Custodian."
        " Consents decide; each answer is an entry of the ledger, named in Theriac-Receipt.",
        "resource": resources,
        "interaction": [{"code": "transaction"}, {"code": "batch"}],
    }
    return orjson.dumps(
        {
            "resourceType": "CapabilityStatement",
            "status": "active",
            "date": "2026-11-26",
            "kind": "instance",
            "implementation": {"description": "Theriac", "url": base.rstrip("/")},
            "fhirVersion": "4.0.1",
            "format": ["application/fhir+json"],
            "rest": [rest],
        }
    )
