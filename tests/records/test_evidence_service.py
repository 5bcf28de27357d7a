"""Evidence for claims: proven by the holder's ledger under consent, and silent about the rest."""

import re
from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from foundation.core.actor import PUBLIC, Actor
from foundation.core.problem import ForbiddenError, NotFoundError
from foundation.metrics import render_metrics
from foundation.tenancy import acting_as
from records.models import Record
from records.services import RecordEvidence, record_evidence
from records.services.evidence import NOTHING, UNREADABLE
from tests.conftest import NOW
from tests.database import Databases
from tests.records.acts import entries, permit, submit
from tests.records.conftest import House
from tests.records.house import SEEDS, consent, observation, patient
from tests.vault.conftest import tamper
from vault.services import damage_list

MEMBER = ("urn:payer:member", "M1")


@pytest.fixture
def insurer(new_house: object) -> House:
    """Who pays."""
    found: House = new_house("insurer")  # type: ignore[operator]
    return found


def ask(
    insurer: House, hospital: House, record: object, *members: str, reader: Actor | None = None
) -> RecordEvidence:
    return record_evidence(
        reader=reader or insurer.actor,
        holder_organisation_id=hospital.actor.organisation,
        record=str(record),
        member_ids=members or ("M1",),
        seeds=SEEDS,
        now=NOW,
    )


def anchored(hospital: House) -> UUID:
    return submit(hospital, patient("p1", MEMBER), observation())[1]


def test_a_consented_record_of_the_member_is_proven_by_two_entries(
    hospital: House, insurer: House
) -> None:
    record = anchored(hospital)
    submit(hospital, permit(insurer, "HPAYMT"))
    found = ask(insurer, hospital, record, "M0", "M1")
    with acting_as(hospital.actor):
        entry_id = bytes(Record.objects.get(record_id=record).entry_id)
    assert (found.anchored.state, found.anchored.entry_ids) == ("proven", (entry_id,))
    assert (found.consent.state, len(found.consent.entry_ids)) == ("proven", 1)
    kind, body = entries(hospital)[-1]
    assert (kind, body["count"]) == ("records.disclosure.made.v1", 1)
    assert ask(insurer, hospital, record.hex.upper()).anchored == found.anchored


def test_missing_foreign_and_refused_answer_alike_and_are_entered_alike(
    hospital: House, insurer: House
) -> None:
    record = anchored(hospital)
    (other,) = submit(hospital, {"resourceType": "Location", "id": "l1"})
    worlds = [(uuid4(), "M1"), ("no number", "M1"), (record, "M2"), (record, "M1"), (other, "M1")]
    for record_id, member in worlds:
        assert ask(insurer, hospital, record_id, member) == NOTHING
    made = [body for kind, body in entries(hospital) if "disclosure" in kind]
    assert [body["count"] for body in made] == [0] * len(worlds)


def test_a_revocation_holds_from_the_next_question_on(hospital: House, insurer: House) -> None:
    record = anchored(hospital)
    submit(hospital, permit(insurer, "HPAYMT"))
    assert ask(insurer, hospital, record) != NOTHING
    submit(hospital, consent(base="OPTOUT"))
    assert ask(insurer, hospital, record) == NOTHING
    submit(hospital, permit(insurer, "TREAT"))
    assert ask(insurer, hospital, record) == NOTHING


def test_only_organisations_ask_and_only_members_are_asked(hospital: House, insurer: House) -> None:
    record = anchored(hospital)
    with pytest.raises(ForbiddenError):
        ask(insurer, hospital, record, reader=PUBLIC)
    stranger = replace(hospital, actor=replace(hospital.actor, organisation_id=uuid4()))
    with pytest.raises(NotFoundError):
        ask(insurer, stranger, record)


SPOIL = (
    "UPDATE vault_personalitem SET envelope ="
    " set_byte(envelope, 40, 255 - get_byte(envelope, 40)) WHERE id = '{}'"
)


def gauge() -> float:
    (line,) = re.findall(rb"^theriac_vault_unreadable (.+)$", render_metrics(), re.MULTILINE)
    return float(line)


@pytest.mark.parametrize("type_", ["Observation", "Consent", "Patient"])
def test_a_damaged_item_is_evidence_of_nothing_and_noted_for_its_holder(
    hospital: House, insurer: House, databases: Databases, type_: str
) -> None:
    record = anchored(hospital)
    submit(hospital, permit(insurer, "HPAYMT"))
    with acting_as(hospital.actor):
        item_id = Record.objects.get(resource_type=type_).item_id
    before, noted = entries(hospital), gauge()
    tamper(databases, SPOIL.format(item_id))
    assert [ask(insurer, hospital, record) for _ in range(2)] == [UNREADABLE] * 2
    assert entries(hospital) == before
    (found,) = damage_list(actor=hospital.actor)
    assert (found.item_id, found.found_at) == (item_id, NOW)
    assert damage_list(actor=insurer.actor) == ()
    assert gauge() == noted + 1
    tamper(databases, SPOIL.format(item_id))  # restored
    assert damage_list(actor=hospital.actor) == ()
    assert gauge() == noted
    assert ask(insurer, hospital, record).anchored.state == "proven"


def test_an_item_that_is_gone_without_an_erasure_never_reads_as_erased(
    hospital: House, insurer: House, databases: Databases
) -> None:
    record = anchored(hospital)
    submit(hospital, permit(insurer, "HPAYMT"))
    with acting_as(hospital.actor):
        item_id = Record.objects.get(record_id=record).item_id
    tamper(
        databases, f"UPDATE vault_personalitem SET id = gen_random_uuid() WHERE id = '{item_id}'"
    )
    assert ask(insurer, hospital, record) == UNREADABLE
    answer = hospital.system.get("Observation/o1")
    assert (answer.status_code, answer.json()["resourceType"]) == (500, "OperationOutcome")


def test_a_key_that_does_not_open_is_evidence_of_nothing(
    hospital: House, insurer: House, databases: Databases
) -> None:
    record = anchored(hospital)
    submit(hospital, permit(insurer, "HPAYMT"))
    with databases.superuser() as superuser:
        superuser.execute(
            "UPDATE vault_subjectkey SET wrapped_key ="
            " set_byte(wrapped_key, 40, 255 - get_byte(wrapped_key, 40))"
            f" WHERE organisation_id = '{hospital.actor.organisation}'"
        )
    assert ask(insurer, hospital, record) == UNREADABLE
