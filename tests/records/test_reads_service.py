"""Reads on a real PostgreSQL: decided by consent, entered first, alike for absent and refused."""

import json
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connections
from pytest_django.fixtures import Settings

from accounts.core.scopes import MissingScopeError
from foundation.core.actor import AUTHENTICATION, PUBLIC, Actor, Role
from foundation.core.problem import NotFoundError, ThrottledError
from foundation.tenancy import acting_as
from ledger.core.receipt import Receipt
from ledger.services import submission_append
from records.core.intake import read_bundle
from records.core.search import PersonName
from records.models import ConsentHead, Disclosure, Record
from records.services import (
    Shown,
    access_explain,
    disclosure_feed,
    record_read,
    records_submit,
)
from records.services.disclosures import FeedRefusedError, disclosure_write
from records.services.reads import EmergencyError
from tests.conftest import NOW
from tests.database import Databases
from tests.records.acts import asking, entries, listed, permit, read, submit
from tests.records.conftest import House
from tests.records.house import (
    BASE,
    SEEDS,
    bundle,
    consent,
    observation,
    patient,
    recipient,
)


def test_who_may_read_without_any_consent(hospital: House, clinic: House) -> None:
    submit(hospital, patient(), observation())
    world = hospital.world
    people = {
        role: world.person(hospital.actor, role).actor
        for role in (Role.CLINICIAN, Role.PRIVACY_OFFICER, Role.AUDITOR)
    }
    seen = {
        (role, code): listed(person, hospital, code) == ["o1"]
        for role, person in people.items()
        for code in ("TREAT", "COC", "HPAYMT", "HOPERAT", "HRESCH", "PUBHLTH")
    }
    care_only = {(Role.CLINICIAN, "TREAT")}
    business = {(role, code) for role in people for code in ("HPAYMT", "HOPERAT")}
    assert {key for key, is_seen in seen.items() if is_seen} == care_only | business
    outsider = world.person(clinic.actor, Role.CLINICIAN).actor
    for code in ("TREAT", "HPAYMT", "HOPERAT", "HRESCH"):
        assert listed(outsider, hospital, code) == []
        assert read(outsider, hospital, code).records == ()
    with pytest.raises(MissingScopeError):
        listed(world.person(hospital.actor, Role.WAREHOUSE).actor, hospital)
    with pytest.raises(EmergencyError):
        listed(people[Role.CLINICIAN], hospital, "ETREAT")
    with pytest.raises(NotFoundError):
        record_read(
            asking=replace(asking(hospital.actor, hospital), holder_id=uuid4()),
            type_="Observation",
            id_="o1",
            seeds=SEEDS,
        )


def test_consent_names_the_organisation_the_purpose_and_the_person(
    hospital: House, clinic: House, new_house: Callable[[str], House]
) -> None:
    person = hospital.world.person(clinic.actor, Role.CLINICIAN).actor
    other = new_house("hospital")
    submit(hospital, patient(), observation(), permit(clinic))
    for reader in (clinic.actor, person):
        assert listed(reader, hospital) == ["o1"]
        assert listed(reader, hospital, "HPAYMT") == []
    assert listed(other.actor, hospital) == []
    # The opt-out closes the holder's own care, too: its permit is for the clinic.
    assert listed(hospital.actor, hospital) == []
    alone = permit(clinic)
    alone["provision"]["actor"] = [recipient(f"Practitioner/{person.person_id}")]
    submit(hospital, alone)
    assert listed(person, hospital) == ["o1"]
    assert listed(clinic.actor, hospital) == []


def test_a_deny_of_somebody_nobody_knows_closes_to_all_and_of_a_known_other_to_none(
    hospital: House, clinic: House
) -> None:
    colleague = hospital.world.person(hospital.actor, Role.CLINICIAN).actor
    mine = hospital.world.person(hospital.actor, Role.CLINICIAN).actor
    submit(hospital, patient(), observation())
    for reference, open_to_me in (
        (clinic.reference, True),
        (f"Practitioner/{colleague.person_id}", True),
        (f"Practitioner/{mine.person_id}", False),
        (f"Practitioner/{uuid4()}", False),
        ("Practitioner/dr-jekyll", False),
        ("Organization/f001", False),
        ("Group/team", False),
        ("RelatedPerson/r1", True),
    ):
        submit(hospital, consent(base="OPTIN", actor=[recipient(reference)]))
        assert (listed(mine, hospital) == ["o1"]) == open_to_me, reference


def test_a_consent_of_a_bundle_holds_under_the_references_of_the_bundle(
    hospital: House, clinic: House
) -> None:
    url = f"urn:uuid:{uuid4()}"
    value = bundle(
        patient(), observation(of=url), {**permit(clinic), "patient": {"reference": url}}
    )
    value["entry"][0]["fullUrl"] = url
    taken = read_bundle(value, json.dumps(value).encode(), base=BASE)
    records_submit(actor=hospital.actor, incoming=taken, seeds=SEEDS, now=NOW)
    assert listed(clinic.actor, hospital) == ["o1"]


def test_a_reading_of_somebody_unknown_leaves_what_a_refused_one_leaves(
    hospital: House, clinic: House
) -> None:
    submit(hospital, patient(), observation())
    listed(clinic.actor, hospital)
    listed(clinic.actor, hospital, person="nobody")
    read(clinic.actor, hospital)
    read(clinic.actor, hospital, id_="nothing")
    made = [body for kind, body in entries(hospital) if "disclosure" in kind]
    assert [sorted(body) for body in made] == [["count", "tag"]] * 4
    assert {body["count"] for body in made} == {0}


def test_the_feed_shows_who_when_why_and_how_many(hospital: House, clinic: House) -> None:
    submit(hospital, patient("p1", ("urn:mrn", "7")), observation(), permit(clinic))
    person = hospital.world.person(clinic.actor, Role.CLINICIAN).actor
    shown = read(person, hospital)
    listed(hospital.actor, hospital, "HRESCH")
    officer = hospital.world.person(hospital.actor, Role.PRIVACY_OFFICER).actor
    lines, receipt = disclosure_feed(
        actor=officer, person=PersonName(system="urn:mrn", value="7"), seeds=SEEDS, now=NOW
    )
    assert [(line.reader_id, line.reader_person_id, line.count) for line in lines] == [
        (hospital.actor.organisation, None, 0),
        (clinic.actor.organisation, person.person_id, 1),
    ]
    assert lines[1].entry_id == shown.receipt.entry_ids[0]
    assert lines[1].receipt["permit"] is True
    again, _ = disclosure_feed(actor=officer, person=PersonName(value="p1"), seeds=SEEDS, now=NOW)
    assert again[0].entry_id == receipt.entry_ids[0]
    assert again[1:] == lines
    unknown, _ = disclosure_feed(actor=officer, person=PersonName(value="p9"), seeds=SEEDS, now=NOW)
    assert unknown == ()
    clinician = hospital.world.person(hospital.actor, Role.CLINICIAN).actor
    with pytest.raises(FeedRefusedError):
        disclosure_feed(actor=clinician, person=PersonName(value="p1"), seeds=SEEDS, now=NOW)


def test_without_the_applications_filters_rows_show_to_their_holder_only(
    hospital: House, clinic: House
) -> None:
    submit(hospital, patient(), observation(), permit(clinic))
    assert listed(clinic.actor, hospital) == ["o1"]
    tables = [model._meta.db_table for model in (Record, ConsentHead, Disclosure)]

    def counts(actor: Actor) -> list[int]:
        found = []
        with acting_as(actor), connections["default"].cursor() as cursor:
            for table in tables:
                cursor.execute(f"SELECT count(*) FROM {table}")
                found.append(cursor.fetchone()[0])
        return found

    assert counts(hospital.actor) == [3, 1, 1]
    for actor in (clinic.actor, PUBLIC, AUTHENTICATION):
        assert counts(actor) == [0, 0, 0]


def test_without_row_level_security_the_applications_filters_hide_the_same(
    hospital: House, clinic: House, databases: Databases
) -> None:
    submit(hospital, patient(), observation())
    submit(clinic, patient(), observation("other"))
    tables = ("records_record", "records_consenthead", "records_disclosure")
    with databases.superuser() as superuser:
        for table in tables:
            superuser.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
    try:
        assert listed(hospital.actor, hospital) == ["o1"]
        assert listed(clinic.actor, clinic) == ["other"]
        assert read(clinic.actor, clinic).records == ()
    finally:
        with databases.superuser() as superuser:
            for table in tables:
                superuser.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")


def test_without_a_key_of_the_holder_nothing_is_shown(
    hospital: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit(hospital, patient(), observation())

    def refuse(**_: object) -> None:
        raise NotFoundError("the ledger takes nothing")

    monkeypatch.setattr("records.services.disclosures.submission_append", refuse)
    with pytest.raises(NotFoundError, match="takes nothing"):
        read(hospital.actor, hospital)
    with acting_as(hospital.actor):
        assert Disclosure.objects.count() == 0


def until_somebody_waits(databases: Databases) -> None:
    """Return as soon as a connection to this database waits for a lock of another's."""
    with databases.superuser() as superuser:
        waiting = None
        while waiting in (None, (0,)):
            waiting = superuser.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            ).fetchone()


def test_a_revocation_waits_for_the_reading_that_was_first(
    hospital: House, clinic: House, databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit(hospital, patient(), observation(), permit(clinic))
    order: list[str] = []

    def revoke() -> None:
        try:
            submit(hospital, consent(base="OPTOUT"))
            order.append("revoked")
        finally:
            connections.close_all()

    def write_late(**given: Any) -> Receipt:
        # The head is held by now: the revocation begins, and cannot end before this reading.
        revocations.append(pool.submit(revoke))
        until_somebody_waits(databases)
        order.append("read")
        return disclosure_write(**given)

    revocations: list[Future[None]] = []
    monkeypatch.setattr("records.services.reads.disclosure_write", write_late)
    with ThreadPoolExecutor(1) as pool:
        assert listed(clinic.actor, hospital) == ["o1"]
        revocations[0].result()
    monkeypatch.undo()
    assert order == ["read", "revoked"]
    kinds = [kind for kind, _ in entries(hospital)]
    assert kinds[-2:] == ["records.disclosure.made.v1", "records.consent.recorded.v1"]
    assert listed(clinic.actor, hospital) == []


def test_a_reading_waits_for_the_revocation_that_was_first(
    hospital: House, clinic: House, databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit(hospital, patient(), observation(), permit(clinic))

    def look() -> list[str]:
        try:
            return listed(clinic.actor, hospital)
        finally:
            connections.close_all()

    def append_late(**given: Any) -> Receipt:
        readings.append(pool.submit(look))
        until_somebody_waits(databases)
        return submission_append(**given)

    readings: list[Future[list[str]]] = []
    monkeypatch.setattr("records.services.intake.submission_append", append_late)
    with ThreadPoolExecutor(1) as pool:
        submit(hospital, consent(base="OPTOUT"))
        assert readings[0].result() == []


def test_explanations_and_feeds_count_and_wait_as_readings_do(
    hospital: House, settings: Settings
) -> None:
    settings.EMPTY_READS_PER_MINUTE_MAX = 2
    person = PersonName(value="p1")
    submit(hospital, patient(), observation())

    def explain() -> object:
        return access_explain(asking=asking(hospital.actor, hospital), person=person, seeds=SEEDS)

    def feed() -> object:
        return disclosure_feed(actor=hospital.actor, person=person, seeds=SEEDS, now=NOW)

    explain()
    feed()
    before = entries(hospital)
    for ask in (explain, feed):
        with pytest.raises(ThrottledError):
            ask()
    assert entries(hospital) == before


def test_who_is_shown_nothing_too_often_waits_and_fills_no_ledger(
    hospital: House, clinic: House, settings: Settings
) -> None:
    settings.EMPTY_READS_PER_MINUTE_MAX = 3
    person = hospital.world.person(clinic.actor, Role.CLINICIAN).actor
    submit(hospital, patient(), observation())

    def ask(reader: Actor, second: int) -> Shown:
        at = replace(asking(reader, hospital), now=NOW + timedelta(seconds=second))
        return record_read(asking=at, type_="Observation", id_="o1", seeds=SEEDS)

    for second in (0, 10, 20):
        assert ask(clinic.actor, second).records == ()
    before = entries(hospital)
    for second, wait in ((20, 40), (59, 1)):
        with pytest.raises(ThrottledError) as caught:
            ask(clinic.actor, second)
        assert caught.value.retry_after_s == wait
    assert entries(hospital) == before
    # Others are not in its way, nor is it in theirs; what is shown is not counted.
    assert ask(person, 20).records == ()
    for _ in range(4):
        assert len(ask(hospital.actor, 20).records) == 1
    assert ask(clinic.actor, 60).records == ()
    with pytest.raises(ThrottledError):
        ask(clinic.actor, 60)
