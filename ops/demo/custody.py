"""Custody: 200 packs made, shipped, received by scanning; what a scan says about the odd ones."""

import json
import time
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import zxingcpp
from django.utils import timezone

from ops.demo import audit
from ops.demo.cast import PHARMACY_PATIENT, PHARMACY_SYSTEM, Story
from ops.demo.papers import LD_JSON, paper
from ops.demo.party import Party

PACKS = 200
CAPTURE = "/epcis/v2/capture"
JOB_TIMEOUT_S = 120.0
GTIN = "00300010123455"
BOTTLE_GTIN, BOTTLE_NDC = "00300010999999", "0001-0999-99"
LOT = "THR26A"
EXPIRY = "2028-12-31"
SEPARATOR = "\x1d"  # FNC1 as scanners send it
_CONTEXT = [
    "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
    {"cbvmda": "urn:epcglobal:cbv:mda", "theriac": "urn:theriac:epcis:"},
]


def serial_of(number: int) -> str:
    """Return a pack's serial number."""
    return f"S{number:06d}"


def element_string(serial: str) -> str:
    """Return what a pack's DataMatrix holds: GTIN, expiry, lot and serial."""
    return f"01{GTIN}17281231" + f"10{LOT}{SEPARATOR}21{serial}"


def epc_of(serial: str, gtin: str = GTIN) -> str:
    """Return the canonical EPC of a pack."""
    return f"https://id.gs1.org/01/{gtin}/21/{serial}"


def play_custody(story: Story) -> None:
    """Play the whole chain, from the maker's line to the pharmacy's counter."""
    maker, wholesaler, pharmacy = (
        story.parties[kind] for kind in ("manufacturer", "wholesaler", "pharmacy")
    )
    packs = [epc_of(serial_of(number)) for number in range(PACKS)]
    story.scene(f"{maker.name} makes {PACKS} packs, and {wholesaler.name} passes them on")
    _make_and_ship(story, packs, to=wholesaler, content=30)
    _record(story, wholesaler, _receive(packs))
    _record(story, wholesaler, _ship(packs[:150], pharmacy))
    _draw_and_read(story)

    story.scene(f"{pharmacy.name} scans before it takes in")
    good, never_sent = serial_of(0), serial_of(180)
    _expect(
        story, element_string(good), "take_in", answer="yes", said="a pack sent to it: take it in"
    )
    _expect(
        story,
        element_string(never_sent),
        "take_in",
        answer="no",
        said="a pack sent to nobody: do not",
    )
    _record(story, pharmacy, _receive(packs[:150]))
    _expect(
        story, element_string(good), "dispense", answer="yes", said="a pack it received: give it"
    )
    unknown = element_string("NOBODY-MADE-THIS")
    _expect(
        story, unknown, "dispense", answer=None, said="a serial that nobody made is never a yes"
    )
    glued = element_string(good).replace(SEPARATOR, "")
    answer = pharmacy.send("POST", "/api/v1/scan", {"scan": glued, "question": "dispense"})
    if answer.status == 200 and answer.json()["answer"] == "yes":  # noqa: PLR2004 - HTTP
        raise audit.NotProvenError("a scan that lost its separator was guessed")
    story.prove("a scan without its separator is not guessed: it is no yes")

    story.scene("A recall, and a clone")
    recalled = packs[10]
    _record(story, maker, _event("inspecting", [recalled], disposition="recalled"))
    _expect(
        story,
        element_string(serial_of(10)),
        "dispense",
        answer="no",
        said="a recalled pack: locked",
    )
    _record(story, pharmacy, _event("dispensing", [packs[0]], disposition="dispensed"))
    _expect(
        story,
        element_string(good),
        "dispense",
        answer="no",
        said="the same serial again: a clone's no",
    )


def play_bottle(story: Story) -> None:
    """Fill three prescriptions from one stock bottle, and try a fourth."""
    pharmacy = story.parties["pharmacy"]
    story.scene("A stock bottle of 100 fills three prescriptions")
    bottle = epc_of("B000001", BOTTLE_GTIN)
    _make_and_ship(story, [bottle], to=pharmacy, content=100)
    _record(story, pharmacy, _receive([bottle]))
    for number, amount in (("4711001", 30), ("4711002", 30), ("4711003", 40)):
        if _dispense(story, pharmacy, bottle, number=number, quantity=amount):
            raise audit.NotProvenError(f"{amount} of the bottle could not be given")
    verdict = _ask(pharmacy, bottle, "dispense")
    if verdict["answer"] != "no":
        raise audit.NotProvenError(f"an empty bottle was answered {verdict}")
    story.prove("30 + 30 + 40 of 100 were given for three prescriptions; its next verdict is no")
    broken = _dispense(story, pharmacy, bottle, number="4711004", quantity=10)
    if broken != ["balance_exceeded"]:
        raise audit.NotProvenError(f"a fourth dispensing broke {broken}")
    story.prove("a fourth dispensing is kept as evidence, changes no balance: balance_exceeded")


def _dispense(story: Story, pharmacy: Party, epc: str, *, number: str, quantity: int) -> list[str]:
    """Record what was given of a pack for a prescription; return the rules that it broke."""
    given = {
        "scan": epc,
        "prescription": {
            "number": number,
            "fill": 0,
            "ndc": BOTTLE_NDC,
            "patient": {"system": PHARMACY_SYSTEM, "value": PHARMACY_PATIENT},
        },
        "quantity": quantity,
    }
    answer = pharmacy.expect(201, "POST", "/api/v1/dispensings", given).json()
    story.keep_receipt(answer)
    return [each["class"] for each in answer["exceptions"]]


def _draw_and_read(story: Story) -> None:
    """Draw packs' DataMatrix symbols and read them back, as printer and scanner do."""
    for number in range(0, PACKS, 20):
        text = element_string(serial_of(number))
        # A leading FNC1 makes it a GS1 DataMatrix; zxing-cpp takes the bracketed form.
        bracketed = f"(01){GTIN}(17)281231(10){LOT}(21){serial_of(number)}"
        barcode = zxingcpp.create_barcode(bracketed, zxingcpp.BarcodeFormat.DataMatrix, gs1=True)
        read = zxingcpp.read_barcodes(zxingcpp.write_barcode_to_image(barcode, scale=4))
        if len(read) != 1 or read[0].bytes.decode() != text:
            raise audit.NotProvenError(f"a symbol read back as {[each.text for each in read]}")
    story.prove(f"{PACKS // 20} packs' DataMatrix symbols were drawn, and read back as printed")


def _expect(story: Story, scan: str, question: str, *, answer: str | None, said: str) -> None:
    """Scan at the pharmacy; ``None`` stands for anything but yes."""
    verdict = _ask(story.parties["pharmacy"], scan, question)
    if (answer is None and verdict["answer"] == "yes") or answer not in (None, verdict["answer"]):
        raise audit.NotProvenError(f"{said}: the verdict was {verdict}")
    story.prove(f"{said} ({verdict['rule']}: {verdict['text']})")


def _ask(party: Party, scan: str, question: str) -> dict[str, Any]:
    answer = party.expect(200, "POST", "/api/v1/scan", {"scan": scan, "question": question})
    found: dict[str, Any] = answer.json()
    return found


def _record(story: Story, party: Party, event: dict[str, Any]) -> str:
    """Send one event with the party's key; keep the promise; return the entry's id."""
    answer = party.expect(201, "POST", "/epcis/v2/events", event)
    story.receipts.append(audit.receipt_of_header(answer.headers["theriac-receipt"]))
    return str(story.receipts[-1]["receipt"]["root"])


def _event(biz_step: str, epcs: list[str], **more: Any) -> dict[str, Any]:
    now = timezone.now()
    return {
        "@context": _CONTEXT,
        "type": "ObjectEvent",
        "eventID": f"urn:uuid:{uuid4()}",
        "eventTime": _zulu(now),
        "eventTimeZoneOffset": "+00:00",
        "action": "OBSERVE",
        "bizStep": biz_step,
        "epcList": epcs,
        **more,
    }


def _make_and_ship(story: Story, epcs: list[str], *, to: Party, content: int) -> None:
    """Send the maker's EPCIS document to the capture interface; wait until it is recorded."""
    maker, now = story.parties["manufacturer"], timezone.now()
    document = paper(
        "made-and-shipped.json",
        now.date(),
        time=_zulu(now),
        later=_zulu(now + timedelta(milliseconds=1)),
        first_id=str(uuid4()),
        second_id=str(uuid4()),
        epcs=json.dumps(epcs),
        lot=LOT,
        expiry=EXPIRY,
        content=str(content),
        receiver_gln=to.gln,
    )
    job = capture(story, maker, document)
    if not job["success"]:
        raise audit.NotProvenError(f"the maker's document was not recorded: {job['errors']}")


def capture(story: Story, party: Party, document: bytes) -> dict[str, Any]:
    """Send an EPCIS document as capture does; keep its receipts; return the job once it ended."""
    answer = party.expect(202, "POST", CAPTURE, document, media_type=LD_JSON)
    story.receipts.append(audit.receipt_of_header(answer.headers["theriac-receipt"]))
    return ended_job(story, party, answer.headers["location"])


def ended_job(story: Story, party: Party, address: str) -> dict[str, Any]:
    """Return a capture job once it has ended; raise ``NotProvenError`` where it does not."""
    deadline = time.monotonic() + JOB_TIMEOUT_S
    while time.monotonic() < deadline:
        answer = party.expect(200, "GET", address)
        job: dict[str, Any] = answer.json()
        if not job["running"]:
            if "theriac-receipt" in answer.headers:
                story.receipts.append(audit.receipt_of_header(answer.headers["theriac-receipt"]))
            return job
        time.sleep(0.05)
    raise audit.NotProvenError(f"the capture job {address} did not end")


def _ship(epcs: list[str], to: Party) -> dict[str, Any]:
    target = f"https://id.gs1.org/417/{to.gln}"
    places = [
        {"type": "owning_party", "destination": target},
        {"type": "possessing_party", "destination": target},
    ]
    return _event("shipping", epcs, disposition="in_transit", destinationList=places)


def _receive(epcs: list[str]) -> dict[str, Any]:
    return _event("receiving", epcs, disposition="in_progress")


def _zulu(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
