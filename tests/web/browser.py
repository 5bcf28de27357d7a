"""A real Chromium for the pages' tests; they skip, with the reason, where there is none."""

import asyncio
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

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


_VIOLATIONS = """([context, options]) =>
    axe.run(context ?? document, options).then((found) => found.violations)"""
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def obstacles(page: "Page", *, without: str = "") -> list[str]:
    """Return what axe finds against WCAG 2.2 AA on a page: rule and element of each.

    ``without`` selects what others made and we only show.
    """
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415 - only the gate has it

    if not page.evaluate("'axe' in window"):
        page.evaluate(Axe().axe_script)
    context = {"exclude": [[without]]} if without else None
    # What is fine is left in the page: to hand it over takes longer than to look.
    found = page.evaluate(_VIOLATIONS, [context, {"runOnly": WCAG, "resultTypes": ["violations"]}])
    return [f"{rule['id']}: {node['html'][:160]}" for rule in found for node in rule["nodes"]]


class _Chromium:
    """Playwright and a Chromium, kept from the first test of a worker that asks to its last."""

    def __init__(self) -> None:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only the gate has it

        self._playwright = sync_playwright().start()
        self._loop = asyncio.get_running_loop()
        asyncio._set_running_loop(None)  # noqa: SLF001 - as `in_use` leaves it
        self._browser: Browser | None = None

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Let Playwright run its event loop in this thread.

        Between two calls it leaves the loop marked as the running one, and there Django refuses
        the database: outside of here the mark is gone, and so are the loop's helper threads.
        """
        before = asyncio._get_running_loop()  # noqa: SLF001 - Playwright itself sets it so
        with ThreadPoolExecutor() as helpers:
            self._loop.set_default_executor(helpers)
            asyncio._set_running_loop(self._loop)  # noqa: SLF001
            try:
                yield
            finally:
                asyncio._set_running_loop(before)  # noqa: SLF001

    def kept(self) -> "Browser":
        """Return the kept browser: a new one at first, and where a test was the last one's end."""
        if self._browser is None or not self._browser.is_connected():
            self._browser = self.launch()
        return self._browser

    def launch(self, arguments: Sequence[str] = ()) -> "Browser":
        return self._playwright.chromium.launch(
            executable_path=BROWSER, args=[*_ARGUMENTS, *arguments]
        )

    def close(self) -> None:
        with self.in_use():
            if self._browser is not None:
                self._browser.close()
            self._playwright.stop()


_chromium = cache(_Chromium)


def close_browser() -> None:
    """End the kept browser, where there is one."""
    if _chromium.cache_info().currsize:
        _chromium().close()
        _chromium.cache_clear()


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

    It shares no cookie, store or cache with another page. ``arguments`` go to a Chromium of its
    own.
    """
    chromium = _chromium()
    with chromium.in_use():
        browser = chromium.launch(arguments) if arguments else chromium.kept()
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            accept_downloads=True,
            java_script_enabled=javascript,
        )
        try:
            yield context.new_page()
        finally:
            context.close()
            if arguments:
                browser.close()
