"""A claim's record: named in PWK, proven by its holder under consent, or the claim pends."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from django.test import Client

from accounts.core.scopes import Scope
from claims.core.decision import ClaimStatus
from claims.core.facts import State
from claims.core.model import Claim, ClaimLine
from claims.services import Decided, claim_adjudicate, decision_replay
from claims.services.decisions import OWN_SUBMISSION
from claims.services.evidence_records import UNSIGNED, records_gather
from foundation.core.actor import Actor
from foundation.tenancy import acting_as
from ledger.errors import NoKeyError
from ledger.models import Entry
from records.models import Disclosure, Record
from records.services.evidence import REPAIR_NEEDED
from tests.claims import world as plan
from tests.claims.conftest import SEEDS, Insurer, fresh_npi
from tests.conftest import NOW
from tests.database import Databases
from tests.records.acts import submit
from tests.records.conftest import House
from tests.records.house import Caller, consent, observation, patient, purpose, recipient
from tests.records.test_evidence_service import SPOIL
from tests.vault.conftest import tamper

DEVICE = plan.line(procedure_code="E0100", charge_amount=Decimal("50.00"))
MEMBER = ("urn:payer:member", "M1")


@pytest.fixture
def ready(insurer: Insurer) -> Insurer:
    """An insurer with its contract in force and a member covered."""
    insurer.in_force()
    insurer.covers()
    return insurer


class Clinic:
    """A provider of devices that keeps records."""

    def __init__(self, actor: Actor, npi: str, insurer: Insurer) -> None:
        """Anchor the record of a member of the insurer's."""
        self.npi, self.insurer = npi, insurer
        caller = Caller(key="", client=Client())
        self.house = House(world=insurer.world, actor=actor, system=caller)
        self.record = submit(self.house, patient("p1", MEMBER), observation())[1]

    def consents(self, code: str = "HPAYMT", base: str = "OPTOUT") -> None:
        """Let the insurer see it, for a purpose."""
        reference = f"Organization/{self.insurer.actor.organisation_id}"
        submit(
            self.house,
            consent(base=base, actor=[recipient(reference)], purpose=[purpose(code)]),
        )

    def bills(self, *lines: ClaimLine, **changes: object) -> UUID:
        """Send a claim for a device, whose record it names."""
        return self.insurer.takes(self.claim(*lines, **changes), self.house.actor)

    def claim(self, *lines: ClaimLine, **changes: object) -> Claim:
        """Return a claim for a device, whose record it names."""
        claim: Claim = self.insurer.claim(*(lines or (DEVICE,)), billing_provider_npi=self.npi)
        named = {"attachment_control_number": str(self.record), **changes}
        return replace(claim, **named)  # type: ignore[arg-type]

    def disclosed(self) -> list[int]:
        """Return how many records each answer showed."""
        with acting_as(self.house.actor):
            return list(Disclosure.objects.order_by("id").values_list("count", flat=True))


@pytest.fixture
def clinic(ready: Insurer, provider: Callable[[str], Actor]) -> Clinic:
    """A provider whose records the insurer may not see yet."""
    npi = fresh_npi()
    return Clinic(provider(npi), npi, ready)


def decide(insurer: Insurer, claim_id: UUID) -> Decided:
    records = records_gather(actor=insurer.actor, claim_id=claim_id, seeds=SEEDS, now=NOW)
    return claim_adjudicate(
        actor=insurer.actor, claim_id=claim_id, records=records, seeds=SEEDS, now=NOW
    )


def test_a_device_is_paid_once_its_record_is_shown_under_consent(
    ready: Insurer, clinic: Clinic
) -> None:
    claim_id = clinic.bills()
    refused = decide(ready, claim_id)
    assert (refused.status, len(refused.needed)) == (ClaimStatus.PENDED, 2)
    clinic.consents()
    made = decide(ready, claim_id)
    assert (made.status, made.needed) == (ClaimStatus.PAID, ())
    assert clinic.disclosed() == [0, 1]
    replayed = decision_replay(actor=ready.actor, decision_id=made.decision_id)
    assert replayed.status is ClaimStatus.PAID


def test_the_decision_names_the_entries_that_show_it(ready: Insurer, clinic: Clinic) -> None:
    clinic.consents()
    claim_id = clinic.bills()
    found = records_gather(actor=ready.actor, claim_id=claim_id, seeds=SEEDS, now=NOW)
    assert set(found) == {1}
    assert (found[1].anchored.state, found[1].consent.state) == (State.PROVEN, State.PROVEN)
    named = [found[1].anchored.entries[0].entry_id, found[1].consent.entries[0].entry_id]
    with acting_as(clinic.house.actor):
        rows = Entry.objects.filter(entry_id__in=[bytes.fromhex(each) for each in named])
        assert {row.kind: row.organisation_id for row in rows} == {
            "records.record.anchored.v1": clinic.house.actor.organisation_id,
            "records.disclosure.made.v1": clinic.house.actor.organisation_id,
        }


def test_what_is_not_shown_pends_and_never_denies(ready: Insurer, clinic: Clinic) -> None:
    clinic.consents("TREAT")
    worlds: list[dict[str, object]] = [
        {},  # consented for another purpose
        {"attachment_control_number": str(uuid4())},
        {"attachment_control_number": "FAX-17"},
        {"attachment_control_number": None},
    ]
    for number, changes in enumerate(worlds):
        made = decide(ready, clinic.bills(**{"claim_id": f"B{number}", **changes}))
        assert made.status is ClaimStatus.PENDED, changes
    clinic.consents()
    other = clinic.bills(claim_id="B9", member_id="M2")
    ready.covers("M2")
    assert decide(ready, other).status is ClaimStatus.PENDED


def test_a_line_names_its_own_record_before_the_claims(ready: Insurer, clinic: Clinic) -> None:
    clinic.consents()
    own = replace(DEVICE, attachment_control_number=str(uuid4()))
    claim_id = clinic.bills(own, replace(DEVICE, number=2))
    found = records_gather(actor=ready.actor, claim_id=claim_id, seeds=SEEDS, now=NOW)
    states = {line: each.anchored.state for line, each in found.items()}
    assert states == {1: State.MISSING, 2: State.PROVEN}


def test_nothing_is_asked_that_is_not_needed(ready: Insurer, clinic: Clinic) -> None:
    clinic.consents()
    claim_id = clinic.bills()
    decide(ready, claim_id)
    asked = len(clinic.disclosed())
    # Decided already, another insurer's, named by nobody, or of a provider that is no member.
    nobody = ready.takes(replace(ready.claim(DEVICE), attachment_control_number=str(clinic.record)))
    for each in (claim_id, uuid4(), nobody):
        assert records_gather(actor=ready.actor, claim_id=each, seeds=SEEDS, now=NOW) == {}
    assert len(clinic.disclosed()) == asked


def test_a_claim_that_the_holder_did_not_send_is_shown_nothing(
    ready: Insurer, clinic: Clinic
) -> None:
    clinic.consents()
    invented = ready.takes(clinic.claim())
    made = decide(ready, invented)
    assert (made.status, set(made.needed)) == (ClaimStatus.PENDED, {OWN_SUBMISSION})
    assert clinic.disclosed() == []


def test_without_a_key_of_the_holders_it_is_missing(
    ready: Insurer, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise NoKeyError("no key")

    monkeypatch.setattr("records.services.disclosures.submission_append", refuse)
    claim_id = clinic.bills()
    found = records_gather(actor=ready.actor, claim_id=claim_id, seeds=SEEDS, now=NOW)
    assert found[1].anchored.note == UNSIGNED
    assert decide(ready, claim_id).status is ClaimStatus.PENDED


def test_what_the_holder_cannot_read_pends_with_its_reason(
    ready: Insurer, clinic: Clinic, databases: Databases
) -> None:
    clinic.consents()
    claim_id = clinic.bills()
    with acting_as(clinic.house.actor):
        item_id = Record.objects.get(record_id=clinic.record).item_id
    tamper(databases, SPOIL.format(item_id))
    made = decide(ready, claim_id)
    assert (made.status, set(made.needed)) == (ClaimStatus.PENDED, {REPAIR_NEEDED})
    tamper(databases, SPOIL.format(item_id))  # restored
    assert decide(ready, claim_id).status is ClaimStatus.PAID


def test_over_http_a_claim_is_paid_from_its_837_to_its_decision(
    ready: Insurer, clinic: Clinic
) -> None:
    clinic.consents()
    key, _ = ready.world.key(ready.actor, Scope.CLAIMS_READ, Scope.CLAIMS_WRITE)
    headers = {"Authorization": f"Bearer {key}"}
    value = {
        "claim_id": "RX-1",
        "bin": ready.payer,
        "cardholder_id": "M1",
        "pharmacy_npi": clinic.npi,
        "patient": {"family_name": "X"},
        "attachment_control_number": str(clinic.record),
        "lines": [
            {
                "prescription_number": "RX1",
                "fill_number": 0,
                "date_of_service": plan.DAY.isoformat(),
                "ndc": plan.NDC,
                "quantity_dispensed": "30",
                "unit": "UN",
                "days_supply": 30,
                "ingredient_cost": "42.00",
                "dispensing_fee": "3.50",
                "gross_amount_due": "45.50",
            }
        ],
    }
    own, _ = ready.world.key(clinic.house.actor, Scope.CLAIMS_WRITE)
    sender = {"Authorization": f"Bearer {own}"}
    sent = Client().post("/api/v1/claims", value, "application/json", headers=sender)
    assert sent.status_code == 201, sent.content
    path = f"/api/v1/claims/{sent.json()['claim_id']}/adjudicate"
    made = Client().post(path, b"", "application/json", headers=headers)
    # The record was shown; what a drug needs as well, its dispensing, is another's evidence.
    assert (made.status_code, made.json()["status"]) == (200, "pended"), made.content
    assert clinic.disclosed() == [1]
