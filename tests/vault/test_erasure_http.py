"""Erasures over HTTP: two persons with sessions of their own, receipts, problems, proofs."""

import datetime as dt
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from django.test import Client
from django.utils import timezone

from foundation.core.actor import Role
from foundation.models import IdempotencyRecord
from foundation.outbox import outbox_claim, outbox_run
from foundation.tenancy import acting_as
from ledger.core.bundle import check_bundle, parse_bundle
from ledger.core.note import parse_vkey
from ledger.core.receipt import parse_receipt, parse_receipt_header
from ledger.models import Entry
from tests.accounts.conftest import Person
from tests.accounts.test_keys_http import proved
from tests.conftest import NOW
from tests.database import Databases
from tests.vault.conftest import put
from tests.vault.erased_rows import CANARY, kept
from tests.vault.erasing import REASON, Hospital, NewHospital
from vault.models import Erasure
from vault.services import erasure_approve, personal_get, subject_ensure

PATH = "/api/v1/erasures"
NUMBER = "MRN-Canary-4711"


def post(client: Client, path: str, body: object = None, key: str | None = None) -> Any:
    headers = {} if key is None else {"Idempotency-Key": key}
    data = b"" if body is None else orjson.dumps(body)
    return client.post(path, data, content_type="application/json", headers=headers)


def written(hospital: Hospital) -> tuple[int, int]:
    with acting_as(hospital.actor):
        own = Entry.objects.filter(organisation_id=hospital.actor.organisation)
        return own.count(), Erasure.objects.count()


def officers(hospital: Hospital) -> tuple[Client, Client]:
    first, second = (proved(person) for person in hospital.people)
    return first, second


def relayed() -> None:
    now = timezone.now()  # noqa: TID251 - the views' clock
    for message_id in outbox_claim(now=now, limit=1000):
        outbox_run(message_id, now=now)


def test_two_persons_erase_somebody_and_anyone_can_check_it(
    clinic: Hospital, databases: Databases
) -> None:
    identifiers = [("urn:mrn", NUMBER)]
    subject_id = subject_ensure(actor=clinic.actor, identifiers=identifiers, now=timezone.now())  # noqa: TID251
    item = put(clinic.actor, subject_id, uuid4(), CANARY).item_id
    first, second = officers(clinic)
    body = {"identifier": {"system": "urn:mrn", "value": NUMBER}, "reason": REASON}
    proposed = post(first, PATH, body, key="once")
    assert proposed.status_code == 201
    assert post(first, PATH, body, key="once").content == proposed.content
    erasure = proposed.json()
    assert (erasure["state"], erasure["category"], erasure["count"]) == ("proposed", None, None)
    where = f"{PATH}/{erasure['id']}"
    approved = post(first, f"{where}/approve")
    assert (approved.status_code, approved.json()["state"]) == (200, "proposed")
    assert "erased" not in approved.json()
    # Repeated it is the same approval, not a second.
    assert post(first, f"{where}/approve").content == approved.content
    assert personal_get(actor=clinic.actor, item_id=item) == CANARY
    done = post(second, f"{where}/approve")
    assert (done.status_code, done.json()["state"], done.json()["count"]) == (200, "erased", 2)
    for answer in (proposed, approved, done):
        receipt = {name: answer.json()[name] for name in ("receipt", "sig", "entry_ids")}
        header = parse_receipt_header(answer.headers["Theriac-Receipt"])
        assert header.promise == parse_receipt(receipt).promise
    assert parse_receipt(done.json()["erased"]).promise.n == 1
    relayed()
    clinic.world.channel.sequence()
    shown = second.get(where).json()
    assert shown["state"] == "certified"
    assert shown["certificates"][0]["probes_failed"] == 2
    assert [entry["kind"].split(".")[2] for entry in shown["entries"]] == [
        "proposed",
        "approved",
        "approved",
        "erased",
        "certified",
    ]
    for entry in shown["entries"]:
        proof = Client().get(entry["proof"])
        assert proof.status_code == 200
        vkey = parse_vkey(clinic.world.channel.log.vkey)
        assert check_bundle(parse_bundle(proof.content), vkey).entry.kind == entry["kind"]
    with acting_as(clinic.actor):
        records = b"".join(bytes(each.body) for each in IdempotencyRecord.objects.all())
    assert NUMBER.encode() not in records
    assert str(subject_id).encode() not in records
    with databases.superuser() as superuser:
        tables = superuser.execute(
            "SELECT relname FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        ).fetchall()
        for (table,) in tables:
            for text in (NUMBER, NUMBER.encode().hex(), CANARY.decode(), CANARY.hex()):
                found = superuser.execute(
                    f"SELECT count(*) FROM {table} AS t WHERE t::text LIKE %s".encode(),
                    [f"%{text}%"],
                ).fetchone()
                assert found == (0,), (table, text)


def test_a_category_by_subject_and_a_second_person_with_the_first_ones_key(
    clinic: Hospital,
) -> None:
    subject_id, items = kept(clinic)
    first, second = officers(clinic)
    body = {"subject_id": str(subject_id), "reason": REASON, "category": "note"}
    where = f"{PATH}/{post(first, PATH, body).json()['id']}/approve"
    assert post(first, where, key="k").status_code == 200
    refused = post(second, where, key="k")
    assert refused.status_code == 422
    assert refused.json()["type"] == "urn:theriac:problem:idempotency-key-reused"
    assert post(second, where, key="k2").json()["category"] == "note"
    assert personal_get(actor=clinic.actor, item_id=items[2]) == CANARY


def test_the_second_person_finds_what_waits_for_them(
    clinic: Hospital, new_hospital: NewHospital
) -> None:
    _, second = officers(clinic)
    assert second.get(PATH).json() == []
    done = clinic.erase(kept(clinic)[0])
    neighbour, _ = kept(clinic, "2")
    erased = clinic.propose(neighbour, "note")
    clinic.approve(erased)
    waiting = clinic.propose(neighbour)
    erasure_approve(actor=clinic.officer, erasure_id=waiting, now=NOW)
    found = {each["id"]: each for each in second.get(PATH).json()}
    assert {id_: (each["state"], each["approvals"]) for id_, each in found.items()} == {
        str(done): ("certified", 2),
        str(erased): ("erased", 2),
        str(waiting): ("proposed", 1),
    }
    assert found[str(erased)]["category"] == "note"
    assert proved(new_hospital().people[0]).get(PATH).json() == []
    clinician = clinic.world.person(clinic.actor, Role.CLINICIAN)
    assert (proved(clinician).get(PATH).status_code, Client().get(PATH).status_code) == (403, 401)


def test_what_cannot_be_is_a_problem_and_writes_nothing(clinic: Hospital) -> None:
    subject_id, _ = kept(clinic)
    first, second = officers(clinic)
    sound = {"subject_id": str(subject_id), "reason": REASON}
    before = written(clinic)
    for body, status, slug in (
        ({**sound, "category": "genome"}, 400, "bad-erasure"),
        ({**sound, "reason": "because"}, 400, "bad-input"),
        ({**sound, "Category": "note"}, 400, "bad-input"),
        ({"reason": REASON}, 400, "bad-input"),
        ({**sound, "identifier": {"system": "a", "value": "b"}}, 400, "bad-input"),
        ({**sound, "subject_id": str(uuid4())}, 404, "unknown-subject"),
        ({"identifier": {"system": "a", "value": "b"}, "reason": REASON}, 404, "unknown-subject"),
        ([], 400, "bad-input"),
    ):
        answer = post(first, PATH, body)
        assert (answer.status_code, answer.json()["type"]) == (
            status,
            f"urn:theriac:problem:{slug}",
        )
    assert written(clinic) == before
    named = {"identifier": {"system": "a"}, "reason": REASON}
    assert post(first, PATH, named).json()["path"] == "identifier.value"
    erasure_id = post(first, PATH, sound).json()["id"]
    for client in (first, second):
        post(client, f"{PATH}/{erasure_id}/approve")
    again = post(second, f"{PATH}/{erasure_id}/approve", key="again")
    assert (again.status_code, again.json()["type"]) == (409, "urn:theriac:problem:erasure-state")
    gone = post(first, PATH, sound, key="gone")
    assert (gone.status_code, gone.json()["type"]) == (410, "urn:theriac:problem:erased")


@pytest.fixture
def proposal(clinic: Hospital) -> UUID:
    subject_id, _ = kept(clinic)
    return clinic.propose(subject_id)


def test_who_may_and_who_may_not_over_http(
    clinic: Hospital, new_hospital: NewHospital, proposal: UUID
) -> None:
    outsider = new_hospital()
    clinician = clinic.world.person(clinic.actor, Role.CLINICIAN)
    auditor = clinic.world.person(clinic.actor, Role.AUDITOR)
    key, _ = clinic.world.key(clinic.actor, "records:read", "records:write")
    weak, _ = clinic.world.key(clinic.actor, "claims:read", "claims:write")
    path, before = f"{PATH}/{proposal}", written(clinic)

    def statuses(client: Client) -> tuple[int, int]:
        return client.get(path).status_code, post(client, f"{path}/approve").status_code

    def system(text: str) -> Client:
        return Client(headers={"Authorization": f"Bearer {text}"})

    stale: Person = clinic.people[0]
    assert statuses(Client()) == (401, 401)
    assert statuses(proved(clinician)) == (403, 403)
    assert statuses(proved(auditor)) == (200, 403)
    assert statuses(proved(outsider.people[0])) == (404, 404)
    assert statuses(system(weak)) == (403, 403)
    assert statuses(system(key)) == (200, 403)
    assert statuses(proved(stale, minutes_ago=6)) == (200, 403)
    assert written(clinic) == before
    assert post(proved(stale), f"{path}/approve").status_code == 200


def test_a_system_may_propose_and_two_persons_decide(clinic: Hospital) -> None:
    subject_id, _ = kept(clinic)
    key, _ = clinic.world.key(clinic.actor, "records:write")
    client = Client(headers={"Authorization": f"Bearer {key}"})
    answer = post(client, PATH, {"subject_id": str(subject_id), "reason": REASON})
    assert answer.status_code == 201
    moment = dt.datetime.fromisoformat(answer.json()["proposed_at"])
    assert moment.tzinfo is not None
