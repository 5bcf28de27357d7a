"""The first page, as a person sees it, in a real browser where there is one."""

import shutil
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.test import Client

from ledger import selectors
from tests.conftest import Channel

BROWSER = shutil.which("chromium")


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
@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium on this machine")
@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_a_phone_and_a_desktop_and_loads_nothing_from_elsewhere(
    channel: Channel, live_pages: str, tmp_path: Path, width: int
) -> None:
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - the gate's tools have it

    assert channel.log.name == "main"
    asked: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=BROWSER,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ],
        )
        page = browser.new_page(viewport={"width": width, "height": 800})
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{live_pages}/")
        assert page.locator("h1").inner_text() == "One ledger, checked by anyone"
        wide = page.evaluate("document.documentElement.scrollWidth")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.screenshot(path=str(tmp_path / f"home-{width}.png"), full_page=True)
        browser.close()
    assert wide <= width
    assert asked
    assert [url for url in asked if not url.startswith(live_pages)] == []
