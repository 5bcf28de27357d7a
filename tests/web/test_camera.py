"""The camera of the scan page: a real browser films real symbols, and reads the verdict."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs
from uuid import uuid4

import pytest
from django.conf import LazySettings

from ops.browser_files import FOLDER
from ops.environment import ROOT
from tests.conftest import Channel
from tests.provenance.world import GTIN, commission, event, member, receive, ship
from tests.web import pictures
from tests.web.browser import in_browser, page_of
from tests.web.scanning import Pharmacist

if TYPE_CHECKING:
    from playwright.sync_api import Page, Request

pytestmark = [
    pytest.mark.enable_socket,
    in_browser,
    pytest.mark.skipif(
        not (ROOT / FOLDER).is_dir(), reason="the browser's libraries are not installed"
    ),
]
ALLOWED = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
LINES = "[...document.querySelectorAll('#scans li')].map(line => line.innerText)"


@contextmanager
def filming(
    person: Pharmacist, pages: str, arguments: Sequence[str], width: int = 390
) -> "Iterator[Page]":
    """Yield the scan page, logged in, in a browser with such a camera."""
    with page_of(width, 844, arguments=arguments) as page:
        person.log_in(page, pages)
        yield page


def showing(path: Path, *scenes: tuple[bytes | None, float]) -> list[str]:
    """Return what lets Chromium's camera show these scenes, over and over."""
    return [*ALLOWED, f"--use-file-for-fake-video-capture={pictures.film(path, scenes)}"]


def received(channel: Channel, person: Pharmacist, number: int) -> list[str]:
    """Return serials of packs that the pharmacy received from their maker."""
    maker = member(channel, "manufacturer")
    serials = [uuid4().hex[:12] for _ in range(number)]
    epcs = [epc_of(serial) for serial in serials]
    maker.record(commission(epcs), ship(epcs, person.pharmacy, 1))
    person.pharmacy.record(receive(epcs, 2))
    maker.record(event("inspecting", epcs[1:2], 3, disposition="recalled"))
    return serials


def epc_of(serial: str) -> str:
    return f"https://id.gs1.org/01/{GTIN}/21/{serial}"


def drawn(serial: str) -> bytes:
    return pictures.data_matrix(pictures.element_string(serial, gtin=GTIN))


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1280])
def test_a_received_pack_is_a_yes_and_a_recalled_one_a_no(
    channel: Channel, person: Pharmacist, live_pages: str, tmp_path: Path, width: int
) -> None:
    good, recalled = received(channel, person, 2)
    film = showing(tmp_path / "a.y4m", (drawn(good), 3), (None, 1), (drawn(recalled), 3), (None, 1))
    with filming(person, live_pages, film, width) as page:
        page.click("text=Use the camera")
        page.wait_for_selector("#scans .yes")
        page.wait_for_selector("#scans .no")
        page.screenshot(path=str(tmp_path / f"camera-{width}.png"), full_page=True)
        lines = {line.split("\n")[1]: line for line in page.evaluate(LINES)}
        assert "nothing speaks against it" in lines["Yes"]
        assert good in lines["Yes"]
        assert "This is recalled." in lines["No"]
        assert recalled in lines["No"]
        # As a scanner sends it: the symbology, and the separators.
        assert lines["Yes"].split("\n")[2] == f"]d201{GTIN}1728123110L1 21{good}"
        page.click("text=Stop the camera")
        assert page.evaluate("document.querySelector('video').srcObject") is None


@pytest.mark.slow
def test_each_kind_of_symbol_is_read_as_a_scanner_sends_it(
    person: Pharmacist, live_pages: str, tmp_path: Path
) -> None:
    text = pictures.element_string("A1", gtin=GTIN, lot="THR26A")
    raw = f"01{GTIN}1728123110THR26A\x1d21A1"
    link = epc_of("A1")
    film = showing(
        tmp_path / "kinds.y4m",
        (pictures.data_matrix(text, square=False), 2),
        (pictures.qr_code(link), 2),
        (pictures.code_128(text), 2),
        (pictures.data_bar(text), 2),
        (pictures.beside(drawn("B-1"), drawn("B-2")), 2),
    )
    with filming(person, live_pages, film) as page:
        sent: list[str] = []
        page.on("request", lambda request: sent.append(scan_of(request)))
        page.click("text=Use the camera")
        page.wait_for_selector("text=Several packs are in view")
        page.locator("#scans .unknown").nth(3).wait_for()
        said = "".join(page.evaluate(LINES))
    sent = [scan for scan in sent if scan]
    assert set(sent) == {f"]d8{raw}", f"]Q1{link}", f"]C1{raw}", f"]e0{raw}"}
    # Nobody knows the serial, in whichever symbol: all four were understood.
    assert "Not read" not in said
    assert "B-1" not in said


def scan_of(request: "Request") -> str:
    """Return what was asked in a request, ``""`` where nothing was."""
    if request.method != "POST" or not request.url.endswith("/scan/"):
        return ""
    return parse_qs(request.post_data or "")["scan"][0]


@pytest.mark.slow
def test_a_link_in_a_qr_code_is_answered_and_a_showing_is_asked_once(
    channel: Channel, person: Pharmacist, live_pages: str, tmp_path: Path
) -> None:
    (serial,) = received(channel, person, 1)
    film = showing(tmp_path / "link.y4m", (pictures.qr_code(epc_of(serial)), 1))
    with filming(person, live_pages, film) as page:
        page.click("text=Use the camera")
        page.wait_for_selector("#answer .yes")
        assert f"]Q1{epc_of(serial)}" in page.inner_text("#answer")
        # The film is repeated: the pack stays in view, picture after picture.
        page.evaluate(PLAYED, 3)
        assert page.locator("#scans li").count() == 1
        # Out of view the camera is off; back in view it is on again.
        page.evaluate(VISIBLE, "hidden")
        assert page.evaluate("document.getElementById('video').srcObject") is None
        assert page.locator("#view").is_hidden()
        page.evaluate(VISIBLE, "visible")
        page.wait_for_selector("text=Stop the camera")
        page.wait_for_selector("#view")
        # Somebody pulled the plug.
        page.evaluate(
            "document.getElementById('video').srcObject.getTracks()[0]"
            ".dispatchEvent(new Event('ended'))"
        )
        page.wait_for_selector("text=The camera went away")
        page.wait_for_selector("text=Use the camera")


def test_repeats_are_told_from_new_showings_by_the_clock(
    person: Pharmacist, live_pages: str
) -> None:
    with filming(person, live_pages, ALLOWED) as page:
        assert page.evaluate(
            """async () => {
                const { Repeats, GONE_MS, chooseOne } = await import("/static/scan/repeats.js");
                const seen = new Repeats();
                return [
                    seen.isNew("a", 0), seen.isNew("b", 1), seen.isNew("a", GONE_MS),
                    seen.isNew("a", 2 * GONE_MS), seen.isNew("a", 3 * GONE_MS + 1),
                    seen.isNew("b", 3 * GONE_MS + 2),
                    chooseOne([]), chooseOne(["]C1x", "]d2y", "]d2y"]), chooseOne(["]d2x", "]d2y"]),
                    chooseOne(["]zz"]),
                ];
            }"""
        ) == [True, True, False, False, True, True, None, "]d2y", None, "]zz"]


@pytest.mark.slow
def test_another_camera_can_be_chosen_and_its_light_turned_on(
    person: Pharmacist, live_pages: str
) -> None:
    two = ["--use-fake-device-for-media-stream=device-count=2", ALLOWED[1]]
    with filming(person, live_pages, two) as page:
        assert page.locator("#choice").is_hidden()
        page.evaluate(LAMP)
        page.click("text=Use the camera")
        page.wait_for_selector("text=Stop the camera")
        assert page.locator("#device option").all_inner_texts() == [
            "fake_device_0",
            "fake_device_1",
        ]
        page.select_option("#device", label="fake_device_1")
        page.wait_for_selector("#torch")
        assert page.evaluate(DEVICE) == "fake_device_1"
        page.click("#torch")
        page.wait_for_selector("#torch[aria-pressed=true]")
        page.click("#torch")
        page.wait_for_selector("#torch[aria-pressed=false]")
        assert page.evaluate("lamp") == [True, False]
        # The choice is remembered on this device.
        page.reload()
        page.click("text=Use the camera")
        page.wait_for_selector("text=Stop the camera")
        assert page.evaluate(DEVICE) == "fake_device_1"
        # Without it any other will do.
        page.evaluate("localStorage.setItem('scan-camera', 'gone')")
        page.click("text=Stop the camera")
        page.click("text=Use the camera")
        page.wait_for_selector("text=Stop the camera")
        assert page.evaluate(DEVICE) == "fake_device_0"


DEVICE = "document.getElementById('video').srcObject?.getTracks()[0].label"
PLAYED = """seconds => new Promise(done => {
    const video = document.getElementById("video");
    const end = video.currentTime + seconds;
    video.addEventListener("timeupdate", () => video.currentTime > end && done());
})"""
VISIBLE = """state => {
    Object.defineProperty(document, "hidden", { value: state === "hidden", configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
}"""
# Chromium's camera has no lamp: this one notes what it is told.
LAMP = """() => {
    window.lamp = [];
    const able = MediaStreamTrack.prototype.getCapabilities;
    MediaStreamTrack.prototype.getCapabilities = function () {
        return { ...able.call(this), torch: true };
    };
    const apply = MediaStreamTrack.prototype.applyConstraints;
    MediaStreamTrack.prototype.applyConstraints = function (wanted) {
        const torch = wanted.advanced[0].torch;
        if (torch === undefined) return apply.call(this, wanted);
        window.lamp.push(torch);
        return Promise.resolve();
    };
}"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("state", "arguments", "said"),
    [
        ("none", [], "This device has no camera."),
        ("denied", ALLOWED[:1], "The camera is not allowed."),
        ("insecure", ALLOWED, "The camera works over https only"),
        ("missing", ALLOWED, "is not installed on this server"),
    ],
)
def test_without_a_camera_the_page_says_why_and_typing_goes_on(
    person: Pharmacist,
    live_pages: str,
    settings: LazySettings,
    tmp_path: Path,
    state: str,
    arguments: list[str],
    said: str,
) -> None:
    pages = live_pages
    if state == "insecure":
        settings.ALLOWED_HOSTS = ["pharmacy.example"]
        pages = live_pages.replace("127.0.0.1", "pharmacy.example")
        arguments = [*arguments, "--host-resolver-rules=MAP pharmacy.example 127.0.0.1"]
    with page_of(390, 844, arguments=arguments) as page:
        if state == "missing":
            page.route("**/vendor/**", lambda route: route.fulfill(status=404))
        if state == "denied":
            page.context.grant_permissions([])
        person.log_in(page, pages)
        page.click("text=Use the camera")
        page.wait_for_selector(f"text={said}")
        page.screenshot(path=str(tmp_path / f"{state}.png"))
        assert page.inner_text("#camera-button") == "Use the camera"
        assert page.locator("#view").is_hidden()
        page.keyboard.type(epc_of("typed"))  # the focus is on the button
        page.keyboard.press("Enter")
        page.wait_for_selector("#scans .unknown")
