"""The administration in our style: readable, on a phone too, and without a breach of the policy."""

from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from accounts.services import operator_project
from foundation.core.actor import Role
from foundation.tenancy import acting_as
from ledger.core.entry import EntryDraft
from ledger.models import SigningKey
from ledger.services import submission_append
from tests.accounts.conftest import PASSWORD, World
from tests.conftest import NOW, Channel
from tests.web.browser import in_browser, obstacles, page_of

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.enable_socket, in_browser]


def log_in(page: "Page", address: str, email: str) -> None:
    """Log in with the keyboard alone."""
    page.goto(f"{address}/admin/")
    page.wait_for_selector("[name=username]:focus")
    page.keyboard.type(email)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    with page.expect_navigation():
        page.keyboard.press("Enter")
    page.wait_for_selector("#user-tools")


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_staff_find_their_way_from_the_log_in_to_an_entrys_proof(
    *, channel: Channel, live_pages: str, tmp_path: Path, width: int, dark: bool
) -> None:
    operator_project(actor=channel.operator)
    world = World(channel=channel)
    organisation = world.admit()
    draft = EntryDraft(kind="test.thing.done.v1", id=uuid4(), body={"n": 1})
    receipt = submission_append(actor=organisation, entries=[draft], now=NOW)
    channel.sequence()
    entry_id = receipt.entry_ids[0].hex()
    person = world.person(organisation, Role.ADMIN, is_staff=True)
    with acting_as(organisation):
        key = SigningKey.objects.filter(organisation_id=organisation.organisation)[0].pk
    said: list[str] = []
    asked: list[str] = []
    found: dict[str, list[str]] = {}
    with page_of(width, dark=dark) as page:
        page.on("console", lambda message: said.append(message.text))
        page.on("request", lambda request: asked.append(request.url))

        def looked_at(name: str) -> None:
            page.screenshot(path=str(tmp_path / f"{name}-{width}-{dark}.png"), full_page=True)
            # What axe itself does to a page is no fault of the page's.
            found[name] = [f"says {text}" for text in said] + obstacles(page)
            said.clear()
            if page.evaluate("document.documentElement.scrollWidth") > width:
                found[name].append("wider than the window")

        page.goto(f"{live_pages}/admin/")
        looked_at("log-in")
        log_in(page, live_pages, person.email)
        for name, path in (
            ("index", ""),
            ("entries", "ledger/entry/"),
            ("entry", f"ledger/entry/{entry_id}/change/"),
            ("keys", "ledger/signingkey/"),
            ("key", f"ledger/signingkey/{key}/change/"),
            ("heads", "ledger/checkpoint/"),
            ("new-key", "accounts/apikey/add/"),
            ("people", "accounts/user/"),
        ):
            page.goto(f"{live_pages}/admin/{path}")
            looked_at(name)
        page.goto(f"{live_pages}/admin/ledger/entry/{entry_id}/change/")
        with page.expect_download() as download:
            page.get_by_role("link", name="Proof bundle").click()
        download.value.save_as(tmp_path / "proof.json")
        page.get_by_role("link", name="Check a proof").click()
        page.wait_for_url("**/verify/**")  # and until its script listens
        page.locator("#files").set_input_files(tmp_path / "proof.json")
        page.wait_for_selector("#result[data-verdict=sound]")
        assert entry_id in page.locator("dl.entry").inner_text()
    assert "\n".join(f"{name}: {bad}" for name, bads in found.items() for bad in bads) == ""
    assert [url for url in asked if not url.startswith(live_pages)] == []
