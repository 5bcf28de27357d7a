"""A contract that two persons sign, and claims that it decides from proven evidence."""

from typing import Any
from uuid import UUID

from django.utils import timezone

from claims.core.x12 import parse_interchanges
from claims.core.x12_balance import check_balance
from foundation.core.actor import Role
from ops.demo import audit
from ops.demo.cast import MEMBER, NPIS, PAYER, Story
from ops.demo.papers import X12, contract_paper, paper
from ops.demo.party import Party
from ops.demo.people import Person, employ, take_key

PROFILE = {
    "trace_id": "1123456789",
    "street": "12 HARBOUR ROAD",
    "city": "SPRINGFIELD",
    "state": "IL",
    "postal_code": "627010003",
    "contact_name": "CLAIMS DESK",
    "contact_phone": "5555550103",
}


def play_contract(story: Story) -> None:
    """Put the insurer's contract in force, with two persons' keys under it."""
    insurer = story.parties["insurer"]
    story.scene(f"{insurer.name} publishes its contract, and two persons sign it")
    author, approver = (
        employ(insurer, name=name, roles=[Role.ANALYST], email=f"{name.lower()}@elm.example")
        for name in ("Ada", "Ben")
    )
    for person in (author, approver):
        take_key(story, person)
    made = insurer.expect(201, "POST", "/api/v1/contracts", contract_paper())
    story.keep_receipt(made.json())
    contract_id = made.json()["contract_id"]
    path = f"/api/v1/contracts/{contract_id}"
    early = insurer.send("POST", f"{path}/activate")
    if early.status < 400:  # noqa: PLR2004 - HTTP
        raise audit.NotProvenError("a contract that nobody signed came in force")
    _sign(story, author, path, "author")
    twice = author.send("POST", f"{path}/sign", {"role": "approver"})
    if twice.status < 400:  # noqa: PLR2004 - HTTP
        raise audit.NotProvenError("one person signed for two")
    _sign(story, approver, path, "approver")
    story.keep_receipt(insurer.expect(200, "POST", f"{path}/activate").json())
    story.prove(
        f"the contract {contract_id[:12]}… is in force: its golden claims come out right, two"
        " persons' keys signed it, one person alone could not"
    )
    insurer.expect(204, "PUT", "/api/v1/payer-profile", PROFILE)
    coverage = {"from_date": f"{timezone.now().year}-01-01"}
    stated = {"payer_id": PAYER, "member_id": MEMBER, "coverage": coverage}
    story.keep_receipt(insurer.expect(201, "POST", "/api/v1/coverages", stated).json())


def _sign(story: Story, person: Person, path: str, role: str) -> None:
    answer = person.expect(200, "POST", f"{path}/sign", {"role": role})
    story.keep_receipt(answer.json())


def send_claims(story: Story, sender: Party, interchange: bytes) -> None:
    """Send an 837P and demand that its 999 takes every claim of it."""
    answer = sender.expect(200, "POST", "/x12/", interchange, media_type=X12)
    if b"~AK9*A*" not in answer.body:
        raise audit.NotProvenError(f"the 837P was not accepted: {answer.shown}")
    story.receipts.append(audit.receipt_of_header(answer.headers["theriac-receipt"]))


def decide(story: Story, control_number: str, *, status: str) -> dict[str, Any]:
    """Let the insurer decide a claim, and return the decision's record, in full."""
    insurer = story.parties["insurer"]
    claims = insurer.expect(200, "GET", "/api/v1/claims").json()
    (found,) = [each for each in claims if each["control_number"] == control_number]
    path = f"/api/v1/claims/{UUID(found['id'])}"
    decided = insurer.expect(200, "POST", f"{path}/adjudicate", b"{}")
    story.keep_receipt(decided.json())
    record: dict[str, Any] = insurer.expect(200, "GET", f"{path}/decision").json()
    if decided.json()["status"] != status or record["status"] != status:
        raise audit.NotProvenError(f"{control_number} came out {decided.json()}: {record}")
    return {**record, "path": path}


def reasons(record: dict[str, Any]) -> str:
    """Return why a decision is what it is: what is needed or shown, and the codes."""
    found = [
        rule.get("needed") or rule.get("shown") or rule["clause"]
        for line in record["lines"]
        for rule in line["rules"]
        if rule["outcome"] != "passed"
    ]
    codes = [
        f"{each['group_code']}-{each['reason_code']} {each['amount']}"
        for line in record["lines"]
        for each in line["adjustments"]
    ]
    return "; ".join([*found, *codes])


def play_drug_claims(story: Story) -> None:
    """Let the pharmacy bill three prescriptions: one paid, one denied, one that waits."""
    pharmacy, insurer = story.parties["pharmacy"], story.parties["insurer"]
    story.scene(f"{pharmacy.name} bills three prescriptions in one 837P")
    today = timezone.now().date()
    send_claims(story, pharmacy, paper("claims-pharmacy.837", today, pharmacy_npi=NPIS["pharmacy"]))
    paid = decide(story, "RX-4711001", status="paid")
    story.prove(f"30 of 30 dispensed tablets billed: paid {paid['paid_amount']} ({reasons(paid)})")
    denied = decide(story, "RX-4711002", status="denied")
    story.prove(f"60 billed where 30 were dispensed: denied ({reasons(denied)})")
    pended = decide(story, "RX-4799999", status="pended")
    story.prove(
        f"a prescription that nobody filled: it waits, and says for what ({reasons(pended)})"
    )
    remitted = insurer.expect(200, "GET", f"{paid['path']}/remittance").body
    faults = check_balance(parse_interchanges(remitted)[0].groups[0].sets[0])
    if faults:
        raise audit.NotProvenError(f"the 835 does not balance: {faults}")
    story.prove("its 835 balances: charge less adjustments is what is paid, line and claim")
