"""Claims of a person who was erased: refused while the law demands them, gone cleanly after."""

import datetime as dt
from decimal import Decimal
from uuid import UUID

import pytest

from accounts.core.scopes import Scope
from claims.core.decision import ClaimStatus
from claims.keeping import MEMBER_SYSTEM, Holder
from claims.models import AccumulatorRow, Claim, Decision
from claims.selectors import claim_get
from claims.services import (
    claim_adjudicate,
    decision_disclose,
    decision_replay,
    remittance_disclose,
)
from foundation.tenancy import acting_as
from ledger.models import Entry
from tests.claims import world as plan
from tests.claims.conftest import CANARY, SEEDS, Insurer
from tests.claims.test_rest_claims import Caller
from tests.conftest import NOW
from tests.database import Databases
from tests.vault.erasing import REASON, Hospital, hospital_of
from vault.core.erasure import ErasureRefusedError, ErasureState
from vault.errors import ErasedError
from vault.registry import holder_list
from vault.services import erasure_propose, subject_find

# Below the deductible of 100.00: decided, nothing paid.
SMALL = plan.line(procedure_code="G0130", charge_amount=Decimal("40.00"))


@pytest.fixture
def desk(insurer: Insurer) -> Hospital:
    """The privacy officers of an insurer that is ready to pay."""
    insurer.in_force()
    insurer.covers()
    return hospital_of(insurer.world, insurer.actor)


def member(insurer: Insurer) -> UUID:
    return subject_find(actor=insurer.actor, system=MEMBER_SYSTEM, value=f"{insurer.payer}|M1")


def test_every_holder_of_claims_is_registered() -> None:
    registered = {spec.name: spec.category for spec in holder_list()}
    assert {each.value: registered[each.value] for each in Holder} == {
        "claims.claim": "claim",
        "claims.decision": "claim",
        "claims.coverage": "coverage",
    }


def test_a_paid_claim_is_kept_as_long_as_the_law_demands(insurer: Insurer, desk: Hospital) -> None:
    claim_id = insurer.takes()
    claim_adjudicate(actor=insurer.actor, claim_id=claim_id, seeds=SEEDS, now=NOW)
    for category in (None, "claim"):
        with pytest.raises(ErasureRefusedError) as caught:
            desk.propose(member(insurer), category)
        assert caught.value.members["until"] == "2032-11-24"
        assert "GDPR 17(3)(b)" in str(caught.value.members["article"])
    desk.erase(member(insurer), "coverage")
    assert decision_disclose(actor=insurer.actor, claim_id=claim_id, seeds=SEEDS, now=NOW).data
    later = dt.datetime(2032, 11, 25, tzinfo=dt.UTC)
    info, _ = erasure_propose(
        actor=desk.officer, subject_id=member(insurer), reason=REASON, now=later
    )
    assert info.state is ErasureState.PROPOSED


def test_a_claim_that_was_erased_reads_as_erased_everywhere(
    insurer: Insurer, desk: Hospital, databases: Databases
) -> None:
    waiting, decided = insurer.takes(), insurer.takes(insurer.claim(SMALL, claim_id="A2"))
    made = claim_adjudicate(actor=insurer.actor, claim_id=decided, seeds=SEEDS, now=NOW)
    assert (made.status, made.paid_amount) == (ClaimStatus.PAID, Decimal("0.00"))
    info = desk.info(desk.erase(member(insurer)))
    assert info.state is ErasureState.CERTIFIED
    with acting_as(insurer.actor):
        assert AccumulatorRow.objects.count() == 0
        entries = Entry.objects.count()
    for call in (
        lambda: claim_adjudicate(actor=insurer.actor, claim_id=waiting, seeds=SEEDS, now=NOW),
        lambda: decision_disclose(actor=insurer.actor, claim_id=decided, seeds=SEEDS, now=NOW),
        lambda: remittance_disclose(actor=insurer.actor, claim_id=decided, seeds=SEEDS, now=NOW),
        lambda: decision_replay(actor=insurer.actor, decision_id=made.decision_id),
    ):
        with pytest.raises(ErasedError):
            call()
    system = Caller(insurer.world, insurer.actor, Scope.CLAIMS_READ, Scope.CLAIMS_WRITE)
    for path in (f"{decided}/decision", f"{decided}/remittance"):
        answer = system.get(f"/api/v1/claims/{path}")
        assert (answer.status_code, answer.json()["type"]) == (410, "urn:theriac:problem:erased")
    assert system.post(f"/api/v1/claims/{waiting}/adjudicate").status_code == 410
    # What stays are facts: that there was a claim, when, how much.
    with acting_as(insurer.actor):
        assert claim_get(decided).status == "paid"
        assert (Claim.objects.count(), Decision.objects.count()) == (2, 1)
        assert Entry.objects.count() == entries
    with databases.superuser() as superuser:
        row = superuser.execute(
            "SELECT count(*) FROM claims_claim AS t WHERE t::text LIKE %s", [f"%{CANARY}%"]
        ).fetchone()
    assert row == (0,)


def test_life_goes_on_after_a_category_went(insurer: Insurer, desk: Hospital) -> None:
    decided = insurer.takes(insurer.claim(SMALL))
    claim_adjudicate(actor=insurer.actor, claim_id=decided, seeds=SEEDS, now=NOW)
    desk.erase(member(insurer), "claim")
    with pytest.raises(ErasedError):
        decision_disclose(actor=insurer.actor, claim_id=decided, seeds=SEEDS, now=NOW)
    # What was met is forgotten with the decisions; coverage is still known.
    later = insurer.takes()
    made = claim_adjudicate(actor=insurer.actor, claim_id=later, seeds=SEEDS, now=NOW)
    assert (made.status, made.paid_amount) == (ClaimStatus.PAID, Decimal("13.45"))
    assert decision_replay(actor=insurer.actor, decision_id=made.decision_id).status is made.status
    desk.erase(member(insurer), "coverage")
    uncovered = insurer.takes(insurer.claim(SMALL, claim_id="A3"))
    again = claim_adjudicate(actor=insurer.actor, claim_id=uncovered, seeds=SEEDS, now=NOW)
    assert again.paid_amount == Decimal("0.00")
    assert again.status is not ClaimStatus.PAID
