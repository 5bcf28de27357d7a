"""A record that its patient governs: anchored, shown under consent, opened in an emergency."""

from typing import Any
from urllib.parse import quote

from django.utils import timezone

from ops.demo import audit
from ops.demo.cast import MRN, MRN_SYSTEM, NPIS, Story
from ops.demo.insurance import decide, reasons, send_claims
from ops.demo.papers import FHIR, paper
from ops.demo.party import Party, Speaker

PATIENT = f"{MRN_SYSTEM}|{MRN}"
RECORD_EXTENSION = "StructureDefinition/theriac-record"
# What the record's document says, digit for digit.
HBA1C = b'"valueQuantity": {"value": 7.10,'


def play_record(story: Story) -> None:
    """Anchor a record; the insurer sees it when its patient says so, and not before."""
    hospital, insurer = story.parties["hospital"], story.parties["insurer"]
    story.scene(f"{hospital.name} anchors a record, and its patient decides who sees it")
    bundle = paper("record.json", timezone.now().date())
    answer = hospital.expect(200, "POST", "/fhir/r4/", bundle, media_type=FHIR)
    story.receipts.append(audit.receipt_of_header(answer.headers["theriac-receipt"]))
    records = [_record_of(entry) for entry in answer.json()["entry"]]
    story.visit_record = records[-1]
    story.prove(f"{len(records)} resources are anchored by salted commitments, naming nobody")

    _expect_shown(story, insurer, 0, "without consent the insurer sees nothing: not even how much")
    let_the_insurer_see(story, "active")
    _expect_shown(
        story, insurer, 1, "with consent it sees the bytes as they came, and an entry says so"
    )
    _expect_shown(
        story, story.parties["wholesaler"], 0, "whom the consent does not name sees nothing"
    )


def give_consent(story: Story, name: str, paper_name: str, **values: str) -> None:
    """Record a version of the patient's consent ``name``."""
    hospital = story.parties["hospital"]
    body = paper(paper_name, timezone.now().date(), **values)
    answer = hospital.send("PUT", f"/fhir/r4/Consent/{name}", body, media_type=FHIR)
    if answer.status not in (200, 201):
        raise audit.NotProvenError(f"the consent was answered {answer.status}: {answer.shown}")
    story.receipts.append(audit.receipt_of_header(answer.headers["theriac-receipt"]))


def let_the_insurer_see(story: Story, status: str) -> None:
    """Give the consent to the insurer's reading for payment, or end it (``inactive``)."""
    insurer = str(story.parties["insurer"].organisation_id)
    give_consent(story, "marina-polo-elm", "consent.json", status=status, insurer=insurer)


def search(story: Story, speaker: Speaker, type_: str, purpose: str) -> tuple[int, bytes]:
    """Search the hospital's records of the patient; return how many are shown, and the Bundle."""
    custodian = str(story.parties["hospital"].organisation_id)
    path = f"/fhir/r4/{type_}?patient.identifier={quote(PATIENT, safe='')}"
    answer = speaker.expect(200, "GET", path, Theriac_Purpose=purpose, Theriac_Custodian=custodian)
    story.receipts.append(audit.receipt_of_header(answer.headers["theriac-receipt"]))
    return len(answer.json().get("entry", [])), answer.body


def play_visit_claim(story: Story) -> None:
    """Bill a visit whose record supports it, revoke the consent, and bill another one."""
    hospital = story.parties["hospital"]
    story.scene(f"{hospital.name} bills a visit with the record behind it")
    _bill_visit(story, claim="VISIT-1", code="G0439", charge="150", number="301")
    paid = decide(story, "VISIT-1", status="paid")
    story.prove(f"anchored, and disclosed by consent: paid {paid['paid_amount']} ({reasons(paid)})")

    story.scene("The patient revokes the consent")
    let_the_insurer_see(story, "inactive")
    _expect_shown(
        story, story.parties["insurer"], 0, "from the next reading on the insurer sees nothing"
    )
    _bill_visit(story, claim="VISIT-2", code="G0101", charge="40", number="302")
    waits = decide(story, "VISIT-2", status="pended")
    story.prove(f"the next claim waits, it is not denied ({reasons(waits)}); what was paid stays")


def _bill_visit(story: Story, *, claim: str, code: str, charge: str, number: str) -> None:
    interchange = paper(
        "claim-clinic.837",
        timezone.now().date(),
        hospital_npi=NPIS["hospital"],
        claim=claim,
        code=code,
        charge=charge,
        control=f"{int(number):09d}",
        group=number,
        record=story.visit_record,
    )
    send_claims(story, story.parties["hospital"], interchange)


def _expect_shown(story: Story, party: Party, count: int, said: str) -> None:
    shown, body = search(story, party, "Observation", "HPAYMT")
    if shown != count or (HBA1C in body) != bool(count):
        raise audit.NotProvenError(f"{said}: {shown} shown")
    story.prove(said)


def _record_of(entry: dict[str, Any]) -> str:
    """Return the record's id that the answer to a Bundle names."""
    for extension in entry["response"]["extension"]:
        if extension["url"].endswith(RECORD_EXTENSION):
            return str(extension["valueUuid"]).removeprefix("urn:uuid:")
    raise audit.NotProvenError("the answer names no record")
