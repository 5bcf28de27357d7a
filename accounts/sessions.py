"""What a session of a person's says: for which organisation they act, and when they proved it.

Log-in pages call ``log_in`` and pages that sign with a personal key ``reauthenticate``; both
read the password, so they belong to interfaces.
"""

import datetime as dt
from collections.abc import Sequence
from uuid import UUID

from django.contrib.auth import authenticate, login
from django.http import HttpRequest

from accounts.models import User
from accounts.selectors import MembershipInfo, actor_for, membership_list
from foundation.core.actor import AUTHENTICATION, Actor
from foundation.core.problem import ForbiddenError, UnauthenticatedError
from foundation.tenancy import acting_as

ORGANISATION_KEY = "organisation_id"
PROVED_KEY = "reauthenticated_at"


def log_in(request: HttpRequest, *, email: str, password: str, now: dt.datetime) -> None:
    """Log a person in; raise ``UnauthenticatedError`` for any reason that it fails."""
    with acting_as(AUTHENTICATION):
        user = authenticate(request, username=email, password=password)
        if user is not None:
            login(request, user)
    # Outside the transaction: the count of failures stays.
    if user is None:
        raise UnauthenticatedError("e-mail and password do not fit")
    proved(request, now=now)


def reauthenticate(request: HttpRequest, *, password: str, now: dt.datetime) -> None:
    """Let the person of this session prove again who they are; raise ``UnauthenticatedError``."""
    if not isinstance(request.user, User):
        raise UnauthenticatedError("log in first")
    with acting_as(AUTHENTICATION):
        user = authenticate(request, username=request.user.email, password=password)
    if user is None or user.pk != request.user.pk:
        raise UnauthenticatedError("the password does not fit")
    proved(request, now=now)


def proved(request: HttpRequest, *, now: dt.datetime) -> None:
    """Note that the person of this session proved who they are."""
    request.session[PROVED_KEY] = now.isoformat()


def organisation_choose(request: HttpRequest, organisation_id: UUID) -> Actor:
    """Act for this organisation from now on, in this session; raise ``ForbiddenError``."""
    actor = session_actor(request, organisation_id=organisation_id)
    request.session[ORGANISATION_KEY] = str(organisation_id)
    return actor


def session_actor(request: HttpRequest, *, organisation_id: UUID | None = None) -> Actor:
    """Return the actor of the person who is logged in.

    They act for ``organisation_id``, else for the organisation chosen in this session, else for
    the only one that they are a member of; who is a member of none acts as a patient. Raise
    ``UnauthenticatedError``, or ``ForbiddenError`` where there is a choice and none was made.
    """
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        raise UnauthenticatedError("nobody is logged in")
    with acting_as(AUTHENTICATION):
        memberships = membership_list(user.pk)
        found = organisation_id or _chosen(request, memberships)
        return actor_for(user.pk, found, reauthenticated_at=_proved_at(request))


def _chosen(request: HttpRequest, memberships: Sequence[MembershipInfo]) -> UUID | None:
    """Return the organisation to act for; a choice whose membership ended does not count."""
    ids = [membership.organisation_id for membership in memberships]
    chosen = request.session.get(ORGANISATION_KEY)
    for id_ in ids:
        if str(id_) == chosen:
            return id_
    if len(ids) > 1:
        raise ForbiddenError("you belong to several organisations: choose one")
    return ids[0] if ids else None


def _proved_at(request: HttpRequest) -> dt.datetime | None:
    text = request.session.get(PROVED_KEY)
    return None if text is None else dt.datetime.fromisoformat(text)
