"""API keys: shown once, stopped at once, and silent about why."""

import datetime as dt
from uuid import uuid4

import pytest

from accounts.core.organisation import OrganisationKind
from accounts.core.scopes import MissingScopeError, Scope, ScopeError, roles_misplaced
from accounts.models import ApiKey
from accounts.networks import NetworkError
from accounts.selectors import api_key_list
from accounts.services import api_key_actor, api_key_create, api_key_revoke
from foundation.core.actor import PUBLIC, SYSTEM, Actor, ActorKind, Role
from foundation.core.problem import (
    BadInputError,
    ForbiddenError,
    NotFoundError,
    UnauthenticatedError,
)
from foundation.tenancy import acting_as
from tests.accounts.conftest import World
from tests.conftest import NOW

IP = "192.0.2.1"
HOUR = dt.timedelta(hours=1)


def rows() -> list[tuple[object, ...]]:
    with acting_as(SYSTEM):
        return list(ApiKey.objects.order_by("id").values_list("id", "revoked_at"))


def refusal(text: str, ip: str = IP, now: dt.datetime = NOW) -> str:
    with pytest.raises(UnauthenticatedError) as refused:
        api_key_actor(text, ip=ip, now=now)
    return refused.value.detail


def test_a_key_acts_for_its_organisation_within_its_scopes(world: World) -> None:
    organisation = world.admit()
    info, text = api_key_create(
        actor=organisation, name="till", scopes=["epcis:write", "epcis:read"], now=NOW
    )
    assert api_key_actor(text, ip=IP, now=NOW) == Actor(
        kind=ActorKind.ORGANISATION,
        organisation_id=organisation.organisation_id,
        api_key_id=info.id,
        scopes=frozenset({"epcis:read", "epcis:write"}),
    )
    with acting_as(organisation):
        assert api_key_list() == [info]
        row = ApiKey.objects.get(id=info.id)
    assert text.split("_")[1] == info.prefix == row.prefix
    assert str(row) == f"till (thk_{info.prefix}_…)"
    assert text.encode() not in bytes(row.secret_hash)


def test_every_reason_is_refused_in_the_same_words(world: World) -> None:
    organisation = world.admit()
    info, text = api_key_create(
        actor=organisation,
        name="till",
        scopes=["epcis:write"],
        now=NOW,
        expires_at=NOW + HOUR,
        networks=["192.0.2.0/24"],
    )
    other_secret = text[:-4] + ("AAAA" if text[-4:] != "AAAA" else "BBBA")
    unknown = "thk_ffffffffffff" + text[len("thk_ffffffffffff") :]
    reasons = {
        refusal("rubbish"),
        refusal(""),
        refusal("\ud800"),
        refusal(other_secret),
        refusal(unknown),
        refusal(text, ip="198.51.100.1"),
        refusal(text, ip=""),
        refusal(text, now=NOW + HOUR),
    }
    assert api_key_actor(text, ip=IP, now=NOW + HOUR / 2).api_key_id == info.id
    api_key_revoke(actor=organisation, api_key_id=info.id, now=NOW)
    reasons.add(refusal(text))
    assert reasons == {"the API key is not valid here and now"}


def test_a_key_revoked_twice_keeps_its_first_time(world: World) -> None:
    organisation = world.admit()
    info, _ = api_key_create(actor=organisation, name="till", scopes=["epcis:write"], now=NOW)
    first = api_key_revoke(actor=organisation, api_key_id=info.id, now=NOW)
    again = api_key_revoke(actor=organisation, api_key_id=info.id, now=NOW + HOUR)
    assert first.revoked_at == again.revoked_at == NOW


def test_nobody_else_makes_or_revokes_an_organisations_keys(world: World) -> None:
    organisation = world.admit()
    info, _ = api_key_create(actor=organisation, name="till", scopes=["epcis:write"], now=NOW)
    here = set(Role) - set(roles_misplaced(Role, OrganisationKind.PHARMACY))
    roles = sorted(here - {Role.ADMIN})
    members = [world.person(organisation, role).actor for role in roles]
    members.append(world.key(organisation, "ledger:write")[1])
    outsiders = [world.admit(), world.operator, world.person(world.admit(), Role.ADMIN).actor]
    before = rows()
    for actor in (*members, PUBLIC):
        with pytest.raises(ForbiddenError):
            api_key_create(actor=actor, name="x", scopes=["epcis:write"], now=NOW)
        with pytest.raises(ForbiddenError):
            api_key_revoke(actor=actor, api_key_id=info.id, now=NOW)
    for actor in outsiders:
        with pytest.raises(NotFoundError) as foreign:
            api_key_revoke(actor=actor, api_key_id=info.id, now=NOW)
        with pytest.raises(NotFoundError) as missing:
            api_key_revoke(actor=actor, api_key_id=uuid4(), now=NOW)
        assert foreign.value.as_json() == missing.value.as_json()
    assert rows() == before


def test_a_key_makes_no_stronger_one(world: World) -> None:
    organisation = world.admit()
    _, key = world.key(organisation, "accounts:write", "epcis:read")
    api_key_create(actor=key, name="weaker", scopes=["epcis:read"], now=NOW)
    before = rows()
    with pytest.raises(MissingScopeError):
        api_key_create(actor=key, name="stronger", scopes=["epcis:read", "epcis:write"], now=NOW)
    assert rows() == before


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"name": ""}, BadInputError),
        ({"name": "a" * 101}, BadInputError),
        ({"name": "a\n"}, BadInputError),
        ({"scopes": []}, ScopeError),
        ({"scopes": ["all"]}, ScopeError),
        ({"expires_at": NOW}, BadInputError),
        ({"networks": ["everywhere"]}, NetworkError),
    ],
)
def test_what_cannot_be_a_key_makes_none(
    world: World, changes: dict[str, object], error: type[Exception]
) -> None:
    organisation = world.admit()
    before = rows()
    values: dict[str, object] = {"name": "till", "scopes": list(Scope), "now": NOW}
    with pytest.raises(error):
        api_key_create(actor=organisation, **(values | changes))  # type: ignore[arg-type] # by name
    assert rows() == before
