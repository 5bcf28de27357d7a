"""What a GraphQL document weighs, limit by limit: the last one taken, the first one refused."""

import itertools
from dataclasses import replace
from typing import Any

import pytest
from graphql import build_schema, get_introspection_query, parse

from foundation.core.query_weight import LIMITS, QueryLimits, QueryTooHeavyError, check_weight

SCHEMA = build_schema(
    """
    type Query {
      thing(first: Int): Thing
      things(first: Int = 20): [Thing!]!
      some: [Thing]
      page(first: Int = 20): Page
      text: String
    }
    type Page { edges: [Thing!]! }
    type Thing { id: ID thing: Thing things(first: Int = 20): [Thing!]! some: [Thing!] }
    """
)


def weigh(text: str, variables: dict[str, Any] | None = None, **changes: int) -> None:
    limits = replace(LIMITS, **changes)
    check_weight(parse(text), schema=SCHEMA, variables=variables or {}, limits=limits)


def refused(text: str, variables: dict[str, Any] | None = None, **changes: int) -> str:
    with pytest.raises(QueryTooHeavyError) as caught:
        weigh(text, variables, **changes)
    return str(caught.value.members["limit"])


def nested(depth: int) -> str:
    return "{" + "thing{" * (depth - 1) + "id" + "}" * (depth - 1) + "}"


def test_the_last_depth_is_taken_and_the_next_refused() -> None:
    weigh(nested(LIMITS.depth_max))
    assert refused(nested(LIMITS.depth_max + 1)) == "depth"


def test_depth_counts_through_fragments() -> None:
    text = "{thing{...A}} fragment A on Thing{thing{...B}} fragment B on Thing{id}"
    weigh(text, depth_max=3)
    assert refused(text, depth_max=2) == "depth"


def test_nesting_without_fields_has_an_end() -> None:
    def empty(levels: int) -> str:
        return "{" + "...{" * levels + "text" + "}" * levels + "}"

    weigh(empty(LIMITS.nesting_max - 1))
    assert refused(empty(LIMITS.nesting_max)) == "nesting"


def test_a_condition_on_a_type_is_followed() -> None:
    weigh("{... on Query{some{id}}}", cost_max=11)
    assert refused("{... on Query{some{id}}}", cost_max=10) == "cost"


def test_aliases_are_counted_wherever_they_stand() -> None:
    text = "{a:text ...A} fragment A on Query{b:text thing{c:id}}"
    weigh(text, aliases_max=3)
    assert refused(text, aliases_max=2) == "aliases"


def test_root_fields_are_counted_through_fragments() -> None:
    text = "{text ...A} fragment A on Query{text some{id}}"
    weigh(text, root_fields_max=3)
    assert refused(text, root_fields_max=2) == "root fields"


def test_fields_of_all_operations_count_together() -> None:
    text = "query A{text} query B{text ...F} fragment F on Query{text}"
    weigh(text, fields_max=4)
    assert refused(text, fields_max=3) == "fields"


def test_a_fragment_that_nobody_spreads_is_weighed_too() -> None:
    assert refused("{text} fragment F on Thing{thing{thing{id}}}", depth_max=2) == "depth"


@pytest.mark.parametrize(
    ("text", "cost"),
    [
        ("{text}", 1),
        ("{thing{id}}", 1 + 100),  # a page size that nobody limits is the largest
        ("{thing(first:3){id}}", 1 + 3),
        ("{things{id}}", 1 + 20),
        ("{things(first:7){id}}", 1 + 7),
        ("{things(first:0){id}}", 1 + 100),
        ("{things(first:101){id}}", 1 + 100),
        ("{things(first:1000000000000){id}}", 1 + 100),
        ('{things(first:"7"){id}}', 1 + 100),
        ("{some{id}}", 1 + 10),
        ("{things(first:5){things(first:4){id some{id}}}}", 1 + 5 * (1 + 4 * (1 + 1 + 10))),
        ("query($n:Int){things(first:$n){id}}", 1 + 9),
        ("query($m:Int){things(first:$m){id}}", 1 + 100),
        ("query($m:Int=8){things(first:$m){id}}", 1 + 8),
        ("query($m:Int=8){things(first:$m){id}} query B($m:Int=2){text}", 1 + 8),
        ('query($m:String="a"){things(first:$m){id}}', 1 + 100),
        ("{page(first:4){edges{id}}}", 1 + 4 * (1 + 1)),
        ("{nothing{id}}", 2),
        ("{...F} fragment F on Nothing{id}", 1),
        ("{text{id}}", 2),
    ],
)
def test_page_sizes_multiply(text: str, cost: int) -> None:
    weigh(text, {"n": 9}, cost_max=cost)
    assert refused(text, {"n": 9}, cost_max=cost - 1) == "cost"


def test_a_fragment_that_spreads_itself_is_refused() -> None:
    assert refused("{...A} fragment A on Query{...B} fragment B on Query{...A}") == "nesting"


def test_an_unknown_fragment_weighs_its_spread() -> None:
    weigh("{...Nowhere}", fields_max=1)


def test_fragments_that_double_each_other_are_weighed_once_each() -> None:
    names = [f"F{n}" for n in range(25)]
    parts = [
        f"fragment {name} on Query{{...{inner} ...{inner}}}"
        for name, inner in itertools.pairwise(names)
    ]
    text = " ".join(["{...F0}", *parts, "fragment F24 on Query{text}"])
    assert refused(text) == "fields"


def test_the_usual_introspection_fits_and_an_endless_one_does_not() -> None:
    weigh(get_introspection_query())
    lists = "__schema{types{fields{type{fields{type{fields{name}}}}}}}"
    assert refused("{" + lists + "}") == "introspection lists"
    deep = '{__type(name:"A"){' + "ofType{" * 15 + "name" + "}" * 15 + "}}"
    assert refused(deep) == "introspection depth"


def test_the_limits_are_those_of_the_reference() -> None:
    assert QueryLimits() == LIMITS
