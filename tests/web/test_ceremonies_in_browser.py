"""A key ceremony by keyboard on a phone, and how its pages look."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.conf import LazySettings

from accounts.services import operator_project
from foundation.core.actor import Role
from ledger.services import key_add_system, policy_set
from tests.accounts.conftest import PASSWORD, World
from tests.conftest import NOW, Channel
from tests.web.browser import in_browser, obstacles, page_of
from tests.web.scanning import in_thread
from tests.web.test_admin_in_browser import log_in

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.enable_socket, in_browser]


@pytest.mark.parametrize(("width", "dark"), [(390, False), (1280, True)])
def test_a_member_revokes_a_key_by_keyboard_and_finds_it_in_the_explorer(
    *,
    fresh_db: Channel,
    live_pages: str,
    tmp_path: Path,
    settings: LazySettings,
    width: int,
    dark: bool,
) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    operator_project(actor=fresh_db.operator)
    world = World(channel=fresh_db)
    pharmacy = world.admit()
    key_id = key_add_system(actor=pharmacy, now=NOW, label="second")[0]
    policy_set(actor=fresh_db.operator, kind="test.a.b.v1", n=1, member_kind="pharmacy", now=NOW)
    fresh_db.sequence()
    person = world.person(pharmacy, Role.ADMIN, is_staff=True)
    bad: list[str] = []
    with page_of(width, dark=dark) as page:
        page.on("console", lambda message: bad.append(message.text))

        def looked_at(name: str) -> None:
            page.screenshot(path=str(tmp_path / f"{name}-{width}.png"), full_page=True)
            bad.extend(f"{name}: {found}" for found in obstacles(page))
            if page.evaluate("document.documentElement.scrollWidth") > width:
                bad.append(f"{name}: wider than the window")

        log_in(page, live_pages, person.email)
        page.get_by_role("link", name="Governance").press("Enter")
        page.wait_for_selector("h1:has-text('Governance of main')")
        looked_at("governance")
        page.get_by_role("link", name=f"Revoke {key_id[:8]}").press("Enter")
        page.wait_for_selector("#id_reason")
        assert page.locator("#id_key").input_value() == key_id
        page.locator("#id_reason").focus()
        page.keyboard.type("lost")
        looked_at("ask")
        page.keyboard.press("Enter")
        page.wait_for_selector("h2:has-text('Word for word')")
        looked_at("read")
        assert page.locator("[name=password]").count() == 0  # the log-in is fresh
        page.get_by_role("button", name="Revoke a key").press("Enter")
        page.wait_for_selector("h1:has-text('Written')")
        looked_at("written")
        in_thread(fresh_db.sequence)
        page.get_by_role("link", name="in the explorer").press("Enter")
        page.wait_for_selector("svg.tree")
        assert key_id in page.locator("pre").first.inner_text()
        other_ceremonies(page, live_pages, looked_at)
    assert PASSWORD not in "".join(bad)
    assert bad == []


def other_ceremonies(page: "Page", pages: str, looked_at: Callable[[str], None]) -> None:
    """Look at what the others ask for; whose session ended meanwhile logs in again."""
    for slug in ("offer", "policy", "admit", "my-key"):
        page.goto(f"{pages}/admin/governance/{slug}/")
        looked_at(slug)
    page.get_by_role("button", name="Show what will be written").press("Enter")
    page.wait_for_selector("h2:has-text('Word for word')")
    page.context.clear_cookies(name="sessionid")
    page.get_by_role("button", name="Make your personal key").press("Enter")
    page.wait_for_selector("[name=username]")
