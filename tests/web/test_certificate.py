"""The certificate: printed on one page, scanned by a stranger's reader, checked by two programs."""

import json
import re
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import zxingcpp
from django.test import Client
from PIL import Image

from ledger.core.entry import EntryDraft
from ledger.core.note import format_vkey
from ledger.core.qr_proof import format_qr_texts
from ledger.services import submission_append
from ledger.services.qr_proofs import qr_proof
from tests.conftest import NOW, Channel
from tests.ledger.log_builder import governed_log, small_log
from tests.ledger.qr_codes import payload_of
from tests.web import proofs
from tests.web.browser import in_browser, obstacles, page_of
from web.verify.page import standalone

if TYPE_CHECKING:
    from playwright.sync_api import Page

KIND = "test.thing.done.v1"
VECTORS = Path(__file__).parents[1] / "vectors" / "theriac" / "qr.json"
_CHECK = """async ([texts, vkey]) => {
    const answers = [];
    for (const codes of texts) {
        try {
            const { missing, payload } = TheriacVerify.joinCodes(TheriacVerify.readCodes(codes));
            if (missing.length) { answers.push(["incomplete", ""]); continue; }
            const file = await TheriacVerify.unpackCode(payload);
            const answer = TheriacVerify.verify([file], vkey);
            answers.push([answer.verdict, answer.what]);
        } catch (error) {
            if (!(error instanceof TheriacVerify.Bad)) throw error;
            answers.push(["bad", error.what]);
        }
    }
    return answers;
}"""


def write(channel: Channel, body: dict[str, Any]) -> str:
    draft = EntryDraft(kind=KIND, id=uuid4(), body=body, commitments=(bytes(32),))
    receipt = submission_append(actor=channel.operator, entries=[draft], now=NOW)
    channel.sequence()
    return receipt.entry_ids[0].hex()


def large(count: int) -> dict[str, Any]:
    """Return a body that does not pack."""
    return {f"n{n}": sha256(b"%d" % n).hexdigest() for n in range(count)}


def scanned(picture: Path) -> list[str]:
    """Return what a reader of others finds in a picture, in the order of its parts."""
    with Image.open(picture) as image:
        found = zxingcpp.read_barcodes(image.convert("L"))
    return sorted(code.text for code in found)


def by_program(texts: str, vkey: str | None) -> tuple[str, str]:
    """Return what the standalone verifier says."""
    try:
        proofs.VERIFIER.verify_qr([texts], vkey)
    except proofs.VERIFIER.BadError as error:
        return "bad", error.what
    except proofs.VERIFIER.UnreadableError:
        return "incomplete", ""
    return "sound", ""


def spoiled(payload: bytes) -> list[str]:
    """Return codes with each byte changed, whose check fits again, and codes that break off."""
    forms = [payload, *proofs.flips(payload), *(payload[:end] for end in range(1, len(payload), 7))]
    forms += [payload + b"\0", payload[:40] + bytes(8) + payload[48:]]
    texts = [" ".join(format_qr_texts(form)) for form in forms]
    (whole,) = format_qr_texts(payload)
    texts += [whole[:-1], whole + "1", whole.replace(".1.1.", ".1.2."), f"{whole} {texts[1]}"]
    return [*texts, whole.replace("tq1.1.1", "tq1.2.1"), whole.replace("tq1.1.1", "tq1.1.9")]


def test_it_names_what_the_log_says_and_waits_for_a_proof(channel: Channel, anyone: Client) -> None:
    entry_id = write(channel, {"step": 1})
    page = anyone.get(f"/explorer/main/entry/{entry_id}/certificate/")
    text = page.content.decode()
    for words in (KIND, entry_id, channel.log.origin, "Operator", "commits to 1 document "):
        assert words in text
    assert channel.log.vkey in text.replace("&#x2B;", "+")
    assert text.count("<svg") == 1
    assert not re.search(r'style="|onclick|<script>', text)
    draft = EntryDraft(kind=KIND, id=uuid4(), body={})
    promised = submission_append(actor=channel.operator, entries=[draft], now=NOW).entry_ids[0]
    early = anyone.get(f"/explorer/main/entry/{promised.hex()}/certificate/")
    assert early["Location"] == f"/explorer/main/entry/{promised.hex()}/"
    assert anyone.get(f"/explorer/main/entry/{'0' * 64}/certificate/").status_code == 404


def test_what_does_not_fit_into_codes_is_said(channel: Channel, anyone: Client) -> None:
    entry_id = write(channel, large(200))
    text = anyone.get(f"/explorer/main/entry/{entry_id}/certificate/").content.decode()
    assert "There is no code." in text
    assert "more than 4 codes hold" in text
    assert "more lines, in the proof itself" in text
    assert "<svg" not in text


def test_the_server_makes_what_the_verifier_takes(channel: Channel) -> None:
    entry_id = write(channel, {"word": "é"})
    texts = qr_proof(bytes.fromhex(entry_id), channel="main").texts
    assert by_program(" ".join(texts), channel.log.vkey) == ("sound", "")


@in_browser
@pytest.mark.enable_socket
def test_printed_scanned_and_checked(channel: Channel, live_pages: str, tmp_path: Path) -> None:
    small, two, four = (write(channel, body) for body in ({"n": 1}, large(30), large(130)))
    vkey, disk = channel.log.vkey, tmp_path / "theriac-verify.html"
    disk.write_bytes(standalone())
    asked: list[str] = []
    with page_of(1280, 1400) as page:
        page.on("request", lambda request: asked.append(request.url))
        for entry_id, count in ((small, 1), (two, 2), (four, 4)):
            page.goto(f"{live_pages}/explorer/main/entry/{entry_id}/certificate/")
            assert obstacles(page) == []
            page.screenshot(path=str(tmp_path / f"certificate{count}.png"), full_page=True)
            for paper in ("A4", "Letter"):
                printed = page.pdf(format=paper, path=str(tmp_path / f"{count}{paper}.pdf"))
                assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 1, (count, paper)
            page.emulate_media(media="print")
            picture = tmp_path / f"print{count}.png"
            page.screenshot(path=str(picture), full_page=True, scale="device")
            page.emulate_media(media="null")
            texts = scanned(picture)
            assert len(texts) == count
            assert by_program("\n".join(texts), vkey) == ("sound", "")
            addresses = [text.split("#")[0] for text in texts]
            assert addresses == [f"{live_pages}/verify/"] * count
            # As a phone does: one address after the other, each opened as a page.
            for number, text in enumerate(texts, start=1):
                page.goto("about:blank")
                page.goto(text)
                expected = "sound" if number == count else "incomplete"
                page.wait_for_selector(f"#result[data-verdict={expected}]")
            assert entry_id in page.locator("#result").inner_text()
            assert (
                "It is the key that the server of this page states."
                in page.locator(".steps li.trusted").inner_text()
            )
            page.locator("#vkey").fill("")
            page.locator("#vkey").fill(vkey)
            page.wait_for_selector("#result .steps li.holds:nth-child(2)")
            assert "Whose key it is" in page.locator(".unproven").inner_text()
            page.goto(disk.as_uri())
            page.locator("#codes summary").click()
            page.locator("#code").fill("\n".join(texts))
            page.wait_for_selector("#result[data-verdict=sound]")
            assert "taken on trust" in page.locator("#result").inner_text()
            page.locator("#vkey").fill(vkey)
            page.wait_for_selector("#result .steps li.holds:nth-child(2)")
            page.locator("#code").fill("\n".join(texts)[:-1])
            page.wait_for_selector("#result[data-verdict=bad]")
    # Nothing of a proof goes to the server: a fragment is no part of a request.
    assert not [url for url in asked if "tq1." in url.split("#")[0]]


def answers(page: "Page", texts: Sequence[str], vkey: str | None) -> list[tuple[str, str]]:
    found: list[Any] = page.evaluate(_CHECK, [list(texts), vkey])
    return [(verdict, what) for verdict, what in found]


@in_browser
def test_the_page_decides_about_codes_as_the_program_does(tmp_path: Path) -> None:
    path = tmp_path / "theriac-verify.html"
    path.write_bytes(standalone())
    log, governed = small_log()[0], governed_log()[0]
    vkey = format_vkey(log.vkey)
    cases = spoiled(payload_of(log, 11))
    cases += [" ".join(format_qr_texts(payload_of(governed, at))) for at in (1, 4, 9, 19, 35)]
    cases += json.loads(VECTORS.read_text())["two"]["texts"]
    with page_of(1280) as page:
        page.goto(path.as_uri())
        for trusted in (vkey, None, vkey.replace("ledger.example", "other.example")):
            theirs = [by_program(case, trusted) for case in cases]
            ours = answers(page, cases, trusted)
            differ = [
                (at, one, other)
                for at, (one, other) in enumerate(zip(theirs, ours, strict=True))
                if one != other
            ]
            assert differ == []
            count = [verdict for verdict, _ in theirs].count("sound")
            assert count == (0 if trusted and "other" in trusted else 1 + 5)
    assert len(cases) > 700


@in_browser
@pytest.mark.enable_socket
@pytest.mark.usefixtures("channel")
def test_on_a_phone_it_is_read_as_well(channel: Channel, live_pages: str, tmp_path: Path) -> None:
    entry_id = write(channel, {"n": 1})
    with page_of(390, dark=True) as page:
        page.goto(f"{live_pages}/explorer/main/entry/{entry_id}/certificate/")
        page.screenshot(path=str(tmp_path / "certificate390.png"), full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert obstacles(page) == []
        page.goto(f"{live_pages}/verify/")
        page.locator("#codes summary").press("Enter")
        page.locator("#code").fill("not a code")
        page.wait_for_selector("#result[data-verdict=refused]")
        page.screenshot(path=str(tmp_path / "verify-code390.png"), full_page=True)
        assert obstacles(page) == []
