"""People and what they may do: accounts, memberships, roles."""

import datetime as dt
from collections.abc import Iterable
from uuid import UUID, uuid4

from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connections, transaction
from psycopg.errors import ForeignKeyViolation

from accounts.core.identifiers import parse_email
from accounts.core.organisation import OrganisationKind
from accounts.core.scopes import (
    Scope,
    check_grant,
    organisation_with,
    roles_misplaced,
    scopes_of,
)
from accounts.models import Membership, Organisation, User
from accounts.selectors import MembershipInfo
from foundation.core.actor import SYSTEM, Actor, Role
from foundation.core.problem import (
    BadInputError,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    UnprocessableError,
)
from foundation.tenancy import acting_as, current_alias
from ledger.selectors import is_operator


class EmailTakenError(ConflictError):
    """Somebody logs in with this e-mail address already; the message leaves it out."""

    slug = "email-taken"
    title = "There is an account with this e-mail address"


class WeakPasswordError(UnprocessableError):
    """The password is too short, or too common; ``reasons`` says which."""

    slug = "weak-password"
    title = "The password is too weak"


def user_create(
    *,
    actor: Actor,
    email: str,
    password: str | None,
    now: dt.datetime,
    name: str = "",
    is_staff: bool = False,
    user_id: UUID | None = None,
) -> UUID:
    """Make an account; return its id. Without a password nobody can log in to it yet.

    It has no rights until ``membership_grant``. The actor is an organisation's, or ``SYSTEM``
    (the operator at the server). Raise ``IdentifierError``, ``WeakPasswordError``,
    ``EmailTakenError``, ``MissingScopeError`` or ``ForbiddenError``.
    """
    _check_administers(actor)
    user = User(
        id=user_id or uuid4(),
        email=parse_email(email),
        name=name,
        is_staff=is_staff,
        created_at=now,
    )
    if password is not None:
        _check_password(password, user)
    user.password = make_password(password)
    with acting_as(actor):
        try:
            with transaction.atomic(using=current_alias()):
                user.save(force_insert=True)
        except IntegrityError as error:
            raise EmailTakenError("ask the person to log in, and grant a membership") from error
    return user.id


def membership_grant(
    *,
    actor: Actor,
    user_id: UUID,
    organisation_id: UUID,
    roles: Iterable[Role],
    now: dt.datetime,
) -> MembershipInfo:
    """Give a person these roles in an organisation, and no others; return the membership.

    An organisation grants in itself, to people it knows; the operator, too, the first
    membership of a person in any organisation; ``SYSTEM`` anything. Raise ``BadInputError`` for
    roles that nobody can have there, ``NotFoundError``, ``MissingScopeError``,
    ``ForbiddenError``, or ``ConflictError`` where the operator would change what is there.
    """
    _check_administers(actor)
    wanted = frozenset(roles)
    check_grant(actor, scopes_of(wanted))
    with acting_as(actor):
        if actor != SYSTEM and actor.organisation_id != organisation_id and not is_operator():
            raise ForbiddenError("an organisation grants roles in itself")
        organisation = Organisation.objects.filter(id=organisation_id).first()
        if organisation is None:
            raise NotFoundError("no organisation of this channel has this id")
        _check_roles(wanted, OrganisationKind(organisation.kind))
        _membership_write(user_id, organisation_id, wanted, now)
        return MembershipInfo(
            user_id=user_id,
            organisation_id=organisation_id,
            organisation_name=organisation.name,
            roles=wanted,
        )


def membership_revoke(*, actor: Actor, user_id: UUID, organisation_id: UUID) -> None:
    """Take a person out of an organisation; the next request finds the rights gone.

    Raise ``NotFoundError`` where there is no such membership that the actor may end,
    ``MissingScopeError`` or ``ForbiddenError``.
    """
    _check_administers(actor)
    with acting_as(actor):
        own = Membership.objects.filter(user_id=user_id, organisation_id=organisation_id)
        may_end = actor == SYSTEM or actor.organisation_id == organisation_id
        if not may_end or own.delete()[0] == 0:
            raise NotFoundError("your organisation has no such member")


def _check_administers(actor: Actor) -> None:
    if actor != SYSTEM:
        organisation_with(actor, Scope.ACCOUNTS_WRITE)


def _check_password(password: str, user: User) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise WeakPasswordError("choose a longer or a rarer one", reasons=error.messages) from error


def _check_roles(roles: frozenset[Role], kind: OrganisationKind) -> None:
    if not roles:
        raise BadInputError("a member has at least one role", path="roles")
    for role in roles_misplaced(roles, kind):
        raise BadInputError(f"nobody of a {kind} has the role {role}", path="roles")


def _membership_write(
    user_id: UUID, organisation_id: UUID, roles: frozenset[Role], now: dt.datetime
) -> None:
    values = {"roles": sorted(roles), "granted_at": now}
    rows = Membership.objects.filter(user_id=user_id, organisation_id=organisation_id)
    if rows.update(**values) > 0:
        return
    alias = current_alias()
    try:
        with transaction.atomic(using=alias):
            Membership.objects.create(user_id=user_id, organisation_id=organisation_id, **values)
            connections[alias].check_constraints()  # foreign keys are deferred: ask now
    except IntegrityError as error:
        if isinstance(error.__cause__, ForeignKeyViolation):
            raise NotFoundError("no account has this id") from error
        raise ConflictError(
            "that person is a member: its own organisation changes roles"
        ) from error
