"""The GraphQL console: for staff, by keyboard, on a phone, under the strict policy, readable."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.test import Client

from foundation.core.actor import Role
from tests.accounts.conftest import PASSWORD, World
from tests.graphql.conftest import person, system
from tests.web.browser import in_browser, page_of

if TYPE_CHECKING:
    from playwright.sync_api import Page


def test_staff_see_the_console_under_the_strict_policy(world: World) -> None:
    staff = person(world, world.admit(), Role.ADMIN, is_staff=True)
    answer = staff.client.get("/graphql/")
    assert answer.status_code == 200
    assert b'id="query"' in answer.content
    assert "script-src 'self'" in answer["Content-Security-Policy"]
    assert b"http://" not in answer.content
    assert b"https://" not in answer.content


@pytest.mark.usefixtures("world")
def test_a_browser_without_a_session_goes_to_log_in() -> None:
    answer = Client().get("/graphql/", headers={"Accept": "text/html"})
    assert answer.status_code == 302
    assert answer["Location"] == "/admin/login/?next=/graphql/"
    assert Client().get("/graphql/").status_code == 405


def test_others_see_no_console(world: World) -> None:
    organisation = world.admit()
    for who in (person(world, organisation, Role.ADMIN), system(world, organisation)):
        answer = who.client.get("/graphql/", headers={"Authorization": "x"})
        assert answer.status_code == 405
        assert b'id="query"' not in answer.content


def violations(page: "Page") -> list[str]:
    """Return what axe finds wrong with the page."""
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415 - only the gate has it

    found = Axe().run(page)
    return [
        f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found.response["violations"]
    ]


@pytest.mark.enable_socket
@in_browser
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_query_by_the_keyboard_alone(
    world: World, live_pages: str, tmp_path: Path, width: int, scheme: str
) -> None:
    organisation = world.admit()
    staff = world.person(organisation, Role.ADMIN, is_staff=True)
    with page_of(width) as page:
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        page.goto(f"{live_pages}/graphql/")
        page.wait_for_selector("[name=username]:focus")
        page.keyboard.type(staff.email)
        page.keyboard.press("Tab")
        page.keyboard.type(PASSWORD)
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        with page.expect_navigation():
            page.keyboard.press("Enter")
        page.wait_for_selector("#schema details")
        page.focus("#query")
        page.keyboard.press("Control+Enter")
        page.wait_for_selector("#status:has-text('status')")
        assert page.locator("#status").inner_text().startswith("Answered, status 200")
        assert page.locator("#schema details[open] summary").inner_text() == "Query"
        page.screenshot(path=str(tmp_path / f"console-{width}-{scheme}.png"), full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert violations(page) == []

        page.fill("#query", "{memberss}")
        page.keyboard.press("Control+Enter")
        page.wait_for_selector("#status:has-text('400')")
        assert "Did you mean 'members'" in page.locator("#answer").inner_text()
        page.fill("#variables", "{")
        page.focus("#query")
        page.keyboard.press("Control+Enter")
        page.wait_for_selector("#variables:focus")
        assert page.locator("#status").inner_text().startswith("The variables are no JSON")
        page.fill("#filter", "logIndex")
        assert page.locator("#schema details:visible").all_inner_texts() == ["InclusionProof"]
    # The browser itself reports the query that was refused on purpose.
    assert [text for text in said if "400 (Bad Request)" not in text] == []
