"""The scan page as a pharmacist uses it with a scanner that types, in a real browser."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.provenance.world import commission, dispense, packs
from tests.web.browser import in_browser, obstacles, page_of
from tests.web.scanning import Pharmacist, in_thread

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.enable_socket, in_browser]


def scan(page: "Page", code: str) -> None:
    page.keyboard.type(code)
    page.keyboard.press("Enter")


@pytest.mark.parametrize("width", [390, 1280])
def test_two_scans_with_the_keyboard_alone(
    person: Pharmacist, live_pages: str, tmp_path: Path, width: int
) -> None:
    (epc,) = packs(1)
    person.pharmacy.record(commission([epc]))
    with page_of(width) as page:
        person.log_in(page, live_pages)
        # The field has the focus: a scanner that types needs no hand at the screen.
        page.wait_for_selector("#scan:focus")
        for number, answer in enumerate(["yes", "no"]):
            scan(page, epc)
            page.wait_for_selector(f"#answer .{answer}")
            page.wait_for_selector(f"#scans li:first-child.{answer}")
            page.screenshot(path=str(tmp_path / f"scan-{width}-{number}.png"), full_page=True)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.evaluate("document.activeElement.id") == "scan"
            if number == 0:
                in_thread(lambda: person.pharmacy.record(dispense(epc, 30)))
        page.get_by_role("button", name="Log out").click()
        page.wait_for_url(f"{live_pages}/")
        page.goto(f"{live_pages}/scan/")
        page.wait_for_selector("[name=username]:focus")


def test_scans_faster_than_answers_are_all_answered_in_turn(
    person: Pharmacist, live_pages: str
) -> None:
    codes = packs(23)
    with page_of(390) as page:
        person.log_in(page, live_pages)
        page.check("text=Is it genuine?")  # the focus is on a button: scans are heard all the same
        for code in codes:
            scan(page, code)
        page.wait_for_selector("#scans li:first-child.unknown")
        assert page.locator("#scans .unknown").count() == 20
        listed = page.locator("#scans .code").all_inner_texts()
        assert listed == [code[:80] for code in codes[:2:-1]]  # the last 20, newest first
        page.reload()
        assert page.is_checked("text=Is it genuine?")  # remembered on this device
        assert page.locator("#queue").is_hidden()


def test_a_separator_that_arrives_as_a_key_is_kept(person: Pharmacist, live_pages: str) -> None:
    with page_of(390) as page:
        person.log_in(page, live_pages)
        page.keyboard.type("010030001012345510L1")
        page.keyboard.press("Control+]")
        scan(page, "21S1")
        page.wait_for_selector("#scans .unknown")
        # Read as two fields: unknown, not refused.
        assert page.inner_text("#answer .word") == "Unknown"
        assert page.inner_text("#answer .code") == "010030001012345510L1 21S1"


def test_no_answer_is_told_and_never_the_last_packs(person: Pharmacist, live_pages: str) -> None:
    (epc,) = packs(1)
    person.pharmacy.record(commission([epc]))
    with page_of(390) as page:
        person.log_in(page, live_pages)
        scan(page, epc)
        page.wait_for_selector("#answer .yes")
        page.route("**/scan/", lambda route: route.abort())
        scan(page, epc)
        page.wait_for_selector("text=The server did not answer.")
        page.unroute("**/scan/")
        page.route("**/scan/", lambda route: route.fulfill(status=500, body="<p>trouble</p>"))
        scan(page, epc)
        page.wait_for_selector("text=The server refused (500).")
        page.unroute("**/scan/")
        page.context.clear_cookies()
        scan(page, epc)
        page.wait_for_selector("text=You are logged out.")
        assert page.locator("#answer .verdict").count() == 1
        assert page.locator("#scans .yes").count() == 1


def test_without_javascript_it_is_a_form(person: Pharmacist, live_pages: str) -> None:
    (epc,) = packs(1)
    person.pharmacy.record(commission([epc]))
    with page_of(390, javascript=False) as page:
        person.log_in(page, live_pages, ready="#camera-button:disabled")
        assert page.inner_text("#hint").startswith("The camera needs JavaScript.")
        page.check("text=May I sell it?")
        page.focus("#scan")
        scan(page, epc)
        page.wait_for_selector("#answer .yes")
        assert page.is_checked("text=May I sell it?")
        assert page.inner_text("#answer .code") == epc


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_is_accessible_in_each_state(
    person: Pharmacist,
    live_pages: str,
    tmp_path: Path,
    colours: str,
    width: int,
) -> None:
    (epc,) = packs(1)
    person.pharmacy.record(commission([epc]))
    with page_of(width, 844, dark=colours == "dark") as page:
        person.log_in(page, live_pages)
        found: dict[str, list[str]] = {}
        place = page.evaluate("document.getElementById('form').offsetTop")
        for state, code in [("ready", ""), ("yes", epc), ("no", epc), ("unread", "(01)1")]:
            if state == "no":
                in_thread(lambda: person.pharmacy.record(dispense(epc, 30)))
            if code:
                scan(page, code)
                kind = "unknown" if state == "unread" else state
                page.wait_for_selector(f"#answer .{kind}")
            page.screenshot(path=str(tmp_path / f"{state}-{width}-{colours}.png"), full_page=True)
            found[state] = obstacles(page)
            # Nothing that a hand reaches for moved.
            assert page.evaluate("document.getElementById('form').offsetTop") == place
        assert found == {"ready": [], "yes": [], "no": [], "unread": []}
