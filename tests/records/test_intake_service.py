"""Intake on a real PostgreSQL: one submission, few queries, whole or not at all, no name."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from uuid import UUID

import pytest
from django.db import DatabaseError, connections
from django.test.utils import CaptureQueriesContext

from foundation.core.json_input import parse_json
from foundation.tenancy import acting_as
from records.core.intake import read_bundle
from records.core.outcome import RecordConflictError, UnknownPatientError
from records.models import Record
from records.services import (
    LIMITS,
    records_submit,
)
from tests.conftest import NOW
from tests.database import Databases
from tests.records.acts import entries, incoming, listed, read, submit
from tests.records.conftest import House
from tests.records.house import (
    BASE,
    CANARY,
    SEEDS,
    consent,
    observation,
    patient,
)
from tests.vectors_at import shared_vectors
from vault.services import personal_get
from vault.services.subjects import AmbiguousIdentifiersError


def test_a_bundle_is_one_submission_and_few_queries(hospital: House) -> None:
    def queries(size: int) -> int:
        name = f"p{size}"
        resources = [observation(f"o{size}-{n}", f"Patient/{name}") for n in range(size)]
        taken = incoming(patient(name), *resources)
        with acting_as(hospital.actor), CaptureQueriesContext(connections["default"]) as caught:
            records_submit(actor=hospital.actor, incoming=taken, seeds=SEEDS, now=NOW)
        return len(caught)

    queries(1)  # the first one makes the organisation's keyring
    assert queries(300) == queries(100)
    assert queries(300 + 1) < 40
    kinds = {kind for kind, _ in entries(hospital)}
    assert kinds == {"records.record.anchored.v1"}


@pytest.mark.parametrize(("name", "count"), [("Jacob", 107), ("pract", 102), ("Fletcher", 1111)])
def test_others_bundles_are_recorded_and_come_back_byte_for_byte(
    hospital: House, name: str, count: int
) -> None:
    (path,) = shared_vectors("fhir/synthea-r4").glob(f"{name}*.json")
    data = path.read_bytes()
    taken = read_bundle(parse_json(data, LIMITS), data, base=BASE)
    done = records_submit(actor=hospital.actor, incoming=taken, seeds=SEEDS, now=NOW)
    assert len(done.receipt.entry_ids) == count
    with acting_as(hospital.actor):
        assert Record.objects.count() == count
        subjects = Record.objects.values("subject_id").distinct().count()
        rows = {row.record_id: row for row in Record.objects.all()}
        for one, version in list(zip(taken, done.versions, strict=True))[:: count // 25]:
            item_id = rows[version.record_id].item_id
            assert personal_get(actor=hospital.actor, item_id=item_id) == one.data
    directory = sum(one.index.type in ("Organization", "Practitioner") for one in taken)
    assert subjects == directory + (name != "pract")
    if name == "Jacob":
        (of,) = [one.id for one in taken if one.index.type == "Patient"]
        wanted = [one.id for one in taken if one.index.type == "Observation"]
        assert listed(hospital.actor, hospital, person=of) == wanted


def test_every_entry_shows_a_tag_of_its_own_and_nothing_else(hospital: House) -> None:
    submit(hospital, patient(), observation(), consent())
    read(hospital.actor, hospital)
    found = entries(hospital)
    assert [kind for kind, _ in found] == [
        "records.record.anchored.v1",
        "records.record.anchored.v1",
        "records.consent.recorded.v1",
        "records.disclosure.made.v1",
    ]
    assert [sorted(body) for _, body in found] == [["tag"]] * 3 + [["count", "tag"]]
    assert len({body["tag"] for _, body in found}) == 4


def test_a_resource_of_an_unknown_patient_is_refused_and_nothing_is_written(
    hospital: House,
) -> None:
    submit(hospital, patient())
    with pytest.raises(UnknownPatientError) as caught:
        submit(hospital, observation("o1"), observation("o2", "Patient/p2"), patient("p3"))
    assert [issue.path for issue in caught.value.issues] == ["Bundle.entry[1].resource"]
    with acting_as(hospital.actor):
        assert Record.objects.count() == 1


def test_a_resource_about_two_people_is_refused(hospital: House) -> None:
    listing = {
        "resourceType": "Device",
        "id": "d1",
        "x": [{"reference": "Patient/p1"}, {"reference": "Patient/p2"}],
    }
    with pytest.raises(UnknownPatientError, match="more than one"):
        submit(hospital, patient("p1"), patient("p2"), listing)
    # Two ids of one person are one person.
    same = ("urn:mrn", "1")
    submit(hospital, patient("p1", same), patient("p2", same), listing)


def test_a_record_never_changes_its_patient_and_a_create_demands_a_new_id(
    hospital: House,
) -> None:
    submit(hospital, patient("p1"), patient("p2"), observation("o1"))
    with pytest.raises(RecordConflictError, match="another patient's"):
        submit(hospital, observation("o1", "Patient/p2"))
    created = [replace(one, is_create=True) for one in incoming(observation("o1"))]
    with pytest.raises(RecordConflictError, match="PUT"):
        records_submit(actor=hospital.actor, incoming=created, seeds=SEEDS, now=NOW)
    with acting_as(hospital.actor):
        assert Record.objects.count() == 3


def test_identifiers_of_two_known_people_are_not_merged(hospital: House) -> None:
    submit(hospital, patient("p1", ("urn:mrn", "1")), patient("p2", ("urn:mrn", "2")))
    with pytest.raises(AmbiguousIdentifiersError):
        submit(hospital, patient("p1", ("urn:mrn", "2")))


def test_one_id_sent_by_many_at_once_is_one_record_with_versions(hospital: House) -> None:
    submit(hospital, patient())

    def send(number: int) -> UUID:
        try:
            (record_id,) = submit(hospital, observation("o1", valueString=str(number)))
        finally:
            connections.close_all()
        return record_id

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(send, range(12)))) == 1
    with acting_as(hospital.actor):
        rows = Record.objects.filter(resource_type="Observation").order_by("version")
        assert list(rows.values_list("version", flat=True)) == list(range(1, 13))


def test_a_malformed_consent_closes_everything_until_it_is_corrected(hospital: House) -> None:
    submit(hospital, patient(), observation(), {**consent(), "status": "bogus"})
    assert listed(hospital.actor, hospital) == []
    submit(hospital, consent())
    assert listed(hospital.actor, hospital) == ["o1"]


def test_what_is_recorded_never_changes(hospital: House) -> None:
    submit(hospital, patient())
    for statement in ("UPDATE records_record SET version = 9", "DELETE FROM records_record"):
        with (
            pytest.raises(DatabaseError),
            acting_as(hospital.actor),
            connections["default"].cursor() as cursor,
        ):
            cursor.execute(statement)


def test_no_name_stands_in_any_byte_of_ledger_or_records(
    hospital: House, clinic: House, databases: Databases
) -> None:
    submit(hospital, patient("canaryid1", ("urn:canarysystem", "canaryvalue1")))
    submit(
        hospital,
        observation("canaryid2", "Patient/canaryid1"),
        consent("canaryid3", "Patient/canaryid1"),
    )
    listed(clinic.actor, hospital, person="canaryid1")
    assert listed(hospital.actor, hospital, person="canaryid1") == ["canaryid2"]
    hospital.world.channel.sequence()
    with databases.superuser() as everything:
        tables = everything.execute(
            "SELECT tablename FROM pg_tables"
            " WHERE tablename ~ '^(ledger|records|vault|foundation)_'"
        ).fetchall()
        texts = {
            str(name): everything.execute(f'SELECT "{name}"::text FROM "{name}"').fetchall()
            for (name,) in tables
        }
    assert len(texts) > 12
    needles = [
        text
        for each in (CANARY, "canaryid", "canaryvalue", "canarysystem")
        for text in (each, each.encode().hex())
    ]
    found = [name for name, rows in texts.items() if any(n in str(rows) for n in needles)]
    assert found == []
