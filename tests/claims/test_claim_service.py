"""Claims are decided once, from what is known; what is missing pends, and nothing leaks."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from uuid import UUID

import pytest
from django.db import DatabaseError, connections

from claims.core.decision import ClaimStatus
from claims.core.facts import Accumulators
from claims.core.model import ClaimDocument, PersonalPart
from claims.core.money import ZERO
from claims.core.x12 import parse_interchanges
from claims.core.x12_balance import check_balance
from claims.errors import (
    AlreadyDecidedError,
    MixedPayersError,
    NoContractError,
    NotTheBillerError,
    UndecidedError,
    UnknownPayerError,
)
from claims.models import AccumulatorRow, Claim, ClaimLine, Coverage, Decision, Payment
from claims.selectors import accumulators_of, claim_get, claim_list
from claims.services import (
    Decided,
    claim_adjudicate,
    claims_receiver,
    decision_disclose,
    decision_replay,
    remittance_disclose,
)
from foundation.core.actor import Actor
from foundation.core.problem import ForbiddenError, NotFoundError
from foundation.tenancy import acting_as
from ledger.core.entry import parse_entry
from ledger.models import Entry
from tests.claims import world as plan
from tests.claims.conftest import CANARY, SEEDS, Insurer, fresh_npi
from tests.conftest import NOW
from tests.database import Databases

# 116.81 allowed, 100.00 deductible, 20 % of the rest.
PAID = Decimal("13.45")
THREADS = 32


def decide(insurer: Insurer, claim_id: UUID) -> Decided:
    return claim_adjudicate(actor=insurer.actor, claim_id=claim_id, seeds=SEEDS, now=NOW)


@pytest.fixture
def ready(insurer: Insurer) -> Insurer:
    """An insurer with its contract in force and a member covered."""
    insurer.in_force()
    insurer.covers()
    return insurer


def test_a_sound_claim_is_paid_and_counts_towards_the_deductible(ready: Insurer) -> None:
    claim_id = ready.takes()
    made = decide(ready, claim_id)
    assert (made.status, made.paid_amount, made.needed) == (ClaimStatus.PAID, PAID, ())
    with acting_as(ready.actor):
        assert claim_get(claim_id).status == "paid"
        assert list(Payment.objects.values_list("claim_id", "amount")) == [(claim_id, PAID)]
        subject_id = Claim.objects.get(id=claim_id).subject_id
        met = accumulators_of(subject_id=subject_id, plan="SILVER", plan_year=2026)
    assert met == Accumulators(
        deductible_met_amount=Decimal("100.00"), oop_met_amount=Decimal("103.36")
    )


def test_a_decision_is_made_again_from_what_was_kept(ready: Insurer) -> None:
    made = decide(ready, ready.takes())
    replayed = decision_replay(actor=ready.actor, decision_id=made.decision_id)
    assert (replayed.status, replayed.paid_amount) == (made.status, made.paid_amount)


def test_accumulators_are_rebuilt_equal_from_the_decisions(ready: Insurer) -> None:
    later = plan.line(procedure_code="G0130", charge_amount=Decimal("40.00"))
    made = [decide(ready, ready.takes(each)) for each in (None, ready.claim(later))]
    rebuilt = []
    for each in made:
        decision = decision_replay(actor=ready.actor, decision_id=each.decision_id)
        before, after = decision.accumulators, decision.accumulators_after
        rebuilt += [
            (
                each.decision_id,
                "deductible",
                after.deductible_met_amount - before.deductible_met_amount,
            ),
            (each.decision_id, "oop", after.oop_met_amount - before.oop_met_amount),
        ]
    with acting_as(ready.actor):
        rows = AccumulatorRow.objects.values_list("decision_id", "kind", "amount")
        assert sorted(rows) == sorted(row for row in rebuilt if row[2])


def test_each_entry_about_a_person_carries_a_tag_of_its_own(ready: Insurer) -> None:
    claim_id = ready.takes()
    decide(ready, claim_id)
    decision_disclose(actor=ready.actor, claim_id=claim_id, seeds=SEEDS, now=NOW)
    with acting_as(ready.actor):
        mine = Entry.objects.filter(organisation_id=ready.actor.organisation)
        bodies = [parse_entry(bytes(each.content)).body for each in mine]
    tags = [body["tag"] for body in bodies if "tag" in body]
    assert len(tags) == len(set(tags)) == 5


def test_the_deductible_is_met_once(ready: Insurer) -> None:
    decide(ready, ready.takes())
    later = ready.claim(plan.line(procedure_code="G0130", charge_amount=Decimal("40.00")))
    made = decide(ready, ready.takes(later))
    assert made.paid_amount == Decimal("26.23")  # 80 % of 32.79


def test_the_same_claim_sent_twice_is_paid_once(ready: Insurer) -> None:
    first, second = ready.takes(), ready.takes()
    assert decide(ready, first).paid_amount == PAID
    made = decide(ready, second)
    assert (made.status, made.paid_amount) == (ClaimStatus.DENIED, ZERO)


def test_a_drug_without_proof_of_its_dispensing_pends_and_says_so(ready: Insurer) -> None:
    claim_id = ready.takes(ready.claim(plan.drug_line()))
    made = decide(ready, claim_id)
    assert (made.status, made.paid_amount) == (ClaimStatus.PENDED, ZERO)
    assert made.needed == ("the dispensing",)
    with acting_as(ready.actor):
        assert Payment.objects.count() == 0
    with pytest.raises(UndecidedError):
        remittance_disclose(actor=ready.actor, claim_id=claim_id, seeds=SEEDS, now=NOW)


def test_a_device_without_record_and_consent_pends(ready: Insurer) -> None:
    line = plan.line(procedure_code="E0100", charge_amount=Decimal("50.00"))
    made = decide(ready, ready.takes(ready.claim(line)))
    assert made.status is ClaimStatus.PENDED
    assert made.needed == (
        "the record that supports the line",
        "the patient's consent to its use",
    )


def test_a_pended_claim_is_decided_once_what_it_needs_is_there(insurer: Insurer) -> None:
    insurer.in_force()
    claim_id = insurer.takes()
    assert decide(insurer, claim_id).needed == ("the member's coverage on the date of service",)
    insurer.covers()
    assert decide(insurer, claim_id).status is ClaimStatus.PAID
    with pytest.raises(AlreadyDecidedError):
        decide(insurer, claim_id)
    with acting_as(insurer.actor):
        assert list(Decision.objects.order_by("number").values_list("number", "status")) == [
            (1, "pended"),
            (2, "paid"),
        ]


def test_without_a_contract_in_force_nothing_is_decided(insurer: Insurer) -> None:
    claim_id = insurer.takes()
    with pytest.raises(NoContractError):
        decide(insurer, claim_id)
    with acting_as(insurer.actor):
        assert Decision.objects.count() == 0


def test_32_threads_on_one_claim_make_one_payment(ready: Insurer) -> None:
    claim_id = ready.takes()

    def attempt(_: int) -> str:
        try:
            return decide(ready, claim_id).status
        except AlreadyDecidedError:
            return "already decided"
        finally:
            connections.close_all()

    with ThreadPoolExecutor(THREADS) as pool:
        outcomes = sorted(pool.map(attempt, range(THREADS)))
    assert outcomes == ["already decided"] * (THREADS - 1) + ["paid"]
    with acting_as(ready.actor):
        assert Payment.objects.count() == 1
        assert Decision.objects.count() == 1


def test_a_second_payment_is_refused_by_the_database(ready: Insurer) -> None:
    claim_id = ready.takes()
    decide(ready, claim_id)

    def again() -> None:
        with acting_as(ready.actor):
            row = Payment.objects.get(claim_id=claim_id)
            row.pk = None
            row.save(force_insert=True)

    with pytest.raises(DatabaseError, match="duplicate key"):
        again()


def test_the_remittance_balances_and_each_reading_is_an_entry(ready: Insurer) -> None:
    claim_id = ready.takes()
    decide(ready, claim_id)
    seen = [
        remittance_disclose(actor=ready.actor, claim_id=claim_id, seeds=SEEDS, now=NOW)
        for _ in range(2)
    ]
    assert seen[0].receipt.entry_ids != seen[1].receipt.entry_ids
    (interchange,) = parse_interchanges(seen[0].data)
    (remittance,) = interchange.groups[0].sets
    assert check_balance(remittance) == ()
    assert remittance.segments[1].element(2) == "13.45"


def test_insurers_see_nothing_of_each_other_even_without_filters(
    ready: Insurer, new_insurer: Callable[[], Insurer]
) -> None:
    claim_id, other = ready.takes(), new_insurer()
    decide(ready, claim_id)
    with acting_as(other.actor):
        counts = [m.objects.count() for m in (Claim, ClaimLine, Decision, Payment, Coverage)]
        assert counts == [0, 0, 0, 0, 0]
        with pytest.raises(NotFoundError):
            claim_get(claim_id)
    for read in (decision_disclose, remittance_disclose):
        with pytest.raises(NotFoundError):
            read(actor=other.actor, claim_id=claim_id, seeds=SEEDS, now=NOW)
    with pytest.raises(NotFoundError):
        decide(other, claim_id)


def test_a_provider_sees_its_own_claims_only_and_decides_none(
    ready: Insurer, provider: Callable[[str], Actor]
) -> None:
    npi = fresh_npi()
    pharmacy = provider(npi)
    mine = ready.takes(ready.claim(billing_provider_npi=npi))
    ready.takes(ready.claim(claim_id="A2"))
    decide(ready, mine)
    with acting_as(pharmacy):
        assert [info.id for info in claim_list()] == [mine]
        assert Payment.objects.count() == 1
    shown = remittance_disclose(actor=pharmacy, claim_id=mine, seeds=SEEDS, now=NOW)
    assert b"*13.45*" in shown.data
    with pytest.raises(ForbiddenError):
        claim_adjudicate(actor=pharmacy, claim_id=mine, seeds=SEEDS, now=NOW)
    with acting_as(ready.actor):
        assert Decision.objects.count() == 1


def test_a_providers_claim_goes_to_the_insurer_of_its_payer(
    ready: Insurer, new_insurer: Callable[[], Insurer], provider: Callable[[str], Actor]
) -> None:
    pharmacy = provider(fresh_npi())
    document = ClaimDocument(claim=ready.claim(), personal=PersonalPart(family_name=CANARY))
    receiver = claims_receiver(actor=pharmacy, documents=[document])
    assert receiver.organisation_id == ready.actor.organisation_id
    stray = replace(document, claim=replace(document.claim, payer_id="NOBODY"))
    with pytest.raises(UnknownPayerError):
        claims_receiver(actor=pharmacy, documents=[stray])
    # An insurer takes what nobody decides yet, and only that beside its own.
    assert claims_receiver(actor=ready.actor, documents=[document, stray]) == ready.actor
    other = new_insurer()
    assert claims_receiver(actor=other.actor, documents=[stray]) == other.actor
    with pytest.raises(MixedPayersError):
        claims_receiver(actor=other.actor, documents=[document, stray])


def test_who_neither_bills_a_claim_nor_decides_it_sends_none(
    ready: Insurer, new_insurer: Callable[[], Insurer], provider: Callable[[str], Actor]
) -> None:
    npi, other = fresh_npi(), new_insurer()
    biller, stranger = provider(npi), provider(fresh_npi())
    claim = ready.claim(billing_provider_npi=npi)
    other.in_force()
    for sender in (stranger, other.actor):
        with pytest.raises(NotTheBillerError):
            ready.takes(claim, sender)
    # Of nobody in the channel, and of a payer that the insurer does not decide.
    with pytest.raises(NotTheBillerError):
        ready.takes(ready.claim(), stranger)
    with pytest.raises(NotTheBillerError):
        ready.takes(replace(claim, payer_id=other.payer))
    # A provider is no insurer, of its own claims neither.
    with pytest.raises(ForbiddenError):
        replace(ready, actor=biller).takes(replace(claim, payer_id="NOBODY"))
    for who in (ready.actor, biller):
        with acting_as(who):
            assert Claim.objects.count() == 0
    ready.takes(claim, biller)
    ready.takes(claim)
    with acting_as(ready.actor):
        assert Claim.objects.count() == 2


def test_no_name_stands_in_any_byte_of_the_ledger(ready: Insurer, databases: Databases) -> None:
    claim_id = ready.takes()
    decide(ready, claim_id)
    remittance_disclose(actor=ready.actor, claim_id=claim_id, seeds=SEEDS, now=NOW)
    ready.world.channel.sequence()
    with acting_as(ready.actor):
        mine = Entry.objects.filter(organisation_id=ready.actor.organisation)
        contents = [bytes(each) for each in mine.values_list("content", flat=True)]
    assert sum(b"claims." in each for each in contents) == 9
    with databases.superuser() as everything:
        tables = everything.execute(
            "SELECT tablename FROM pg_tables WHERE tablename ~ '^(ledger|claims)_'"
        ).fetchall()
        texts = {
            str(name): everything.execute(f'SELECT "{name}"::text FROM "{name}"').fetchall()
            for (name,) in tables
        }
    needles = (CANARY, CANARY.encode().hex())
    found = [name for name, rows in texts.items() if any(n in str(rows) for n in needles)]
    assert found == []
