"""Records in the administration: a page over the services, for those who may, entered each time."""

from pathlib import Path

import pytest
from django.http import HttpResponse
from django.test import Client

from accounts.core.scopes import Scope
from foundation.core.actor import Role
from tests.accounts.conftest import PASSWORD, World
from tests.graphql.conftest import Asker, person
from tests.graphql.test_console import violations
from tests.graphql.test_records import written
from tests.records.conftest import House
from tests.records.house import CANARY, Caller, bundle, consent, observation, patient
from tests.web.browser import in_browser, page_of

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
    assert str(hospital.actor.organisation_id) in text
    assert "<td>3</td>" in text
    assert written(hospital) == (before[0] + 1, before[1] + 1)
    assert 'name="feed"' not in staff(hospital, Role.CLINICIAN).client.get(PATH).content.decode()


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
