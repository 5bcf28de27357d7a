"""A real Chromium for the pages' tests; they skip, with the reason, where there is none."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

BROWSER = shutil.which("chromium")
in_browser = pytest.mark.skipif(
    BROWSER is None or find_spec("playwright") is None,
    reason="there is no Chromium, or no Playwright, on this machine",
)
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def obstacles(page: "Page", *, without: str = "") -> list[str]:
    """Return what axe finds against WCAG 2.2 AA on a page: rule and element of each.

    ``without`` selects what others made and we only show.
    """
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415 - only the gate has it

    context = {"exclude": [[without]]} if without else None
    found = Axe().run(page, context, options={"runOnly": WCAG}).response["violations"]
    return [f"{rule['id']}: {node['html'][:160]}" for rule in found for node in rule["nodes"]]


@contextmanager
def page_of(
    width: int,
    height: int = 800,
    *,
    dark: bool = False,
    arguments: Sequence[str] = (),
    javascript: bool = True,
) -> "Iterator[Page]":
    """Yield an empty page of a window of ``width`` pixels, for a reader who wishes it ``dark``.

    ``arguments`` go to Chromium.
    """
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only the gate has it

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=BROWSER, args=[*_ARGUMENTS, *arguments]
        )
        try:
            yield browser.new_page(
                viewport={"width": width, "height": height},
                color_scheme="dark" if dark else "light",
                accept_downloads=True,
                java_script_enabled=javascript,
            )
        finally:
            browser.close()
