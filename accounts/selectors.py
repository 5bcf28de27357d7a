"""What accounts answers: frozen values, never rows. Inside ``acting_as`` only.

``actor_for`` alone opens its own transaction, as authentication: it is asked before anybody acts.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db.models import F, OuterRef, Q, QuerySet, Subquery

from accounts.core.credential import CredentialType
from accounts.core.organisation import OrganisationKind
from accounts.core.scopes import roles_misplaced, scopes_of
from accounts.models import ApiKey, Credential, Membership, Organisation, User
from foundation.core.actor import AUTHENTICATION, Actor, ActorKind, Role
from foundation.core.problem import ForbiddenError, NotFoundError
from foundation.tenancy import acting_as


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationInfo:
    """A member of the channel. ``npi`` is the one verified for it that began last."""

    id: UUID
    name: str
    kind: OrganisationKind
    gln: str | None
    npi: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MembershipInfo:
    """What a person may do in one organisation."""

    user_id: UUID
    organisation_id: UUID
    organisation_name: str
    roles: frozenset[Role]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyInfo:
    """An API key without its secret."""

    id: UUID
    name: str
    prefix: str
    scopes: frozenset[str]
    networks: tuple[str, ...]
    created_at: dt.datetime
    expires_at: dt.datetime | None
    revoked_at: dt.datetime | None


def actor_for(
    user_id: UUID,
    organisation_id: UUID | None,
    *,
    reauthenticated_at: dt.datetime | None = None,
) -> Actor:
    """Return the actor of a person in an organisation, or of a patient without one.

    ``reauthenticated_at`` is when this person, in this session, last proved who they are. Roles
    that nobody has in an organisation of its kind do not count, however they were granted. Raise
    ``ForbiddenError`` where the person is not active or no member of the organisation, or where
    no role is left.
    """
    with acting_as(AUTHENTICATION):
        if not User.objects.filter(id=user_id, is_active=True).exists():
            raise ForbiddenError("this account is closed")
        if organisation_id is None:
            roles = frozenset({Role.PATIENT})
        else:
            found = Membership.objects.filter(user_id=user_id, organisation_id=organisation_id)
            row = found.values_list("roles", "organisation__kind").first()
            if row is None:
                raise ForbiddenError("this account is no member of that organisation")
            roles = _roles(*row)
            if not roles:
                raise ForbiddenError(
                    "this account has no role that an organisation of its kind has"
                )
    return Actor(
        kind=ActorKind.PATIENT if organisation_id is None else ActorKind.ORGANISATION,
        organisation_id=organisation_id,
        person_id=user_id,
        roles=roles,
        scopes=scopes_of(roles),
        reauthenticated_at=reauthenticated_at,
    )


def organisation_get(organisation_id: UUID) -> OrganisationInfo:
    """Return an organisation of the channel; raise ``NotFoundError``."""
    return _one(Organisation.objects.filter(id=organisation_id))


def organisation_by_gln(gln: str) -> OrganisationInfo:
    """Return whom a GLN names: its own, or one verified for it; raise ``NotFoundError``.

    An organisation has a GLN of its own and any number for its places.
    """
    holders = Credential.objects.filter(type=CredentialType.GLN, value=gln).order_by("-valid_from")
    found = Organisation.objects.filter(gln=gln)
    return _one(found if found.exists() else _holder(holders))


def organisation_by_npi(npi: str, on_date: dt.date) -> OrganisationInfo:
    """Return whose NPI it was on a day; raise ``NotFoundError``."""
    holders = _valid(CredentialType.NPI, on_date).filter(value=npi)
    return _one(_holder(holders))


def organisation_list() -> list[OrganisationInfo]:
    """Return every member of the channel, by name."""
    return _infos(Organisation.objects.order_by("name", "id"))


def organisation_page(*, after: tuple[str, UUID] | None, limit: int) -> list[OrganisationInfo]:
    """Return members of the channel by name, past the one of this name and id."""
    rows = Organisation.objects.order_by("name", "id")
    if after is not None:
        name, id_ = after
        rows = rows.filter(Q(name__gt=name) | Q(name=name, id__gt=id_))
    return _infos(rows[:limit])


def credential_valid(organisation_id: UUID, type_: CredentialType, on_date: dt.date) -> bool:
    """Return whether a credential of this type, verified for it, held on a day."""
    return _valid(type_, on_date).filter(holder_id=organisation_id).exists()


def membership_list(user_id: UUID) -> list[MembershipInfo]:
    """Return where a person is a member, by the organisation's name, as far as the actor sees."""
    rows = Membership.objects.filter(user_id=user_id).select_related("organisation")
    return [
        MembershipInfo(
            user_id=user_id,
            organisation_id=row.organisation_id,
            organisation_name=row.organisation.name,
            roles=_roles(row.roles, row.organisation.kind),
        )
        for row in rows.order_by("organisation__name", "organisation_id")
    ]


def api_key_list() -> list[ApiKeyInfo]:
    """Return the API keys of the acting organisation, the newest first."""
    return [api_key_info(row) for row in ApiKey.objects.order_by("-created_at", "id")]


def api_key_info(row: ApiKey) -> ApiKeyInfo:
    """Return a row of ours as a value."""
    return ApiKeyInfo(
        id=row.id,
        name=row.name,
        prefix=row.prefix,
        scopes=frozenset(row.scopes),
        networks=tuple(row.networks),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )


def _roles(names: Iterable[str], kind: str) -> frozenset[Role]:
    """Return the roles that hold in an organisation of this kind, whatever was once granted."""
    granted = frozenset(Role(name) for name in names)
    return granted.difference(roles_misplaced(granted, OrganisationKind(kind)))


def _valid(type_: CredentialType, on_date: dt.date) -> QuerySet[Credential]:
    return Credential.objects.filter(
        Q(expires_on=None) | Q(expires_on__gte=on_date), type=type_, valid_from__lte=on_date
    ).order_by("-valid_from")


def _holder(credentials: QuerySet[Credential]) -> QuerySet[Organisation]:
    return Organisation.objects.filter(id__in=credentials.values("holder_id")[:1])


def _one(rows: QuerySet[Organisation]) -> OrganisationInfo:
    found = _infos(rows)
    if not found:
        raise NotFoundError("no organisation of this channel is known so")
    return found[0]


def _infos(rows: QuerySet[Organisation]) -> list[OrganisationInfo]:
    npis = Credential.objects.filter(type=CredentialType.NPI, holder_id=OuterRef("id"))
    newest = npis.order_by(F("valid_from").desc(), "id").values("value")[:1]
    values: Iterable[tuple[UUID, str, str, str | None, str | None]] = rows.annotate(
        npi=Subquery(newest)
    ).values_list("id", "name", "kind", "gln", "npi")
    return [
        OrganisationInfo(id=id_, name=name, kind=OrganisationKind(kind), gln=gln, npi=npi)
        for id_, name, kind, gln, npi in values
    ]
