"""FHIR over HTTP: bytes come back as sent, consent governs every read, faults have their place."""

import json
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from accounts.core.scopes import Scope
from foundation.logs import JsonFormatter
from foundation.tenancy import acting_as
from records.models import Record
from tests.records.conftest import House
from tests.records.house import (
    BASE,
    CANARY,
    CONFIDENTIALITY,
    Caller,
    bundle,
    consent,
    ids,
    issue,
    labelled,
    observation,
    patient,
    purpose,
    recipient,
)


def test_a_record_comes_back_byte_for_byte_and_versions_follow(hospital: House) -> None:
    system = hospital.system
    assert system.put(patient()).status_code == 201
    raw = (
        b'{ "resourceType":"Observation","id":"o1","status":"final",\n "code":{"text":"x"},'
        b'"subject":{"reference":"Patient/p1"},"valueQuantity":{"value":5.00} }\n'
    )
    made = system.put(raw, "Observation/o1")
    assert made.status_code == 201, made.content
    assert made["ETag"] == 'W/"1"'
    assert made["Theriac-Receipt"]
    read = system.get("Observation/o1")
    assert read.status_code == 200, read.content
    assert read.content == raw
    again = system.put(raw + b" ", "Observation/o1")
    assert (again.status_code, again["ETag"]) == (200, 'W/"2"')
    assert again["Theriac-Record"] == made["Theriac-Record"]
    assert system.get("Observation/o1").content == raw + b" "


def test_another_organisation_reads_by_consent_alone(hospital: House, clinic: House) -> None:
    hospital.system.post(bundle(patient(), observation()))
    custodian = hospital.actor.organisation_id
    assert clinic.system.get("Observation/o1", custodian=custodian).status_code == 404
    listed = clinic.system.get("Observation?patient=p1", custodian=custodian)
    assert (listed.status_code, ids(listed)) == (200, [])
    permit = consent(base="OPTOUT", actor=[recipient(clinic.reference)], purpose=[purpose("TREAT")])
    assert hospital.system.put(permit).status_code == 201
    assert clinic.system.get("Observation/o1", custodian=custodian).status_code == 200
    listed = clinic.system.get("Observation?patient=p1", custodian=custodian)
    assert (listed.status_code, ids(listed)) == (200, ["o1"])
    assert clinic.system.get("Observation/o1", "HRESCH", custodian=custodian).status_code == 404
    hospital.system.put(consent(base="OPTOUT"))
    assert clinic.system.get("Observation/o1", custodian=custodian).status_code == 404


def test_a_bundle_is_answered_entry_by_entry_and_a_repeat_alike(hospital: House) -> None:
    broken = {**consent(), "status": "bogus"}
    sent = json.dumps(bundle(patient(), observation(), broken)).encode()
    first = hospital.system.post(sent)
    assert first.status_code == 200, first.content
    body = json.loads(first.content)
    assert body["type"] == "transaction-response"
    responses = [entry["response"] for entry in body["entry"]]
    assert [each["location"] for each in responses] == [
        "Patient/p1/_history/1",
        "Observation/o1/_history/1",
        "Consent/c1/_history/1",
    ]
    assert [each["status"] for each in responses] == ["201 Created"] * 3
    assert responses[2]["outcome"]["issue"][0]["severity"] == "warning"
    assert "outcome" not in responses[0]
    again = hospital.system.post(sent)
    assert again.content == first.content
    assert again["Theriac-Receipt"] == first["Theriac-Receipt"]
    updated = hospital.system.post(sent, **{"Idempotency-Key": "another"})
    statuses = [entry["response"]["status"] for entry in json.loads(updated.content)["entry"]]
    assert statuses == ["200 OK"] * 3


def test_a_key_that_came_with_another_body_is_refused(hospital: House) -> None:
    key = {"Idempotency-Key": "k1"}
    assert hospital.system.put(patient(), **key).status_code == 201
    refused = hospital.system.put(patient(active=True), **key)
    assert refused.status_code == 422
    assert issue(refused)["details"]["coding"][0]["code"] == "idempotency-key-reused"


def test_a_create_takes_the_id_it_carries_once(hospital: House) -> None:
    made = hospital.system.post(patient(), "Patient")
    assert (made.status_code, made["Location"]) == (201, BASE + "Patient/p1/_history/1")
    assert issue(made)["severity"] == "information"
    taken = hospital.system.post(patient(active=True), "Patient")
    assert (taken.status_code, issue(taken)["code"]) == (409, "conflict")
    nameless = hospital.system.post({"resourceType": "Patient"}, "Patient")
    assert (nameless.status_code, issue(nameless)["expression"]) == (400, ["Patient.id"])


def test_a_malformed_consent_is_kept_with_a_warning(hospital: House) -> None:
    hospital.system.post(bundle(patient(), observation()))
    answer = hospital.system.put({**consent(), "policyRule": {"text": "x"}})
    assert answer.status_code == 201
    found = issue(answer)
    assert (found["severity"], found["expression"]) == ("warning", ["Consent"])
    assert ids(hospital.system.get("Observation?patient=p1")) == []


@pytest.mark.parametrize(
    ("raw", "path", "status", "code"),
    [
        (b"{", "Patient/p1", 400, "structure"),
        (b'{"resourceType":"Patient","id":"p1","x":NaN}', "Patient/p1", 400, "structure"),
        (b'{"%s":1,"%s":2}' % (CANARY.encode(), CANARY.encode()), "Patient/p1", 400, "structure"),
        (b'{"resourceType":"Patient","id":"p1","name":"\\ud800"}', "Patient/p1", 400, "structure"),
        (b'{"a":' * 100 + b"1" + b"}" * 100, "Patient/p1", 400, "structure"),
        (b"[]", "Patient/p1", 400, "structure"),
        (json.dumps(patient(CANARY)).encode(), "Patient/p1", 400, "invalid"),
        (json.dumps(observation(of=CANARY)).encode(), "Observation/o1", 400, "value"),
        (
            json.dumps(observation(of=f"Patient/{CANARY}")).encode(),
            "Observation/o1",
            422,
            "not-found",
        ),
        (json.dumps(observation(status=CANARY)).encode(), "Observation/o1", 400, "code-invalid"),
        (json.dumps(patient()).encode(), "Nonsense/p1", 404, "not-found"),
    ],
)
def test_what_cannot_be_taken_is_an_outcome_that_repeats_nothing(
    hospital: House, raw: bytes, path: str, status: int, code: str
) -> None:
    answer = hospital.system.put(raw, path)
    assert (answer.status_code, issue(answer)["code"]) == (status, code)
    assert CANARY.encode() not in answer.content
    with acting_as(hospital.actor):
        assert Record.objects.count() == 0


def test_an_oversized_body_is_refused(hospital: House, settings: Settings) -> None:
    settings.BODY_SIZE_BYTES_MAX = 1024
    answer = hospital.system.put(patient(text={"div": "x" * 2000}))
    assert answer.status_code == 413
    large = patient(text={"div": "x" * (1024 * 1024)})
    settings.BODY_SIZE_BYTES_MAX = 8 * 1024 * 1024
    answer = hospital.system.put(large)
    assert (answer.status_code, issue(answer)["code"]) == (501, "not-supported")


@pytest.mark.parametrize("path", ["Observation/o1", "Observation?patient=p1"])
def test_a_reading_names_its_purpose(hospital: House, path: str) -> None:
    for wrong in (None, "", "treat", CANARY):
        answer = hospital.system.get(path, wrong)
        assert answer.status_code == 400
        assert issue(answer)["details"]["coding"][0]["code"] == "purpose-required"
        assert CANARY.encode() not in answer.content
    for custodian, status in (("x", 400), (uuid4(), 404)):
        assert hospital.system.get(path, custodian=custodian).status_code == status


def test_absent_and_forbidden_answer_alike(hospital: House, clinic: House) -> None:
    hospital.system.post(bundle(patient(), observation()))
    custodian = hospital.actor.organisation_id

    def seen(path: str) -> tuple[int, bytes, list[str]]:
        answer = clinic.system.get(path, custodian=custodian)
        return answer.status_code, answer.content, sorted(answer.headers)

    assert seen("Observation/o1") == seen("Observation/o9")
    forbidden = seen("Observation?patient=p1")
    absent = seen("Observation?patient=p9")
    assert (absent[0], absent[1].replace(b"p9", b"p1"), absent[2]) == forbidden


def test_who_may_write_and_read_at_all(hospital: House, anyone: Client) -> None:
    world = hospital.world
    reads, _ = world.key(hospital.actor, Scope.RECORDS_READ)
    other, _ = world.key(hospital.actor, Scope.EPCIS_WRITE)
    nobody = Caller(key="thk_none", client=Client())
    for caller, write, look in (
        (Caller(key=reads, client=Client()), 403, 200),
        (Caller(key=other, client=Client()), 403, 403),
        (nobody, 401, 401),
    ):
        assert caller.put(patient()).status_code == write
        assert caller.post(bundle(patient())).status_code == write
        assert caller.get("Observation?patient=p1").status_code == look
    with acting_as(hospital.actor):
        assert Record.objects.count() == 0
    assert anyone.get("/fhir/r4/metadata").json()["fhirVersion"] == "4.0.1"


def test_what_is_not_built_says_so(hospital: House) -> None:
    for path in ("Patient/p1/_history/1", "Patient/$everything", "$export"):
        answer = hospital.system.get(path)
        assert (answer.status_code, issue(answer)["code"]) == (501, "not-supported")
    deleted: Any = hospital.system.client.delete(
        "/fhir/r4/Patient/p1", headers={"Authorization": f"Bearer {hospital.system.key}"}
    )
    assert (deleted.status_code, issue(deleted)["code"]) == (405, "not-supported")
    refused = hospital.system.get("Observation?patient=p1&code=x")
    assert (refused.status_code, issue(refused)["code"]) == (400, "invalid")


def test_a_search_by_post_stands_in_no_address(hospital: House) -> None:
    hospital.system.post(bundle(patient("p1", ("urn:mrn", "7")), observation()))
    headers = {"Authorization": f"Bearer {hospital.system.key}", "Theriac-Purpose": "TREAT"}

    def search(body: str) -> Any:
        return Client().post(
            "/fhir/r4/Observation/_search",
            body,
            content_type="application/x-www-form-urlencoded",
            headers=headers,
        )

    assert ids(search("patient=p1")) == ["o1"]
    assert ids(search("patient.identifier=urn%3Amrn%7C7")) == ["o1"]
    assert search("%zz").status_code == 400


def test_pages_count_what_may_be_shown(hospital: House, clinic: House) -> None:
    records = [labelled(observation(f"o{n}"), "R" if n % 2 else "N") for n in range(9)]
    normal = consent(
        base="OPTOUT",
        actor=[recipient(clinic.reference)],
        securityLabel=[{"system": CONFIDENTIALITY, "code": "N"}],
    )
    hospital.system.post(bundle(patient(), *records, normal))
    custodian = hospital.actor.organisation_id
    path, pages = "Observation?patient=p1&_count=2", []
    while path:
        answer = clinic.system.get(path, custodian=custodian)
        body = json.loads(answer.content)
        assert body["total"] == 5
        pages.append(ids(answer))
        nexts = [link["url"] for link in body["link"] if link["relation"] == "next"]
        path = nexts[0].removeprefix(BASE) if nexts else ""
    assert pages == [["o0", "o2"], ["o4", "o6"], ["o8"]]


def test_a_hidden_record_changes_no_visible_byte(hospital: House, clinic: House) -> None:
    """Wherever it is hidden among two that are shown, on every page, for every way to ask."""
    normal = consent(
        base="OPTOUT",
        actor=[recipient(clinic.reference)],
        securityLabel=[{"system": CONFIDENTIALITY, "code": "N"}],
    )
    custodian = hospital.actor.organisation_id
    asked = (
        "Observation?patient={}",
        "Observation?patient={}&_count=1",
        "Observation/hidden",
        "Observation?patient={}&_count=1&_offset=1",
        "Condition?patient={}",
    )

    def seen(name: str, hidden_at: int | None) -> list[tuple[int, bytes, list[str]]]:
        records = [labelled(observation(f"{n}", f"Patient/{name}"), "N") for n in "ab"]
        if hidden_at is not None:
            secret = labelled(observation("hidden", f"Patient/{name}"), "R")
            records.insert(hidden_at, secret)
        house = {**normal, "patient": {"reference": f"Patient/{name}"}, "id": f"c{name}"}
        for each in records:
            each["id"] = f"{each['id']}{name}"
        assert hospital.system.post(bundle(patient(name), *records, house)).status_code == 200
        answers = [clinic.system.get(p.format(name), custodian=custodian) for p in asked]
        return [
            (each.status_code, each.content.replace(name.encode(), b""), sorted(each.headers))
            for each in answers
        ]

    without = seen("person9", None)
    assert len(json.loads(without[0][1])["entry"]) == 2
    for at in range(3):
        assert seen(f"person{at}", at) == without


def test_no_log_line_and_no_refusal_holds_what_was_sent(
    hospital: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    hospital.system.post(bundle(patient(CANARY, (CANARY, CANARY)), observation(CANARY)))
    answers = [
        hospital.system.post(bundle(patient(CANARY), observation(of=f"Patient/{CANARY}x"))),
        hospital.system.get(f"Observation/{CANARY}"),
        hospital.system.get(f"Observation?{CANARY}=1"),
        hospital.system.get(f"{CANARY}/1"),
    ]
    assert [each.status_code for each in answers] == [422, 404, 400, 404]
    assert not any(CANARY.encode() in each.content for each in answers)
    lines = [JsonFormatter().format(record) for record in caplog.records]
    assert not any(CANARY in line for line in lines)


def test_the_feed_over_http_is_for_the_privacy_officer(hospital: House, clinic: House) -> None:
    hospital.system.post(bundle(patient("p1", ("urn:mrn", "7")), observation()))
    hospital.system.get("Observation/o1")
    headers = {"Authorization": f"Bearer {hospital.system.key}"}
    answer = Client().get("/api/v1/disclosures?patient=urn:mrn|7", headers=headers)
    assert answer.status_code == 200, answer.content
    (line,) = answer.json()["disclosures"]
    assert line["count"] == 1
    assert line["organisation_id"] == str(hospital.actor.organisation_id)
    assert line["request"]["purposes"][0]["code"] == "TREAT"
    assert answer["Cache-Control"] == "no-store"
    other = {"Authorization": f"Bearer {clinic.system.key}"}
    assert Client().get("/api/v1/disclosures?patient=p1", headers=other).json() == {
        "disclosures": []
    }
    assert Client().get("/api/v1/disclosures", headers=headers).status_code == 400


def test_a_consent_given_revoked_and_given_again_in_the_same_words_is_three_acts(
    hospital: House, clinic: House
) -> None:
    """Without a key of the sender's, too: a repeat is one only while nothing came after it."""
    hospital.system.post(bundle(patient(), observation()))
    custodian = hospital.actor.organisation_id
    permit = consent(base="OPTOUT", actor=[recipient(clinic.reference)], purpose=[purpose("TREAT")])
    answers = []
    for sent, is_open in ((permit, True), (consent(base="OPTOUT"), False)) * 2:
        answers.append(hospital.system.put(sent))
        repeated = hospital.system.put(sent)
        assert repeated["Theriac-Receipt"] == answers[-1]["Theriac-Receipt"]
        found = ids(clinic.system.get("Observation?patient=p1", custodian=custodian))
        assert (found == ["o1"]) == is_open
    assert [each["ETag"] for each in answers] == ['W/"1"', 'W/"2"', 'W/"3"', 'W/"4"']


def test_too_many_empty_answers_are_refused_in_each_addresss_form(
    hospital: House, settings: Settings
) -> None:
    settings.EMPTY_READS_PER_MINUTE_MAX = 1
    assert hospital.system.get("Observation/o1").status_code == 404
    answer = hospital.system.get("Observation/o1")
    assert answer.status_code == 429
    assert 1 <= int(answer["Retry-After"]) <= 60
    assert issue(answer)["code"] == "throttled"
    assert issue(answer)["details"]["coding"][0]["code"] == "too-many-requests"
    listed = hospital.system.client.get(
        "/api/v1/disclosures?patient=p1",
        headers={"Authorization": f"Bearer {hospital.system.key}"},
    )
    assert (listed.status_code, listed["Content-Type"]) == (429, "application/problem+json")
    assert 1 <= int(listed["Retry-After"]) <= 60


@pytest.mark.parametrize("id_", ["x" * 300, "a_b", "a%20b", "%C3%A9"])
def test_an_address_without_an_id_of_r4_is_not_found(hospital: House, id_: str) -> None:
    for answer in (
        hospital.system.get(f"Observation/{id_}"),
        hospital.system.put(observation(), f"Observation/{id_}"),
        hospital.system.get(f"{'Observation' * 9}?patient=p1"),
    ):
        assert (answer.status_code, issue(answer)["code"]) == (404, "not-found")
    with acting_as(hospital.actor):
        assert Record.objects.count() == 0


def test_what_is_refused_before_a_view_is_an_outcome_too(hospital: House) -> None:
    client, headers = hospital.system.client, {"Authorization": f"Bearer {hospital.system.key}"}
    answers = [
        hospital.system.get("Observation/%00"),
        hospital.system.get("Observation?patient=%00"),
        client.post(
            "/fhir/r4/", b"{}", "application/fhir+json", headers=headers, CONTENT_LENGTH=str(2**40)
        ),
        client.post("/fhir/r4/", b"x", "text/plain", headers=headers),
        client.post(
            "/fhir/r4/",
            b"x",
            "application/fhir+json",
            headers={**headers, "Content-Encoding": "gzip"},
        ),
    ]
    assert [answer.status_code for answer in answers] == [400, 400, 413, 415, 415]
    assert [issue(answer)["code"] for answer in answers] == [
        *["invalid"] * 2,
        "too-long",
        *["not-supported"] * 2,
    ]
    assert answers[3]["Content-Type"] == "application/fhir+json; charset=utf-8"
    assert issue(answers[3])["diagnostics"] == "send application/fhir+json or application/json"
