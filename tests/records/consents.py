"""Consents, requests and records for tests, in few words."""

import datetime as dt
import json
from decimal import Decimal
from typing import Any

from records.core.consent_compile import compile_consent
from records.core.consent_values import (
    ACT_CODE,
    ACT_REASON,
    CONFIDENTIALITY,
    CONSENT_ACTION,
    CONSENT_SCOPE,
    PARTICIPATION_TYPE,
    RESOURCE_TYPES,
    AccessRequest,
    CompiledConsent,
    JurisdictionPack,
)
from records.core.fhir import RecordIndex
from records.core.fhir_json import Coding

BASE = "https://hospital.example/fhir/"
PATIENT = BASE + "Patient/p"
ALPHA, BETA = BASE + "Organization/alpha", BASE + "Organization/beta"
NOW = dt.datetime(2026, 11, 24, 9, 0, tzinfo=dt.UTC)
CLOSED = JurisdictionPack(id="closed", version="1")
TPO = frozenset(Coding(system=ACT_REASON, code=code) for code in ("TREAT", "HPAYMT", "HOPERAT"))
OPEN = JurisdictionPack(id="open", version="1", default_purposes=TPO)


def purpose(code: str, system: str = ACT_REASON) -> Coding:
    return Coding(system=system, code=code)


def level(code: str) -> Coding:
    return Coding(system=CONFIDENTIALITY, code=code)


def sensitivity(code: str) -> Coding:
    return Coding(system=ACT_CODE, code=code)


def coding(value: Coding) -> dict[str, str]:
    return {"system": value.system, "code": value.code}


def concept(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def actor(role: str, reference: str) -> dict[str, Any]:
    return {"role": concept(PARTICIPATION_TYPE, role), "reference": {"reference": reference}}


def action(code: str) -> dict[str, Any]:
    return concept(CONSENT_ACTION, code)


def consent_json(
    provision: dict[str, Any] | None = None, *, opt: str | None = None, **members: Any
) -> dict[str, Any]:
    """Return an active privacy consent of the patient."""
    consent: dict[str, Any] = {
        "resourceType": "Consent",
        "id": "c",
        "status": "active",
        "scope": concept(CONSENT_SCOPE, "patient-privacy"),
        "category": [concept("http://loinc.org", "59284-0")],
        "patient": {"reference": "Patient/p"},
        "dateTime": "2026-01-01",
    }
    if opt is not None:
        consent["policyRule"] = concept(ACT_CODE, opt)
    if provision is not None:
        consent["provision"] = provision
    return consent | members


def consent(
    provision: dict[str, Any] | None = None, *, opt: str | None = None, **members: Any
) -> CompiledConsent:
    return compile_consent(consent_json(provision, opt=opt, **members), base=BASE)


def request(organisation: str = ALPHA, *codes: str, **members: Any) -> AccessRequest:
    """Return a request of an organisation for the patient's data; for treatment by default."""
    values: dict[str, Any] = {
        "patients": frozenset({PATIENT}),
        "organisation": organisation,
        "purposes": frozenset(map(purpose, codes or ("TREAT",))),
        "time": NOW,
    }
    return AccessRequest(**values | members)


def record(*labels: Coding, **members: Any) -> RecordIndex:
    """Return a record about which everything is known, labelled N by default."""
    values: dict[str, Any] = {
        "type": "Observation",
        "reference": BASE + "Observation/o",
        "classes": frozenset(
            {Coding(system=RESOURCE_TYPES, code=members.get("type", "Observation"))}
        ),
        "labels": frozenset(labels or (level("N"),)),
        "codes": frozenset({Coding(system="http://loinc.org", code="1-1")}),
        "authors": frozenset({BASE + "Practitioner/author"}),
        "custodians": frozenset({ALPHA}),
        "referenced_by": frozenset(),
    }
    return RecordIndex(**values | members)


def read_json(data: bytes) -> Any:
    return json.loads(data, parse_float=Decimal)
