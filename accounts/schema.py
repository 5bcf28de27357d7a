"""Accounts in GraphQL: who asks, and who is a member of the channel."""

from typing import Any
from uuid import UUID

import graphene

from accounts.selectors import OrganisationInfo, organisation_get, organisation_page
from foundation.core.actor import Actor
from foundation.core.problem import ForbiddenError
from foundation.graphql.types import Page, actor_of, page_of, paged, wanted
from foundation.tenancy import acting_as


class Organization(graphene.ObjectType):
    """A member of the channel (FHIR's spelling); ``npi`` is the one verified for it last."""

    id = graphene.UUID(required=True)
    name = graphene.String(required=True)
    kind = graphene.String(required=True)
    gln = graphene.String()
    npi = graphene.String()


class Me(graphene.ObjectType):
    """Who asks, for whom, and what they may ask for."""

    kind = graphene.String(required=True)
    organisation_id = graphene.UUID()
    person_id = graphene.UUID()
    api_key_id = graphene.UUID()
    roles = graphene.List(graphene.NonNull(graphene.String), required=True)
    scopes = graphene.List(graphene.NonNull(graphene.String), required=True)

    @staticmethod
    def resolve_roles(actor: Actor, _info: Any) -> list[str]:
        """Return the roles in one order."""
        return sorted(actor.roles)

    @staticmethod
    def resolve_scopes(actor: Actor, _info: Any) -> list[str]:
        """Return the scopes in one order."""
        return sorted(actor.scopes)


class Query(graphene.ObjectType):
    """What anybody who is known may ask of accounts."""

    me = graphene.Field(Me, required=True, description="Who asks.")
    organisation = graphene.Field(
        Organization,
        id=graphene.UUID(description="one's own where it is left out"),
        description="A member of the channel.",
    )
    members = paged(Organization, "Organization", description="The channel's members, by name.")

    @staticmethod
    def resolve_me(_root: None, info: Any) -> Actor:
        """Return who asks."""
        return actor_of(info)

    @staticmethod
    def resolve_organisation(_root: None, info: Any, id: UUID | None = None) -> OrganisationInfo:  # noqa: A002 - the argument's name
        """Return a member; raise ``NotFoundError``, or ``ForbiddenError`` where there is no own."""
        actor = actor_of(info)
        found = id or actor.organisation_id
        if found is None:
            raise ForbiddenError("you act for no organisation: name one by its id")
        with acting_as(actor):
            return organisation_get(found)

    @staticmethod
    def resolve_members(
        _root: None, info: Any, first: int, after: str | None = None
    ) -> Page[OrganisationInfo]:
        """Return a page of the members."""
        asked = wanted(first, after, str, UUID)
        with acting_as(actor_of(info)):
            rows = organisation_page(after=asked.key, limit=asked.limit)
        return page_of(rows, asked, lambda row: (row.name, row.id))
