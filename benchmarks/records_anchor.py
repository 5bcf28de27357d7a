"""How fast one process anchors records and decides about them, all checks on.

    .venv/bin/python -m benchmarks.records_anchor

Bundles of Observations of about 4 KiB for one patient over the embedded PostgreSQL with the
profile `safe`: read, checked, encrypted, committed to, signed, stored with their receipt. And the
consent decision by itself, with three consents, one record looked at.
"""

import json
import time
from collections.abc import Callable
from secrets import token_bytes
from uuid import uuid4

from benchmarks.harness import Measured, now, own_database, report

BUNDLES, BUNDLE_SIZE = 6, 500
DECISIONS = 5000
RECORD_SIZE_BYTES = 4096
BASE = "https://theriac.example/fhir/r4/"


def main() -> None:
    """Measure, print, and write the result."""
    with own_database():
        measured = [
            Measured("records anchored", _anchor(), "/s"),
            Measured("consent decisions", _decide(), "/s"),
        ]
    report("records_anchor", measured, record_size_bytes=RECORD_SIZE_BYTES)


def _anchor() -> float:
    from foundation.core.actor import organisation_actor  # noqa: PLC0415 - Django is set up
    from foundation.core.json_input import parse_json  # noqa: PLC0415
    from ledger.services import Sequencer, channel_create  # noqa: PLC0415
    from records.core.intake import read_bundle  # noqa: PLC0415
    from records.services import LIMITS, records_submit  # noqa: PLC0415

    operator_id = uuid4()
    log = channel_create(operator_id=operator_id, operator_name="Bench", now=now())
    actor = organisation_actor(operator_id)
    sequencer = Sequencer(log)
    bundles = [_bundle(number) for number in range(BUNDLES + 1)]

    def submit(data: bytes) -> None:
        incoming = read_bundle(parse_json(data, LIMITS), data, base=BASE)
        records_submit(actor=actor, incoming=incoming, seeds=lambda: token_bytes(32), now=now())
        sequencer.flush(now=now())

    submit(bundles[0])  # the first one makes keyring and patient

    def run() -> None:
        for data in bundles[1:]:
            submit(data)

    return _rate(run, BUNDLES * BUNDLE_SIZE)


def _decide() -> float:
    from records.core.consent import decide, permits_record  # noqa: PLC0415 - Django is set up
    from records.core.consent_compile import compile_consent  # noqa: PLC0415
    from records.core.consent_values import ACT_REASON, AccessRequest  # noqa: PLC0415
    from records.core.fhir import parse_resource  # noqa: PLC0415
    from records.core.fhir_json import Coding  # noqa: PLC0415
    from records.core.packs import US  # noqa: PLC0415

    consents = [compile_consent(_consent(number), base=BASE) for number in range(3)]
    record = parse_resource(_observation("o"), base=BASE)
    request = AccessRequest(
        patients=frozenset({f"{BASE}Patient/p"}),
        organisation=f"{BASE}Organization/1",
        purposes=frozenset({Coding(system=ACT_REASON, code="TREAT")}),
        time=now(),
    )

    def run() -> None:
        for _ in range(DECISIONS):
            permits_record(decide(consents, request, US), record)

    return _rate(run, DECISIONS)


def _rate(run: Callable[[], object], count: int) -> float:
    started = time.perf_counter()
    run()
    return count / (time.perf_counter() - started)


def _bundle(number: int) -> bytes:
    resources = [
        {"resourceType": "Patient", "id": "p"},
        *(_observation(f"o{number}-{at}") for at in range(BUNDLE_SIZE - 1)),
    ]
    entries = [{"resource": each} for each in resources]
    value = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    return json.dumps(value).encode()


def _observation(id_: str) -> dict[str, object]:
    return {
        "resourceType": "Observation",
        "id": id_,
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "2339-0"}]},
        "subject": {"reference": "Patient/p"},
        "effectiveDateTime": "2026-03-02T09:00:00Z",
        "note": [{"text": "x" * 1000} for _ in range(RECORD_SIZE_BYTES // 1024)],
    }


def _consent(number: int) -> dict[str, object]:
    terminology = "http://terminology.hl7.org/CodeSystem/"
    role = {"coding": [{"system": f"{terminology}v3-ParticipationType", "code": "PRCP"}]}
    return {
        "resourceType": "Consent",
        "id": f"c{number}",
        "status": "active",
        "scope": {"coding": [{"system": f"{terminology}consentscope", "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": "Patient/p"},
        "policyRule": {"coding": [{"system": f"{terminology}v3-ActCode", "code": "OPTIN"}]},
        "provision": {
            "actor": [{"role": role, "reference": {"reference": f"Organization/{number + 2}"}}],
            "purpose": [{"system": f"{terminology}v3-ActReason", "code": "HRESCH"}],
        },
    }


if __name__ == "__main__":
    main()
