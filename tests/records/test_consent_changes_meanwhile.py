"""One submission changes a record and who may see it: no reading sees half of it."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections

from foundation.tenancy import acting_as
from records.core.search import PersonName
from records.keeping import PATIENT_SYSTEM
from records.models import Record
from records.services import RecordEvidence, access_explain
from records.services.deciding import Ruling, rule_on
from records.services.evidence import NOTHING, record_evidence
from tests.conftest import NOW
from tests.database import Databases
from tests.records.acts import asking, listed, permit, read, submit
from tests.records.conftest import House
from tests.records.house import (
    CONFIDENTIALITY,
    SEEDS,
    Json,
    consent,
    labelled,
    observation,
    patient,
)
from vault.services import subjects_ensure

NORMAL: Json = {"securityLabel": [{"system": CONFIDENTIALITY, "code": "N"}]}
MEMBER = ("urn:payer:member", "M1")


def apart(work: Callable[[], object]) -> None:
    """Do it on a connection of its own."""
    try:
        work()
    finally:
        connections.close_all()


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let a house submit, once, after a reading began and before the consents are held."""

    def let(house: House, *resources: Json) -> None:
        waiting = [resources]

        def late(*given: Any, **named: Any) -> Ruling:
            if waiting:
                with ThreadPoolExecutor(1) as pool:
                    pool.submit(apart, lambda: submit(house, *waiting.pop())).result()
            return rule_on(*given, **named)

        for module in ("reads", "evidence"):
            monkeypatch.setattr(f"records.services.{module}.rule_on", late)

    return let


@pytest.mark.parametrize("ask", [listed, lambda *who: [one.id for one in read(*who).records]])
def test_a_record_closed_as_consent_opens_is_not_seen_as_it_was(
    hospital: House,
    clinic: House,
    meanwhile: Callable[..., None],
    ask: Callable[[Any, House], list[str]],
) -> None:
    submit(hospital, patient(), labelled(observation(), "N"))
    assert ask(clinic.actor, hospital) == []
    meanwhile(hospital, labelled(observation(), "R"), permit(clinic, **NORMAL))
    assert ask(clinic.actor, hospital) == []
    assert ask(clinic.actor, hospital) == []
    submit(hospital, labelled(observation(), "N"))
    assert ask(clinic.actor, hospital) == ["o1"]


def test_a_record_closed_as_consent_opens_is_no_evidence(
    hospital: House, new_house: Callable[[str], House], meanwhile: Callable[..., None]
) -> None:
    insurer = new_house("insurer")
    _, record = submit(hospital, patient("p1", MEMBER), labelled(observation(), "N"))

    def evidence() -> object:
        return record_evidence(
            reader=insurer.actor,
            holder_organisation_id=hospital.actor.organisation,
            record=str(record),
            member_ids=["M1"],
            seeds=SEEDS,
            now=NOW,
        )

    assert evidence() == NOTHING
    meanwhile(hospital, labelled(observation(), "R"), permit(insurer, "HPAYMT", **NORMAL))
    assert evidence() == NOTHING
    submit(hospital, labelled(observation(), "N"))
    assert evidence() != NOTHING


def test_the_explanation_is_of_the_consents_that_are_held(
    hospital: House, meanwhile: Callable[..., None]
) -> None:
    submit(hospital, patient(), observation())

    def is_open() -> object:
        explained, _ = access_explain(
            asking=asking(hospital.actor, hospital), person=PersonName(value="p1"), seeds=SEEDS
        )
        return explained["permit"]

    assert is_open() is True
    meanwhile(hospital, consent(base="OPTOUT"))
    assert is_open() is False


@pytest.fixture
def then(monkeypatch: pytest.MonkeyPatch, databases: Databases) -> Callable[..., None]:
    """Do a reading while a house submits once consents are held: it is in, or waits for a lock."""

    def do(reading: Callable[[], None], house: House, *resources: Json) -> None:
        late: list[Future[None]] = []

        def rule(*given: Any, **named: Any) -> Ruling:
            ruling = rule_on(*given, **named)
            work = pool.submit(apart, lambda: submit(house, *resources))
            late.append(work)
            with databases.superuser() as superuser:
                waiting = None
                while not work.done() and waiting in (None, (0,)):
                    waiting = superuser.execute(
                        "SELECT count(*) FROM pg_stat_activity"
                        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
                    ).fetchone()
            return ruling

        with monkeypatch.context() as patch, ThreadPoolExecutor(1) as pool:
            for module in ("reads", "evidence"):
                patch.setattr(f"records.services.{module}.rule_on", rule)
            reading()
            late[0].result()

    return do


def test_the_first_consent_of_somebody_waits_for_a_reading_too(
    hospital: House, then: Callable[..., None]
) -> None:
    # Known to the vault by another's hand; no record yet, so no consent to hold either.
    with acting_as(hospital.actor):
        subjects_ensure(actor=hospital.actor, people=[[(PATIENT_SYSTEM, "p1")]], now=NOW)

    def care() -> None:
        # Without a consent the holder's own care is open: it must not open what came with one.
        assert listed(hospital.actor, hospital) == []

    then(care, hospital, patient(), observation(), consent(base="OPTOUT"))
    care()


def test_a_patient_who_becomes_another_waits_for_a_reading_that_knew_the_first(
    hospital: House, new_house: Callable[[str], House], then: Callable[..., None]
) -> None:
    insurer = new_house("insurer")
    record = submit(hospital, patient("p1", MEMBER), observation())[1]
    submit(hospital, permit(insurer, "HPAYMT"))
    with acting_as(hospital.actor):
        (first,) = Record.objects.filter(record_id=record).values_list("entry_id", flat=True)

    def shows() -> RecordEvidence:
        return record_evidence(
            reader=insurer.actor,
            holder_organisation_id=hospital.actor.organisation,
            record=str(record),
            member_ids=["M1"],
            seeds=SEEDS,
            now=NOW,
        )

    def knows_the_first() -> None:
        # The member's number belongs to the first version: the second is another's business.
        assert shows().anchored.entry_ids == (bytes(first),)

    then(knows_the_first, hospital, patient("p1"), observation(valueString="of nobody's number"))
    assert shows() == NOTHING
