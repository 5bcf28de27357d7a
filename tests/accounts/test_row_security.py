"""Row-level security alone: raw SQL, with every filter of ours taken away."""

from uuid import UUID, uuid4

import pytest
from django.db import DatabaseError, connections

from accounts.core.credential import CredentialFacts, CredentialType
from accounts.selectors import actor_for
from accounts.services import credential_verify
from foundation.core.actor import AUTHENTICATION, PUBLIC, SYSTEM, Actor, Role
from foundation.tenancy import APP_ALIAS, SYSTEM_ALIAS, acting_as
from tests.accounts.conftest import World
from tests.conftest import NOW

TABLES = ("user", "membership", "apikey", "organisation", "credential")


def ids(actor: Actor, table: str) -> set[UUID]:
    alias = SYSTEM_ALIAS if actor == SYSTEM else APP_ALIAS
    with acting_as(actor), connections[alias].cursor() as cursor:
        cursor.execute(f"SELECT id FROM accounts_{table}")
        return {row[0] for row in cursor.fetchall()}


def run(actor: Actor, statement: str, *values: UUID) -> int:
    with acting_as(actor), connections[APP_ALIAS].cursor() as cursor:
        cursor.execute(statement, values)
        return int(cursor.rowcount)


def test_each_kind_of_actor_sees_its_rows_and_no_others(world: World) -> None:
    own, other = world.admit(), world.admit()
    people = {actor.organisation: world.person(actor, Role.ADMIN) for actor in (own, other)}
    keys = {actor.organisation: world.key(actor, "epcis:read")[1] for actor in (own, other)}
    for holder in (own, other):
        licence = CredentialFacts(
            holder_id=holder.organisation,
            type=CredentialType.LICENCE,
            value="L 1",
            evidence="register",
            valid_from=NOW.date(),
        )
        credential_verify(actor=world.operator, facts=licence, now=NOW)
    everything = {table: ids(SYSTEM, table) for table in TABLES}
    patient = actor_for(people[own.organisation].id, None)

    assert {table: ids(AUTHENTICATION, table) for table in TABLES} == {
        **everything,
        "credential": set(),
    }
    assert {table: ids(PUBLIC, table) for table in TABLES} == {table: set() for table in TABLES}
    assert ids(own, "user") == {people[own.organisation].id}
    assert len(ids(own, "membership")) == 1
    assert ids(own, "apikey") == {keys[own.organisation].api_key_id}
    assert ids(own, "organisation") == everything["organisation"]
    assert ids(own, "credential") == everything["credential"] != set()
    assert ids(patient, "user") == {people[own.organisation].id}
    assert ids(patient, "organisation") == everything["organisation"]
    for table in ("membership", "apikey", "credential"):
        assert ids(patient, table) == set()


@pytest.mark.parametrize("kind", ["own", "other", "public", "patient"])
def test_groups_and_permissions_of_users_are_authentications(world: World, kind: str) -> None:
    own = world.admit()
    actors = {
        "own": own,
        "other": world.admit(),
        "public": PUBLIC,
        "patient": actor_for(world.person(own, Role.ADMIN).id, None),
    }
    for table in ("user_groups", "user_user_permissions"):
        assert ids(actors[kind], table) == set()
        with pytest.raises(DatabaseError, match="permission denied"):
            run(actors[kind], f"DELETE FROM accounts_{table}")


CHANGES = (
    "UPDATE accounts_membership SET roles = '{admin}' WHERE user_id = %(user)s",
    "DELETE FROM accounts_membership WHERE user_id = %(user)s",
    "UPDATE accounts_user SET password = 'x' WHERE id = %(user)s",
    "UPDATE accounts_apikey SET revoked_at = now() WHERE id = %(key)s",
    "UPDATE accounts_organisation SET gln = '9501101020016' WHERE id = %(org)s",
)


@pytest.mark.parametrize("statement", CHANGES)
def test_an_outsider_changes_no_row(world: World, statement: str) -> None:
    own = world.admit()
    values = {
        "user": world.person(own, Role.WAREHOUSE).id,
        "key": world.key(own, "epcis:read")[1].api_key_id,
        "org": own.organisation,
    }
    outsiders = [world.admit(), world.person(world.admit(), Role.ADMIN).actor, PUBLIC]
    changed = []
    for actor in outsiders:
        with acting_as(actor), connections[APP_ALIAS].cursor() as cursor:
            cursor.execute(statement, values)
            changed.append(cursor.rowcount)
    assert changed == [0, 0, 0]


def test_an_outsider_inserts_nothing(world: World) -> None:
    own, outsider = world.admit(), world.admit()
    user_id = world.person(own, Role.WAREHOUSE).id
    inserts: list[tuple[str, list[UUID]]] = [
        (
            (
                "INSERT INTO accounts_membership (id, user_id, organisation_id, roles, granted_at)"
                " VALUES (%s, %s, %s, '{admin}', now())"
            ),
            [uuid4(), user_id, own.organisation],
        ),
        (
            (
                "INSERT INTO accounts_apikey (id, organisation_id, name, prefix, secret_hash,"
                " scopes, networks, created_at)"
                " VALUES (%s, %s, 'x', 'x', '', '{epcis:read}', '{}', now())"
            ),
            [uuid4(), own.organisation],
        ),
        (
            (
                "INSERT INTO accounts_organisation (id, name, kind, entry_id)"
                " VALUES (%s, 'X', 'pharmacy', '')"
            ),
            [uuid4()],
        ),
        (
            (
                "INSERT INTO accounts_credential (id, organisation_id, holder_id, type, value,"
                " evidence, valid_from, entry_id)"
                " VALUES (%s, %s, %s, 'GLN', 'x', 'x', now(), '')"
            ),
            [uuid4(), outsider.organisation, own.organisation],
        ),
    ]
    before = {table: ids(SYSTEM, table) for table in TABLES}
    for statement, values in inserts:
        for actor in (outsider, PUBLIC, AUTHENTICATION):
            with pytest.raises(DatabaseError, match="row-level security"):
                run(actor, statement, *values)
    assert {table: ids(SYSTEM, table) for table in TABLES} == before


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounts_user SET is_staff = true",
        "UPDATE accounts_user SET email = 'a@b'",
        "DELETE FROM accounts_user",
        "UPDATE accounts_apikey SET scopes = '{accounts:write}'",
        "UPDATE accounts_apikey SET secret_hash = ''",
        "DELETE FROM accounts_apikey",
        "UPDATE accounts_organisation SET name = 'x'",
        "DELETE FROM accounts_organisation",
        "UPDATE accounts_membership SET organisation_id = user_id",
    ],
)
def test_some_columns_nobody_changes(world: World, statement: str) -> None:
    own = world.admit()
    world.person(own, Role.ADMIN)
    for actor in (own, world.operator, AUTHENTICATION):
        with pytest.raises(DatabaseError, match="permission denied"):
            run(actor, statement)


def test_a_person_changes_the_own_password(world: World) -> None:
    own = world.admit()
    person, colleague = world.person(own, Role.WAREHOUSE), world.person(own, Role.ADMIN)
    statement = "UPDATE accounts_user SET password = '!' WHERE id = %s"
    assert run(person.actor, statement, person.id) == 1
    assert run(colleague.actor, statement, person.id) == 0
