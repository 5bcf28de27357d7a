"""The database lets no person go without the entry; a row that is left denies the certificate."""

from uuid import UUID, uuid4

import pytest
from django.db import DatabaseError, connections
from psycopg.errors import InsufficientPrivilege

from foundation.core.actor import SYSTEM, Actor
from foundation.tenancy import acting_as
from tests.conftest import NOW, organisation_actor
from tests.database import Databases
from tests.vault.erased_rows import kept, rows_of
from tests.vault.erasing import Hospital
from vault.core.erasure import ErasureProbeError, ErasureState
from vault.registry import HolderSpec, holder_register
from vault.services import erasure_certify

TABLES = (
    "vault_subject",
    "vault_subjectidentifier",
    "vault_subjectkey",
    "vault_subjecttag",
    "vault_subjectlookup",
    "vault_personalitem",
)


@pytest.mark.parametrize("table", ["vault_personalitem", "vault_subjectkey", "vault_subjecttag"])
def test_there_is_no_certificate_while_a_row_is_still_there(
    clinic: Hospital, databases: Databases, table: str
) -> None:
    subject_id, _ = kept(clinic)
    with databases.superuser() as superuser:
        superuser.execute(f"CREATE TABLE copy AS SELECT * FROM {table}".encode())
    erasure_id = clinic.propose(subject_id)
    clinic.approve(erasure_id)
    with databases.superuser() as superuser, superuser.transaction():
        # As a dump that somebody plays back, foreign keys or not.
        superuser.execute("SET LOCAL session_replication_role = replica")
        superuser.execute(
            f"INSERT INTO {table} SELECT * FROM copy WHERE subject_id = %s".encode(), [subject_id]
        )
        superuser.execute("DROP TABLE copy")
    with pytest.raises(ErasureProbeError, match="still opens"):
        erasure_certify(actor=clinic.actor, erasure_id=erasure_id, now=NOW)
    assert clinic.info(erasure_id).state is ErasureState.ERASED


@pytest.mark.parametrize("table", TABLES)
def test_nobody_deletes_a_person_without_the_entry(
    clinic: Hospital, databases: Databases, table: str
) -> None:
    subject_id, _ = kept(clinic)
    where = f"WHERE {'id' if table == 'vault_subject' else 'subject_id'} = %s"
    delete = f"DELETE FROM {table} {where}"
    for actor, alias, match in (
        (clinic.actor, "default", "without an erasure of this transaction"),
        (clinic.officer, "default", "without an erasure of this transaction"),
        (SYSTEM, "system", "permission denied"),
    ):
        with (
            pytest.raises(DatabaseError, match=match),
            acting_as(actor),
            connections[alias].cursor() as cursor,
        ):
            cursor.execute(delete, [subject_id])
    stranger = organisation_actor(uuid4())
    with acting_as(stranger), connections["default"].cursor() as cursor:
        cursor.execute(delete, [subject_id])
        assert cursor.rowcount == 0
    with databases.superuser() as superuser:
        for statement in (delete, f"TRUNCATE {table} CASCADE"):
            params = [subject_id] if "%s" in statement else None
            with pytest.raises(InsufficientPrivilege, match="refused"):
                superuser.execute(statement.encode(), params)
    assert rows_of(clinic.actor, subject_id) == [1, 1, 1, 1, 2, 3]


@pytest.mark.usefixtures("_registry_as_it_was")
def test_an_erasure_of_one_person_lets_nobody_else_go(clinic: Hospital) -> None:
    subject_id, _ = kept(clinic)
    neighbour, _ = kept(clinic, "2")

    def sweep(*, actor: Actor, subject_id: UUID) -> None:
        assert actor.organisation == clinic.actor.organisation
        with connections["default"].cursor() as cursor:
            cursor.execute("DELETE FROM vault_subjectlookup WHERE subject_id <> %s", [subject_id])

    holder_register(
        HolderSpec(name="tests.sweep", category="sweep", destroy=sweep, probe=lambda **_: 0)
    )
    erasure_id = clinic.propose(subject_id)
    with pytest.raises(DatabaseError, match="without an erasure"):
        clinic.approve(erasure_id)
    for each in (subject_id, neighbour):
        assert rows_of(clinic.actor, each) == [1, 1, 1, 1, 2, 3]
