"""The first page, as a person sees it, in a real browser where there is one."""

from pathlib import Path

import pytest
from django.conf import LazySettings
from django.test import Client

from ledger import selectors
from tests.conftest import Channel
from tests.web.browser import in_browser, page_of


def test_it_names_the_log_its_key_and_its_members(channel: Channel, anyone: Client) -> None:
    channel.admit("pharmacy")
    page = anyone.get("/")
    assert page.status_code == 200
    text = page.content.decode()
    assert channel.log.vkey.replace("+", "&#x2B;") in text or channel.log.vkey in text
    assert "script-src 'self' 'wasm-unsafe-eval'" in page["Content-Security-Policy"]
    assert "<script" not in text
    assert '<span class="kind">pharmacy</span>' in text


def test_without_a_log_it_says_what_to_do(
    fresh_db: Channel, anyone: Client, settings: LazySettings
) -> None:
    settings.CHANNEL_NAME = "other"
    selectors.forget_logs()
    assert fresh_db.log.name == "main"
    assert "channel_create" in anyone.get("/").content.decode()


@pytest.mark.enable_socket
@in_browser
@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_a_phone_and_a_desktop_and_loads_nothing_from_elsewhere(
    channel: Channel, live_pages: str, tmp_path: Path, width: int
) -> None:
    assert channel.log.name == "main"
    asked: list[str] = []
    with page_of(width) as page:
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{live_pages}/")
        assert page.locator("h1").inner_text() == "One ledger, checked by anyone"
        wide = page.evaluate("document.documentElement.scrollWidth")
        page.screenshot(path=str(tmp_path / f"home-{width}.png"), full_page=True)
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
    assert wide <= width
    assert asked
    assert [url for url in asked if not url.startswith(live_pages)] == []
