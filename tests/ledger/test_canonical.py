"""The profile of RFC 8785: one value, one sequence of bytes, everything else refused."""

from enum import StrEnum
from itertools import product

import orjson
import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.core.canonical import CanonicalError, Json, canonical_bytes, parse_canonical
from tests.vectors_at import shared_vectors

NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_.:-]{0,6}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
SCALARS = st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXTS
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


def nested(depth: int) -> list[object]:
    value: list[object] = []
    for _ in range(depth - 1):
        value = [value]
    return value


@settings(deadline=None)
@given(VALUES)
def test_it_is_rfc_8785_and_reads_back(value: Json) -> None:
    data = canonical_bytes(value)
    assert data == rfc8785.dumps(value)
    assert parse_canonical(data) == value


@settings(deadline=None)
@given(st.binary(max_size=40) | st.text(alphabet='[]{}",:0123456789.eE-+\\ua', max_size=30))
def test_bytes_are_either_canonical_or_refused(data: bytes | str) -> None:
    raw = data if isinstance(data, bytes) else data.encode()
    try:
        value = parse_canonical(raw)
    except CanonicalError:
        return
    assert canonical_bytes(value) == raw


def test_names_are_sorted_and_enums_and_tuples_are_taken() -> None:
    class Colour(StrEnum):
        RED = "red"

    assert canonical_bytes({"b": (1, 2), "a": Colour.RED, "A": True}) == (
        b'{"A":true,"a":"red","b":[1,2]}'
    )


REFUSED = [
    (None, "$: null"),
    ({"a": [1, None]}, "$.a[1]: null"),
    (1.0, "$: a number with a fraction"),
    (float("nan"), "$: a number with a fraction"),
    (2**53, "$: an integer beyond"),
    ([-(2**53)], "$[0]: an integer beyond"),
    ({"1": 1}, "$: the name '1'"),
    ({"": 1}, "$: the name ''"),
    ({"a\n": 1}, "$: the name 'a\\n'"),
    ({"é": 1}, "$: the name '\\xe9'"),
    ({"a" * 64: 1}, "$: the name"),
    ({1: 1}, "$: the name 1"),
    ({"a": "x\0"}, "$.a: a text with U+0000"),
    ("\ud800", "$: a text with half"),
    ({"a": {"b": b"x"}}, "$.a.b: a bytes"),
    (nested(33), "nested deeper than 32"),
    ({1, 2}, "$: a set"),
]


@pytest.mark.parametrize(("value", "message"), REFUSED)
def test_what_is_outside_the_profile_is_refused_with_its_place(value: object, message: str) -> None:
    with pytest.raises(CanonicalError) as caught:
        canonical_bytes(value)
    assert message in str(caught.value)


def test_the_bounds_themselves_are_taken() -> None:
    for value in ([2**53 - 1, -(2**53) + 1], {"a" * 63: ""}, nested(32)):
        assert parse_canonical(canonical_bytes(value)) == value


SPELLINGS = [
    (b'{"b":1,"a":2}', 2),
    (b'{"a":1,"a":1}', 6),
    (b'{"a": 1}', 5),
    (b'"\\/"', 1),
    (b'"\\u0061"', 1),
    (b"-0", 0),
    (b"1\n", 1),
    (b'["\\u000A"]', 3),
]


@pytest.mark.parametrize(("data", "position"), SPELLINGS)
def test_another_spelling_is_refused_at_its_byte(data: bytes, position: int) -> None:
    with pytest.raises(CanonicalError, match=f"from byte {position} on") as caught:
        parse_canonical(data)
    assert caught.value.members["position"] == position


HOSTILE = [
    b"",
    b"nul",
    b"\xff",
    b'"\xed\xa0\x80"',
    b'"\\ud800"',
    b"[" * 100_000,
    b"[" * 600 + b"]" * 600,
    b"1" * 5_000,
    b"1e400",
    b"1.5",
    b"NaN",
    b'{"a":1}{',
    b'"\\u0000"',
    b"\xef\xbb\xbf1",
]


@pytest.mark.parametrize("data", HOSTILE, ids=lambda data: ascii(data)[:30])
def test_hostile_bytes_raise_the_typed_error(data: bytes) -> None:
    with pytest.raises(CanonicalError):
        parse_canonical(data)


@pytest.mark.parametrize("name", ["arrays", "french", "structures", "unicode", "values", "weird"])
def test_the_rfc_vectors_pass_the_oracle_and_lie_outside_the_profile(name: str) -> None:
    root = shared_vectors("rfc8785/testdata")
    expected = (root / "output" / f"{name}.json").read_bytes().rstrip(b"\n")
    value = orjson.loads((root / "input" / f"{name}.json").read_bytes())
    assert rfc8785.dumps(value) == expected
    with pytest.raises(CanonicalError):
        canonical_bytes(value)


def test_every_control_character_is_spelled_as_rfc_8785_does() -> None:
    for code, around in product(range(1, 0xA0), ("", "x")):
        text = f"{around}{chr(code)}{around}"
        assert canonical_bytes(text) == rfc8785.dumps(text)
