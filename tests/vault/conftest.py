"""An organisation that keeps notes about people."""

from uuid import UUID, uuid4

import pytest

from foundation.core.actor import Actor
from tests.conftest import NOW, organisation_actor
from vault.registry import HolderSpec, holder_register
from vault.services import Sealed, personal_put, subject_ensure

NOTE, LAB = "tests.note", "tests.lab"
SEED = bytes(range(32))

holder_register(
    HolderSpec(name=NOTE, category="note"),
    HolderSpec(name=LAB, category="lab"),
)


@pytest.fixture
def hospital(db: None) -> Actor:
    """Somebody who keeps notes, and is no member of any channel."""
    del db
    return organisation_actor(uuid4())


def person(actor: Actor, *values: str) -> UUID:
    """Return the subject of these numbers."""
    identifiers = [("urn:mrn", value) for value in values]
    return subject_ensure(actor=actor, identifiers=identifiers, now=NOW)


def put(actor: Actor, subject_id: UUID, ref: UUID, data: bytes, *, holder: str = NOTE) -> Sealed:
    """Keep a note."""
    return personal_put(
        actor=actor,
        subject_id=subject_id,
        holder=holder,
        ref=ref,
        media_type="text/plain",
        data=data,
        header=b'{"v":1}',
        seed=SEED,
    )
