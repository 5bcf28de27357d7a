"""Scopes: what roles imply, and who may ask for or give away what."""

from uuid import UUID

import pytest

from accounts.core.scopes import (
    ROLE_SCOPES,
    MissingScopeError,
    Scope,
    ScopeError,
    check_grant,
    check_scope,
    organisation_with,
    parse_scopes,
    scopes_of,
)
from foundation.core.actor import PUBLIC, Actor, ActorKind, Role
from foundation.core.problem import ForbiddenError

ORGANISATION, PERSON, KEY = UUID(int=1), UUID(int=2), UUID(int=3)


def actor(*, person: bool = False, key: bool = False, scopes: tuple[str, ...] = ()) -> Actor:
    return Actor(
        kind=ActorKind.ORGANISATION,
        organisation_id=ORGANISATION,
        person_id=PERSON if person else None,
        api_key_id=KEY if key else None,
        scopes=frozenset(scopes),
    )


def test_every_role_implies_scopes_and_every_scope_is_implied() -> None:
    assert set(ROLE_SCOPES) == set(Role)
    assert scopes_of(Role) == frozenset(Scope)
    assert scopes_of([]) == frozenset()


def test_only_operator_and_admin_write_accounts() -> None:
    writers = {role for role, scopes in ROLE_SCOPES.items() if Scope.ACCOUNTS_WRITE in scopes}
    assert writers == {Role.OPERATOR, Role.ADMIN}


def test_an_auditor_reads_everything_and_writes_nothing() -> None:
    assert ROLE_SCOPES[Role.AUDITOR] == {scope for scope in Scope if scope.endswith("read")}


def test_several_roles_imply_what_each_does() -> None:
    both = scopes_of([Role.WAREHOUSE, Role.ANALYST])
    assert both == {"epcis:read", "epcis:write", "claims:read", "claims:write", "ledger:read"}


def test_scopes_read_back_from_their_names() -> None:
    assert parse_scopes([scope.value for scope in Scope]) == frozenset(Scope)


@pytest.mark.parametrize("texts", [["epcis"], ["epcis:write", ""], [None], [1], [["a"]], [{}]])
def test_what_names_no_scope_is_refused(texts: list[object]) -> None:
    with pytest.raises(ScopeError, match="is none of epcis:read"):
        parse_scopes(texts)


def test_no_scope_at_all_is_refused() -> None:
    with pytest.raises(ScopeError, match="at least one"):
        parse_scopes([])


@pytest.mark.parametrize("asked", [actor(person=True), actor(key=True)])
def test_who_asks_needs_the_scope(asked: Actor) -> None:
    with pytest.raises(MissingScopeError) as refused:
        check_scope(asked, Scope.EPCIS_WRITE)
    assert refused.value.as_json()["scope"] == "epcis:write"


@pytest.mark.parametrize(
    "passed",
    [
        actor(person=True, scopes=("epcis:write",)),
        actor(key=True, scopes=("epcis:write",)),
        actor(),
    ],
)
def test_the_scope_or_the_server_itself_passes(passed: Actor) -> None:
    assert organisation_with(passed, Scope.EPCIS_WRITE) == ORGANISATION


def test_who_acts_for_no_organisation_is_refused() -> None:
    with pytest.raises(ForbiddenError, match="only organisations"):
        organisation_with(PUBLIC, Scope.EPCIS_WRITE)


def test_a_key_gives_away_what_it_has_and_no_more() -> None:
    key = actor(key=True, scopes=("epcis:read",))
    check_grant(key, ["epcis:read"])
    with pytest.raises(MissingScopeError, match="records:read"):
        check_grant(key, ["epcis:read", "records:read"])
    assert check_grant(actor(person=True), ["records:read"]) is None  # type: ignore[func-returns-value] # nothing is refused
