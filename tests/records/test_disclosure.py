"""Disclosures: a public body, a committed list."""

import itertools
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.core.canonical import canonical_bytes
from records.core.disclosure import (
    DisclosedRecord,
    DisclosureError,
    format_disclosed,
    parse_disclosed,
    plan_disclosure,
)

TAG = "7" * 64
ONE = DisclosedRecord(record=UUID(int=1), version=1, commitment=b"1" * 32)
TWO = DisclosedRecord(record=UUID(int=1), version=2, commitment=b"2" * 32)
SIX = DisclosedRecord(record=UUID(int=6), version=1, commitment=b"6" * 32)


def test_a_disclosure_shows_a_tag_and_a_count_and_nothing_else() -> None:
    plan = plan_disclosure(tag=TAG, records=[SIX, ONE], receipt={"permit": True})
    assert plan.body == {"tag": TAG, "count": 2}
    assert plan.header == b'{"count":2,"kind":"records.disclosure.made.v1"}'
    assert parse_disclosed(plan.data) == ((ONE, SIX), {"permit": True})


def test_the_list_has_one_order() -> None:
    lists = {format_disclosed(order, {"a": 1}) for order in itertools.permutations([ONE, TWO, SIX])}
    assert len(lists) == 1


def test_nothing_found_is_a_disclosure_too() -> None:
    plan = plan_disclosure(tag=TAG, records=[], receipt={"permit": False})
    assert plan.body == {"tag": TAG, "count": 0}


def test_a_record_that_stands_twice_is_refused() -> None:
    with pytest.raises(DisclosureError, match=r"version 1 of record 0{8}-.*1 stands twice"):
        format_disclosed([ONE, TWO, ONE], {})


LISTED: dict[str, Any] = {"record": str(UUID(int=1)), "version": 1, "commitment": "31"}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "no records and receipt"),
        ({"records": []}, "no records and receipt"),
        ({"records": [], "receipt": {}, "more": 1}, "no records and receipt"),
        ({"records": {}, "receipt": {}}, "no list of records"),
        ({"records": [], "receipt": []}, "no list of records"),
        ({"records": [1], "receipt": {}}, r"records\[0\] names no version"),
        ({"records": [LISTED | {"version": True}], "receipt": {}}, r"records\[0\]"),
        ({"records": [LISTED | {"record": "x"}], "receipt": {}}, r"records\[0\]"),
        ({"records": [LISTED | {"commitment": "x"}], "receipt": {}}, r"records\[0\]"),
        ({"records": [LISTED | {"commitment": "AA"}], "receipt": {}}, "one order and spelling"),
        ({"records": [LISTED, LISTED], "receipt": {}}, "stands twice"),
    ],
)
def test_other_bytes_are_no_list(value: Any, message: str) -> None:
    with pytest.raises(DisclosureError, match=message):
        parse_disclosed(canonical_bytes(value))


def test_what_is_not_canonical_is_no_list() -> None:
    with pytest.raises(DisclosureError, match="not JSON"):
        parse_disclosed(b"{")


@settings(max_examples=50)
@given(
    st.lists(
        st.builds(
            DisclosedRecord,
            record=st.uuids(),
            version=st.integers(min_value=0, max_value=2**53 - 1),
            commitment=st.binary(min_size=32, max_size=32),
        ),
        max_size=4,
        unique_by=lambda each: each.record,
    )
)
def test_what_is_formatted_parses_to_the_same(records: list[DisclosedRecord]) -> None:
    data = format_disclosed(records, {"permit": True})
    assert parse_disclosed(data) == (tuple(sorted(records)), {"permit": True})
