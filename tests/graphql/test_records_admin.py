"""Records in the administration: a page over the services, for those who may, entered each time."""

import re
from pathlib import Path

import pytest
from django.http import HttpResponse
from django.test import Client

from accounts.core.scopes import Scope
from accounts.selectors import organisation_get
from foundation.core.actor import Role
from foundation.tenancy import acting_as
from records.models import Record
from tests.accounts.conftest import PASSWORD, World
from tests.conftest import NOW
from tests.database import Databases
from tests.graphql.conftest import Asker, person
from tests.graphql.test_console import violations
from tests.graphql.test_records import written
from tests.records.conftest import House
from tests.records.house import CANARY, Caller, bundle, consent, observation, patient
from tests.records.test_evidence_service import SPOIL
from tests.vault.conftest import tamper
from tests.web.browser import in_browser, page_of
from vault.errors import UnreadableItemError
from vault.services import damage_note

PATH = "/admin/records/record/"


@pytest.fixture
def hospital(world: World) -> House:
    """A hospital with a patient of three observations."""
    actor = world.admit("hospital")
    key, _ = world.key(actor, Scope.RECORDS_READ, Scope.RECORDS_WRITE)
    house = House(world=world, actor=actor, system=Caller(key=key, client=Client()))
    resources = [patient("p1"), *(observation(f"o{n}") for n in range(3))]
    assert house.system.post(bundle(*resources)).status_code == 200
    return house


def staff(hospital: House, role: Role) -> Asker:
    return person(hospital.world, hospital.actor, role, is_staff=True)


def ask(who: Asker, **changes: str) -> HttpResponse:
    form = {"patient": "p1", "type": "Observation", "purpose": "TREAT", **changes}
    return who.client.post(PATH, form, headers=who.headers)  # type: ignore[return-value] # the test client's


def test_a_clinician_is_shown_what_consent_opens_and_the_reading_is_entered(
    hospital: House,
) -> None:
    who = staff(hospital, Role.CLINICIAN)
    before = written(hospital)
    form = who.client.get(PATH)
    assert form.status_code == 200
    assert written(hospital) == before
    answer = ask(who)
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    text = answer.content.decode()
    assert text.count("<details>") == 3
    assert f"{CANARY} of o2" in text
    assert "Permitted" in text
    assert written(hospital) == (before[0] + 1, before[1] + 1)
    hospital.system.put(consent(base="OPTOUT"))
    text = ask(who).content.decode()
    assert "Not permitted" in text
    assert CANARY not in text


def test_a_privacy_officer_sees_who_was_shown_records(hospital: House) -> None:
    ask(staff(hospital, Role.CLINICIAN))
    officer = staff(hospital, Role.PRIVACY_OFFICER)
    before = written(hospital)
    text = ask(officer, feed="1").content.decode()
    with acting_as(hospital.actor):
        name = organisation_get(hospital.actor.organisation).name
    assert f"<td>{name}</td>" in text
    assert str(hospital.actor.organisation_id) not in text
    assert re.search(r"<td>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC</td>", text)
    assert "<td>3</td>" in text
    assert written(hospital) == (before[0] + 1, before[1] + 1)
    assert 'name="feed"' not in staff(hospital, Role.CLINICIAN).client.get(PATH).content.decode()


def test_nobody_known_is_neither_permitted_nor_refused(hospital: House) -> None:
    text = ask(staff(hospital, Role.CLINICIAN), patient="p9").content.decode()
    assert "Nobody known" in text
    assert "ermitted" not in text
    assert '<option value="HPAYMT">healthcare payment (HPAYMT)</option>' in text


def test_a_privacy_officer_sees_what_of_the_vault_does_not_open(
    hospital: House, databases: Databases
) -> None:
    with acting_as(hospital.actor):
        item_id = Record.objects.filter(resource_type="Observation")[0].item_id
    tamper(databases, SPOIL.format(item_id))
    error = UnreadableItemError("x")
    error.item_id = item_id
    damage_note(actor=hospital.actor, error=error, now=NOW)
    assert str(item_id) in staff(hospital, Role.PRIVACY_OFFICER).client.get(PATH).content.decode()
    clinician = staff(hospital, Role.CLINICIAN)
    assert str(item_id) not in clinician.client.get(PATH).content.decode()
    tamper(databases, SPOIL.format(item_id))  # restored
    officer = staff(hospital, Role.PRIVACY_OFFICER)
    assert str(item_id) not in officer.client.get(PATH).content.decode()


@pytest.mark.parametrize("role", [Role.ADMIN, Role.PHARMACIST, Role.AUDITOR])
def test_other_staff_neither_see_nor_reach_the_page(hospital: House, role: Role) -> None:
    who = staff(hospital, role)
    before = written(hospital)
    assert who.client.get(PATH).status_code == 403
    assert ask(who).status_code == 403
    assert PATH.encode() not in who.client.get("/admin/").content
    assert written(hospital) == before


def test_who_is_no_staff_goes_to_log_in(hospital: House) -> None:
    before = written(hospital)
    clinician = person(hospital.world, hospital.actor, Role.CLINICIAN)
    for who in (clinician, Asker(Client())):
        assert ask(who).status_code == 302
    assert written(hospital) == before


@pytest.mark.parametrize(
    "changes",
    [
        {"patient": ""},
        {"patient": "|"},
        {"type": "Nothing"},
        {"purpose": "ETREAT"},
        {"patient": "\x00"},
    ],
)
def test_what_cannot_be_asked_is_said_and_nothing_is_written(
    hospital: House, changes: dict[str, str]
) -> None:
    before = written(hospital)
    answer = ask(staff(hospital, Role.CLINICIAN), **changes)
    assert answer.status_code == 200
    assert CANARY not in answer.content.decode()
    assert written(hospital) == before


def test_a_form_without_its_token_is_refused(hospital: House) -> None:
    before = written(hospital)
    who = staff(hospital, Role.CLINICIAN)
    who.headers.clear()
    assert ask(who).status_code == 403
    assert written(hospital) == before


@pytest.mark.enable_socket
@in_browser
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_in_a_browser(
    hospital: House, live_pages: str, tmp_path: Path, width: int
) -> None:
    who = hospital.world.person(hospital.actor, Role.CLINICIAN, is_staff=True)
    with page_of(width) as page:
        page.goto(f"{live_pages}{PATH}")
        page.wait_for_selector("[name=username]:focus")
        page.keyboard.type(who.email)
        page.keyboard.press("Tab")
        page.keyboard.type(PASSWORD)
        with page.expect_navigation():
            page.keyboard.press("Enter")
        page.fill("[name=patient]", "p1")
        with page.expect_navigation():
            page.keyboard.press("Enter")
        page.locator("details").first.click()
        assert page.locator("details").count() == 3
        page.screenshot(path=str(tmp_path / f"records-{width}.png"), full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert violations(page) == []
