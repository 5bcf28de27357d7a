"""Once a patient is erased, no claim finds what was dispensed, and custody stays as it was."""

import pytest
from pytest_django.fixtures import Settings

from accounts.services import operator_project
from foundation.tenancy import acting_as
from provenance.errors import EventIdTakenError
from provenance.models import Dispensing
from provenance.services import DispensingEvidence
from provenance.services.verification import custody_verify
from tests.accounts.conftest import World
from tests.conftest import Channel
from tests.database import Databases
from tests.provenance.test_dispensings import ask
from tests.provenance.test_exactly_once import in_stock
from tests.provenance.world import custody_of, fill, member, packs
from tests.vault.erasing import hospital_of
from vault.models import PersonalItem


@pytest.fixture
def world(fresh_db: Channel, settings: Settings) -> World:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    operator_project(actor=fresh_db.operator)
    return World(channel=fresh_db)


@pytest.mark.parametrize("category", ["dispensing", None])
def test_an_erased_patients_dispensings_are_found_by_nobody(
    world: World, category: str | None
) -> None:
    maker, pharmacy, insurer = (
        member(world.channel, kind) for kind in ("manufacturer", "pharmacy", "insurer")
    )
    epcs = packs(2)
    in_stock(maker, pharmacy, epcs)
    given = fill(epcs[0], 3)
    pharmacy.record(given)
    pharmacy.record(fill(epcs[1], 4, patient={"system": "urn:mrn", "value": "M-2"}, number="RX2"))
    assert ask(pharmacy, insurer).items
    with acting_as(pharmacy.actor):
        subject_id = Dispensing.objects.get(epc=epcs[0]).subject_id
    before = custody_of(epcs[0])

    hospital_of(world, pharmacy.actor).erase(subject_id, category)

    assert ask(pharmacy, insurer) == DispensingEvidence()
    assert ask(pharmacy, insurer, "RX2").items
    assert custody_of(epcs[0]) == before
    with acting_as(pharmacy.actor):
        kept = {row.holder for row in PersonalItem.objects.filter(subject_id=subject_id)}
    assert not {each for each in kept if each.startswith("provenance.")}
    assert custody_verify().fault is None
    # Nobody can say any more whether this is the same event.
    with pytest.raises(EventIdTakenError):
        pharmacy.record(given)


_GONE = "DELETE FROM vault_personalitem WHERE id = %s"
_FLIPPED = (
    "UPDATE vault_personalitem SET envelope ="
    " set_byte(envelope, 60, get_byte(envelope, 60) # 1) WHERE id = %s"
)
_LOCKED = (
    "DELETE FROM vault_subjectkey WHERE subject_id ="
    " (SELECT subject_id FROM vault_personalitem WHERE id = %s)"
)


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (_GONE, "There is no such item here"),
        (_FLIPPED, "The item cannot be read"),
        (_LOCKED, "The item cannot be read"),
    ],
)
def test_verify_takes_no_damage_in_a_vault_for_an_erasure(
    fresh_db: Channel, databases: Databases, damage: str, what: str
) -> None:
    maker, pharmacy = member(fresh_db, "manufacturer"), member(fresh_db, "pharmacy")
    (epc,) = packs(1)
    in_stock(maker, pharmacy, [epc])
    made = pharmacy.record(fill(epc, 3))
    with acting_as(pharmacy.actor):
        item_id = Dispensing.objects.get().item_id
    with databases.superuser() as superuser:
        superuser.execute("SET session_replication_role = replica")
        for table in ("provenance_event", "vault_personalitem", "vault_subjectkey"):
            superuser.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        superuser.execute(
            "UPDATE provenance_event SET document = document || ' ' WHERE event_id = %s",
            [made.event_ids[0]],
        )
        superuser.execute(damage, [item_id])
    fault = custody_verify().fault
    assert fault is not None
    assert fault.item == made.event_ids[0]
    assert str(item_id) in fault.what
    assert what in fault.what
