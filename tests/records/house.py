"""Patients and consents of our own making, and a caller that speaks FHIR."""

import json
from dataclasses import dataclass
from functools import partial
from secrets import token_bytes
from typing import Any

from django.http import HttpResponse
from django.test import Client

BASE = "https://theriac.example/fhir/r4/"
SEEDS = partial(token_bytes, 32)
# No name of anybody: what must be found in no byte of the ledger, in no log line and no refusal.
CANARY = "Zqxwvcanary"
_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"
ACT_REASON, ACT_CODE = _TERMINOLOGY + "v3-ActReason", _TERMINOLOGY + "v3-ActCode"
CONFIDENTIALITY = _TERMINOLOGY + "v3-Confidentiality"

Json = dict[str, Any]


def patient(id_: str = "p1", *identifiers: tuple[str, str], **members: Any) -> Json:
    """Return a Patient with these identifiers."""
    named = [{"system": system, "value": value} for system, value in identifiers]
    return {
        "resourceType": "Patient",
        "id": id_,
        "name": [{"family": CANARY}],
        **({"identifier": named} if named else {}),
        **members,
    }


def observation(id_: str = "o1", of: str = "Patient/p1", **members: Any) -> Json:
    """Return an Observation of a patient."""
    return {
        "resourceType": "Observation",
        "id": id_,
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "2339-0"}]},
        "subject": {"reference": of},
        "valueString": f"{CANARY} of {id_}",
        **members,
    }


def labelled(resource: Json, code: str, system: str = CONFIDENTIALITY) -> Json:
    """Return the resource with a security label."""
    return {**resource, "meta": {"security": [{"system": system, "code": code}]}}


def consent(
    id_: str = "c1", of: str = "Patient/p1", *, base: str = "OPTIN", **provision: Any
) -> Json:
    """Return a Consent in HL7's style: the base rule by policy, the provision its exception."""
    return {
        "resourceType": "Consent",
        "id": id_,
        "status": "active",
        "scope": {"coding": [{"system": _TERMINOLOGY + "consentscope", "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": of},
        "dateTime": "2026-01-01",
        "policyRule": {"coding": [{"system": ACT_CODE, "code": base}]},
        **({"provision": provision} if provision else {}),
    }


def recipient(reference: str) -> Json:
    """Return an actor who receives."""
    role = {"coding": [{"system": _TERMINOLOGY + "v3-ParticipationType", "code": "PRCP"}]}
    return {"role": role, "reference": {"reference": reference}}


def purpose(code: str) -> Json:
    """Return a purpose of use."""
    return {"system": ACT_REASON, "code": code}


def bundle(*resources: Json, kind: str = "transaction") -> Json:
    """Return a transaction of these, each a PUT."""
    return {
        "resourceType": "Bundle",
        "type": kind,
        "entry": [
            {
                "fullUrl": f"{BASE}{each['resourceType']}/{each['id']}",
                "resource": each,
                "request": {"method": "PUT", "url": f"{each['resourceType']}/{each['id']}"},
            }
            for each in resources
        ],
    }


@dataclass(frozen=True, kw_only=True)
class Caller:
    """A system or person of an organisation, over HTTP."""

    key: str
    client: Client

    def _headers(self, headers: dict[str, str]) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}", **headers}

    def put(self, resource: Json | bytes, path: str | None = None, **headers: str) -> HttpResponse:
        """PUT a resource to its type and id."""
        raw = resource if isinstance(resource, bytes) else json.dumps(resource).encode()
        if path is None:
            assert isinstance(resource, dict)
            path = f"{resource['resourceType']}/{resource['id']}"
        return self._write("put", path, raw, headers)

    def post(self, resource: Json | bytes, path: str = "", **headers: str) -> HttpResponse:
        """POST to a type, or a Bundle to the base."""
        raw = resource if isinstance(resource, bytes) else json.dumps(resource).encode()
        return self._write("post", path, raw, headers)

    def _write(self, method: str, path: str, raw: bytes, headers: dict[str, str]) -> HttpResponse:
        answer: HttpResponse = getattr(self.client, method)(
            f"/fhir/r4/{path}",
            raw,
            content_type="application/fhir+json",
            headers=self._headers(headers),
        )
        return answer

    def get(self, path: str, purpose: str | None = "TREAT", custodian: object = None) -> Any:
        """GET an address of FHIR for a purpose."""
        headers = {} if purpose is None else {"Theriac-Purpose": purpose}
        if custodian is not None:
            headers["Theriac-Custodian"] = str(custodian)
        return self.client.get(f"/fhir/r4/{path}", headers=self._headers(headers))


def ids(answer: HttpResponse) -> list[str]:
    """Return the ids of a searchset's entries."""
    return [entry["resource"]["id"] for entry in json.loads(answer.content)["entry"]]


def issue(answer: HttpResponse) -> Json:
    """Return the only issue of an OperationOutcome."""
    body = json.loads(answer.content)
    assert body["resourceType"] == "OperationOutcome"
    (found,) = body["issue"]
    result: Json = found
    return result
