"""Which key the page that checks proofs trusts: never one that came with the proof, unsaid."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ledger.core.note import format_vkey
from tests.ledger.log_builder import LogBuilder, Signer, small_log
from tests.web.browser import in_browser, obstacles, page_of
from web.verify.page import standalone

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [in_browser, pytest.mark.enable_socket]
_DROP = """(files) => {
    const transfer = new DataTransfer();
    for (const [name, text] of files) {
        if (name) transfer.items.add(new File([text], name));
        else transfer.setData("text/plain", text);
    }
    const event = new DragEvent("drop", { dataTransfer: transfer, bubbles: true });
    document.getElementById("drop").dispatchEvent(event);
}"""
File = tuple[str, str]
NARROW = 390


@pytest.fixture(params=["served", "disk"])
def page(request: pytest.FixtureRequest, live_pages: str, tmp_path: Path) -> Iterator["Page"]:
    """The page in either form, its key emptied: a served one states the server's."""
    if request.param == "served":
        address = f"{live_pages}/verify/"
    else:
        path = tmp_path / "theriac-verify.html"
        path.write_bytes(standalone())
        address = path.as_uri()
    with page_of(NARROW) as page:
        page.goto(address)
        page.locator("#vkey").fill("")
        yield page


def log_files(name: str) -> tuple[str, File, File]:
    """Return a log's key, a bundle of it and the file of its key."""
    log, _ = small_log() if name == "ours" else forged_log()
    vkey = format_vkey(log.vkey)
    return vkey, (f"{name}.json", log.bundle(11).decode()), (f"{name}.vkey", f"{vkey}\n")


def forged_log() -> tuple[LogBuilder, object]:
    """Return the same log as a forger builds it, under a key of the forger's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            LogBuilder, "log_signer", Signer("forger", LogBuilder.operator.organisation_id)
        )
        log, cast = small_log()
        log.log_signer = LogBuilder.log_signer
    return log, cast


def drop(page: "Page", *files: File) -> None:
    page.evaluate(_DROP, list(files))


def verdict(page: "Page", expected: str) -> str:
    """Wait for the verdict, look that everybody can read it, and return its words."""
    page.wait_for_selector(f"#result[data-verdict={expected}]")
    assert obstacles(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW
    return page.locator(".verdict").inner_text()


def key_step(page: "Page") -> tuple[str | None, str]:
    step = page.locator(".steps > li").nth(1)
    return step.get_attribute("class"), step.inner_text()


@pytest.mark.parametrize("at_once", [True, False])
def test_a_forgers_key_beside_a_forged_proof_changes_no_verdict(
    page: "Page", *, at_once: bool
) -> None:
    true_key, _, _ = log_files("ours")
    _, bundle, key_file = log_files("forged")
    page.locator("#vkey").fill(true_key)
    if at_once:
        drop(page, bundle, key_file)
    else:
        drop(page, key_file)
        verdict(page, "conflict")
        drop(page, bundle)
    text = verdict(page, "bad")
    assert "Another key than the one above came in forged.vkey" in text
    assert "a log with another key" in text
    assert page.locator("#vkey").input_value() == true_key
    assert "forged.vkey (verifier key)" in page.locator("#chosen").inner_text()


def test_a_sound_proof_beside_another_key_is_a_conflict_and_not_sound(page: "Page") -> None:
    true_key, bundle, key_file = log_files("ours")
    forged_key, _, forged = log_files("forged")
    page.locator("#vkey").fill(true_key)
    drop(page, bundle, forged)
    text = verdict(page, "conflict")
    assert text.startswith("≠ Two different keys")
    assert "It was not used" in text
    assert page.locator("dl.entry").count() == 0
    assert page.locator("#vkey").input_value() == true_key
    # The same key again is none, and whoever pastes the other one decides so.
    page.locator("#over").click()
    drop(page, bundle, key_file)
    verdict(page, "sound")
    assert key_step(page)[0] == "holds"
    page.locator("#vkey").fill(forged_key)
    assert "Another key than the one above came in ours.vkey" in verdict(page, "bad")


def test_dropped_text_takes_no_key_away_either(page: "Page") -> None:
    true_key, bundle, _ = log_files("ours")
    forged_key, _, _ = log_files("forged")
    drop(page, ("", true_key))
    drop(page, bundle)
    verdict(page, "sound")
    assert key_step(page)[0] == "holds"
    drop(page, ("", true_key))
    verdict(page, "sound")
    drop(page, ("", forged_key))
    assert "came in the text that you dropped" in verdict(page, "conflict")
    assert page.locator("#vkey").input_value() == true_key


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("at_once", [True, False])
def test_a_key_that_came_with_the_files_is_trusted_and_not_proven(
    page: "Page", *, order: tuple[int, int], at_once: bool
) -> None:
    forged_key, *files = log_files("forged")
    brought = [files[at] for at in order]
    if at_once:
        drop(page, *brought)
    else:
        for file in brought:
            drop(page, file)
            page.wait_for_function(
                "(name) => document.getElementById('chosen').textContent.includes(name)",
                arg=file[0],
            )
    assert "Provided that what is marked “not proven”" in verdict(page, "sound")
    assert page.locator("#vkey").input_value() == forged_key
    page.wait_for_function("document.querySelector('.steps').textContent.includes('forged.vkey')")
    state, text = key_step(page)
    assert state == "trusted"
    assert "not proven" in text
    assert "The key came with the files themselves, in forged.vkey" in text
    # Emptying the field makes nothing better, typing the key does.
    page.locator("#vkey").fill("")
    verdict(page, "sound")
    assert key_step(page)[0] == "trusted"
    page.locator("#vkey").fill(forged_key)
    page.wait_for_selector(".steps > li.holds:nth-child(2)")
    page.locator("#over").click()
    assert page.locator("#vkey").input_value() == forged_key


def test_who_starts_over_is_rid_of_the_key_that_came_with_the_files(page: "Page") -> None:
    _, bundle, key_file = log_files("ours")
    drop(page, *log_files("forged")[1:])
    verdict(page, "sound")
    page.locator("#over").click()
    assert page.locator("#vkey").input_value() == ""
    drop(page, bundle, key_file)
    verdict(page, "sound")
    assert "in ours.vkey" in key_step(page)[1]
