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
