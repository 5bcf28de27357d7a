"""The bytes that an event's commitment is made over: those of the specification, and no others."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.core.json_input import parse_json
from provenance.core.event_bytes import event_bytes

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**28), 10**28) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"b": 1.50, "a": "é\\u0001/"}', '{"a":"é\\u0001/","b":1.50}'),
        ('{"a": 1.5e3}', '{"a":1500}'),
        ('{"a": 0.0000001}', '{"a":0.0000001}'),
        ('{"a": -0.0}', '{"a":-0.0}'),
        ('{"a": 123456789012345678901234567890}', '{"a":123456789012345678901234567890}'),
        (
            '{"a": [-99999999999999999999, {"b": 1.10, "c": null}]}',
            '{"a":[-99999999999999999999,{"b":1.10,"c":null}]}',
        ),
        ('{"\U0001f600": 1, "\ufb33": 2}', '{"\ufb33":2,"\U0001f600":1}'),
    ],
)
def test_the_bytes_are_those_of_the_specification(text: str, expected: str) -> None:
    assert event_bytes(parse_json(text.encode())) == expected.encode()


@given(st.dictionaries(st.text(), VALUES, max_size=5))
def test_a_client_without_our_code_makes_the_same_bytes(value: dict[str, object]) -> None:
    plain = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    try:
        expected = plain.encode()
    except UnicodeEncodeError:
        return  # half a surrogate pair: the parser refuses it before
    assert event_bytes(value) == expected


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6))
def test_fractions_keep_their_value(number: Decimal) -> None:
    written = event_bytes({"a": number}).decode()
    assert Decimal(written[5:-1]) == number
    assert "E" not in written
