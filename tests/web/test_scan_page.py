"""The scan page: log in, scan, read a verdict in words."""

import re
from pathlib import Path
from uuid import uuid4

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from accounts.models import User
from accounts.selectors import organisation_get
from accounts.services import membership_grant, user_create
from foundation.core.actor import AUTHENTICATION, SYSTEM, Role
from foundation.tenancy import acting_as
from tests.conftest import NOW, Channel
from tests.provenance.world import Member, commission, member, packs


@pytest.fixture(autouse=True)
def _quick_hasher_and_no_static_files(settings: Settings, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def maker(channel: Channel) -> Member:
    return member(channel, "manufacturer")


@pytest.fixture
def browser(maker: Member) -> Client:
    """A browser in which somebody of the maker's is logged in."""
    user_id = user_create(
        actor=SYSTEM, email=f"{uuid4().hex}@example.org", password=uuid4().hex, now=NOW
    )
    membership_grant(
        actor=SYSTEM,
        user_id=user_id,
        organisation_id=maker.actor.organisation,
        roles=[Role.WAREHOUSE],
        now=NOW,
    )
    client = Client()
    with acting_as(AUTHENTICATION):
        user = User.objects.get(id=user_id)
    client.force_login(user, backend="accounts.backends.EmailBackend")
    return client


@pytest.mark.usefixtures("db")
def test_who_is_not_logged_in_goes_to_log_in() -> None:
    answer = Client().get("/scan/")
    assert (answer.status_code, answer["Location"]) == (302, "/admin/login/?next=/scan/")


def test_the_page_says_who_scans_for_whom_and_lets_them_out(maker: Member, browser: Client) -> None:
    text = browser.get("/scan/").content.decode()
    with acting_as(maker.actor):
        name = organisation_get(maker.actor.organisation).name
    assert re.search(rf"<span>\w+@example\.org, {name}</span>", text)
    assert browser.get("/log-out/").status_code == 405  # no link of another site logs out
    assert browser.get("/scan/").status_code == 200
    out = browser.post("/log-out/")
    assert (out.status_code, out["Location"]) == (302, "/")
    assert browser.get("/scan/").status_code == 302
    assert "example.org" not in browser.get("/").content.decode()


def test_a_scan_is_answered_in_words(maker: Member, browser: Client) -> None:
    (epc,) = packs(1)
    maker.record(commission([epc]))
    page = browser.get("/scan/")
    assert b"autofocus" in page.content
    assert b'class="verdict none"' in page.content
    known = browser.post("/scan/", {"scan": epc, "question": "ship"}).content.decode()
    assert 'class="verdict yes"' in known
    assert "It is yours, and nothing speaks against it." in known
    unknown = browser.post("/scan/", {"scan": packs(1)[0], "question": "take_in"})
    assert "That does not mean that it is counterfeit." in unknown.content.decode()


@pytest.mark.parametrize("scan", ["", "\x00", "(01)1", "<script>", "]Q3" + "9" * 9000])
def test_what_cannot_be_read_is_said_so(browser: Client, scan: str) -> None:
    page = browser.post("/scan/", {"scan": scan, "question": "nonsense"})
    assert page.status_code == 200
    assert "Not read" in page.content.decode()
    assert "<script>" not in page.content.decode()


@pytest.mark.usefixtures("db")
def test_a_worker_of_the_page_reaches_this_server_only(anyone: Client) -> None:
    script, style = (anyone.get(f"/static/scan/{name}") for name in ("reader.js", "scan.css"))
    script.close()
    style.close()
    assert script["Content-Security-Policy"] == (
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self';"
        " base-uri 'none'"
    )
    assert "Content-Security-Policy" not in style
    page = anyone.get("/scan/")["Content-Security-Policy"]
    assert "worker-src 'self'" in page
    assert "script-src 'self' 'wasm-unsafe-eval'" in page
