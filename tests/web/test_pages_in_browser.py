"""What all pages share: one header, a way past it, room on a phone, nothing from elsewhere."""

from pathlib import Path

import pytest

from tests.conftest import Channel
from tests.web.browser import in_browser, obstacles, page_of

pytestmark = [pytest.mark.enable_socket, in_browser]
PAGES = {
    "/": "One ledger, checked by anyone",
    "/verify/": "Check a proof",
    "/api/docs/": "API",
    "/nowhere/": "There is nothing here",
    "/admin/login/": "Log in",
}
NAMES = ["Scan", "Verify", "Explorer", "API", "Administration"]


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_every_page_has_the_same_header_and_stands_alone(
    *, channel: Channel, live_pages: str, tmp_path: Path, width: int, dark: bool
) -> None:
    assert channel.log.name == "main"
    asked: list[str] = []
    said: list[str] = []
    bad: list[str] = []
    # Two programs, two mains: that of the API's description is its makers' own.
    allowed = "/api/docs/: landmark-no-duplicate-main"
    with page_of(width, dark=dark) as page:
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        for path, title in PAGES.items():
            page.goto(f"{live_pages}{path}")
            page.wait_for_load_state("networkidle")
            assert page.locator("h1").first.inner_text() == title
            header = page.locator("header").first
            assert header.get_by_role("navigation", name="Pages").locator(
                "a"
            ).all_inner_texts() == (NAMES)
            page.screenshot(
                path=str(tmp_path / f"page{path.replace('/', '-')}{width}-{dark}.png"),
                full_page=True,
            )
            # What axe itself does to a page is no fault of the page's.
            bad += [f"{path} says {text}" for text in said if "404" not in text]
            bad += [f"{path}: {found}" for found in obstacles(page, without="#swagger-ui")]
            said.clear()
            if page.evaluate("document.documentElement.scrollWidth") > width:
                bad.append(f"{path}: wider than the window")
    assert [text for text in bad if not text.startswith(allowed)] == []
    assert [url for url in asked if not url.startswith((live_pages, "data:", "blob:"))] == []


def test_the_first_tab_leads_past_the_header(channel: Channel, live_pages: str) -> None:
    assert channel.log.name == "main"
    with page_of(1280) as page:
        for path in ("/", "/verify/", "/api/docs/", "/nowhere/"):
            page.goto(f"{live_pages}{path}")
            page.keyboard.press("Tab")
            assert page.evaluate("document.activeElement.innerText") == "Skip to the content"
            page.keyboard.press("Enter")
            assert page.evaluate("document.activeElement.id") == "content"


def test_the_first_page_leads_everywhere(channel: Channel, live_pages: str) -> None:
    assert channel.log.name == "main"
    with page_of(390) as page:
        page.goto(f"{live_pages}/")
        doors = page.locator(".doors a")
        led = [doors.nth(at).get_attribute("href") for at in range(doors.count())]
        assert led == ["/scan/", "/verify/", "/explorer/", "/admin/", "/api/docs/"]
        doors.nth(1).click()
        assert page.locator("h1").inner_text() == "Check a proof"
        assert page.locator("nav [aria-current]").inner_text() == "Verify"
