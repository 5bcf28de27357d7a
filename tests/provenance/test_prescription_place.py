"""A prescription that no dispensing brings is refused at each door, and lies nowhere in clear."""

from typing import Any

import orjson
import pytest

from foundation.models import IdempotencyRecord
from foundation.tenancy import acting_as
from provenance.models import CaptureJob, Event
from tests.conftest import Channel
from tests.provenance.epcis_samples import CONTEXT, document
from tests.provenance.test_capture_http import PROCEED, job_of, recorded, send, state, work_off
from tests.provenance.test_sealed_http import Scanner, example
from tests.provenance.world import Member, commission, event, fill, member, packs

CANARY = "Philomena-Canary"
CAPTURE, EVENTS = "/epcis/v2/capture", "/epcis/v2/events"
TYPES = ("combination", "unknown_field")
PATIENT = {"system": "urn:mrn", "value": CANARY}


@pytest.fixture
def pharmacy(channel: Channel) -> Member:
    return member(channel, "pharmacy")


def told() -> dict[str, Any]:
    filled = fill(packs(1)[0], 1, number=CANARY, patient=PATIENT)
    found: dict[str, Any] = filled["theriac:prescription"]
    return found


def misplaced() -> list[dict[str, Any]]:
    """Return events that are no dispensing, and say who was given what."""
    epcs = packs(1)
    stepless = {**event("x", epcs), "theriac:prescription": told()}
    del stepless["bizStep"]
    return [
        {**event("shipping", epcs), "theriac:prescription": told()},
        {**event("shipping", epcs), "urn:theriac:epcis:prescription": told()},
        {**event("shipping", epcs), "theriac:sale": {"prescription": told()}},
        {**event("https://example.com/BizStep-dispensing", epcs), "rx:prescription": told()},
        stepless,
    ]


def everything(who: Member) -> str:
    with acting_as(who.actor):
        found = [CaptureJob.objects.values(), Event.objects.values()]
        return str([list(rows) for rows in (*found, IdempotencyRecord.objects.values())])


@pytest.mark.parametrize("index", range(5))
def test_no_door_takes_a_prescription_without_a_dispensing(pharmacy: Member, index: int) -> None:
    wrong = misplaced()[index]
    answers = [
        send(pharmacy, {"@context": CONTEXT, **wrong}, EVENTS),
        send(pharmacy, document(commission(packs(1)), wrong), CAPTURE),
    ]
    for place, answer in enumerate(answers):
        (fault,) = orjson.loads(answer.content)["faults"]
        assert answer.status_code == 400
        assert (fault["event_index"], fault["type"]) in {
            (place, "combination"),
            (place, "unknown_field"),
        }
        assert fault["path"].startswith(f"$.epcisBody.eventList[{place}].")
        assert CANARY not in answer.content.decode()
    assert recorded(pharmacy) == []
    assert CANARY not in everything(pharmacy)


def test_what_passes_beside_it_goes_on_and_nothing_waits(pharmacy: Member) -> None:
    wrong = misplaced()
    answer = send(pharmacy, document(*wrong, commission(packs(1))), CAPTURE, **PROCEED)
    assert CANARY not in everything(pharmacy)  # before anybody worked it off
    work_off()
    job = job_of(pharmacy, answer)
    assert (state(job), len(recorded(pharmacy))) == ((False, False), 1)
    assert [each["event_index"] for each in job["errors"]] == list(range(5))
    assert CANARY not in everything(pharmacy) + str(job)


def test_that_a_dispensing_was_wrong_is_said_without_its_patient(pharmacy: Member) -> None:
    given = fill(packs(1)[0], 1, number=CANARY, patient=PATIENT)
    wrong = {**given, "errorDeclaration": {"declarationTime": "2026-11-24T09:00:00Z"}}
    for one in (given, wrong):
        assert send(pharmacy, {"@context": CONTEXT, **one}, EVENTS).status_code == 201
    said = send(pharmacy, document({**wrong, "bizStep": "shipping"}), CAPTURE)
    assert (said.status_code, len(recorded(pharmacy))) == (400, 2)
    assert CANARY not in everything(pharmacy)


def test_a_sealed_one_is_refused_too(fresh_db: Channel) -> None:
    scanner = Scanner(fresh_db, member(fresh_db, "pharmacy"))
    for wrong in misplaced()[:2]:
        whole = document(wrong)
        sealed, _ = example.seal(
            [{**wrong, "@context": whole["@context"]}],
            example.canonical(whole),
            private=scanner.private,
            log=fresh_db.log.origin,
            org=scanner.org,
            head=scanner.head(),
        )
        answer = scanner.send(CAPTURE, sealed)
        (fault,) = orjson.loads(answer.content)["faults"]
        assert (answer.status_code, fault["type"]) == (400, "combination")
    assert recorded(scanner.owner) == []
    assert CANARY not in everything(scanner.owner)


def test_a_dispensings_contexts_are_no_hiding_place(fresh_db: Channel) -> None:
    pharmacy = member(fresh_db, "pharmacy")
    contexts = [CONTEXT, {"rx": "urn:theriac:epcis:", CANARY: "https://example.com/"}]
    given = fill(packs(1)[0], 1, number=CANARY, patient=PATIENT)
    named = {**given, "rx:prescription": given["theriac:prescription"], "@context": contexts}
    del named["theriac:prescription"]
    assert send(pharmacy, named, EVENTS).status_code == 201
    assert send(pharmacy, named, EVENTS).status_code in {200, 201}  # the same again
    assert (len(recorded(pharmacy)), CANARY in everything(pharmacy)) == (1, False)
    scanner = Scanner(fresh_db, member(fresh_db, "pharmacy"))
    bare = {**event("dispensing", packs(1)), "@context": contexts}
    sealed, _ = example.seal(
        [bare],
        example.canonical(bare),
        private=scanner.private,
        log=fresh_db.log.origin,
        org=scanner.org,
        head=scanner.head(),
    )
    answer = scanner.send(EVENTS, sealed)
    assert (answer.status_code, recorded(scanner.owner)) == (501, [])
    assert CANARY not in everything(scanner.owner)
