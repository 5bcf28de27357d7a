"""The capture interface: documents in, jobs, all or nothing or what passes, and who sees what."""

import datetime as dt
from typing import Any
from uuid import uuid4

import orjson
import pytest
from django.utils import timezone

from foundation.core.actor import SYSTEM
from foundation.models import IdempotencyRecord, OutboxMessage
from foundation.outbox import OutboxWork, outbox_claim, outbox_run
from foundation.tenancy import acting_as
from ledger.core.commitment import check_commitment
from ledger.core.entry import parse_entry
from ledger.core.receipt import parse_receipt, parse_receipt_header
from ledger.selectors import entry_get
from ledger.services import gate
from ledger.services.verification import log_verify
from provenance.core import epcis
from provenance.models import CaptureJob, Event
from provenance.selectors import event_list
from provenance.services.capture import HEADER
from provenance.services.capture_jobs import capture_process
from tests.conftest import NOW, Channel
from tests.provenance.epcis_samples import document, query_document
from tests.provenance.test_epcis_rest import caller
from tests.provenance.test_sealed_http import Scanner, example
from tests.provenance.world import Member, commission, dispense, event, fill, member, packs, ship

CAPTURE = "/epcis/v2/capture"
PROCEED = {"GS1-Capture-Error-Behaviour": "proceed"}


@pytest.fixture
def maker(channel: Channel) -> Member:
    return member(channel, "manufacturer")


def send(who: Member, value: object, path: str = CAPTURE, **headers: str) -> Any:
    body = value if isinstance(value, bytes) else orjson.dumps(value, default=str)
    client = caller(who, "epcis:read", "epcis:write")
    return client.post(path, body, content_type="application/ld+json", headers=headers)


def work_off() -> None:
    """Do what the relay does, until nothing is due: other tests of this worker left some too."""
    now = timezone.now()  # noqa: TID251 - the views' clock
    while due := outbox_claim(now=now):
        for message_id in due:
            outbox_run(message_id, now=now)


def job_of(who: Member, answer: Any) -> Any:
    return caller(who, "epcis:read").get(answer["Location"]).json()


def recorded(who: Member) -> list[str]:
    with acting_as(who.actor):
        return [info.event_id for info in event_list(limit=1000)]


def rows(who: Member) -> list[CaptureJob]:
    with acting_as(SYSTEM):
        found = CaptureJob.objects.filter(organisation_id=who.actor.organisation)
        return list(found.order_by("id"))


def bad() -> dict[str, Any]:
    return event("shipping", packs(1), action="CHANGE")


def state(job: Any) -> tuple[bool, bool]:
    return job["running"], job["success"]


def test_a_document_is_received_now_and_captured_soon(fresh_db: Channel) -> None:
    maker, other = member(fresh_db, "manufacturer"), member(fresh_db, "pharmacy")
    epcs = packs(3)
    whole = document(commission(epcs), ship(epcs, other, 1))
    body = orjson.dumps(whole)
    answer = send(maker, body)
    assert answer.status_code == 202
    received = parse_receipt_header(answer["Theriac-Receipt"])
    assert received.promise.n == 1
    job = job_of(maker, answer)
    assert answer["Location"] == f"{CAPTURE}/{job['captureID']}"
    assert (state(job), job["errors"], "finishedAt" in job) == ((True, True), [], False)
    assert (recorded(maker), "theriac:receipt" in job) == ([], False)
    work_off()
    job = job_of(maker, answer)
    assert (state(job), job["errors"], job["captureErrorBehaviour"]) == (
        (False, True),
        [],
        "rollback",
    )
    assert "finishedAt" in job
    ids = [one["eventID"] for one in whole["epcisBody"]["eventList"]]
    assert recorded(maker) == job["theriac:eventIDs"] == ids
    receipt = parse_receipt(job["theriac:receipt"])
    assert (receipt.promise.n, len(receipt.entry_ids)) == (2, 2)
    # The entry of reception opens with the document that was sent; the row keeps none of it.
    (row,) = rows(maker)
    assert row.document is None
    with acting_as(maker.actor):
        entry = parse_entry(entry_get(bytes(row.received_entry_id or b"")).content)
    assert (entry.kind, entry.body) == ("provenance.capture.received.v1", {})
    check_commitment(
        commitment=entry.commitments[0],
        key=bytes(row.opening_key or b""),
        header=HEADER,
        data=body,
    )
    fresh_db.sequence()
    assert log_verify().faults == ()


def test_a_repeated_document_has_one_job(maker: Member) -> None:
    body = orjson.dumps(document(commission(packs(1))))
    first, again = send(maker, body), send(maker, body)
    assert first["Location"] == again["Location"]
    assert first["Theriac-Receipt"] == again["Theriac-Receipt"]
    work_off()
    assert send(maker, body)["Location"] == first["Location"]
    # Other wishes for the same document are another request; its events came before.
    other = send(maker, body, **PROCEED)
    assert other["Location"] != first["Location"]
    work_off()
    job = job_of(maker, other)
    assert (state(job), len(job["theriac:eventIDs"])) == ((False, True), 1)
    assert ("theriac:receipt" in job, len(recorded(maker))) == (False, 1)


def test_a_job_that_is_done_stays_as_it_is(maker: Member) -> None:
    answer = send(maker, document(commission(packs(1))))
    work_off()
    before = job_of(maker, answer)
    with acting_as(maker.actor):
        capture_process(
            OutboxWork(
                message_id=uuid4(),
                actor=maker.actor,
                payload={"capture": before["captureID"]},
                now=NOW,
            )
        )
    assert job_of(maker, answer) == before


def test_a_ledger_that_takes_nothing_is_asked_again(
    maker: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = send(maker, document(commission(packs(1))))
    with monkeypatch.context() as full:
        full.setattr(gate, "OUTSTANDING_MAX", 0)
        work_off()
        assert state(job_of(maker, answer)) == (True, True)
        refused = send(maker, document(commission(packs(1))))
        assert (refused.status_code, refused["Retry-After"]) == (503, "5")
    later = timezone.now() + dt.timedelta(minutes=5)  # noqa: TID251 - the views' clock
    for message_id in outbox_claim(now=later):
        outbox_run(message_id, now=later)
    assert state(job_of(maker, answer)) == (False, True)
    assert (len(recorded(maker)), len(rows(maker))) == (1, 1)


def test_one_bad_event_refuses_all_and_is_named(maker: Member) -> None:
    answer = send(maker, document(commission(packs(1)), bad()))
    problem = orjson.loads(answer.content)
    assert (answer.status_code, problem["type"]) == (400, "epcisException:ValidationException")
    assert [(fault["event_index"], fault["path"]) for fault in problem["faults"]] == [
        (1, "$.epcisBody.eventList[1].action")
    ]
    work_off()
    assert (recorded(maker), rows(maker)) == ([], [])


@pytest.mark.parametrize("make", [document, query_document])
def test_what_passes_goes_on_and_every_bad_event_is_named(maker: Member, make: Any) -> None:
    good = [commission(packs(1)), commission(packs(1))]
    unread = {**commission(packs(1)), "type": "TransformationEvent"}
    answer = send(maker, make(good[0], bad(), unread, good[1]), **PROCEED)
    assert (answer.status_code, answer["GS1-Capture-Error-Behaviour"]) == (202, "proceed")
    work_off()
    job = job_of(maker, answer)
    assert state(job) == (False, False)
    assert [(each["event_index"], each["fault"]) for each in job["errors"]] == [
        (1, "value"),
        (2, "not_built"),
    ]
    assert {each["type"] for each in job["errors"]} == {"epcisException:ValidationException"}
    assert recorded(maker) == [one["eventID"] for one in good]
    assert parse_receipt(job["theriac:receipt"]).promise.n == 2


def test_where_none_passes_nothing_is_recorded(maker: Member) -> None:
    answer = send(maker, document(bad(), bad()), **PROCEED)
    work_off()
    job = job_of(maker, answer)
    assert (state(job), [each["event_index"] for each in job["errors"]]) == ((False, False), [0, 1])
    assert (recorded(maker), "theriac:receipt" in job) == ([], False)


@pytest.mark.parametrize(("behaviour", "stored"), [("rollback", 0), ("proceed", 2)])
def test_ids_of_other_events_are_named_once_they_are_looked_up(
    maker: Member, behaviour: str, stored: int
) -> None:
    known = [commission(packs(1)) for _ in range(2)]
    maker.record(*known)
    fresh = [commission(packs(1)) for _ in range(2)]
    changed = [{**one, "eventTime": "2026-11-24T07:00:00Z"} for one in known]
    mixed = document(bad(), fresh[0], *changed, fresh[1])
    if behaviour == "rollback":
        mixed["epcisBody"]["eventList"].pop(0)
    answer = send(maker, mixed, **{"GS1-Capture-Error-Behaviour": behaviour})
    work_off()
    job = job_of(maker, answer)
    first = 1 if behaviour == "rollback" else 2
    taken = [each for each in job["errors"] if each["status"] == 409]
    assert [each["event_index"] for each in taken] == [first, first + 1]
    assert {each["type"] for each in taken} == {"epcisException:ResourceAlreadyExistsException"}
    assert (state(job), len(recorded(maker))) == ((False, False), 2 + stored)


def test_master_data_is_not_lost_silently(maker: Member) -> None:
    whole = document(commission(packs(1)))
    whole["epcisHeader"] = {"epcisMasterData": {"vocabularyList": [{"type": "x"}]}}
    answer = send(maker, whole)
    (fault,) = orjson.loads(answer.content)["faults"]
    assert (answer.status_code, fault["type"], fault["path"]) == (
        400,
        "not_built",
        "$.epcisHeader.epcisMasterData",
    )
    proceeds = send(maker, whole, **PROCEED)
    work_off()
    job = job_of(maker, proceeds)
    assert (state(job), len(recorded(maker))) == ((False, False), 1)
    assert [each["path"] for each in job["errors"]] == ["$.epcisHeader.epcisMasterData"]
    empty = document(commission(packs(1)))
    empty["epcisHeader"] = {}
    assert send(maker, empty).status_code == 202


CANARY = "Penelope-Canary"


def kept_in_clear(who: Member) -> str:
    """Return all that the rows of the organisation's jobs and events hold."""
    with acting_as(who.actor):
        found = [CaptureJob.objects.values(), Event.objects.values()]
        return str([list(rows) for rows in (*found, IdempotencyRecord.objects.values())])


def test_what_may_name_a_person_never_waits(channel: Channel) -> None:
    pharmacy = member(channel, "pharmacy")
    patient = {"system": "urn:mrn", "value": CANARY}
    events = [fill(packs(1)[0], 1, number=CANARY, patient=patient), dispense(packs(1)[0], 2)]
    answer = send(pharmacy, document(*events))
    job = job_of(pharmacy, answer)
    assert (answer.status_code, state(job), len(recorded(pharmacy))) == (202, (False, True), 2)
    assert parse_receipt(job["theriac:receipt"]).promise.n == 2
    assert parse_receipt_header(answer["Theriac-Receipt"]).promise.n == 1
    # Nothing waits, and nothing opens the entry of its reception.
    with acting_as(SYSTEM):
        assert not OutboxMessage.objects.filter(payload__capture=job["captureID"]).exists()
    assert "theriac:opening" not in job
    assert CANARY not in kept_in_clear(pharmacy)


def test_of_what_may_name_a_person_no_fault_repeats_a_value(channel: Channel) -> None:
    pharmacy = member(channel, "pharmacy")
    patient = {"system": "urn:mrn", "value": CANARY}
    wrong = [
        {**dispense(packs(1)[0], 1), CANARY: CANARY, "bizTransactionList": CANARY},
        fill(packs(1)[0], 1, number=CANARY, patient=patient, fill=CANARY),
        {**dispense(packs(1)[0], 1), "example:patient": CANARY},
        {**fill(packs(1)[0], 1), "bizStep": CANARY, "quantityList": [{"epcClass": CANARY}]},
    ]
    for one in wrong:
        assert send(pharmacy, document(one)).status_code == 400
    assert rows(pharmacy) == []
    answer = send(pharmacy, document(wrong[0], commission(packs(1)), *wrong[1:]), **PROCEED)
    job = job_of(pharmacy, answer)
    assert (state(job), len(recorded(pharmacy))) == ((False, False), 1)
    assert {each["event_index"] for each in job["errors"]} == {0, 2, 3, 4}
    assert all(f"[{each['event_index']}]" in each.get("path", "[3]") for each in job["errors"])
    assert CANARY not in kept_in_clear(pharmacy)
    assert CANARY not in str(job)


def test_a_sealed_document_is_captured_at_once(fresh_db: Channel) -> None:
    scanner = Scanner(fresh_db, member(fresh_db, "manufacturer"))
    epcs = packs(2)
    events = [commission(epcs), event("packing", epcs, 1), event("inspecting", epcs, 2)]
    whole = document(*events)
    context = whole["@context"]
    sealed, after = example.seal(
        [{**one, "@context": context} for one in events],
        example.canonical(whole),
        private=scanner.private,
        log=fresh_db.log.origin,
        org=scanner.org,
        head=scanner.head(),
    )
    path = CAPTURE
    unsure = scanner.client.post(
        path,
        orjson.dumps(sealed),
        content_type="application/vnd.theriac.sealed+json",
        headers=PROCEED,
    )
    assert (unsure.status_code, recorded(scanner.owner)) == (400, [])
    answer = scanner.send(path, sealed)
    assert answer.status_code == 202
    job = job_of(scanner.owner, answer)
    assert (state(job), recorded(scanner.owner)) == (
        (False, True),
        [one["eventID"] for one in events],
    )
    receipt = parse_receipt(job["theriac:receipt"])
    assert (receipt.promise.n, receipt.header()) == (3, answer["Theriac-Receipt"])
    assert (scanner.head(), "theriac:opening" in job) == (after, False)
    fewer = {**sealed, "entries": sealed["entries"][:2], "openings": sealed["openings"][:2]}
    assert scanner.send(path, fewer).status_code == 400
    fresh_db.sequence()
    assert log_verify().faults == ()


def test_more_than_the_limit_is_refused_with_the_limits(
    maker: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(epcis, "EVENTS_MAX", 2)
    many = send(maker, document(*(commission(packs(1)) for _ in range(3))))
    wide = send(maker, b" " * (8 * 1024 * 1024 + 1))
    for answer in (many, wide):
        assert answer.status_code == 413
        problem = orjson.loads(answer.content)
        assert problem["type"] == "epcisException:CaptureLimitExceededException"
    assert many["GS1-EPCIS-Capture-Limit"] == "10000"
    assert many["GS1-EPCIS-Capture-File-Size-Limit"] == str(8 * 1024 * 1024)
    assert (recorded(maker), rows(maker)) == ([], [])


def test_the_interface_says_what_it_understands(maker: Member) -> None:
    answer = caller(maker, "epcis:read").options(CAPTURE)
    assert answer.status_code == 204
    found = {name: answer[name] for name in answer.headers if name.startswith("GS1-")}
    assert found == {
        "GS1-EPCIS-Version": "2.0.0",
        "GS1-EPCIS-Min": "2.0.0",
        "GS1-EPCIS-Max": "2.0.0",
        "GS1-CBV-Version": "2.0.0",
        "GS1-CBV-Min": "2.0.0",
        "GS1-CBV-Max": "2.0.0",
        "GS1-Capture-Error-Behaviour": "all",
        "GS1-EPCIS-Capture-Limit": "10000",
        "GS1-EPCIS-Capture-File-Size-Limit": str(8 * 1024 * 1024),
    }
    assert {"GET", "POST", "OPTIONS"} <= set(answer["Allow"].split(", "))


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"GS1-EPCIS-Version": "2.0"}, 202),
        ({"GS1-CBV-Version": "2.0.0", "GS1-EPCIS-Min": "1.2", "GS1-EPCIS-Max": "2"}, 202),
        ({"GS1-EPCIS-Version": "1.2"}, 406),
        ({"GS1-CBV-Version": "two"}, 406),
        ({"GS1-EPCIS-Min": "2.1"}, 406),
        ({"GS1-CBV-Max": "1.2.0"}, 406),
        ({"GS1-Capture-Error-Behaviour": "all"}, 400),
        ({"GS1-Capture-Error-Behaviour": ""}, 400),
    ],
)
def test_what_the_headers_ask_for_is_given_or_refused(
    maker: Member, headers: dict[str, str], status: int
) -> None:
    answer = send(maker, document(commission(packs(1))), **headers)
    assert answer.status_code == status
    if status != 202:
        assert orjson.loads(answer.content)["type"].startswith("epcisException:")
        assert rows(maker) == []


def test_only_ones_own_jobs_are_there(channel: Channel, maker: Member) -> None:
    bob = member(channel, "wholesaler")
    answer = send(maker, document(commission(packs(1))))
    refused = [
        caller(bob, "epcis:read").get(path)
        for path in (answer["Location"], f"{CAPTURE}/{uuid4()}", f"{CAPTURE}/x")
    ]
    assert {each.status_code for each in refused} == {404}
    assert len({each.content for each in refused}) == 1
    assert caller(bob, "epcis:read").get(CAPTURE).json() == []
    body = orjson.dumps(document(commission(packs(1))))
    charlie = caller(maker, "epcis:read").post(CAPTURE, body, content_type="application/json")
    assert charlie.status_code == 403
    nobody = caller(maker, "ledger:read").get(answer["Location"])
    assert (nobody.status_code, len(rows(maker)), rows(bob)) == (403, 1, [])
    nameless = member(channel, "pharmacy", named=False)
    assert send(nameless, document(commission(packs(1)))).status_code == 400
    assert rows(nameless) == []


def test_jobs_come_in_pages_the_newest_first(maker: Member) -> None:
    made = [send(maker, document(commission(packs(1))))["Location"] for _ in range(5)]
    reader = caller(maker, "epcis:read")
    found, address = [], f"{CAPTURE}?perPage=2"
    while address:
        page = reader.get(address)
        found.append([f"{CAPTURE}/{job['captureID']}" for job in page.json()])
        address = page.headers.get("Link", "").partition("<")[2].partition(">")[0]
    assert [len(page) for page in found] == [2, 2, 1]
    assert [one for page in found for one in page] == made[::-1]
    for wrong in ("perPage=0", "perPage=1001", "perPage=x", "nextPageToken=-1"):
        assert reader.get(f"{CAPTURE}?{wrong}").status_code == 400
