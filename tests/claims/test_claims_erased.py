"""Claims of a person who was erased: refused while the law demands them, gone cleanly after."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from django.core.management import call_command
from psycopg import Connection
from pytest_django.fixtures import Settings

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
from foundation.core.actor import Actor
from foundation.tenancy import acting_as
from ledger.models import Entry
from tests.claims import world as plan
from tests.claims.conftest import CANARY, SEEDS, Insurer, fresh_npi
from tests.claims.test_rest_claims import Caller, pharmacy_claim
from tests.conftest import NOW, Channel
from tests.database import Databases
from tests.scenarios.canaries import database_places, look_for
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


def test_the_billers_number_lies_in_the_vault_and_goes_with_it(
    insurer: Insurer,
    desk: Hospital,
    provider: Callable[[str], Actor],
    databases: Databases,
    settings: Settings,
) -> None:
    settings.ROOT_URLCONF = "config.urls"
    number, npi = f"PCN{uuid4().hex}".upper(), fresh_npi()
    readers = [Caller(insurer.world, each) for each in (insurer.actor, provider(npi))]
    claim = {**pharmacy_claim(insurer.payer, npi), "claim_id": number}
    sent = readers[1].post("/api/v1/claims", claim)
    assert sent.status_code == 201, sent.content
    path = f"/api/v1/claims/{sent.json()['claim_id']}"
    paper = insurer.takes(insurer.claim(SMALL, claim_id="PAPER", member_id="M2"))
    query = {"query": "{claims(first:10){edges{node{controlNumber}}}}"}

    def told() -> list[list[str | None]]:
        return [
            [
                *(each["control_number"] for each in system.get("/api/v1/claims").json()),
                system.get(path).json()["control_number"],
                *(
                    edge["node"]["controlNumber"]
                    for edge in system.post("/graphql/", query).json()["data"]["claims"]["edges"]
                ),
            ]
            for system in readers
        ]

    def kept_in() -> set[str]:
        return {each.where for each in look_for({"number": number}, database_places(databases))}

    # The insurer's list holds the claim of somebody else too; its time is another one.
    assert [sorted(set(map(str, each))) for each in told()] == [["PAPER", number], [number]]
    assert kept_in() == set()
    desk.erase(member(insurer))
    assert [set(each) for each in told()] == [{"PAPER", None}, {None}]
    assert told()[1] == [None, None, None]
    assert kept_in() == set()
    with acting_as(insurer.actor):
        assert claim_get(paper).status == "received"


def heap_of_claims(superuser: Connection[tuple[object, ...]]) -> bytes:
    """Return the bytes of the table's file."""
    superuser.execute("CHECKPOINT")
    row = superuser.execute(
        "SELECT pg_read_binary_file(pg_relation_filepath('claims_claim'))"
    ).fetchone()
    assert row is not None
    assert isinstance(row[0], bytes)
    return row[0]


def test_the_migration_leaves_no_number_in_the_tables_file(
    fresh_db: Channel, databases: Databases
) -> None:
    assert fresh_db.log.name
    call_command(
        "migrate", "claims", "0002_accumulators_go_with_their_person", database="owner", verbosity=0
    )
    with databases.superuser() as superuser:
        superuser.execute("ALTER TABLE claims_claim DISABLE TRIGGER ALL")  # it has no entry
        superuser.execute(
            "INSERT INTO claims_claim (id, organisation_id, submitter_id, subject_id,"
            " control_number, received_at, billed_amount, item_id, commitment, entry_id)"
            " SELECT id, id, id, id, 'PCNOFTHEPAST', now(), 12.30, id, 'c', 'e'"
            " FROM gen_random_uuid() AS id"
        )
        assert b"PCNOFTHEPAST" in heap_of_claims(superuser)
        call_command("migrate", database="owner", verbosity=0)
        assert b"PCNOFTHEPAST" not in heap_of_claims(superuser)
        rows = superuser.execute("SELECT billed_amount::text FROM claims_claim").fetchall()
    assert rows == [("12.30",)]
