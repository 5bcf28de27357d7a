"""Breaking the glass on a real PostgreSQL: who may, what it shows, and that somebody looks."""

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connections

from accounts.core.scopes import MissingScopeError
from foundation.core.actor import Actor, Role
from foundation.core.problem import NotFoundError
from foundation.tenancy import acting_as
from ledger.core.entry import parse_entry
from ledger.errors import NoKeyError
from ledger.models import Entry, KeyHolder, SigningKey
from ledger.services import key_add
from records.core.break_glass import BreakGlassError, BreakGlassReason, BreakGlassVerdict
from records.core.search import PersonName
from records.models import BreakGlass, BreakGlassExplanation, BreakGlassReview
from records.selectors import reviews_open
from records.services import (
    Glass,
    breaking_check,
    glass_break,
    glass_explain,
    glass_read,
    glass_review,
    record_read,
    record_search,
)
from records.services.reads import EmergencyError
from tests.conftest import NOW
from tests.database import Databases
from tests.records.acts import asking, entries, submit
from tests.records.conftest import House
from tests.records.house import (
    CANARY,
    SEEDS,
    consent,
    labelled,
    observation,
    patient,
    purpose,
)

HOUR = dt.timedelta(hours=1)
ALLERGY = {
    "resourceType": "AllergyIntolerance",
    "id": "a1",
    "patient": {"reference": "Patient/p1"},
}
WORDS = f"{CANARY} was brought in unconscious"


def clinician(house: House, *roles: Role) -> Actor:
    person = house.world.person(house.actor, *(roles or (Role.CLINICIAN,)))
    return replace(person.actor, reauthenticated_at=NOW)


def with_key(house: House, person: Actor) -> Actor:
    key_add(actor=house.actor, holder=KeyHolder.PERSON, person_id=person.person_id, now=NOW)
    house.world.channel.sequence()
    return person


def broken(actor: Actor, holder: House, name: str = "p1", **given: Any) -> Glass:
    glass, _ = glass_break(
        **{
            "actor": actor,
            "holder_id": holder.actor.organisation,
            "person": PersonName(value=name),
            "reason": BreakGlassReason.LIFE_THREATENING,
            "seeds": SEEDS,
            "now": NOW,
            **given,
        }
    )
    return glass


def seen(
    reader: Actor, holder: House, type_: str, name: str = "p1", now: dt.datetime = NOW
) -> list[str]:
    shown = record_search(
        asking=replace(asking(reader, holder, "BTG"), now=now),
        type_=type_,
        person=PersonName(value=name),
        page=slice(0, 9),
        seeds=SEEDS,
    )
    return [each.id for each in shown.records]


def keys_of(house: House, kind: str) -> list[bytes]:
    with acting_as(house.actor):
        rows = Entry.objects.filter(kind=kind, organisation_id=house.actor.organisation)
        return [parse_entry(bytes(row.content)).key_id for row in rows.order_by("submission_id")]


def holder_of_key(house: House, key_id: bytes) -> str:
    with acting_as(house.actor):
        return SigningKey.objects.get(key_id=key_id.hex()).holder


@pytest.fixture
def ward(hospital: House) -> House:
    """A hospital whose patient let research see nothing, and care nothing but by consent."""
    submit(hospital, patient(), observation(), ALLERGY, patient("p2"))
    return hospital


def test_the_glass_opens_the_emergency_set_first_and_everything_second(ward: House) -> None:
    nurse = clinician(ward)
    with pytest.raises(EmergencyError):
        seen(nurse, ward, "AllergyIntolerance")
    first = broken(nurse, ward)
    assert seen(nurse, ward, "AllergyIntolerance") == ["a1"]
    assert seen(nurse, ward, "Observation") == []
    second = broken(nurse, ward, opened=first.glass_id)
    assert (second.step, second.ends_at) == ("full-record", first.ends_at)
    assert seen(nurse, ward, "Observation") == ["o1"]
    with pytest.raises(EmergencyError):
        seen(nurse, ward, "Observation", name="p2")
    with pytest.raises(EmergencyError):
        seen(nurse, ward, "Observation", now=NOW + HOUR)
    with pytest.raises(EmergencyError):
        seen(clinician(ward), ward, "Observation")


def test_a_record_is_read_by_id_under_the_glass_of_its_patient_only(ward: House) -> None:
    nurse = clinician(ward)
    broken(nurse, ward, "p2")

    def read(id_: str) -> object:
        return record_read(
            asking=asking(nurse, ward, "BTG"), type_="AllergyIntolerance", id_=id_, seeds=SEEDS
        )

    for id_ in ("a1", "absent"):
        with pytest.raises(EmergencyError):
            read(id_)
    broken(nurse, ward)
    assert (
        record_read(
            asking=asking(nurse, ward, "BTG"), type_="AllergyIntolerance", id_="a1", seeds=SEEDS
        ).total
        == 1
    )


def test_a_consent_may_allow_limit_or_forbid_it(ward: House, clinic: House) -> None:
    outsider = clinician(clinic)
    broken(outsider, ward)
    assert seen(outsider, ward, "AllergyIntolerance") == ["a1"]
    submit(ward, consent(base="OPTOUT"))
    assert seen(outsider, ward, "AllergyIntolerance") == []
    submit(ward, consent(base="OPTOUT", purpose=[purpose("ETREAT")]))
    assert seen(outsider, ward, "AllergyIntolerance") == ["a1"]
    submit(ward, {**consent(), "status": "bogus"})
    assert seen(outsider, ward, "AllergyIntolerance") == ["a1"]


@pytest.mark.parametrize(
    ("roles", "late", "reads"),
    [
        ((Role.CLINICIAN,), 0, True),
        ((Role.CLINICIAN, Role.PRIVACY_OFFICER), 5, True),
        ((Role.CLINICIAN,), 6, False),
        ((Role.PRIVACY_OFFICER,), 0, False),
        ((Role.PHARMACIST,), 0, False),
        ((Role.AUDITOR,), 0, False),
    ],
)
def test_who_may_break_it(ward: House, roles: tuple[Role, ...], late: int, reads: bool) -> None:  # noqa: FBT001 - a parameter
    person = clinician(ward, *roles)
    then = NOW + dt.timedelta(minutes=late)
    if reads:
        broken(person, ward, now=then)
    else:
        with pytest.raises(BreakGlassError):
            broken(person, ward, now=then)
    with acting_as(ward.actor):
        assert BreakGlass.objects.count() == int(reads)


def test_only_a_logged_in_reader_of_records_breaks_it_and_only_a_members(ward: House) -> None:
    holder_id = ward.actor.organisation
    with pytest.raises(BreakGlassError):
        breaking_check(actor=ward.actor, holder_id=holder_id)
    with pytest.raises(MissingScopeError):
        breaking_check(actor=clinician(ward, Role.WAREHOUSE), holder_id=holder_id)
    with pytest.raises(NotFoundError):
        breaking_check(actor=clinician(ward), holder_id=uuid4())
    breaking_check(actor=clinician(ward), holder_id=holder_id)


@pytest.mark.parametrize(
    ("kind", "opens"), [("hospital", True), ("pharmacy", True), ("insurer", False)]
)
def test_only_where_care_is_given_somebody_breaks_it(
    ward: House,
    new_house: Callable[[str], House],
    kind: str,
    opens: bool,  # noqa: FBT001 - a parameter
) -> None:
    house = new_house(kind)
    # An insurer cannot grant the role any more; whoever has it from before gains nothing.
    person = clinician(house, Role.AUDITOR)
    person = replace(person, roles=frozenset({Role.CLINICIAN}))
    if opens:
        broken(person, ward)
    else:
        with pytest.raises(BreakGlassError, match="no group"):
            broken(person, ward)
        with pytest.raises(EmergencyError):
            seen(person, ward, "AllergyIntolerance")
    with acting_as(ward.actor):
        assert BreakGlass.objects.count() == int(opens)


def test_the_service_itself_asks_for_a_person_and_the_scope(ward: House) -> None:
    nurse = clinician(ward)
    glass = broken(nurse, ward)
    for actor, refusal in (
        (ward.actor, BreakGlassError),
        (replace(nurse, scopes=frozenset()), MissingScopeError),
    ):
        with pytest.raises(refusal):
            broken(actor, ward)
        with pytest.raises(refusal):
            explain(actor, ward, glass)
        with pytest.raises(refusal):
            review(actor, glass)
    with acting_as(ward.actor):
        assert (BreakGlass.objects.count(), BreakGlassExplanation.objects.count()) == (1, 0)


def test_the_glass_opens_for_who_is_not_known_and_shows_nothing(ward: House) -> None:
    nurse = clinician(ward)
    broken(nurse, ward, "unknown")
    assert seen(nurse, ward, "AllergyIntolerance", name="unknown") == []
    # Without a glass of its own a known name and an unknown one answer alike.
    for name in ("p1", "another"):
        with pytest.raises(EmergencyError):
            seen(nurse, ward, "AllergyIntolerance", name=name)


def test_the_persons_own_key_signs_where_the_log_knows_it(ward: House, clinic: House) -> None:
    broken(clinician(ward), ward)
    broken(with_key(ward, clinician(ward)), ward)
    broken(with_key(clinic, clinician(clinic)), ward)
    kinds = [holder_of_key(ward, key_id) for key_id in keys_of(ward, "records.glass.broken.v1")]
    assert kinds == ["system", "person", "system"]
    found = [body for kind, body in entries(ward) if kind == "records.glass.broken.v1"]
    assert [sorted(body) for body in found] == [["tag"]] * 3


def explain(actor: Actor, holder: House, glass: Glass, words: str = WORDS) -> None:
    glass_explain(
        actor=actor,
        holder_id=holder.actor.organisation,
        glass_id=glass.glass_id,
        explanation=words,
        seeds=SEEDS,
        now=NOW,
    )


def review(actor: Actor, glass: Glass) -> None:
    glass_review(
        actor=actor,
        glass_id=glass.glass_id,
        verdict=BreakGlassVerdict.JUSTIFIED,
        seeds=SEEDS,
        now=NOW,
    )


def test_a_review_is_closed_once_by_another_person_after_the_words(ward: House) -> None:
    both = with_key(ward, clinician(ward, Role.CLINICIAN, Role.PRIVACY_OFFICER))
    officer = with_key(ward, clinician(ward, Role.PRIVACY_OFFICER))
    glass = broken(both, ward)
    for person, why in (
        (both, "their own"),
        (clinician(ward), "closed by"),
        (officer, "in words"),
        (ward.actor, "by a person"),
    ):
        with pytest.raises(BreakGlassError, match=why):
            review(person, glass)
    with pytest.raises(NotFoundError):
        explain(officer, ward, glass)
    with pytest.raises(BreakGlassError, match="characters"):
        explain(both, ward, glass, "no")
    explain(both, ward, glass)
    with pytest.raises(BreakGlassError, match="already"):
        explain(both, ward, glass)
    keyless = clinician(ward, Role.PRIVACY_OFFICER)
    with pytest.raises(NoKeyError):
        review(keyless, glass)
    review(officer, glass)
    with pytest.raises(BreakGlassError, match="already"):
        review(officer, glass)
    with acting_as(ward.actor):
        counts = [m.objects.count() for m in (BreakGlass, BreakGlassExplanation, BreakGlassReview)]
        assert counts == [1, 1, 1]
        assert reviews_open(now=NOW) == ()
    (key_id,) = keys_of(ward, "records.glass.reviewed.v1")
    assert holder_of_key(ward, key_id) == "person"


def test_open_reviews_are_listed_and_read_by_the_privacy_officer(
    ward: House, clinic: House
) -> None:
    nurse, officer = clinician(clinic), clinician(ward, Role.PRIVACY_OFFICER)
    glass = broken(nurse, ward)
    explain(nurse, ward, glass)
    with acting_as(officer):
        (found,) = reviews_open(now=NOW)
        (later,) = reviews_open(now=glass.review_due_at)
    assert (found.glass_id, found.reader_id, found.person_id) == (
        glass.glass_id,
        clinic.actor.organisation_id,
        nurse.person_id,
    )
    assert (found.is_explained, found.is_overdue, later.is_overdue) == (True, False, True)

    def read(actor: Actor, glass_id: UUID = glass.glass_id) -> Any:
        return glass_read(actor=actor, glass_id=glass_id, seeds=SEEDS, now=NOW)

    detail, _ = read(officer)
    assert (detail.reason, detail.explanation) == (BreakGlassReason.LIFE_THREATENING, WORDS)
    assert entries(ward)[-1][0] == "records.disclosure.made.v1"
    with pytest.raises(BreakGlassError):
        read(clinician(ward))
    with pytest.raises(NotFoundError):
        read(clinician(clinic, Role.PRIVACY_OFFICER))
    with pytest.raises(NotFoundError):
        read(officer, uuid4())


def test_no_word_of_it_stands_in_clear_and_nobody_else_sees_a_row(
    ward: House, clinic: House, databases: Databases
) -> None:
    nurse = clinician(clinic)
    explain(nurse, ward, broken(nurse, ward, "canaryid9"))
    with databases.superuser() as everything:
        tables = everything.execute(
            "SELECT tablename FROM pg_tables WHERE tablename ~ '^(ledger|records|vault)_'"
        ).fetchall()
        texts = [
            str(everything.execute(f'SELECT "{name}"::text FROM "{name}"').fetchall())
            for (name,) in tables
        ]
    for needle in (CANARY, CANARY.encode().hex(), "canaryid9", "life-threatening"):
        assert not any(needle in text for text in texts)
    for actor, count in ((ward.actor, 1), (clinic.actor, 0)):
        with acting_as(actor), connections["default"].cursor() as cursor:
            for table in ("breakglass", "breakglassexplanation"):
                cursor.execute(f"SELECT count(*) FROM records_{table}")
                assert cursor.fetchone() == (count,)


def test_the_second_step_is_of_the_same_person_and_patient(ward: House) -> None:
    nurse = clinician(ward)
    first = broken(nurse, ward)
    with pytest.raises(BreakGlassError):
        broken(nurse, ward, "p2", opened=first.glass_id)
    with pytest.raises(BreakGlassError):
        broken(clinician(ward), ward, opened=first.glass_id)
    with pytest.raises(NotFoundError):
        broken(nurse, ward, opened=uuid4())


def test_what_is_labelled_opens_too(ward: House) -> None:
    submit(ward, labelled({**ALLERGY, "id": "a2"}, "R"))
    nurse = clinician(ward)
    broken(nurse, ward)
    assert seen(nurse, ward, "AllergyIntolerance") == ["a1", "a2"]
