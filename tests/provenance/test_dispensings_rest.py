"""Dispensings over HTTP: as an EPCIS event, and as a scan with a prescription."""

from datetime import timedelta
from typing import Any

import orjson
import pytest
from django.test import Client
from django.utils import timezone

from foundation.models import IdempotencyRecord
from foundation.tenancy import acting_as
from provenance.core.dispensing_document import dispensing_error
from provenance.core.epcis_check import EpcisError, EpcisFault
from provenance.core.verdict import Answer, Question
from provenance.models import Dispensing, Event
from provenance.selectors import event_list
from tests.conftest import Channel
from tests.database import Databases
from tests.provenance.epcis_samples import CONTEXT, document
from tests.provenance.test_epcis_rest import caller
from tests.provenance.test_exactly_once import in_stock
from tests.provenance.world import GTIN, NDC, Member, dispense, fill, member, packs

CANARY = "Zqxwvcanary"


@pytest.fixture
def maker(channel: Channel) -> Member:
    return member(channel, "manufacturer")


@pytest.fixture
def pharmacy(channel: Channel) -> Member:
    return member(channel, "pharmacy")


def told(epc: str, **changes: Any) -> dict[str, Any]:
    prescription = {
        "number": f"N{CANARY}",
        "fill": 0,
        "ndc": NDC,
        "patient": {"system": "urn:mrn", "value": CANARY},
    }
    scan = f"]d201{GTIN}21{epc.rpartition('/')[2]}"
    return {"scan": scan, "prescription": prescription, **changes}


def give(client: Client, body: object, media_type: str = "application/json") -> Any:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return client.post("/api/v1/dispensings", raw, content_type=media_type)


def test_a_scan_and_a_prescription_are_a_dispensing(maker: Member, pharmacy: Member) -> None:
    (epc,) = packs(1)
    in_stock(maker, pharmacy, [epc], content=100)
    till = caller(pharmacy, "epcis:read", "epcis:write")
    body = told(epc, quantity=30, dispensed_at="2026-11-24T21:30:00-05:00")
    made = give(till, body)
    assert made.status_code == 201, made.content
    answer = made.json()
    assert (answer["exceptions"], len(answer["entry_ids"])) == ([], 1)
    again = give(till, body)
    assert (again.content, again["Theriac-Receipt"]) == (made.content, made["Theriac-Receipt"])
    with acting_as(pharmacy.actor):
        (row,) = Dispensing.objects.all()
        kept = [bytes(each.body) for each in IdempotencyRecord.objects.all()]
    assert (row.epc, row.unit, str(row.dispensed_on)) == (epc, "UN", "2026-11-24")
    assert not any(CANARY.encode() in each for each in kept)
    seen = till.get("/epcis/v2/events").content
    assert CANARY.encode() not in seen
    assert b"prescription" not in seen


def test_a_dispensing_too_many_is_recorded_and_says_so(maker: Member, pharmacy: Member) -> None:
    (epc,) = packs(1)
    in_stock(maker, pharmacy, [epc])
    till = caller(pharmacy, "epcis:write")
    assert give(till, told(epc)).json()["exceptions"] == []
    second = give(till, told(epc, event_id="urn:uuid:2a6f8f0e-0000-4000-8000-000000000002"))
    (broken,) = second.json()["exceptions"]
    assert (second.status_code, broken["class"]) == (201, "balance_exceeded")
    assert broken["next_step"]
    # The same event under another key is not recorded again.
    again = told(epc, event_id="urn:uuid:2a6f8f0e-0000-4000-8000-000000000002")
    repeated = till.post(
        "/api/v1/dispensings",
        orjson.dumps({**again, "dispensed_at": "2026-11-24T09:00:00Z"}),
        content_type="application/json",
        headers={"Idempotency-Key": "another"},
    )
    assert repeated.status_code == 409


def test_units_are_said_as_claims_say_them(maker: Member, pharmacy: Member) -> None:
    (epc,) = packs(1)
    in_stock(maker, pharmacy, [epc], content=100)
    till = caller(pharmacy, "epcis:write")
    raw = orjson.dumps(told(epc, unit="ML", quantity=2)).replace(b'"quantity":2', b'"quantity":2.5')
    assert give(till, raw).status_code == 201
    with acting_as(pharmacy.actor):
        assert Dispensing.objects.get().unit == "ML"
        stored = bytes(
            Event.objects.get(
                organisation_id=pharmacy.actor.organisation, biz_step="dispensing"
            ).document
        )
    (amount,) = orjson.loads(stored)["quantityList"]
    assert (amount["quantity"], amount["uom"]) == (2.5, "MLT")


def test_nothing_is_given_in_the_future_but_for_a_fast_clock(pharmacy: Member) -> None:
    (epc,) = packs(1)
    system = caller(pharmacy, "epcis:write")
    soon = timezone.now() + timedelta(minutes=9)  # noqa: TID251 - the view reads the clock
    refused = give(system, told(epc, dispensed_at=(soon + timedelta(minutes=3)).isoformat()))
    assert (refused.status_code, refused.json()["path"]) == (400, "dispensed_at")
    assert refused.json()["type"] == "urn:theriac:problem:bad-dispensing"
    assert "10 minutes ahead" in refused.json()["detail"]
    assert give(system, told(epc, dispensed_at=soon.isoformat())).status_code == 201


@pytest.mark.parametrize(
    "changes",
    [
        {"scan": ""},
        {"scan": 7},
        {"scan": "nothing"},
        {"scan": f"01{GTIN}"},
        {"scan": "https://id.gs1.org/00/403000112345678901"},
        {"quantity": 0},
        {"quantity": -1},
        {"quantity": True},
        {"quantity": "30"},
        {"quantity": 1, "unit": "KG"},
        {"unit": "ML"},
        {"unit": []},
        {"dispensed_at": "yesterday"},
        {"dispensed_at": 7},
        {"dispensed_at": "2026-11-24T09:00:00"},
        {"dispensed_at": "2099-01-01T09:00:00Z"},
        {"dispensed_at": "9999-12-31T23:00:00-05:00"},
        {"event_id": 7},
        {"prescription": {}},
        {"prescription": None},
        {"prescription": "RX1"},
        {"more": 1},
    ],
)
def test_what_is_no_dispensing_is_refused_and_leaves_nothing(
    pharmacy: Member, changes: dict[str, Any]
) -> None:
    (epc,) = packs(1)
    refused = give(caller(pharmacy, "epcis:write"), told(epc, **changes))
    assert refused.status_code in {400, 422}, refused.content
    assert refused["Content-Type"] == "application/problem+json"
    assert CANARY.encode() not in refused.content
    with acting_as(pharmacy.actor):
        assert event_list() == []


@pytest.mark.parametrize(
    ("changes", "place", "says"),
    [
        ({"scan": f"01{GTIN}"}, "scan", "scan the pack's DataMatrix"),
        ({"quantity": 0}, "quantity", ""),
        ({"event_id": 7}, "event_id", ""),
        ({"event_id": "not a uri"}, "event_id", ""),
        ({"prescription": {}}, "prescription", "is missing (and 3 more)"),
        ({"prescription": "RX1"}, "prescription", ""),
        (
            {"prescription": {**told("/1")["prescription"], "number": ""}},
            "prescription.number",
            "",
        ),
        ({"prescription": {**told("/1")["prescription"], "fill": 100}}, "prescription.fill", "99"),
        ({"prescription": {**told("/1")["prescription"], "ndc": "1"}}, "prescription.ndc", ""),
    ],
)
def test_a_refusal_names_the_member_that_was_sent(
    pharmacy: Member, changes: dict[str, Any], place: str, says: str
) -> None:
    (epc,) = packs(1)
    refused = give(caller(pharmacy, "epcis:write"), told(epc, **changes))
    problem = refused.json()
    assert (refused.status_code, problem["path"]) == (400, place), problem
    assert problem["type"] == "urn:theriac:problem:bad-dispensing"
    assert says in problem["detail"]
    assert b"eventList" not in refused.content
    assert b"epcisBody" not in refused.content


def test_a_pack_given_and_never_taken_in_says_what_was_recorded(pharmacy: Member) -> None:
    epc, other = packs(2)
    till = caller(pharmacy, "epcis:write")
    event_id = "urn:uuid:2a6f8f0e-0000-4000-8000-0000000000aa"
    given = give(till, told(epc, dispensed_at="2026-11-20T10:00:00Z", event_id=event_id))
    assert [each["class"] for each in given.json()["exceptions"]] == ["not_commissioned"]
    for question in Question:
        found = pharmacy.ask(epc, question)
        assert (found.answer, found.rule) == (Answer.UNKNOWN, "never_received")
        assert "dispensing (2026-11-20)" in found.text
    assert pharmacy.ask(other, Question.CHECK).rule == "unknown"
    # Declared wrong, it was never said.
    declaration = dispense(epc, 5) | {
        "eventID": event_id,
        "errorDeclaration": {"declarationTime": "2026-11-21T10:00:00Z"},
    }
    pharmacy.record(declaration)
    assert pharmacy.ask(epc, Question.CHECK).rule == "unknown"


def test_nobody_else_learns_what_was_recorded_of_a_pack(channel: Channel, pharmacy: Member) -> None:
    (epc,) = packs(1)
    give(caller(pharmacy, "epcis:write"), told(epc))
    assert member(channel, "pharmacy").ask(epc, Question.CHECK).rule == "unknown"
    assert pharmacy.ask(f"01{GTIN}", Question.CHECK).rule == "no_serial"


@pytest.mark.parametrize(
    ("place", "member_"),
    [
        ("epcList[0]", "scan"),
        ("quantityList[0].quantity", "quantity"),
        ("quantityList[0].uom", "unit"),
        ("eventTimeZoneOffset", "dispensed_at"),
        ("eventID", "event_id"),
        ("https://theriac.example/prescription.patient.value", "prescription.patient.value"),
        ("anything", "scan"),
    ],
)
def test_every_place_of_the_document_is_a_member_of_the_request(place: str, member_: str) -> None:
    path = f"$.epcisBody.eventList[0].{place}"
    faults = [EpcisFault(event_index=0, path=path, type="value", detail="this is wrong")] * 2
    error = dispensing_error(EpcisError(faults))
    assert error.detail == f"{member_}: this is wrong (and 1 more)"
    told_ = {"path": member_, "type": "value", "detail": "this is wrong"}
    assert error.members == {"path": member_, "fault": "value", "faults": [told_] * 2}


@pytest.mark.parametrize("body", [b" ", b"{", b"[]", b"7", b'{"a":1,"a":2}', b"[" * 5000, b"\xff"])
def test_a_body_that_cannot_be_read_is_refused(pharmacy: Member, body: bytes) -> None:
    assert give(caller(pharmacy, "epcis:write"), body).status_code == 400


def test_only_who_records_events_dispenses(pharmacy: Member) -> None:
    (epc,) = packs(1)
    assert give(caller(pharmacy, "epcis:read"), told(epc)).status_code == 403
    assert give(Client(), told(epc)).status_code == 401
    assert give(caller(pharmacy, "epcis:write"), told(epc), "text/plain").status_code == 415
    with acting_as(pharmacy.actor):
        assert event_list() == []


def test_an_epcis_client_names_the_prescription_in_the_event(
    maker: Member, pharmacy: Member
) -> None:
    (epc,) = packs(1)
    in_stock(maker, pharmacy, [epc])
    client = caller(pharmacy, "epcis:read", "epcis:write")
    sent = {"@context": [CONTEXT, {"theriac": "urn:theriac:epcis:"}], **fill(epc, 3)}
    made = client.post("/epcis/v2/events", orjson.dumps(sent), content_type="application/json")
    assert made.status_code == 201, made.content
    read = orjson.loads(client.get(made["Location"]).content)
    (event,) = read["epcisBody"]["queryResults"]["resultsBody"]["eventList"]
    clear = {name: value for name, value in sent.items() if "prescription" not in name}
    assert event == {**clear, "@context": [CONTEXT]}
    with acting_as(pharmacy.actor):
        assert Dispensing.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "fault"),
    [({"ndc": "00001012345"}, "ndc"), ({"patient": {}}, "missing"), ({"fill": None}, "missing")],
)
def test_a_wrong_prescription_is_refused_in_the_standards_form(
    maker: Member, pharmacy: Member, changes: dict[str, Any], fault: str
) -> None:
    (epc,) = packs(1)
    in_stock(maker, pharmacy, [epc])
    sent = {"@context": CONTEXT, **fill(epc, 3, **changes)}
    client = caller(pharmacy, "epcis:write")
    refused = client.post("/epcis/v2/events", orjson.dumps(sent), content_type="application/json")
    assert refused.status_code == 400
    answer = refused.json()
    assert (answer["type"], answer["fault"]) == ("epcisException:ValidationException", fault)


def test_a_document_of_dispensings_is_captured_at_once_and_kept_nowhere_in_clear(
    maker: Member, pharmacy: Member, databases: Databases
) -> None:
    epcs = packs(2)
    in_stock(maker, pharmacy, epcs)
    who = {"system": "urn:mrn", "value": CANARY}
    body = document(
        fill(epcs[0], 3, patient=who),
        fill(epcs[1], 4, patient=who, ndc=CANARY),
    )
    client = caller(pharmacy, "epcis:read", "epcis:write")
    taken = client.post(
        "/epcis/v2/capture",
        orjson.dumps(body),
        content_type="application/json",
        headers={"GS1-Capture-Error-Behaviour": "proceed"},
    )
    assert taken.status_code == 202, taken.content
    job = client.get(taken["Location"])
    assert (job.json()["running"], job.json()["success"]) == (False, False)  # some, not all
    assert [each["fault"] for each in job.json()["errors"]] == ["ndc"]
    with acting_as(pharmacy.actor):
        assert [row.epc for row in Dispensing.objects.all()] == [epcs[0]]
    assert CANARY.encode() not in job.content
    with databases.superuser() as everything:
        tables = everything.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        texts = {
            str(name): str(everything.execute(f'SELECT "{name}"::text FROM "{name}"').fetchall())
            for (name,) in tables.fetchall()
        }
    needles = (CANARY, CANARY.encode().hex())
    assert [name for name, text in texts.items() if any(n in text for n in needles)] == []
