"""The scan page as a pharmacist uses it: log in, type, read, and type again without a mouse."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest
from django.db import connections

from accounts.services import membership_grant, user_create
from foundation.core.actor import SYSTEM, Role
from tests.conftest import NOW, Channel
from tests.provenance.world import commission, dispense, member, packs
from tests.web.browser import in_browser, page_of


def in_thread(work: Callable[[], object]) -> None:
    """Use the database while the browser's event loop runs in this thread, where it may not be."""

    def run() -> None:
        try:
            work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(run).result()


@pytest.mark.enable_socket
@in_browser
@pytest.mark.parametrize("width", [390, 1280])
def test_two_scans_with_the_keyboard_alone(
    channel: Channel, live_pages: str, tmp_path: Path, width: int
) -> None:
    pharmacy = member(channel, "pharmacy")
    (epc,) = packs(1)
    pharmacy.record(commission([epc]))
    email, password = f"{uuid4().hex}@example.org", uuid4().hex
    user_id = user_create(actor=SYSTEM, email=email, password=password, is_staff=True, now=NOW)
    membership_grant(
        actor=SYSTEM,
        user_id=user_id,
        organisation_id=pharmacy.actor.organisation,
        roles=[Role.PHARMACIST],
        now=NOW,
    )
    with page_of(width) as page:
        page.goto(f"{live_pages}/scan/")
        page.wait_for_selector("[name=username]:focus")
        page.keyboard.type(email)
        page.keyboard.press("Tab")
        page.keyboard.type(password)
        page.keyboard.press("Enter")
        page.wait_for_selector("#scan")
        said = []
        for number in range(2):
            # The field has the focus: a scanner that types needs no hand at the screen.
            page.wait_for_selector("#scan:focus")
            page.keyboard.type(epc)
            with page.expect_navigation():
                page.keyboard.press("Enter")
            page.wait_for_selector(".verdict")
            said.append(page.locator(".answer").inner_text().split()[-1])
            page.screenshot(path=str(tmp_path / f"scan-{width}-{number}.png"), full_page=True)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            if number == 0:
                in_thread(lambda: pharmacy.record(dispense(epc, 30)))
    assert said == ["Yes", "No"]
