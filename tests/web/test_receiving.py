"""The scan page's basket: packs that may be taken in, received with one button."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from accounts.models import User
from accounts.services import membership_grant, user_create
from foundation.core.actor import AUTHENTICATION, SYSTEM, Role
from foundation.models import IdempotencyRecord
from foundation.tenancy import acting_as
from provenance.core.verdict import Question
from tests.conftest import NOW, Channel
from tests.provenance.world import Member, commission, member, packs, ship
from tests.web.browser import in_browser, obstacles, page_of
from tests.web.scanning import Pharmacist


def sent_to(channel: Channel, receiver: Member, number: int) -> list[str]:
    maker = member(channel, "manufacturer")
    epcs = packs(number)
    maker.record(commission(epcs), ship(epcs, receiver, 1))
    return epcs


def logged_in(pharmacy: Member, role: Role, *, csrf: bool = False) -> Client:
    user_id = user_create(
        actor=SYSTEM, email=f"{uuid4().hex}@example.org", password=uuid4().hex, now=NOW
    )
    membership_grant(
        actor=SYSTEM,
        user_id=user_id,
        organisation_id=pharmacy.actor.organisation,
        roles=[role],
        now=NOW,
    )
    client = Client(enforce_csrf_checks=csrf)
    with acting_as(AUTHENTICATION):
        user = User.objects.get(id=user_id)
    client.force_login(user, backend="accounts.backends.EmailBackend")
    return client


def send(client: Client, scans: list[str], key: str) -> Any:
    """Return the answer to a basket, as the test client gives it."""
    return client.post("/scan/receive/", {"scan": scans}, headers={"Idempotency-Key": key})


def test_a_basket_is_received_once_however_often_it_is_sent(
    channel: Channel, person: Pharmacist
) -> None:
    good, missing = sent_to(channel, person.pharmacy, 1)[0], packs(1)[0]
    client, key = logged_in(person.pharmacy, Role.PHARMACIST), uuid4().hex
    first, second = (send(client, [good, missing], key) for _ in range(2))
    text = first.content.decode()
    assert "1 pack received" in text
    assert "Not received: 1" in text
    assert missing in text
    assert "The signed receipt" in text
    assert second.content == first.content
    assert person.pharmacy.ask(good, Question.DISPENSE).answer == "yes"
    other = send(client, [good], key)
    assert (other.status_code, other.json()["type"].rpartition(":")[2]) == (
        422,
        "idempotency-key-reused",
    )


def test_what_was_refused_is_shown_and_kept_nowhere(channel: Channel, person: Pharmacist) -> None:
    wristband, spoilt = "MRN 4711 Zqxwvcanary", "(01)09506000134352(99Zqxwvcanary)1"
    unknown = f"{packs(1)[0].rpartition('/')[0]}/Zqxwvcanary"
    scans = [sent_to(channel, person.pharmacy, 1)[0], wristband, spoilt, wristband, unknown]
    client, key = logged_in(person.pharmacy, Role.PHARMACIST), uuid4().hex
    first, second = (send(client, scans, key) for _ in range(2))
    text = first.content.decode()
    assert "1 pack received" in text
    assert "Not received: 3" in text
    assert all(scan in text for scan in (wristband, spoilt, unknown))
    assert text.count("cannot be read: ") == 2
    assert "Nobody has recorded this yet" in text
    assert second.content == first.content
    with acting_as(person.pharmacy.actor):
        kept = IdempotencyRecord.objects.get(key=key)
    assert b"receipt" in bytes(kept.body)
    assert b"4711" not in bytes(kept.body)
    assert b"canary" not in bytes(kept.body)


def test_who_may_not_write_events_receives_nothing(channel: Channel, person: Pharmacist) -> None:
    (pack,) = sent_to(channel, person.pharmacy, 1)
    key = uuid4().hex
    assert send(Client(), [pack], key).status_code == 401
    assert send(logged_in(person.pharmacy, Role.AUDITOR), [pack], key).status_code == 403
    forged = logged_in(person.pharmacy, Role.PHARMACIST, csrf=True)
    assert send(forged, [pack], key).status_code == 403
    stranger = logged_in(member(channel, "pharmacy"), Role.PHARMACIST)
    assert "0 packs received" in send(stranger, [pack], key).content.decode()
    bad = logged_in(person.pharmacy, Role.PHARMACIST)
    assert send(bad, ["9" * 9000], uuid4().hex).status_code == 400
    assert send(bad, [], uuid4().hex).status_code == 400
    assert bad.get("/scan/receive/").status_code == 405
    assert person.pharmacy.ask(pack, Question.TAKE_IN).answer == "yes"


@pytest.mark.slow
@pytest.mark.enable_socket
@in_browser
@pytest.mark.parametrize("width", [390, 1280])
def test_packs_are_gathered_and_received_with_one_button(
    channel: Channel, person: Pharmacist, live_pages: str, tmp_path: Path, width: int
) -> None:
    first, second, third = sent_to(channel, person.pharmacy, 3)
    with page_of(width, 844, dark=width == 390) as page:
        person.log_in(page, live_pages)
        page.check("text=May I take it in?")
        assert page.locator("#basket").is_hidden()
        for number, code in enumerate([first, second, packs(1)[0], first]):
            page.keyboard.type(code)
            page.keyboard.press("Enter")
            page.wait_for_selector(f"#scans li:nth-child({number + 1}) .mark:not(:text('…'))")
            page.wait_for_selector("#answer:not([aria-busy])")
        assert page.inner_text("#basket-count") == "2 packs wait"
        page.screenshot(path=str(tmp_path / f"basket-{width}.png"), full_page=True)
        # The first answer is lost on the way, after it was recorded.
        page.route("**/receive/", lambda route: (route.fetch(), route.abort()))
        page.click("text=Receive these")
        page.wait_for_selector("text=nothing is recorded twice")
        page.unroute("**/receive/")
        # Meanwhile somebody scans on: that is another basket.
        page.keyboard.type(third)
        page.keyboard.press("Enter")
        page.wait_for_selector("text=3 packs wait")
        page.click("text=Receive these")
        page.wait_for_selector("text=2 packs received")
        assert page.inner_text("#basket-count") == "1 pack waits"
        page.click("text=Receive these")
        page.wait_for_selector("text=1 pack received")
        page.screenshot(path=str(tmp_path / f"received-{width}.png"), full_page=True)
        assert obstacles(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert {
        person.pharmacy.ask(epc, Question.DISPENSE).answer for epc in (first, second, third)
    } == {"yes"}
