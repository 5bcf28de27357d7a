"""What is read and written the quick way is what the general way reads and writes."""

import datetime as dt
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.core import statement as statements
from ledger.core.canonical import CanonicalError, canonical_bytes, canonical_members
from ledger.core.receipt import LABEL, Promise, ReceiptError, receipt_message
from ledger.core.statement import (
    KeyChain,
    Statement,
    StatementError,
    build_statement,
    parse_statement,
)
from tests.ledger.test_canonical import VALUES

DIGESTS = st.binary(min_size=32, max_size=32)
ORIGINS = st.from_regex(r"[!-*,-~]{1,30}", fullmatch=True)
COUNTS = st.integers(1, 2**53 - 1)
TIMES = st.datetimes(
    timezones=st.just(dt.UTC),
    min_value=dt.datetime(1970, 1, 2),  # noqa: DTZ001 - hypothesis adds the zone
).map(lambda time: time.replace(microsecond=time.microsecond // 1000 * 1000))
CHAINS = (
    st.none() | st.just(KeyChain()) | st.builds(KeyChain, first=COUNTS, prev=DIGESTS.filter(any))
)
STATEMENTS = st.builds(
    Statement,
    log=ORIGINS,
    organisation_id=st.uuids(),
    key_id=DIGESTS,
    id=st.uuids(),
    n=COUNTS,
    root=DIGESTS,
    time=TIMES,
    chain=CHAINS,
)
PROMISES = st.builds(
    Promise,
    log=ORIGINS,
    organisation_id=st.uuids(),
    id=st.uuids(),
    n=COUNTS,
    root=DIGESTS,
    statement_hash=DIGESTS,
    key_id=DIGESTS,
    time=TIMES,
    deadline=st.just(dt.datetime(9999, 12, 31, tzinfo=dt.UTC)),
)


def read_generally(data: bytes) -> Statement:
    return statements._read(statements._canonical_value(data), "statement")  # noqa: SLF001


@settings(deadline=None)
@given(STATEMENTS)
def test_a_statement_is_read_alike(stated: Statement) -> None:
    data = build_statement(stated)
    assert parse_statement(data) == read_generally(data) == stated


def test_an_ordinary_statement_is_read_the_quick_way() -> None:
    for chain in (None, KeyChain(), KeyChain(first=7, prev=b"p" * 32)):
        stated = replace(SAMPLE, chain=chain)
        assert statements._plain(build_statement(stated)) == stated  # noqa: SLF001


SAMPLE = Statement(
    log="theriac.example/1",
    organisation_id=UUID(int=1),
    key_id=bytes(32),
    id=UUID(int=2),
    n=3,
    root=bytes(32),
    time=dt.datetime(2026, 11, 24, tzinfo=dt.UTC),
    chain=KeyChain(first=7, prev=b"p" * 32),
)


@settings(deadline=None, max_examples=500)
@given(STATEMENTS, st.data())
def test_a_spoiled_statement_is_read_alike_or_refused_alike(
    stated: Statement, data: st.DataObject
) -> None:
    spoiled = bytearray(build_statement(stated))
    at = data.draw(st.integers(0, len(spoiled) - 1))
    end = at + data.draw(st.integers(0, 2))
    # What else a member's value could be: a digit, a letter, a quote, nothing.
    spoiled[at:end] = data.draw(st.text('0129aAfz"\\,:{}.TZ é', max_size=2)).encode()
    try:
        found: Statement | str = read_generally(bytes(spoiled))
    except StatementError as error:
        found = str(error)
    try:
        assert parse_statement(bytes(spoiled)) == found
    except StatementError as error:
        assert str(error) == found  # noqa: PT017 - either way is right, together


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"2026-11-24T", b"2026-13-24T"),
        (b"2026-11-24T", b"2026-11-24t"),
        (b'"first":7', b'"first":0'),
        (b'"first":7', b'"first":07'),
        (b'"n":3', b'"n":0'),
        (b'"n":3', b'"n":9007199254740992'),
        (b'"v":1', b'"v":2'),
        (b'"prev":"70', b'"prev":"7G'),
        (b"theriac.example/1", b"theriac.example/1 "),
        (b"}", b"}\n"),
    ],
)
def test_what_is_no_statement_is_refused(old: bytes, new: bytes) -> None:
    data = build_statement(SAMPLE)
    assert old in data
    with pytest.raises(StatementError):
        parse_statement(data.replace(old, new))


@settings(deadline=None)
@given(PROMISES)
def test_a_promise_is_signed_in_its_canonical_form(promise: Promise) -> None:
    assert receipt_message(promise) == LABEL + canonical_bytes(promise.as_json())


@pytest.mark.parametrize(
    "change",
    [
        {"n": 0},
        {"root": b"short"},
        {"statement_hash": b""},
        {"key_id": bytes(33)},
        {"log": "a b"},
        {"log": ""},
        {"deadline": dt.datetime(1970, 1, 1, tzinfo=dt.UTC)},
    ],
)
def test_a_promise_that_breaks_the_format_is_not_signed(change: dict[str, object]) -> None:
    promise = Promise(
        log="l/1",
        organisation_id=UUID(int=1),
        id=UUID(int=2),
        n=1,
        root=bytes(32),
        statement_hash=bytes(32),
        key_id=bytes(32),
        time=SAMPLE.time,
        deadline=SAMPLE.time,
    )
    receipt_message(promise)
    with pytest.raises(ReceiptError):
        receipt_message(replace(promise, **change))  # type: ignore[arg-type] # what is refused


@settings(deadline=None)
@given(VALUES)
def test_an_object_whose_maker_vouches_for_the_rest_is_spelled_alike(value: object) -> None:
    whole = {"v": 1, "body": value, "id": "a"}
    assert canonical_members(whole, "body") == canonical_bytes(whole)  # type: ignore[arg-type] # any


def test_the_fault_inside_the_member_has_its_place() -> None:
    for body in ({"a": [1.5]}, None, {"a": "\0"}):
        with pytest.raises(CanonicalError) as one:
            canonical_bytes({"body": body})
        with pytest.raises(CanonicalError) as other:
            canonical_members({"body": body}, "body")  # type: ignore[dict-item] # what is refused
        assert (str(one.value), one.value.members) == (str(other.value), other.value.members)
