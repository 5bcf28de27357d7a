"""A pharmacist in front of the scan page, in a real browser."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

from django.db import connections

from accounts.services import membership_grant, user_create
from foundation.core.actor import SYSTEM, Role
from tests.conftest import NOW, Channel
from tests.provenance.world import Member, member

if TYPE_CHECKING:
    from playwright.sync_api import Page


@dataclass(frozen=True)
class Pharmacist:
    """Who may log in, and the pharmacy that they work for."""

    pharmacy: Member
    email: str
    password: str

    def log_in(self, page: "Page", pages: str, *, ready: str = "#camera-button:enabled") -> None:
        """Open the scan page, through the log-in, with the keyboard alone; ``ready`` shows it."""
        page.goto(f"{pages}/scan/")
        page.wait_for_selector("[name=username]:focus")
        page.keyboard.type(self.email)
        page.keyboard.press("Tab")
        page.keyboard.type(self.password)
        page.keyboard.press("Enter")
        page.wait_for_selector(ready)


def pharmacist(channel: Channel) -> Pharmacist:
    """Return somebody who scans for a fresh pharmacy."""
    pharmacy = member(channel, "pharmacy")
    email, password = f"{uuid4().hex}@example.org", uuid4().hex
    user_id = user_create(actor=SYSTEM, email=email, password=password, is_staff=True, now=NOW)
    membership_grant(
        actor=SYSTEM,
        user_id=user_id,
        organisation_id=pharmacy.actor.organisation,
        roles=[Role.PHARMACIST],
        now=NOW,
    )
    return Pharmacist(pharmacy=pharmacy, email=email, password=password)


def in_thread(work: Callable[[], object]) -> None:
    """Use the database while the browser's event loop runs in this thread, where it may not be."""

    def run() -> None:
        try:
            work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(run).result()
