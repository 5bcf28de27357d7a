"""The root of GraphQL: each app's queries, side by side. There are no mutations."""

import graphene
from graphql import GraphQLSchema

from accounts.schema import Query as Accounts
from claims.schema import Query as Claims
from ledger.schema import Query as Ledger
from provenance.schema import Query as Provenance
from records.schema import Query as Records


class Query(Accounts, Ledger, Provenance, Records, Claims):
    """Everything that can be asked; each field needs the scope that its REST address needs."""


SCHEMA: GraphQLSchema = graphene.Schema(query=Query).graphql_schema
