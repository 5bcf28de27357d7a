"""What is erased reads as if it had never been."""

from uuid import UUID

from foundation.tenancy import acting_as
from records.core.search import PersonName
from records.keeping import subject_find
from records.models import Record
from records.services import disclosure_feed
from tests.conftest import NOW
from tests.records.acts import listed, submit
from tests.records.conftest import House
from tests.records.house import SEEDS, consent, observation, patient
from tests.vault.erasing import hospital_of


def subject(house: House) -> UUID:
    with acting_as(house.actor):
        found = subject_find(house.actor, PersonName(value="p1"))
    assert found is not None
    return found


def test_erased_records_are_shown_to_nobody_and_new_ones_are(hospital: House) -> None:
    submit(hospital, patient(), observation(), consent())
    eraser = hospital_of(hospital.world, hospital.actor)
    eraser.erase(subject(hospital), "record")
    assert listed(hospital.actor, hospital) == []
    submit(hospital, patient(), observation("o2"))
    assert listed(hospital.actor, hospital) == ["o2"]
    submit(hospital, observation("o1"))
    assert sorted(listed(hospital.actor, hospital)) == ["o1", "o2"]
    with acting_as(hospital.actor):
        assert Record.objects.count() == 6


def test_the_feed_outlives_the_records(hospital: House) -> None:
    submit(hospital, patient(), observation())
    assert listed(hospital.actor, hospital) == ["o1"]
    hospital_of(hospital.world, hospital.actor).erase(subject(hospital), "record")
    lines, _ = disclosure_feed(
        actor=hospital.actor, person=PersonName(value="p1"), seeds=SEEDS, now=NOW
    )
    assert [line.count for line in lines] == [1]


def test_a_person_erased_is_nobody_known_afterwards(hospital: House) -> None:
    submit(hospital, patient(), observation(), consent())
    assert listed(hospital.actor, hospital) == ["o1"]
    hospital_of(hospital.world, hospital.actor).erase(subject(hospital))
    assert listed(hospital.actor, hospital) == []
    lines, _ = disclosure_feed(
        actor=hospital.actor, person=PersonName(value="p1"), seeds=SEEDS, now=NOW
    )
    assert lines == ()
    submit(hospital, patient(), observation())
    assert listed(hospital.actor, hospital) == ["o1"]
