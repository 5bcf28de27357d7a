"""What is erased reads as if it had never been; who saw it is kept while the law lets one ask."""

import datetime as dt
from uuid import UUID

import pytest

from foundation.tenancy import acting_as
from records.core.accounting import ARTICLE, kept_until
from records.holders import accounting_objections
from records.keeping import PersonName, subject_find
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


def test_the_law_objects_to_erasing_who_saw_it(hospital: House) -> None:
    submit(hospital, patient(), observation())
    subject_id = subject(hospital)

    def objections(today: dt.date) -> list[dt.date | None]:
        with acting_as(hospital.actor):
            found = accounting_objections(
                "records.disclosure", actor=hospital.actor, subject_id=subject_id, today=today
            )
        assert all(each.article == ARTICLE for each in found)
        return [each.until for each in found]

    assert objections(NOW.date()) == []
    listed(hospital.actor, hospital)
    until = dt.date(2032, 11, 24)
    assert objections(NOW.date()) == [until]
    assert objections(until) == [until]
    assert objections(until + dt.timedelta(days=1)) == []


@pytest.mark.parametrize(
    ("day", "until"),
    [(dt.date(2026, 3, 1), dt.date(2032, 3, 1)), (dt.date(2024, 2, 29), dt.date(2030, 3, 1))],
)
def test_six_years_end_on_a_day_that_there_is(day: dt.date, until: dt.date) -> None:
    assert kept_until(day) == until
