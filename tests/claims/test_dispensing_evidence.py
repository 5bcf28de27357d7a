"""A drug line is paid from a proven dispensing, and each serial's quantity once, by anyone."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from functools import partial
from threading import Barrier
from typing import Any
from uuid import UUID

import orjson
import pytest
from django.db import connections

from claims.core.decision import ClaimStatus, Decision, LineStatus, Outcome
from claims.core.model import Drug
from claims.errors import AlreadyDecidedError
from claims.models import Decision as DecisionRow
from claims.models import Payment
from claims.services import claim_adjudicate, decision_replay
from claims.services.evidence_dispensings import dispensings_gather
from claims.services.evidence_records import records_gather
from foundation.core.problem import ForbiddenError, NotFoundError
from foundation.tenancy import acting_as
from ledger.core.entry import parse_entry
from ledger.selectors import entry_get
from provenance.models import Disclosure, Event, Spend
from tests.accounts.conftest import World
from tests.claims import world as plan
from tests.claims.conftest import SEEDS, Insurer
from tests.claims.dispensed import DAY, Chain, Pharmacy, chain, drug
from tests.conftest import NOW
from tests.database import Databases
from tests.provenance.world import event


@pytest.fixture
def ready(insurer: Insurer) -> Insurer:
    """An insurer that covers M1 to M4."""
    return open_for(insurer)


@pytest.fixture
def supply(world: World) -> Chain:
    return chain(world)


def open_for(insurer: Insurer) -> Insurer:
    insurer.in_force()
    for number in range(1, 5):
        insurer.covers(f"M{number}")
    return insurer


def takes(insurer: Insurer, pharmacy: Pharmacy, *lines: Any, **changes: Any) -> UUID:
    claim = insurer.claim(*(lines or (drug(),)), billing_provider_npi=pharmacy.npi, **changes)
    return insurer.takes(claim, pharmacy.member.actor)


def decide(insurer: Insurer, claim_id: UUID) -> Decision:
    told = dispensings_gather(actor=insurer.actor, claim_id=claim_id, seeds=SEEDS, now=NOW)
    made = claim_adjudicate(
        actor=insurer.actor, claim_id=claim_id, dispensings=told, seeds=SEEDS, now=NOW
    )
    # Each decision is made again from what was kept, to the same bytes.
    return decision_replay(actor=insurer.actor, decision_id=made.decision_id)


def spent(insurer: Insurer) -> list[tuple[str, int, int]]:
    with acting_as(insurer.actor):
        rows = Spend.objects.order_by("id")
        return [(row.epc, row.line, int(row.quantity)) for row in rows]


def judged(decision: Decision, number: int = 1) -> dict[str, tuple[str, str]]:
    """Return what each rule of evidence that did not pass said of a line."""
    return {
        rule.rule.removeprefix("evidence."): (
            rule.outcome.value,
            rule.needed or rule.shown or "",
        )
        for rule in decision.lines[number - 1].rules
        if rule.rule.startswith("evidence.") and rule.outcome is not Outcome.PASSED
    }


def test_a_proven_dispensing_is_paid_and_its_serial_spent(ready: Insurer, supply: Chain) -> None:
    pharmacy = supply.pharmacy()
    epc = supply.bottle(pharmacy)
    pharmacy.gives(epc, 30)
    decision = decide(ready, takes(ready, pharmacy))
    assert (decision.status, decision.paid_amount) == (ClaimStatus.PAID, Decimal("692.00"))
    (spend,) = decision.lines[0].spends or ()
    assert (spend.epc, spend.quantity) == (epc, Decimal(30))
    assert spent(ready) == [(epc, 1, 30)]
    (rule,) = (rule for rule in decision.lines[0].rules if rule.rule == "evidence.dispensing")
    with acting_as(ready.actor):
        kinds = [
            parse_entry(entry_get(bytes.fromhex(e.entry_id)).content).kind for e in rule.entries
        ]
        row = DecisionRow.objects.get()
        assert [bytes(each.entry_id) for each in Spend.objects.all()] == [bytes(row.entry_id)]
    assert kinds == ["provenance.event.captured.v1", "provenance.evidence.disclosed.v1"]


@pytest.mark.parametrize("column", ["lookup_key", "key"])
def test_what_the_pharmacy_cannot_read_pends_until_it_can(
    ready: Insurer, supply: Chain, databases: Databases, column: str
) -> None:
    pharmacy = supply.pharmacy()
    pharmacy.gives(supply.bottle(pharmacy), 30)
    claim_id = takes(ready, pharmacy)
    table = {"lookup_key": "vault_keyring", "key": "vault_subjectkey"}[column]
    flip = (
        f"UPDATE {table} SET wrapped_{column} ="
        f" set_byte(wrapped_{column}, 40, 255 - get_byte(wrapped_{column}, 40))"
        f" WHERE organisation_id = '{pharmacy.member.actor.organisation}'"
    )
    with databases.superuser() as superuser:
        superuser.execute(flip.encode())
        decision = decide(ready, claim_id)
        assert decision.status is ClaimStatus.PENDED
        assert judged(decision)["dispensing"] == ("pended", "the dispensing")
        superuser.execute(flip.encode())  # restored
    assert decide(ready, claim_id).status is ClaimStatus.PAID


def test_what_is_not_found_pends_until_it_is_recorded(ready: Insurer, supply: Chain) -> None:
    pharmacy = supply.pharmacy()
    epc = supply.bottle(pharmacy)
    pharmacy.gives(epc, 30, number="RX2")
    claim_id = takes(ready, pharmacy)
    assert judged(decide(ready, claim_id)) == {"dispensing": ("pended", "the dispensing")}
    pharmacy.gives(epc, 30, 6)
    assert decide(ready, claim_id).status is ClaimStatus.PAID


@pytest.mark.parametrize(
    ("changes", "needed"),
    [
        ({"prescription_number": None}, "the prescription number"),
        ({"fill_number": 1}, "the dispensing"),
        ({"service_date": plan.DAY}, "the dispensing"),
        ({"drug": Drug(ndc="99999000102", quantity=Decimal(30), unit="UN")}, "the dispensing"),
    ],
)
def test_a_line_that_names_another_dispensing_pends(
    ready: Insurer, supply: Chain, changes: dict[str, Any], needed: str
) -> None:
    pharmacy = supply.pharmacy()
    pharmacy.gives(supply.bottle(pharmacy), 30)
    found = judged(decide(ready, takes(ready, pharmacy, drug(**changes))))
    assert found == {"dispensing": ("pended", needed)}
    assert spent(ready) == []


def test_a_claim_of_nobody_in_the_channel_pends(ready: Insurer) -> None:
    found = judged(decide(ready, ready.takes(ready.claim(drug()))))
    assert found["dispensing"][1] == "a pharmacy with the NPI 1234567893 in this channel"


def test_a_claim_that_the_pharmacy_did_not_send_tells_and_spends_nothing(
    ready: Insurer, supply: Chain
) -> None:
    pharmacy = supply.pharmacy()
    pharmacy.gives(supply.bottle(pharmacy), 30)
    invented = ready.takes(ready.claim(drug(), billing_provider_npi=pharmacy.npi, member_id="M2"))
    found = judged(decide(ready, invented))
    assert found == {"dispensing": ("pended", "the billing provider's own submission")}
    with acting_as(pharmacy.member.actor):
        assert Disclosure.objects.count() == 0
    assert spent(ready) == []
    assert decide(ready, takes(ready, pharmacy)).status is ClaimStatus.PAID


@pytest.mark.parametrize(("days", "status"), [(30, "paid"), (31, "pended")])
def test_a_line_over_more_than_31_days_is_not_asked_about(
    ready: Insurer, supply: Chain, days: int, status: str
) -> None:
    pharmacy = supply.pharmacy()
    pharmacy.gives(supply.bottle(pharmacy), 30)
    wide = drug(service_date=DAY - timedelta(days=days), service_end_date=DAY)
    decision = decide(ready, takes(ready, pharmacy, wide))
    assert decision.status.value == status
    if status == "pended":
        wanted = ("pended", "dates of service within 31 days")
        assert judged(decision) == {"dispensing": wanted}
    with acting_as(pharmacy.member.actor):
        assert Disclosure.objects.count() == (status == "paid")


def test_another_unit_or_two_units_pend(ready: Insurer, supply: Chain) -> None:
    pharmacy = supply.pharmacy()
    pharmacy.gives(supply.bottle(pharmacy), 30)
    other = Drug(ndc=plan.NDC, quantity=Decimal(30), unit="ML")
    found = judged(decide(ready, takes(ready, pharmacy, drug(drug=other))))
    assert found == {"quantity": ("pended", "the quantity dispensed in ML")}


def test_a_fill_from_two_bottles_spends_both(ready: Insurer, supply: Chain) -> None:
    pharmacy = supply.pharmacy()
    one, other = supply.bottle(pharmacy, 10), supply.bottle(pharmacy)
    pharmacy.gives(one, 10)
    pharmacy.gives(other, 20, 6)
    decision = decide(ready, takes(ready, pharmacy, drug(fill_number=0)))
    assert decision.status is ClaimStatus.PAID
    assert spent(ready) == [(one, 1, 10), (other, 1, 20)]


def test_a_copy_given_by_another_pharmacy_is_denied_with_the_proof(
    ready: Insurer, supply: Chain
) -> None:
    rightful, other = supply.pharmacy(), supply.pharmacy()
    epc = supply.bottle(rightful)
    other.gives(epc, 30)
    decision = decide(ready, takes(ready, other))
    assert decision.status is ClaimStatus.DENIED
    assert judged(decision)["custody"] == ("denied", "the pharmacy did not hold it")
    denied = next(rule for rule in decision.lines[0].rules if rule.rule == "evidence.custody")
    assert (denied.codes, len(denied.entries)) == (("CO", "151"), 4)
    assert spent(ready) == []


def test_a_recall_before_denies_and_one_afterwards_does_not(ready: Insurer, supply: Chain) -> None:
    pharmacy = supply.pharmacy()
    sound, bad = supply.bottle(pharmacy), supply.bottle(pharmacy)
    supply.maker.record(event("holding", [bad], 4, disposition="recalled"))
    pharmacy.gives(bad, 30, 5, number="RX2")
    pharmacy.gives(sound, 30, 5)
    supply.maker.record(event("holding", [sound], 9, disposition="recalled"))
    assert decide(ready, takes(ready, pharmacy)).status is ClaimStatus.PAID
    line = drug(prescription_number="RX2")
    decision = decide(ready, takes(ready, pharmacy, line, member_id="M2"))
    assert decision.status is ClaimStatus.DENIED
    assert judged(decision)["condition"] == ("denied", "recalled")


def test_more_than_was_given_is_denied(ready: Insurer, supply: Chain) -> None:
    pharmacy = supply.pharmacy()
    pharmacy.gives(supply.bottle(pharmacy), 30)
    decision = decide(ready, takes(ready, pharmacy, drug(quantity=31)))
    assert judged(decision) == {"quantity": ("denied", "31 UN billed, 30 left")}
    assert spent(ready) == []


def test_two_lines_over_one_dispensing_share_it(ready: Insurer, supply: Chain) -> None:
    pharmacy = supply.pharmacy()
    epc = supply.bottle(pharmacy)
    pharmacy.gives(epc, 30)
    lines = [
        drug(1, 20),
        drug(2, 20, procedure_code=None, charge_amount=Decimal(30), fill_number=0),
    ]
    decision = decide(ready, takes(ready, pharmacy, *lines))
    assert [line.status for line in decision.lines] == [LineStatus.PAID, LineStatus.DENIED]
    assert judged(decision, 2) == {"quantity": ("denied", "20 UN billed, 10 left")}
    assert spent(ready) == [(epc, 1, 20)]
    claim_id = takes(ready, pharmacy, drug(1, 10), member_id="M2")
    assert decide(ready, claim_id).status is ClaimStatus.PAID
    assert spent(ready) == [(epc, 1, 20), (epc, 1, 10)]


def test_a_claim_that_pends_for_another_line_spends_nothing(ready: Insurer, supply: Chain) -> None:
    pharmacy = supply.pharmacy()
    pharmacy.gives(supply.bottle(pharmacy), 30)
    lines = (drug(), drug(2, procedure_code=None, prescription_number="RX9"))
    decision = decide(ready, takes(ready, pharmacy, *lines))
    assert [line.status.value for line in decision.lines] == ["held", "pended"]
    assert decision.lines[0].spends is None
    assert spent(ready) == []


def test_a_changed_dispensing_is_looked_at_again(ready: Insurer, supply: Chain) -> None:
    pharmacy = supply.pharmacy()
    epc = supply.bottle(pharmacy)
    pharmacy.gives(epc, 30)
    claim_id = takes(ready, pharmacy)
    told = dispensings_gather(actor=ready.actor, claim_id=claim_id, seeds=SEEDS, now=NOW)
    with acting_as(pharmacy.member.actor):
        given = Event.objects.get(
            biz_step="dispensing", organisation_id=pharmacy.member.actor.organisation
        )
        document = orjson.loads(bytes(given.document))
    del document["@context"]
    wrong = {"declarationTime": "2026-11-24T08:30:00Z", "reason": "did_not_occur"}
    pharmacy.member.record({**document, "errorDeclaration": wrong})
    made = claim_adjudicate(
        actor=ready.actor, claim_id=claim_id, dispensings=told, seeds=SEEDS, now=NOW
    )
    assert made.needed == ("the dispensing again: it changed while the claim was being decided",)


def status(insurer: Insurer, claim_id: UUID) -> ClaimStatus:
    return decide(insurer, claim_id).status


def at_once(acts: Sequence[Callable[[], object]]) -> list[object]:
    barrier = Barrier(len(acts))

    def one(act: Callable[[], object]) -> object:
        try:
            barrier.wait(timeout=120)
            return act()
        except AlreadyDecidedError as error:
            return error.slug
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(acts)) as threads:
        return list(threads.map(one, acts))


def test_thirty_two_threads_on_one_claim_make_one_payment(ready: Insurer, supply: Chain) -> None:
    pharmacy = supply.pharmacy()
    epc = supply.bottle(pharmacy)
    pharmacy.gives(epc, 30)
    claim_id = takes(ready, pharmacy)
    answers = at_once([partial(status, ready, claim_id)] * 32)
    assert sorted(map(str, answers)) == ["claim-already-decided"] * 31 + ["paid"]
    with acting_as(ready.actor):
        assert Payment.objects.count() == 1
    assert spent(ready) == [(epc, 1, 30)]


def test_two_insurers_over_one_dispensing_pay_no_more_than_was_given(
    ready: Insurer, new_insurer: Callable[[], Insurer], supply: Chain
) -> None:
    other, pharmacy = open_for(new_insurer()), supply.pharmacy()
    for number in range(3):
        epc = supply.bottle(pharmacy)
        words = f"RX{number}"
        pharmacy.gives(epc, 30, number=words)
        line = drug(quantity=20, prescription_number=words)
        claims = [
            (insurer, takes(insurer, pharmacy, line, member_id=f"M{number + 1}"))
            for insurer in (ready, other)
        ]
        acts = [partial(status, *pair) for pair in claims]
        assert sorted(map(str, at_once(acts))) == ["denied", "paid"]
        total = [q for who in (ready, other) for e, _, q in spent(who) if e == epc]
        assert total == [20]


def test_two_claims_of_two_members_at_once_share_what_was_given(
    ready: Insurer, supply: Chain
) -> None:
    pharmacy = supply.pharmacy()
    epc = supply.bottle(pharmacy)
    pharmacy.gives(epc, 30)
    claims = [
        takes(ready, pharmacy, drug(quantity=10), member_id=f"M{number}") for number in range(1, 5)
    ]
    acts = [partial(status, ready, claim) for claim in claims]
    assert sorted(map(str, at_once(acts))) == ["denied", "paid", "paid", "paid"]
    assert [quantity for _, _, quantity in spent(ready)] == [10, 10, 10]


def test_only_the_claims_insurer_is_told(
    ready: Insurer, new_insurer: Callable[[], Insurer], supply: Chain
) -> None:
    pharmacy, stranger = supply.pharmacy(), new_insurer()
    pharmacy.gives(supply.bottle(pharmacy), 30)
    claim_id = takes(ready, pharmacy)
    assert dispensings_gather(actor=stranger.actor, claim_id=claim_id, seeds=SEEDS, now=NOW) == {}
    with pytest.raises(NotFoundError):
        claim_adjudicate(actor=stranger.actor, claim_id=claim_id, seeds=SEEDS, now=NOW)
    for act in (dispensings_gather, records_gather, claim_adjudicate):
        with pytest.raises(ForbiddenError):
            act(actor=pharmacy.member.actor, claim_id=claim_id, seeds=SEEDS, now=NOW)
    with acting_as(pharmacy.member.actor):
        assert Disclosure.objects.count() == 0
    decide(ready, claim_id)
    with acting_as(pharmacy.member.actor):
        (told,) = Disclosure.objects.all()
    assert told.to_organisation_id == ready.actor.organisation
    # A decided claim is not asked about again.
    assert dispensings_gather(actor=ready.actor, claim_id=claim_id, seeds=SEEDS, now=NOW) == {}
