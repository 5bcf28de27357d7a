"""The explorer in a real browser: on a phone and a desk, by keyboard, live and without scripts."""

from pathlib import Path
from uuid import uuid4

import pytest

from ledger.core.entry import EntryDraft
from ledger.services import policy_set, submission_append
from tests.conftest import NOW, Channel
from tests.web.browser import in_browser, obstacles, page_of
from tests.web.scanning import in_thread

pytestmark = [pytest.mark.enable_socket, in_browser]
KIND = "test.thing.done.v1"


def world(channel: Channel) -> bytes:
    """Write enough that each page has something to show; return the id of an entry."""
    pharmacy = channel.admit("pharmacy")
    policy_set(actor=channel.operator, kind=KIND, n=1, member_kind="pharmacy", now=NOW)
    channel.sequence()
    return write(channel, pharmacy.organisation, channel, 40)


def write(channel: Channel, _organisation: object, _world: object, count: int = 1) -> bytes:
    drafts = [
        EntryDraft(kind="test.other.done.v1", id=uuid4(), body={"n": n, "word": "é" * 40})
        for n in range(count)
    ]
    receipt = submission_append(actor=channel.operator, entries=drafts, now=NOW)
    channel.sequence()
    return receipt.entry_ids[count // 2]


@pytest.mark.parametrize(("width", "dark"), [(390, False), (1280, True)])
def test_every_page_fits_and_is_open_to_everybody(
    *, fresh_db: Channel, live_pages: str, tmp_path: Path, width: int, dark: bool
) -> None:
    entry_id = world(fresh_db)
    of = f"{live_pages}/explorer/main/"
    parts = ["", "entries/", f"entry/{entry_id.hex()}/", "members/", "keys/", "policies/"]
    said: list[str] = []
    bad: list[str] = []
    with page_of(width, dark=dark) as page:
        page.on("console", lambda message: said.append(message.text))
        for number, part in enumerate([*parts, "witnesses/", "find?q=123456"]):
            page.goto(f"{of}{part}")
            page.screenshot(path=str(tmp_path / f"explorer{number}-{width}.png"), full_page=True)
            bad += [f"{part} says {text}" for text in said if "404" not in text]
            bad += [f"{part}: {found}" for found in obstacles(page)]
            said.clear()
            if page.evaluate("document.documentElement.scrollWidth") > width:
                bad.append(f"{part}: wider than the window")
    assert bad == []


def test_the_head_refreshes_itself_and_can_be_stopped(fresh_db: Channel, live_pages: str) -> None:
    world(fresh_db)
    with page_of(390) as page:
        page.clock.install()
        page.goto(f"{live_pages}/explorer/main/")
        before = page.locator("[data-size]").get_attribute("data-size")
        assert before is not None
        in_thread(lambda: write(fresh_db, None, None))
        page.clock.run_for(6000)
        page.wait_for_selector(f'[data-size="{int(before) + 2}"]')
        assert page.locator("#said").inner_text() == f"{int(before) + 2} leaves are signed now."
        assert page.locator("#newer").is_visible()
        page.locator("#pause").focus()
        page.keyboard.press("Enter")
        in_thread(lambda: write(fresh_db, None, None))
        page.clock.run_for(12_000)
        assert page.locator(f'[data-size="{int(before) + 2}"]').count() == 1
        page.keyboard.press("Enter")
        page.wait_for_selector(f'[data-size="{int(before) + 4}"]')
        page.locator("#newer").press("Enter")
        page.wait_for_selector("#newer", state="hidden")


def test_without_scripts_an_auditor_finds_an_entry_and_its_proof_by_keyboard(
    fresh_db: Channel, live_pages: str
) -> None:
    entry_id = world(fresh_db)
    with page_of(390, javascript=False) as page:
        page.goto(f"{live_pages}/explorer/")
        assert page.locator("#live").is_hidden()
        page.locator("#q").focus()
        page.keyboard.type(entry_id.hex())
        page.keyboard.press("Enter")
        page.wait_for_selector("svg.tree")
        assert page.locator("h1").inner_text().startswith("Entry ")
        page.get_by_text("The same in words").focus()
        page.keyboard.press("Enter")
        steps = page.locator(".words li")
        assert steps.count() == page.locator("svg g.sibling").count() > 3
        assert steps.first.inner_text().startswith(entry_id.hex())
        with page.expect_download() as download:
            page.get_by_role("link", name="tlog-proof").press("Enter")
        assert download.value.suggested_filename == f"{entry_id.hex()[:16]}.tlog-proof"
