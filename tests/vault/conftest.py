"""An organisation that keeps notes about people."""

from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
from pytest_django.fixtures import Settings

from accounts.services import operator_project
from foundation.core.actor import Actor
from tests.accounts.conftest import World
from tests.conftest import NOW, Channel, organisation_actor
from tests.database import Databases
from tests.vault.erasing import Hospital, NewHospital, hospital_of
from vault import registry
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


def tamper(databases: Databases, sql: str) -> None:
    """Change one row of items as who may switch the triggers off."""
    with databases.superuser() as superuser, superuser.transaction():
        superuser.execute("ALTER TABLE vault_personalitem DISABLE TRIGGER rewrap_needs_erasure")
        assert superuser.execute(sql.encode()).rowcount == 1
        superuser.execute("SET CONSTRAINTS ALL IMMEDIATE")
        superuser.execute(
            "ALTER TABLE vault_personalitem ENABLE ALWAYS TRIGGER rewrap_needs_erasure"
        )


@pytest.fixture
def world(channel: Channel, settings: Settings) -> World:
    """The worker's channel, with the operator's row."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    operator_project(actor=channel.operator)
    return World(channel=channel)


@pytest.fixture
def new_hospital(world: World) -> NewHospital:
    """Make hospitals whose officers may erase."""
    return lambda: hospital_of(world)


@pytest.fixture
def clinic(new_hospital: NewHospital) -> Hospital:
    """One such hospital."""
    return new_hospital()


@pytest.fixture
def _registry_as_it_was() -> Iterator[None]:
    before = dict(registry._HOLDERS)  # noqa: SLF001 - what a test registers goes with it
    yield
    registry._HOLDERS.clear()  # noqa: SLF001
    registry._HOLDERS.update(before)  # noqa: SLF001
