"""Sessions: logging in, proving it again, choosing for whom to act."""

import datetime as dt
from uuid import uuid4

import pytest
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest
from django.test import RequestFactory
from pytest_django.fixtures import Settings

from accounts.authentication import Principal, client_ip
from accounts.models import Credential, Membership, Organisation, User
from accounts.services import membership_grant
from accounts.sessions import log_in, organisation_choose, reauthenticate, session_actor
from foundation.core.actor import SYSTEM, Role
from foundation.core.problem import ForbiddenError, UnauthenticatedError
from tests.accounts.conftest import PASSWORD, World
from tests.conftest import NOW

LATER = NOW + dt.timedelta(minutes=9)


def page() -> HttpRequest:
    request = RequestFactory().post("/", REMOTE_ADDR=f"192.0.2.{uuid4().int % 256}")
    request.session, request.user = SessionStore(), AnonymousUser()
    return request


def test_log_in_makes_an_actor_who_just_proved_it(world: World) -> None:
    person, request = world.person(world.admit(), Role.PHARMACIST), page()
    log_in(request, email=person.email, password=PASSWORD, now=NOW)
    assert isinstance(request.user, User)
    actor = session_actor(request)
    assert (actor.person_id, actor.reauthenticated_at) == (person.id, NOW)
    reauthenticate(request, password=PASSWORD, now=LATER)
    assert session_actor(request).reauthenticated_at == LATER


def test_a_wrong_password_proves_nothing(world: World) -> None:
    person, request = world.person(world.admit(), Role.PHARMACIST), page()
    with pytest.raises(UnauthenticatedError):
        log_in(request, email=person.email, password="wrong", now=NOW)
    with pytest.raises(UnauthenticatedError):
        session_actor(request)
    log_in(request, email=person.email, password=PASSWORD, now=NOW)
    with pytest.raises(UnauthenticatedError):
        reauthenticate(request, password="wrong", now=LATER)
    assert session_actor(request).reauthenticated_at == NOW


@pytest.mark.usefixtures("world")
def test_who_is_not_logged_in_proves_nothing() -> None:
    request = page()
    request.user = Principal(actor=SYSTEM)  # type: ignore[assignment] # no row
    with pytest.raises(UnauthenticatedError):
        reauthenticate(request, password=PASSWORD, now=NOW)


def test_a_choice_holds_for_the_session_and_only_among_memberships(world: World) -> None:
    first, second, third = world.admit(), world.admit(), world.admit()
    person, request = world.person(first, Role.PHARMACIST), page()
    membership_grant(
        actor=SYSTEM,
        user_id=person.id,
        organisation_id=second.organisation,
        roles=[Role.AUDITOR],
        now=NOW,
    )
    log_in(request, email=person.email, password=PASSWORD, now=NOW)
    with pytest.raises(ForbiddenError, match="choose"):
        session_actor(request)
    chosen = organisation_choose(request, second.organisation)
    assert session_actor(request) == chosen
    assert chosen.organisation_id == second.organisation_id
    with pytest.raises(ForbiddenError):
        organisation_choose(request, third.organisation)
    assert session_actor(request) == chosen


def test_only_the_proxys_word_on_an_address_counts(settings: Settings) -> None:
    forged = {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "192.0.2.9, 192.0.2.1"}
    request = RequestFactory().get("/", **forged)  # type: ignore[arg-type] # the environment
    assert client_ip(request) == "10.0.0.1"
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    assert client_ip(request) == "192.0.2.1"
    assert client_ip(RequestFactory().get("/", REMOTE_ADDR="10.0.0.1")) == "10.0.0.1"


def test_an_api_users_id_is_the_persons_or_the_keys(world: World) -> None:
    organisation = world.admit()
    person = world.person(organisation, Role.PHARMACIST)
    _, key = world.key(organisation, "epcis:read")
    assert Principal(actor=person.actor).pk == person.id
    assert Principal(actor=key).pk == key.api_key_id


def test_rows_are_called_by_what_people_know() -> None:
    assert str(Organisation(name="Rialto")) == "Rialto"
    assert str(Credential(type="NPI", value="1234567893")) == "NPI 1234567893"
    assert str(Membership(roles=["admin", "auditor"])) == "admin, auditor"
