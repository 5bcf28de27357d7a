"""Breaking the glass over HTTP: by people who just logged in, never by a system."""

import datetime as dt
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.sessions import PROVED_KEY
from foundation.core.actor import AUTHENTICATION, Role
from foundation.models import IdempotencyRecord
from foundation.tenancy import acting_as
from ledger.models import KeyHolder
from ledger.services import key_add
from records.models import BreakGlass
from tests.conftest import NOW
from tests.records.conftest import House
from tests.records.house import bundle, observation, patient

PATH = "/api/v1/break-glass"
ASKED = {"patient": "p1", "reason": "life-threatening"}


@pytest.fixture
def ward(hospital: House) -> House:
    """A hospital with a patient."""
    assert hospital.system.post(bundle(patient(), observation())).status_code == 200
    return hospital


def logged_in(house: House, *roles: Role, minutes_ago: int = 0) -> Client:
    """Return the browser of a person of the house who holds a key and proved it lately."""
    person = house.world.person(house.actor, *roles)
    key_add(actor=house.actor, holder=KeyHolder.PERSON, person_id=person.id, now=NOW)
    house.world.channel.sequence()
    client = Client()
    with acting_as(AUTHENTICATION):
        user = User.objects.get(id=person.id)
        client.force_login(user, backend="accounts.backends.EmailBackend")
    session = client.session
    moment = timezone.now() - dt.timedelta(minutes=minutes_ago)  # noqa: TID251 - the views' clock
    session[PROVED_KEY] = moment.isoformat()
    session.save()
    return client


def post(client: Client, path: str, value: Mapping[str, object], **headers: str) -> Any:
    return client.post(path, dict(value), content_type="application/json", headers=headers)


def slug(answer: Any) -> str:
    return str(answer.json()["type"]).rpartition(":")[2]


def test_a_clinician_breaks_reads_and_explains_and_an_officer_reviews(ward: House) -> None:
    nurse, officer = logged_in(ward, Role.CLINICIAN), logged_in(ward, Role.PRIVACY_OFFICER)
    first = post(nurse, PATH, ASKED)
    assert first.status_code == 201, first.content
    glass_id = first.json()["glass_id"]
    assert post(nurse, PATH, ASKED).json() == first.json()
    second = post(nurse, PATH, {**ASKED, "opened": glass_id})
    assert second.json()["step"] == "full-record"
    shown = nurse.get("/fhir/r4/Observation/o1", headers={"Theriac-Purpose": "BTG"})
    assert (shown.status_code, shown.json()["id"]) == (200, "o1")
    listed = officer.get(PATH).json()["reviews"]
    assert [each["glass_id"] for each in listed] == [glass_id, second.json()["glass_id"]]
    path = f"{PATH}/{glass_id}"
    early = post(officer, f"{path}/review", {"verdict": "justified"})
    assert (early.status_code, slug(early)) == (403, "break-glass-refused")
    words = {"explanation": "she was brought in unconscious"}
    assert post(nurse, f"{path}/explanation", words).status_code == 201
    detail = officer.get(path)
    assert detail.json()["explanation"] == words["explanation"]
    assert detail["Theriac-Receipt"]
    assert post(officer, f"{path}/review", {"verdict": "justified"}).status_code == 201
    assert len(officer.get(PATH).json()["reviews"]) == 1
    with acting_as(ward.actor):
        kept = [bytes(row.body) for row in IdempotencyRecord.objects.all()]
    assert not any(b"unconscious" in body or b"life" in body for body in kept)


def test_another_organisations_clinician_names_the_custodian(ward: House, clinic: House) -> None:
    doctor = logged_in(clinic, Role.CLINICIAN)
    custodian = str(ward.actor.organisation_id)
    made = post(doctor, PATH, {**ASKED, "custodian": custodian}, **{"Idempotency-Key": "k"})
    assert made.status_code == 201, made.content
    headers = {"Theriac-Purpose": "BTG", "Theriac-Custodian": custodian}
    found = doctor.get("/fhir/r4/Patient?_id=p1", headers=headers)
    assert found.json()["total"] == 1
    path = f"{PATH}/{made.json()['glass_id']}/explanation"
    words = {"explanation": "she was brought in unconscious"}
    assert post(doctor, path, words).status_code == 404
    assert post(doctor, path, {**words, "custodian": custodian}).status_code == 201


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"patient": "p1"},
        {"patient": "", "reason": "life-threatening"},
        {"patient": "p1|", "reason": "life-threatening"},
        {"patient": "p1", "reason": "curiosity"},
        {**ASKED, "custodian": "x"},
        {**ASKED, "window": 9},
        {**ASKED, "opened": "x"},
    ],
)
def test_what_cannot_be_read_opens_nothing(ward: House, value: dict[str, str]) -> None:
    answer = post(logged_in(ward, Role.CLINICIAN), PATH, value)
    assert answer.status_code == 400, answer.content
    with acting_as(ward.actor):
        assert BreakGlass.objects.count() == 0


def test_any_key_that_is_allowed_holds_for_its_person(ward: House) -> None:
    nurse, other = logged_in(ward, Role.CLINICIAN), logged_in(ward, Role.CLINICIAN)
    longest = {"Idempotency-Key": "k" * 255}
    first, again = (post(nurse, PATH, ASKED, **longest) for _ in range(2))
    assert first.status_code == 201, first.content
    assert again.json() == first.json()
    assert post(other, PATH, ASKED, **longest).json()["glass_id"] != first.json()["glass_id"]
    reused = post(nurse, PATH, {**ASKED, "patient": "p2"}, **longest)
    assert (reused.status_code, slug(reused)) == (422, "idempotency-key-reused")
    for bad in ("k" * 256, "derived:k", "a b"):
        assert post(nurse, PATH, ASKED, **{"Idempotency-Key": bad}).status_code == 400
    with acting_as(ward.actor):
        assert BreakGlass.objects.count() == 2


def test_who_may_not_changes_nothing(ward: House, clinic: House) -> None:
    late = logged_in(ward, Role.CLINICIAN, minutes_ago=6)
    officer, other = logged_in(ward, Role.PRIVACY_OFFICER), logged_in(clinic, Role.PRIVACY_OFFICER)
    for client in (late, officer):
        assert slug(post(client, PATH, ASKED)) == "break-glass-refused"
    system = {"Authorization": f"Bearer {ward.system.key}"}
    assert slug(post(Client(), PATH, ASKED, **system)) == "break-glass-refused"
    assert post(Client(), PATH, ASKED).status_code in (401, 403)
    assert Client().get(PATH, headers=system).status_code == 403
    made = post(logged_in(ward, Role.CLINICIAN), PATH, ASKED).json()
    path = f"{PATH}/{made['glass_id']}"
    assert other.get(path).status_code == 404
    assert post(other, f"{path}/review", {"verdict": "justified"}).status_code == 404
    assert other.get(PATH).json() == {"reviews": []}
    assert officer.get(f"{PATH}/{uuid4()}").status_code == 404
    assert post(officer, f"{path}/review", {"verdict": "fine"}).status_code == 400
