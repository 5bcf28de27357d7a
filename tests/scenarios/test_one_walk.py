"""One walk through everything, over HTTP, as five organisations with keys of their own.

A bottle is made, shipped and scanned in; some of it is given for a prescription; a record is
anchored and consented; two 837Ps are sent, decided from proven evidence, and remitted.
"""

import datetime as dt
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from django.utils import timezone

from accounts.core.credential import CredentialFacts, CredentialType
from accounts.core.scopes import Scope
from accounts.services import (
    api_key_create,
    credential_verify,
    membership_grant,
    operator_project,
    organisation_admit,
    user_create,
)
from claims.core.x12 import parse_interchanges
from claims.core.x12_balance import check_balance
from foundation.core.actor import SYSTEM, Role
from ops.demo.papers import FHIR, X12, contract_paper, paper
from ops.demo.party import Party
from ops.demo.people import Person
from tests.conftest import Channel, organisation_actor

GLNS = {
    "manufacturer": "2000000000015",
    "wholesaler": "2000000000022",
    "pharmacy": "2000000000039",
    "hospital": "2000000000046",
    "insurer": "2000000000053",
}
NPIS = {"pharmacy": "1234567893", "hospital": "1245319599"}
GTIN, NDC = "00300010999999", "0001-0999-99"
SERIAL = "WALK1"
BOTTLE = f"https://id.gs1.org/01/{GTIN}/21/{SERIAL}"
# What a scanner sends of the bottle's symbol: GTIN, expiry, lot, separator, serial.
SCAN = f"]d201{GTIN}1728123110LOT7\x1d21{SERIAL}"
PASSWORD = "correct horse battery"


def clock() -> dt.datetime:
    """Return the time by which the server answers."""
    return timezone.now()  # noqa: TID251 - the server reads the same clock


class Walk:
    """The channel of the walk and who walks."""

    def __init__(self, channel: Channel, port: int) -> None:
        """Admit five organisations, each with an API key."""
        self.channel, self.port = channel, port
        self.parties = {kind: self._admit(kind) for kind in GLNS}

    def _admit(self, kind: str) -> Party:
        now, organisation_id = clock(), uuid4()
        organisation_admit(
            actor=self.channel.operator,
            organisation_id=organisation_id,
            name=f"Walk {kind}",
            kind=kind,
            gln=GLNS[kind],
            now=now,
        )
        self.channel.sequence()
        if kind in NPIS:
            facts = CredentialFacts(
                holder_id=organisation_id,
                type=CredentialType.NPI,
                value=NPIS[kind],
                evidence="register",
                valid_from=dt.date(now.year, 1, 1),
            )
            credential_verify(actor=self.channel.operator, facts=facts, now=now)
        organisation = organisation_actor(organisation_id, Role.ADMIN)
        _, key = api_key_create(actor=organisation, name="walk", scopes=sorted(Scope), now=now)
        return Party(f"Walk {kind}", organisation_id, GLNS[kind], key, self.port)

    def person(self, kind: str, role: Role) -> Person:
        """Return somebody of an organisation who is logged in and has a key in the log."""
        email, now = f"{uuid4().hex}@example.org", clock()
        user_id = user_create(actor=SYSTEM, email=email, password=PASSWORD, is_staff=True, now=now)
        membership_grant(
            actor=SYSTEM,
            user_id=user_id,
            organisation_id=self.parties[kind].organisation_id,
            roles=[role],
            now=now,
        )
        person = Person(name=email, email=email, password=PASSWORD, port=self.port)
        person.log_in()
        person.expect(201, "POST", "/api/v1/keys/mine", {})
        self.channel.sequence()
        return person

    def record(self, kind: str, event: dict[str, Any]) -> None:
        """Record an EPCIS event of the bottle."""
        common = {
            "@context": [
                "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
                {"cbvmda": "urn:epcglobal:cbv:mda", "theriac": "urn:theriac:epcis:"},
            ],
            "type": "ObjectEvent",
            "eventTime": clock().isoformat(timespec="milliseconds"),
            "eventTimeZoneOffset": "+00:00",
            "action": "OBSERVE",
            "epcList": [BOTTLE],
        }
        self.parties[kind].expect(201, "POST", "/epcis/v2/events", common | event)

    def ship(self, kind: str, to: str) -> None:
        """Ship the bottle from one to the next, who receives it."""
        target = f"https://id.gs1.org/417/{GLNS[to]}"
        places = [
            {"type": party, "destination": target} for party in ("owning_party", "possessing_party")
        ]
        self.record(kind, {"bizStep": "shipping", "destinationList": places})
        self.record(to, {"bizStep": "receiving"})

    def ask(self, question: str) -> str:
        """Return what the pharmacy's scanner is answered."""
        asked = {"scan": SCAN, "question": question}
        pharmacy = self.parties["pharmacy"]
        return str(pharmacy.expect(200, "POST", "/api/v1/scan", asked).json()["answer"])

    def decide(self, control_number: str) -> dict[str, Any]:
        """Let the insurer decide a claim; return decision and 835."""
        insurer = self.parties["insurer"]
        claims = insurer.expect(200, "GET", "/api/v1/claims").json()
        (claim,) = [each for each in claims if each["control_number"] == control_number]
        path = f"/api/v1/claims/{claim['id']}"
        insurer.expect(200, "POST", f"{path}/adjudicate", {})
        decision: dict[str, Any] = insurer.expect(200, "GET", f"{path}/decision").json()
        if decision["status"] == "paid":
            decision["835"] = insurer.expect(200, "GET", f"{path}/remittance").body
        return decision


@pytest.fixture
def walk(fresh_db: Channel, live_pages: str) -> Walk:
    """Five organisations on a channel of their own."""
    operator_project(actor=fresh_db.operator)
    port = urlsplit(live_pages).port
    assert port is not None
    return Walk(fresh_db, port)


def in_force(walk: Walk) -> None:
    """Put the insurer's contract in force, and cover the member."""
    insurer = walk.parties["insurer"]
    made = insurer.expect(201, "POST", "/api/v1/contracts", contract_paper()).json()
    path = f"/api/v1/contracts/{made['contract_id']}"
    for role in ("author", "approver"):
        walk.person("insurer", Role.ANALYST).expect(200, "POST", f"{path}/sign", {"role": role})
    insurer.expect(200, "POST", f"{path}/activate")
    profile = {
        "trace_id": "1123456789",
        "street": "12 HARBOUR ROAD",
        "city": "SPRINGFIELD",
        "state": "IL",
        "postal_code": "62701",
        "contact_name": "CLAIMS",
        "contact_phone": "5555550103",
    }
    insurer.expect(204, "PUT", "/api/v1/payer-profile", profile)
    covered = {"from_date": f"{clock().year}-01-01"}
    stated = {"payer_id": "600100", "member_id": "M100200", "coverage": covered}
    insurer.expect(201, "POST", "/api/v1/coverages", stated)


def remitted(data: bytes) -> list[list[str]]:
    """Return the SVC and CAS segments of an 835, which balances."""
    (transaction_set,) = parse_interchanges(data)[0].groups[0].sets
    assert check_balance(transaction_set) == ()
    wanted = {"SVC", "CAS"}
    return [
        [segment.id, *(segment.element(at) for at in range(1, 4))]
        for segment in transaction_set.segments
        if segment.id in wanted
    ]


@pytest.mark.enable_socket
def test_from_a_scan_to_the_lines_of_an_835(walk: Walk) -> None:
    today = clock().date()
    ilmd = {
        "cbvmda:lotNumber": "LOT7",
        "cbvmda:itemExpirationDate": "2028-12-31",
        "theriac:contentQuantity": 100,
    }
    walk.record("manufacturer", {"bizStep": "commissioning", "action": "ADD", "ilmd": ilmd})
    walk.ship("manufacturer", "wholesaler")
    assert walk.ask("dispense") == "no"
    walk.ship("wholesaler", "pharmacy")
    assert walk.ask("dispense") == "yes"

    for number in ("4711001", "4711002"):
        given = {
            "scan": SCAN,
            "quantity": 30,
            "prescription": {
                "number": number,
                "fill": 0,
                "ndc": NDC,
                "patient": {"system": "https://pharmacy.example/patients", "value": "P1"},
            },
        }
        answer = walk.parties["pharmacy"].expect(201, "POST", "/api/v1/dispensings", given)
        assert answer.json()["exceptions"] == []

    hospital, insurer = walk.parties["hospital"], walk.parties["insurer"]
    bundle = hospital.expect(
        200, "POST", "/fhir/r4/", paper("record.json", today), media_type=FHIR
    ).json()
    record = bundle["entry"][-1]["response"]["extension"][0]["valueUuid"]
    consent = paper("consent.json", today, status="active", insurer=str(insurer.organisation_id))
    hospital.expect(201, "PUT", "/fhir/r4/Consent/marina-polo-elm", consent, media_type=FHIR)

    in_force(walk)
    pharmacy_claims = paper("claims-pharmacy.837", today, pharmacy_npi=NPIS["pharmacy"])
    visit = paper(
        "claim-clinic.837",
        today,
        hospital_npi=NPIS["hospital"],
        claim="VISIT-1",
        code="G0439",
        charge="150",
        control="000000301",
        group="301",
        record=record.removeprefix("urn:uuid:"),
    )
    for sender, interchange in (("pharmacy", pharmacy_claims), ("hospital", visit)):
        answer = walk.parties[sender].expect(200, "POST", "/x12/", interchange, media_type=X12)
        assert b"~AK9*A*" in answer.body

    paid = walk.decide("RX-4711001")
    assert (paid["status"], paid["paid_amount"]) == ("paid", "28.00")
    assert remitted(paid["835"]) == [
        ["SVC", "HC:J8499", "54", "28"],
        ["CAS", "CO", "45", "9"],
        ["CAS", "PR", "1", "10"],
    ]
    assert walk.decide("RX-4711002")["status"] == "denied"  # 60 billed, 30 dispensed
    assert walk.decide("RX-4799999")["status"] == "pended"  # nobody dispensed it
    seen = walk.decide("VISIT-1")
    assert (seen["status"], Decimal(seen["paid_amount"])) == ("paid", Decimal("93.45"))
    assert remitted(seen["835"])[0] == ["SVC", "HC:G0439", "150", "93.45"]
