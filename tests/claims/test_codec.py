from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claims.core.codec import CodecError, format_json, parse_as
from claims.core.contract import Params, Table, Terms
from claims.core.facts import Facts
from claims.core.model import Claim
from tests.claims import world

GOOD = format_json(world.claim(world.drug_line(), world.line(2)))
FACTS = format_json(world.facts())
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("\ud800"),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


def test_what_is_written_is_read_back() -> None:
    assert parse_as(Claim, GOOD) == world.claim(world.drug_line(), world.line(2))
    assert parse_as(Facts, FACTS) == world.facts()


def test_every_fault_is_named_with_its_path() -> None:
    bad: Any = {**parse_bad(), "surprise": 1}
    with pytest.raises(CodecError) as caught:
        parse_as(Claim, bad)
    assert sorted(caught.value.faults) == [
        "$.billing_provider_npi: not ten digits",
        "$.claim_id: missing",
        "$.lines[0].drug.ndc: not eleven digits",
        "$.lines[0].service_date: not a date such as 2026-01-31",
        "$.lines[1].number: not a whole number within 2^53 - 1",
        "$.surprise: no such member",
    ]


def parse_bad() -> dict[str, Any]:
    """Return a claim with five faults in it."""
    bad: Any = {**GOOD}  # type: ignore[dict-item]  # the JSON of a dataclass is an object
    del bad["claim_id"]
    first, second = bad["lines"]
    first = {**first, "service_date": "20260302", "drug": {**first["drug"], "ndc": "1"}}
    return {
        **bad,
        "billing_provider_npi": "x" * 10,
        "lines": [first, {**second, "number": True}],
    }


@pytest.mark.parametrize(
    ("kind", "value", "fault"),
    [
        (Claim, [], "$: not an object"),
        (Table, {"cols": "no", "rows": []}, "$.cols: not an array of at most 100000 items"),
        (Table, {"cols": ["\0"], "rows": []}, "$.cols[0]: not a text of at most 2000 characters"),
        (Table, {"cols": ["\ud800"], "rows": []}, "$.cols[0]: half a surrogate pair"),
        (Params, {"filing_days": 1, "unlisted": "maybe"}, "$.unlisted: not one of deny, pend"),
        (Params, {"filing_days": 2**53, "unlisted": "deny"}, "$.filing_days: not a whole number"),
    ],
)
def test_a_value_of_another_type_is_a_fault(kind: type, value: object, fault: str) -> None:
    with pytest.raises(CodecError) as caught:
        parse_as(kind, value)
    assert caught.value.faults[0].startswith(fault)


def test_facts_of_a_contract_are_named_by_strings_with_known_types() -> None:
    wrongs: list[object] = [[], {1: "int"}, {"line.units": "float"}]
    for wrong in wrongs:
        with pytest.raises(CodecError) as caught:
            parse_as(Terms, {**world.terms_json(), "facts": wrong})
        assert len(caught.value.faults) == 1
        assert caught.value.faults[0].startswith("$.facts")


def test_a_record_is_demanded_by_true_or_false_only() -> None:
    terms = world.terms_json()
    terms["evidence"][0]["record"] = 1
    with pytest.raises(CodecError, match=r"\$\.evidence\[0\]\.record: not true or false"):
        parse_as(Terms, terms)


@given(JUNK, st.sampled_from(["", "lines", "claim_id", "diagnoses", "prior_authorization"]))
@settings(max_examples=100)
def test_junk_is_refused_or_read_and_nothing_else(junk: object, member: str) -> None:
    value: Any = {**GOOD, member: junk} if member else junk  # type: ignore[dict-item]  # see above
    try:
        assert format_json(parse_as(Claim, value)) == value
    except CodecError as error:
        assert error.faults  # noqa: PT017 - either outcome is right
