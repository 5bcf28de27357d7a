"""The project's own decision suite: consents, requests and what each may see.

Nobody else publishes one for FHIR Consent. The default of the law is closed throughout.
"""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from records.core.consent import decide, permits_record
from records.core.consent_compile import read_consent
from records.core.consent_values import AccessRequest
from records.core.fhir import parse_resource
from tests.records.consents import CLOSED, purpose, read_json

SUITE = read_json(
    (Path(__file__).parents[1] / "vectors" / "records" / "consent-decisions.json").read_bytes()
)
BASE = SUITE["base"]
RECORDS = {name: parse_resource(each, base=BASE) for name, each in SUITE["records"].items()}
ASKED = [(case, asked) for case in SUITE["cases"] for asked in case["asked"]]


@pytest.mark.parametrize(("case", "asked"), ASKED, ids=[case["case"] for case, _ in ASKED])
def test_each_request_sees_what_the_suite_says(case: dict[str, Any], asked: dict[str, Any]) -> None:
    consents = [read_consent(each, base=BASE, id=each["id"]) for each in case["consents"]]
    request = AccessRequest(
        patients=frozenset({BASE + "Patient/mira"}),
        organisation=BASE + asked["organisation"],
        persons=frozenset(BASE + each for each in asked.get("persons", [])),
        purposes=frozenset(map(purpose, asked["purposes"])),
        time=dt.datetime.fromisoformat(asked["time"]),
    )
    decision = decide(consents, request, CLOSED)
    seen = sorted(name for name, each in RECORDS.items() if permits_record(decision, each))
    assert seen == asked["permitted"]
    assert decision.permit == bool(seen)


def test_the_suite_is_complete() -> None:
    assert (len(SUITE["cases"]), len(ASKED)) == (11, 19)
