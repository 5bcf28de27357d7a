"""Accounts and memberships: who keeps them, and who becomes whom."""

import datetime as dt
from uuid import UUID, uuid4

import pytest
from django.contrib.auth import authenticate
from django.db import DatabaseError
from django.test import RequestFactory
from pytest_django.fixtures import Settings

from accounts.backends import EmailBackend, attempted_email
from accounts.core.identifiers import IdentifierError
from accounts.core.organisation import OrganisationKind
from accounts.core.scopes import ROLE_SCOPES, MissingScopeError, roles_misplaced
from accounts.models import Membership, User
from accounts.selectors import actor_for, membership_list
from accounts.services import (
    EmailTakenError,
    WeakPasswordError,
    membership_grant,
    membership_revoke,
    user_create,
)
from foundation.core.actor import AUTHENTICATION, PUBLIC, SYSTEM, Actor, ActorKind, Role
from foundation.core.problem import (
    BadInputError,
    ConflictError,
    ForbiddenError,
    NotFoundError,
)
from foundation.tenancy import OutsideActingAsError, acting_as
from tests.accounts.conftest import PASSWORD, Person, World
from tests.conftest import NOW


def fresh_email() -> str:
    return f"{uuid4()}@example.org"


def counts() -> tuple[int, int]:
    with acting_as(SYSTEM):
        return User.objects.count(), Membership.objects.count()


def intruders(world: World, organisation: Actor) -> list[Actor]:
    """Return everybody who may not keep the accounts of ``organisation``."""
    here = set(Role) - set(roles_misplaced(Role, OrganisationKind.PHARMACY))
    roles = sorted(here - {Role.ADMIN})
    outsider = world.person(world.admit(), Role.ADMIN).actor
    return [
        outsider,
        *(world.person(organisation, role).actor for role in roles),
        world.key(organisation, "ledger:write", "accounts:read")[1],
        actor_for(world.person(organisation, Role.ADMIN).id, None),
        PUBLIC,
        AUTHENTICATION,
    ]


def test_an_account_logs_in_whatever_the_spelling(world: World) -> None:
    person = world.person(world.admit(), Role.PHARMACIST)
    request = RequestFactory().get("/")
    found = EmailBackend().authenticate(request, person.email.upper(), PASSWORD)
    assert found is not None
    assert found.pk == person.id
    assert EmailBackend().authenticate(request, None, PASSWORD, email=person.email) == found
    assert EmailBackend().get_user(person.id) == found


@pytest.mark.parametrize("password", ["wrong", "", None])
def test_a_wrong_password_or_address_finds_nobody(world: World, password: str | None) -> None:
    person = world.person(world.admit(), Role.PHARMACIST)
    backend = EmailBackend()
    assert backend.authenticate(None, person.email, password) is None
    for unknown in (fresh_email(), "", "no address", None):
        assert backend.authenticate(None, unknown, PASSWORD) is None
    assert backend.get_user(uuid4()) is None


def test_a_closed_account_finds_nobody_and_becomes_nobody(world: World) -> None:
    person = world.person(world.admit(), Role.PHARMACIST)
    with acting_as(SYSTEM):
        User.objects.filter(id=person.id).update(is_active=False)
    assert EmailBackend().authenticate(None, person.email, PASSWORD) is None
    assert EmailBackend().get_user(person.id) is None
    with pytest.raises(ForbiddenError, match="closed"):
        actor_for(person.id, person.actor.organisation_id)


def test_a_better_hash_is_kept_at_log_in(world: World, settings: Settings) -> None:
    person = world.person(world.admit(), Role.PHARMACIST)
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.ScryptPasswordHasher",
        "django.contrib.auth.hashers.MD5PasswordHasher",
    ]
    assert EmailBackend().authenticate(None, person.email, PASSWORD) is not None
    with acting_as(AUTHENTICATION):
        assert User.objects.get(id=person.id).password.startswith("scrypt$")


def test_five_failures_lock_an_address_out_in_any_spelling(
    world: World, settings: Settings
) -> None:
    settings.AXES_USERNAME_CALLABLE = "accounts.backends.attempted_email"
    person = world.person(world.admit(), Role.PHARMACIST)

    def log_in(password: str, address: str, email: str = person.email) -> object:
        request = RequestFactory().post("/", REMOTE_ADDR=address)
        return authenticate(request, username=email, password=password)

    spellings = [person.email, person.email.upper(), f" {person.email}"]
    for number in range(5):
        assert log_in("wrong", "192.0.2.1", spellings[number % 3]) is None
    assert log_in(PASSWORD, "192.0.2.1") is None
    assert log_in(PASSWORD, "192.0.2.2") is not None


@pytest.mark.parametrize(
    ("sent", "email"),
    [
        ({"username": "Ada@Example.org"}, "ada@example.org"),
        ({"email": "Ada@Example.org"}, "ada@example.org"),
        ({"username": "nobody"}, ""),
        ({}, ""),
    ],
)
def test_attempts_are_counted_under_one_spelling(sent: dict[str, str], email: str) -> None:
    assert attempted_email(RequestFactory().post("/", sent), None) == email
    assert attempted_email(RequestFactory().get("/"), sent) == email


def test_one_mailbox_has_one_account(world: World) -> None:
    person = world.person(world.admit(), Role.ADMIN)
    before = counts()
    with pytest.raises(EmailTakenError) as refused:
        user_create(actor=person.actor, email=person.email.upper(), password=None, now=NOW)
    assert person.email not in str(refused.value.as_json())
    assert counts() == before


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize(
    ("email", "password", "error"),
    [
        ("nobody", None, IdentifierError),
        ("a@example.org", "short", WeakPasswordError),
        ("a@example.org", "password1", WeakPasswordError),
    ],
)
def test_what_makes_no_account_leaves_none(
    email: str, password: str | None, error: type[Exception]
) -> None:
    before = counts()
    with pytest.raises(error):
        user_create(actor=SYSTEM, email=email, password=password, now=NOW)
    assert counts() == before


def test_an_account_without_a_password_cannot_log_in(world: World) -> None:
    email = fresh_email()
    user_create(actor=world.operator, email=email, password=None, now=NOW)
    assert EmailBackend().authenticate(None, email, "") is None


def test_nobody_else_keeps_an_organisations_accounts(world: World) -> None:
    organisation = world.admit()
    colleague = world.person(organisation, Role.WAREHOUSE)
    actors = intruders(world, organisation)
    before = counts()
    for actor in actors[1:]:
        with pytest.raises(ForbiddenError):
            user_create(actor=actor, email=fresh_email(), password=None, now=NOW)
    for actor in actors:
        with pytest.raises(ForbiddenError):
            membership_grant(
                actor=actor,
                user_id=colleague.id,
                organisation_id=organisation.organisation,
                roles=[Role.ADMIN],
                now=NOW,
            )
        with pytest.raises((ForbiddenError, NotFoundError)):
            membership_revoke(
                actor=actor,
                user_id=colleague.id,
                organisation_id=organisation.organisation,
            )
    assert counts() == before
    assert actor_for(colleague.id, organisation.organisation_id) == colleague.actor


def test_an_admin_adds_changes_and_ends(world: World) -> None:
    organisation = world.admit()
    admin = world.person(organisation, Role.ADMIN).actor
    user_id = user_create(actor=admin, email=fresh_email(), password=PASSWORD, now=NOW)

    def grant(*roles: Role) -> Actor:
        granted = membership_grant(
            actor=admin,
            user_id=user_id,
            organisation_id=organisation.organisation,
            roles=roles,
            now=NOW,
        )
        assert granted.roles == set(roles)
        return actor_for(user_id, organisation.organisation_id)

    assert grant(Role.WAREHOUSE).scopes == ROLE_SCOPES[Role.WAREHOUSE]
    assert grant(Role.PHARMACIST, Role.AUDITOR).roles == {Role.PHARMACIST, Role.AUDITOR}
    membership_revoke(actor=admin, user_id=user_id, organisation_id=organisation.organisation)
    with pytest.raises(ForbiddenError, match="no member"):
        actor_for(user_id, organisation.organisation_id)
    with pytest.raises(NotFoundError):
        membership_revoke(actor=admin, user_id=user_id, organisation_id=organisation.organisation)


def test_the_operator_makes_a_members_first_person_and_changes_nobody(world: World) -> None:
    organisation = world.admit()
    operator = world.person(world.operator, Role.OPERATOR).actor
    user_id = user_create(actor=operator, email=fresh_email(), password=None, now=NOW)

    def grant(role: Role) -> None:
        membership_grant(
            actor=operator,
            user_id=user_id,
            organisation_id=organisation.organisation,
            roles=[role],
            now=NOW,
        )

    grant(Role.ADMIN)
    with pytest.raises(ConflictError):
        grant(Role.AUDITOR)
    with pytest.raises(NotFoundError):
        membership_revoke(
            actor=operator, user_id=user_id, organisation_id=organisation.organisation
        )
    assert actor_for(user_id, organisation.organisation_id).roles == {Role.ADMIN}


@pytest.mark.parametrize("roles", [[], [Role.PATIENT], [Role.ADMIN, Role.PATIENT], [Role.OPERATOR]])
def test_roles_that_nobody_can_have_are_refused(world: World, roles: list[Role]) -> None:
    organisation = world.admit()
    person = world.person(organisation, Role.ADMIN)
    with pytest.raises(BadInputError):
        membership_grant(
            actor=person.actor,
            user_id=person.id,
            organisation_id=organisation.organisation,
            roles=roles,
            now=NOW,
        )
    assert actor_for(person.id, organisation.organisation_id).roles == {Role.ADMIN}


def test_unknown_people_and_organisations_are_not_found(world: World) -> None:
    organisation = world.admit()
    person = world.person(organisation, Role.ADMIN)

    def grant(user_id: UUID, organisation_id: UUID) -> None:
        membership_grant(
            actor=SYSTEM,
            user_id=user_id,
            organisation_id=organisation_id,
            roles=[Role.ADMIN],
            now=NOW,
        )

    with pytest.raises(NotFoundError, match="account"):
        grant(uuid4(), organisation.organisation)
    with pytest.raises(NotFoundError, match="organisation"):
        grant(person.id, uuid4())


def test_a_key_grants_no_more_than_it_has(world: World) -> None:
    organisation = world.admit()
    colleague = world.person(organisation, Role.WAREHOUSE)
    _, key = world.key(organisation, "accounts:write", "epcis:read", "epcis:write", "ledger:read")

    def grant(role: Role) -> None:
        membership_grant(
            actor=key,
            user_id=colleague.id,
            organisation_id=organisation.organisation,
            roles=[role],
            now=NOW,
        )

    grant(Role.WAREHOUSE)
    with pytest.raises(MissingScopeError):
        grant(Role.ADMIN)
    assert actor_for(colleague.id, organisation.organisation_id) == colleague.actor


def test_an_actor_says_who_for_whom_and_since_when(world: World) -> None:
    person = world.person(world.admit(), Role.CLINICIAN, Role.PRIVACY_OFFICER)
    actor = actor_for(person.id, person.actor.organisation, reauthenticated_at=NOW)
    assert actor == Actor(
        kind=ActorKind.ORGANISATION,
        organisation_id=person.actor.organisation_id,
        person_id=person.id,
        roles=frozenset({Role.CLINICIAN, Role.PRIVACY_OFFICER}),
        scopes=ROLE_SCOPES[Role.CLINICIAN] | ROLE_SCOPES[Role.PRIVACY_OFFICER],
        reauthenticated_at=NOW,
    )


def test_without_an_organisation_a_person_is_a_patient(world: World) -> None:
    person = world.person(world.admit(), Role.CLINICIAN)
    actor = actor_for(person.id, None)
    assert (actor.kind, actor.person_id, actor.organisation_id) == (
        ActorKind.PATIENT,
        person.id,
        None,
    )
    assert actor.roles == {Role.PATIENT}


def test_an_unknown_person_becomes_nobody(world: World) -> None:
    for organisation_id in (None, world.operator.organisation):
        with pytest.raises(ForbiddenError):
            actor_for(uuid4(), organisation_id)


def test_memberships_are_listed_as_far_as_the_actor_sees(world: World) -> None:
    first, second = world.admit(), world.admit()
    person = world.person(first, Role.PHARMACIST)
    membership_grant(
        actor=SYSTEM,
        user_id=person.id,
        organisation_id=second.organisation,
        roles=[Role.AUDITOR],
        now=NOW,
    )

    def seen(actor: Actor) -> set[UUID]:
        with acting_as(actor):
            return {found.organisation_id for found in membership_list(person.id)}

    assert seen(AUTHENTICATION) == {first.organisation, second.organisation}
    assert seen(first) == {first.organisation}
    assert seen(second) == {second.organisation}
    assert seen(world.operator) == set()


def test_the_log_in_signal_writes_when_outside_and_joins_inside(world: World) -> None:
    person = world.person(world.admit(), Role.PHARMACIST)
    with acting_as(AUTHENTICATION):
        user = User.objects.get(id=person.id)
    later = NOW + dt.timedelta(minutes=1)
    for moment in (NOW, later):
        user.last_login = moment
        user.save(update_fields=["last_login"])
    with acting_as(AUTHENTICATION):
        user.save(update_fields=["last_login"])
        assert User.objects.get(id=person.id).last_login == later
    with pytest.raises(OutsideActingAsError):
        user.save(update_fields=["name"])


@pytest.mark.parametrize("change", [{"is_superuser": True}, {"email": "Ada@Example.org"}])
def test_the_database_refuses_a_superuser_and_capitals(
    world: World, change: dict[str, object]
) -> None:
    values: dict[str, object] = {"email": fresh_email(), "created_at": NOW, "password": "!"}
    before = counts()
    with pytest.raises(DatabaseError, match="user_"), acting_as(world.operator):
        User.objects.create(**(values | change))
    assert counts() == before


def test_a_person_is_called_by_the_address(world: World) -> None:
    person: Person = world.person(world.admit(), Role.AUDITOR)
    with acting_as(AUTHENTICATION):
        assert str(User.objects.get(id=person.id)) == person.email
        assert str(Membership.objects.get(user_id=person.id)) == "auditor"
