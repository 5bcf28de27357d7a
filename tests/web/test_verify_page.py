"""The page that checks proofs: what the server hands out, and how a person uses it."""

import re
from pathlib import Path
from uuid import uuid4

import pytest
from django.conf import LazySettings
from django.test import Client

from ledger import selectors
from ledger.core.entry import EntryDraft
from ledger.services import submission_append
from ledger.services.proofs import proof_bundle
from tests.conftest import NOW, Channel
from tests.web.browser import in_browser, obstacles, page_of
from web.verify.page import SCRIPT, STATIC, standalone

WIDTHS = [390, 1280]


@pytest.fixture
def bundle(channel: Channel, tmp_path: Path) -> Path:
    """A proof bundle of this server, as it is downloaded."""
    draft = EntryDraft(kind="test.thing.done.v1", id=uuid4(), body={"n": 1})
    receipt = submission_append(actor=channel.operator, entries=[draft], now=NOW)
    channel.sequence()
    path = tmp_path / "proof.theriac.json"
    path.write_bytes(proof_bundle(receipt.entry_ids[0]))
    return path


@pytest.fixture
def disk(tmp_path: Path) -> str:
    """The address of the page on a disk."""
    path = tmp_path / "theriac-verify.html"
    path.write_bytes(standalone())
    return path.as_uri()


def test_it_states_the_servers_key_and_asks_to_compare_it(channel: Channel, anyone: Client) -> None:
    page = anyone.get("/verify/")
    text = page.content.decode()
    assert page.status_code == 200
    assert channel.log.vkey in text.replace("&#x2B;", "+")
    assert "the key that you know from elsewhere" in " ".join(text.split())
    assert "script-src 'self' 'wasm-unsafe-eval'" in page["Content-Security-Policy"]
    assert re.findall(r"<script[^>]*>", text) == ['<script src="/static/verify/verify.js" defer>']
    assert "<style" not in text
    assert anyone.post("/verify/").status_code == 405


def test_without_a_log_it_checks_other_servers_proofs(
    fresh_db: Channel, anyone: Client, settings: LazySettings
) -> None:
    settings.CHANNEL_NAME = "other"
    selectors.forget_logs()
    text = anyone.get("/verify/").content.decode()
    assert fresh_db.log.vkey not in text
    assert "Paste it from where you know it" in text


@pytest.mark.usefixtures("db")
def test_the_file_holds_all_it_needs_and_nothing_of_the_server(anyone: Client) -> None:
    answer = anyone.get("/verify/theriac-verify.html")
    assert answer["Content-Disposition"] == 'attachment; filename="theriac-verify.html"'
    assert answer.content == standalone()
    text = answer.content.decode()
    script = (STATIC / SCRIPT).read_text()
    assert f"<script>{script}</script>" in text
    assert "</script" not in script
    assert "default-src 'none'" in text
    assert not re.search(r"(?:src|href)=|url\(|import\(|https?:", text)
    assert "+AQ" not in text.split("<script>", maxsplit=1)[0]


@in_browser
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dark", [False, True])
def test_from_a_disk_a_proof_is_checked_without_any_network(
    *, bundle: Path, disk: str, width: int, dark: bool
) -> None:
    asked: list[str] = []
    said: list[str] = []
    with page_of(width, dark=dark) as page:
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(disk)
        assert obstacles(page) == []
        page.locator("#files").set_input_files(bundle)
        page.wait_for_selector("#result[data-verdict=sound]")
        assert page.locator("#result h2").first.inner_text() == "✓ Everything holds"
        assert page.locator(".steps > li.trusted").count() == 1
        assert "no witness is checked" in page.locator(".unproven").inner_text()
        assert "test.thing.done.v1" in page.locator("dl.entry").inner_text()
        assert obstacles(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        spoiled = bundle.read_bytes().replace(b'"index":', b'"index":1')
        bundle.write_bytes(spoiled)
        page.locator("#files").set_input_files(bundle)
        page.wait_for_selector("#result[data-verdict=bad]")
        assert "First failure: Who may sign" in page.locator(".verdict").inner_text()
        assert page.locator(".steps > li.fails").count() == 1
        assert page.locator(".steps > li.open").count() == 5
        assert obstacles(page) == []
    assert (asked, said) == ([disk], [])


@pytest.mark.enable_socket
@in_browser
@pytest.mark.parametrize("width", WIDTHS)
def test_as_served_it_takes_drops_keys_and_another_key(
    live_pages: str, bundle: Path, width: int
) -> None:
    asked: list[str] = []
    with page_of(width, dark=True) as page:
        page.goto(f"{live_pages}/verify/")
        assert obstacles(page) == []
        page.on("request", lambda request: asked.append(request.url))
        page.evaluate(
            """([name, text]) => {
                const transfer = new DataTransfer();
                transfer.items.add(new File([text], name));
                const event = new DragEvent("drop", { dataTransfer: transfer, bubbles: true });
                document.getElementById("drop").dispatchEvent(event);
            }""",
            [bundle.name, bundle.read_text()],
        )
        page.wait_for_selector("#result[data-verdict=sound]")
        assert page.locator(".steps > li.trusted").count() == 0
        assert "proof.theriac.json (proof bundle)" in page.locator("#chosen").inner_text()
        assert obstacles(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.locator("#vkey").fill("theriac.example/t1+00332239+AQOhB7/zzhC+HXDdGOdLwJln5NYw")
        page.wait_for_selector("#result[data-verdict=bad]")
        assert "a log with another key" in page.locator(".verdict").inner_text()
        # From the key on by keyboard: the file, then the button that starts over.
        page.locator("#vkey").focus()
        for expected in ("files", "over"):
            page.keyboard.press("Tab")
            assert page.evaluate("document.activeElement.id") == expected
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "files"
        assert page.locator("#result").inner_text() == ""
    assert asked == []


@in_browser
@pytest.mark.parametrize("width", WIDTHS)
def test_a_file_that_is_no_proof_is_told_what_is(
    *, bundle: Path, disk: str, width: int, tmp_path: Path
) -> None:
    letter, other = tmp_path / "letter.pdf", tmp_path / "prices.json"
    letter.write_bytes(b"%PDF-1.7\n\x00\xff not a proof")
    other.write_text('{"prices": [1, 2]}')
    with page_of(width) as page:
        page.goto(disk)
        assert page.locator("#takes dl").is_hidden()
        for path in (letter, other):
            page.locator("#files").set_input_files(path)
            page.wait_for_selector("#result[data-verdict=foreign]")
            said = page.locator(".verdict").inner_text()
            assert said.startswith("? This is no proof")
            assert f"{path.name} is no file that this page can check" in said
            assert "does not hold" not in page.locator("#result").inner_text()
            assert "theriac.json" in page.locator("#takes dl").inner_text()
            assert obstacles(page) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        # What was meant to be a proof and is spoiled still fails, and a proof beside it is checked.
        page.locator("#files").set_input_files(bundle)
        page.wait_for_selector("#result[data-verdict=sound]")
        # The verdict is the proof's alone: what had no part in it is named, not covered.
        said = page.locator(".verdict").inner_text()
        assert said.startswith("! The proof holds; a file was not checked")
        assert f"Not checked: {other.name}." in said
        assert "Everything holds" not in page.locator("#result").inner_text()
        assert obstacles(page) == []
        entry = tmp_path / "another.json"
        entry.write_text('{"body": {}, "kind": "test.thing.done.v1"}')
        page.locator("#over").click()
        page.locator("#files").set_input_files([bundle, entry])
        page.wait_for_selector("#result[data-verdict=sound]")
        assert f"Not checked: {entry.name}." in page.locator(".verdict").inner_text()
        page.locator("#over").click()
        bundle.write_bytes(bundle.read_bytes()[:-40])
        page.locator("#files").set_input_files(bundle)
        page.wait_for_selector("#result[data-verdict=bad]")


@pytest.mark.enable_socket
@in_browser
def test_the_file_is_kept_by_one_click(live_pages: str, tmp_path: Path) -> None:
    with page_of(1280) as page:
        page.goto(f"{live_pages}/verify/")
        with page.expect_download() as download:
            page.get_by_role("link", name="Keep this page as a file").click()
        download.value.save_as(tmp_path / "kept.html")
    assert (tmp_path / "kept.html").read_bytes() == standalone()
