"""Scopes: what a request may ask for, by name; roles imply them, API keys are given them.

A scope opens an address. Which rows are behind it, row-level security decides; whether a
patient's data may be read, consent decides.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from uuid import UUID

from accounts.core.organisation import OrganisationKind
from foundation.core.actor import Actor, Role
from foundation.core.problem import BadInputError, ForbiddenError


class Scope(StrEnum):
    """Each names what it reads or writes."""

    EPCIS_READ = "epcis:read"
    EPCIS_WRITE = "epcis:write"
    RECORDS_READ = "records:read"
    RECORDS_WRITE = "records:write"
    CLAIMS_READ = "claims:read"
    CLAIMS_WRITE = "claims:write"
    LEDGER_READ = "ledger:read"
    LEDGER_WRITE = "ledger:write"
    ACCOUNTS_READ = "accounts:read"
    ACCOUNTS_WRITE = "accounts:write"


class ScopeError(BadInputError):
    """No scope has this name."""

    slug = "unknown-scope"
    title = "There is no such scope"


class MissingScopeError(ForbiddenError):
    """The actor's roles, or its API key, do not include the scope; ``scope`` names it."""

    slug = "missing-scope"
    title = "The role or API key does not include this"


_EPCIS = (Scope.EPCIS_READ, Scope.EPCIS_WRITE)
_RECORDS = (Scope.RECORDS_READ, Scope.RECORDS_WRITE)
_CLAIMS = (Scope.CLAIMS_READ, Scope.CLAIMS_WRITE)
_LEDGER = (Scope.LEDGER_READ, Scope.LEDGER_WRITE)
_ACCOUNTS = (Scope.ACCOUNTS_READ, Scope.ACCOUNTS_WRITE)

ROLE_SCOPES: Mapping[Role, frozenset[str]] = {
    Role.CLINICIAN: frozenset({*_RECORDS, Scope.EPCIS_READ, Scope.LEDGER_READ}),
    Role.PHARMACIST: frozenset({*_EPCIS, *_CLAIMS, Scope.RECORDS_READ, Scope.LEDGER_READ}),
    Role.WAREHOUSE: frozenset({*_EPCIS, Scope.LEDGER_READ}),
    Role.ADJUDICATOR: frozenset({*_CLAIMS, Scope.EPCIS_READ, Scope.LEDGER_READ}),
    Role.ANALYST: frozenset({*_CLAIMS, Scope.LEDGER_READ}),
    Role.PRIVACY_OFFICER: frozenset({*_RECORDS, Scope.ACCOUNTS_READ, Scope.LEDGER_READ}),
    Role.AUDITOR: frozenset(scope for scope in Scope if scope.endswith(":read")),
    Role.OPERATOR: frozenset({*_LEDGER, *_ACCOUNTS}),
    Role.ADMIN: frozenset({*_LEDGER, *_ACCOUNTS}),
    Role.PATIENT: frozenset({*_RECORDS, Scope.EPCIS_READ, Scope.CLAIMS_READ}),
}


# Where a role makes sense; one that is not named here does in every kind of organisation.
_CARE = frozenset({OrganisationKind.HOSPITAL, OrganisationKind.PHARMACY})
_PAYERS = frozenset({OrganisationKind.INSURER})
ROLE_KINDS: Mapping[Role, frozenset[OrganisationKind]] = {
    Role.CLINICIAN: _CARE,
    Role.PHARMACIST: _CARE,
    Role.ADJUDICATOR: _PAYERS,
    Role.ANALYST: _PAYERS,
    Role.OPERATOR: frozenset({OrganisationKind.OPERATOR}),
    Role.PATIENT: frozenset(),
}


def roles_misplaced(roles: Iterable[Role], kind: OrganisationKind) -> list[Role]:
    """Return those of the roles that nobody has in an organisation of this kind, sorted."""
    return sorted(role for role in roles if kind not in ROLE_KINDS.get(role, {kind}))


def scopes_of(roles: Iterable[Role]) -> frozenset[str]:
    """Return everything that any of the roles implies."""
    return frozenset().union(*(ROLE_SCOPES[role] for role in roles))


def parse_scopes(texts: Iterable[object]) -> frozenset[str]:
    """Return the scopes that the texts name, at least one; raise ``ScopeError``."""
    scopes = set()
    for text in texts:
        if not isinstance(text, str) or text not in tuple(Scope):
            raise ScopeError(f"{str(text)[:40]!a} is none of {', '.join(Scope)}")
        scopes.add(str(text))
    if not scopes:
        raise ScopeError("name at least one scope")
    return frozenset(scopes)


def check_scope(actor: Actor, scope: str) -> None:
    """Raise ``MissingScopeError`` unless the actor may ask for this.

    An actor without a person and without an API key is the server itself, at work for an
    organisation (a handler, a command): nobody asked, so there is no scope to check.
    """
    asked = actor.person_id is not None or actor.api_key_id is not None
    if asked and scope not in actor.scopes:
        raise MissingScopeError(f"it needs the scope {scope}", scope=scope)


def organisation_with(actor: Actor, scope: str) -> UUID:
    """Return the organisation that the actor may use this scope in.

    Raise ``MissingScopeError``, or ``ForbiddenError`` for who acts for no organisation.
    """
    check_scope(actor, scope)
    if actor.organisation_id is None:
        raise ForbiddenError("only organisations do this")
    return actor.organisation_id


def check_grant(actor: Actor, scopes: Iterable[str]) -> None:
    """Raise ``MissingScopeError`` where an API key would give away more than it has.

    A person who may write accounts could take any role of the organisation, so nothing is
    gained by refusing; a leaked key must not make a stronger one.
    """
    if actor.api_key_id is not None:
        for scope in sorted(scopes):
            check_scope(actor, scope)
