"""Whatever query the schema allows: an answer or a refusal, and never a bug of ours."""

import hypothesis
import pytest
from graphql import print_schema
from hypothesis import strategies as st

from config.schema import SCHEMA
from tests.accounts.conftest import World
from tests.graphql.conftest import Asker, system

_graphql = pytest.importorskip(
    "hypothesis_graphql", reason="hypothesis-graphql comes with THERIAC_DEV=1"
)
nodes, queries = _graphql.nodes, _graphql.queries

SCALARS = {
    "UUID": st.uuids(version=4).map(lambda each: nodes.String(str(each))),
    "Hash": st.binary(min_size=32, max_size=32).map(lambda each: nodes.String(each.hex())),
}
FIELDS = sorted(SCHEMA.query_type.fields) if SCHEMA.query_type else []
SCOPES = ("epcis:read", "claims:read", "records:read", "ledger:read")
EXPECTED = {"BAD_QUERY", "QUERY_TOO_HEAVY", "BAD_INPUT", "BAD_CURSOR", "NOT_FOUND", "UNKNOWN_ENTRY"}


def campaign(asker: Asker, field: str, examples: int) -> None:
    """Ask ``examples`` queries for a field."""

    @hypothesis.given(query=queries(print_schema(SCHEMA), fields=[field], custom_scalars=SCALARS))
    @hypothesis.settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    def once(query: str) -> None:
        answer = asker.post({"query": query}, **{"Theriac-Purpose": "TREAT"})
        assert answer.status_code in {200, 400}, answer.content
        codes = {each["extensions"]["code"] for each in answer.json().get("errors", ())}
        assert "INTERNAL" not in codes, query

    once()


@pytest.mark.parametrize("field", FIELDS)
def test_no_query_meets_a_bug_of_ours(world: World, field: str) -> None:
    campaign(system(world, world.admit(), *SCOPES), field, examples=4)


@pytest.mark.faults
@pytest.mark.parametrize("field", FIELDS)
def test_no_query_of_a_long_campaign_meets_a_bug_of_ours(world: World, field: str) -> None:
    campaign(system(world, world.admit(), *SCOPES), field, examples=150)
