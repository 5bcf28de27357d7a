"""Entries, statements, headers, receipts and sealed submissions: read back, or refused by name."""

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.core.canonical import canonical_bytes, parse_canonical
from ledger.core.entry import (
    ENTRY_SIZE_BYTES_MAX,
    EntryDraft,
    EntryError,
    build_entry,
    format_time,
    parse_entry,
    parse_time,
)
from ledger.core.members import TimeError, format_base64
from ledger.core.receipt import (
    Receipt,
    ReceiptError,
    check_receipt,
    parse_receipt,
    parse_receipt_header,
    receipt_message,
)
from ledger.core.sealed import SealedError, parse_sealed
from ledger.core.statement import (
    KeyChain,
    Statement,
    StatementError,
    build_header,
    build_statement,
    parse_header,
    parse_statement,
    statement_hash,
    statement_message,
)
from tests.ledger.log_builder import DONE, LogBuilder, seed_of, small_log
from tests.ledger.test_canonical import VALUES

NOW = dt.datetime(2026, 11, 24, 12, 0, 0, 1_999, tzinfo=dt.UTC)
DRAFT = EntryDraft(kind="a.b_c.v1", id=UUID(int=1), body={"n": 1}, commitments=(bytes(32),))
ORG = UUID(int=2)
STATEMENT = Statement(
    log="l/1", organisation_id=ORG, key_id=bytes(32), id=UUID(int=3), n=1, root=bytes(32), time=NOW
)


def entry_bytes(draft: EntryDraft = DRAFT) -> bytes:
    return build_entry(draft=draft, log="l/1", organisation_id=ORG, key_id=bytes(32), time=NOW)


def changed(data: bytes, **members: object) -> bytes:
    """Return canonical JSON with members replaced; ``...`` takes one out."""
    value: Any = parse_canonical(data)
    value = {**value, **members}
    return canonical_bytes({name: item for name, item in value.items() if item is not ...})


@settings(deadline=None, max_examples=50)
@given(st.dictionaries(st.from_regex("[a-z]{1,5}", fullmatch=True), VALUES), st.uuids())
def test_an_entry_reads_back(body: dict[str, Any], entry_id: UUID) -> None:
    entry = parse_entry(entry_bytes(replace(DRAFT, body=body, id=entry_id)))
    assert (entry.body, entry.id, entry.log, entry.organisation_id) == (body, entry_id, "l/1", ORG)
    assert (entry.kind, entry.commitments, entry.key_id) == ("a.b_c.v1", (bytes(32),), bytes(32))
    assert entry.time == dt.datetime(2026, 11, 24, 12, 0, 0, 1_000, tzinfo=dt.UTC)


BAD_ENTRIES: list[tuple[dict[str, object], str]] = [
    ({"v": 2}, "entry.v"),
    ({"v": True}, "entry.v"),
    ({"log": "a b"}, "entry.log"),
    ({"log": "a+b"}, "entry.log"),
    ({"kind": "a.v1"}, "entry.kind"),
    ({"kind": "a.b.v0"}, "entry.kind"),
    ({"kind": "a.b.v1\n"}, "entry.kind"),
    ({"kind": "a." + "b" * 130 + ".v1"}, "entry.kind"),
    ({"org": str(ORG).replace("2", "A")}, "entry.org"),
    ({"org": ORG.hex}, "entry.org"),
    ({"key": "0" * 63}, "entry.key"),
    ({"key": "A" * 64}, "entry.key"),
    ({"key": 1}, "entry.key"),
    ({"time": "2026-02-30T00:00:00.000Z"}, "entry.time"),
    ({"time": "2026-02-03T00:00:00Z"}, "entry.time"),
    ({"id": "x"}, "entry.id"),
    ({"body": []}, "entry.body"),
    ({"commitments": {}}, "entry.commitments"),
    ({"commitments": ["0" * 64, "0"]}, "entry.commitments[1]"),
    ({"commitments": [1]}, "entry.commitments[0]"),
    ({"endorsements": [1]}, "entry.endorsements"),
    ({"more": 1}, "unknown member 'more'"),
    ({"id": ...}, "entry.id is missing"),
]


@pytest.mark.parametrize(("members", "place"), BAD_ENTRIES)
def test_a_bad_member_is_refused_by_name(members: dict[str, object], place: str) -> None:
    with pytest.raises(EntryError) as caught:
        parse_entry(changed(entry_bytes(), **members))
    assert place in str(caught.value)


def test_what_is_no_entry_cannot_be_read_or_built() -> None:
    for data in (b"", b"[]", b"1", entry_bytes() + b" ", b"x" * (ENTRY_SIZE_BYTES_MAX + 1)):
        with pytest.raises(EntryError):
            parse_entry(data)
    with pytest.raises(EntryError, match="not canonical"):
        entry_bytes(replace(DRAFT, body={"a": 1.5}))  # type: ignore[dict-item] # what is refused
    with pytest.raises(EntryError, match="at most"):
        entry_bytes(replace(DRAFT, body={"a": "x" * ENTRY_SIZE_BYTES_MAX}))
    with pytest.raises(EntryError, match=r"entry\.kind"):
        entry_bytes(replace(DRAFT, kind="nothing"))


@settings(deadline=None)
@given(st.datetimes(timezones=st.timezones(), min_value=dt.datetime(1970, 1, 2)))  # noqa: DTZ001 - hypothesis adds the zone
def test_a_time_reads_back_to_the_millisecond(time: dt.datetime) -> None:
    read = parse_time(format_time(time))
    assert dt.timedelta(0) <= time - read < dt.timedelta(milliseconds=1)
    assert format_time(read) == format_time(time)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-24T12:00:00.0000Z",
        "2026-11-24T12:00:00.000+00:00",
        "2026-11-24 12:00:00.000Z",
        "2026-11-24T24:00:00.000Z",
        "2026-11-24T23:59:60.000Z",
        "0000-01-01T00:00:00.000Z",
        "\u0662026-11-24T12:00:00.000Z",
    ],
)
def test_another_spelling_of_a_time_is_refused(text: str) -> None:
    with pytest.raises(TimeError):
        parse_time(text)


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(TimeError, match="no time zone"):
        format_time(NOW.replace(tzinfo=None))


@pytest.mark.parametrize("chain", [None, KeyChain(), KeyChain(first=7, prev=b"p" * 32)])
def test_a_statement_and_its_header_read_back_exactly(chain: KeyChain | None) -> None:
    statement = replace(STATEMENT, chain=chain, time=parse_time(format_time(NOW)))
    data = build_statement(statement)
    assert parse_statement(data) == statement
    header = parse_header(build_header(statement_bytes=data, signature=bytes(64)))
    assert (header.statement, header.statement_bytes) == (statement, data)
    assert header.signature == bytes(64)
    assert statement_message(data) == b"theriac/submission/v1\n" + data
    assert len(statement_hash(data)) == 32


@pytest.mark.parametrize(
    ("members", "place"),
    [
        ({"n": 0}, "statement.n"),
        ({"n": True}, "statement.n"),
        ({"n": "1"}, "statement.n"),
        ({"root": ""}, "statement.root"),
        ({"first": 0}, "statement.first and prev"),
        ({"first": 1, "prev": "0" * 64}, "statement.prev"),
        ({"first": 0, "prev": "1" * 64}, "statement.prev"),
        ({"other": 0}, "unknown member"),
        ({"v": "1"}, "statement.v"),
    ],
)
def test_a_bad_statement_is_refused_by_name(members: dict[str, object], place: str) -> None:
    with pytest.raises(StatementError) as caught:
        parse_statement(changed(build_statement(STATEMENT), **members))
    assert place in str(caught.value)


def test_a_header_with_a_bad_signature_or_statement_is_refused() -> None:
    data = build_statement(STATEMENT)
    with pytest.raises(StatementError, match="63 bytes"):
        build_header(statement_bytes=data, signature=bytes(63))
    header = build_header(statement_bytes=data, signature=bytes(64))
    for spoiled in (
        b"x",
        b"{}",
        changed(header, sig="AAAA"),
        changed(header, sig=f"{'A' * 85}B=="),
        changed(header, sig="*"),
        changed(header, stmt=1),
        changed(header, stmt={}),
    ):
        with pytest.raises(StatementError):
            parse_header(spoiled)
    with pytest.raises(StatementError):
        build_statement(replace(STATEMENT, n=0))


def receipt() -> Receipt:
    log = LogBuilder()
    return log.submit(log.operator, log.genesis(), log.draft(DONE, {}))


RECEIPT_KEY = bytes(seed_of("receipts").verify_key)


def test_a_receipt_holds_and_reads_back_in_both_forms() -> None:
    given_receipt = receipt()
    assert given_receipt == receipt()
    check_receipt(given_receipt, RECEIPT_KEY)
    assert parse_receipt(given_receipt.as_json()) == given_receipt
    short = parse_receipt_header(given_receipt.header())
    assert short == replace(given_receipt, entry_ids=())
    check_receipt(short, RECEIPT_KEY)
    assert "\n" not in given_receipt.header()
    assert receipt_message(short.promise).startswith(b'theriac/receipt/v1\n{"deadline":')


def test_a_receipt_of_another_key_or_content_does_not_hold() -> None:
    sound = receipt()
    promise = sound.promise
    for spoiled, key, reason in (
        (sound, bytes(32), "another key"),
        (replace(sound, promise=replace(promise, n=3)), RECEIPT_KEY, "did not sign"),
        (replace(sound, signature=bytes(64)), RECEIPT_KEY, "did not sign"),
        (replace(sound, entry_ids=sound.entry_ids[::-1]), RECEIPT_KEY, "signed root"),
    ):
        with pytest.raises(ReceiptError, match=reason):
            check_receipt(spoiled, key)
    with pytest.raises(ReceiptError, match="deadline"):
        receipt_message(replace(promise, deadline=promise.time - dt.timedelta(seconds=1)))


@pytest.mark.parametrize(
    "value",
    [None, [], {}, {"receipt": {}, "sig": ""}, {**receipt().as_json(), "entry_ids": []}],
)
def test_what_is_no_receipt_is_refused(value: object) -> None:
    with pytest.raises(ReceiptError):
        parse_receipt(value)


@pytest.mark.parametrize("text", ["", "*", "AAAA", format_base64(b'{"a": 1}')])
def test_what_is_no_receipt_header_is_refused(text: str) -> None:
    with pytest.raises(ReceiptError):
        parse_receipt_header(text)


def sealed_json() -> dict[str, Any]:
    log, _ = small_log()
    header = parse_header(log.leaves[10])
    return {
        "document": format_base64(b"document"),
        "media_type": "text/plain",
        "entries": [format_base64(log.leaves[11])],
        "openings": [format_base64(bytes(range(32)))],
        "statement": format_base64(header.statement_bytes),
        "signature": format_base64(header.signature),
    }


def test_a_sealed_submission_whose_parts_agree_is_read() -> None:
    log, _ = small_log()
    sealed = parse_sealed(sealed_json())
    assert sealed.entries == (log.leaves[11],)
    assert (sealed.document, sealed.media_type) == (b"document", "text/plain")
    assert sealed.openings == (bytes(range(32)),)
    assert sealed.statement == parse_header(log.leaves[10]).statement_bytes


def with_root(value: dict[str, Any]) -> dict[str, Any]:
    log, _ = small_log()
    statement = replace(parse_header(log.leaves[10]).statement, root=bytes(32))
    return {**value, "statement": format_base64(build_statement(statement))}


def with_entry(value: dict[str, Any], index: int) -> dict[str, Any]:
    log, _ = small_log()
    return {**value, "entries": [format_base64(log.leaves[index])]}


@pytest.mark.parametrize(
    ("spoil", "place"),
    [
        (lambda value: {**value, "entries": []}, "entries are 0"),
        (lambda value: {**value, "entries": ["AAAA"]}, "entries[0] is no entry"),
        (lambda value: with_entry(value, 8), "entries[0] is another's"),
        (lambda value: with_entry(value, 13), "openings are 1 for 0"),
        (lambda value: {**value, "openings": []}, "openings are 0 for 1"),
        (lambda value: {**value, "openings": ["AAAA"]}, "openings[0] holds 3 bytes"),
        (lambda value: {**value, "statement": "AAAA"}, "statement is none"),
        (with_root, "another root"),
        (lambda value: {**value, "signature": "AAA="}, "signature holds 2"),
        (lambda value: {**value, "document": "AAB="}, "document is no base64"),
        (lambda value: {**value, "media_type": 1}, "media_type is not a text"),
        (lambda value: {**value, "media_type": "\ud800"}, "media_type does not match"),
        (lambda value: {**value, "x": 1}, "unknown member 'x'"),
        (lambda _: [], "sealed is not an object"),
    ],
)
def test_a_sealed_submission_whose_parts_differ_is_refused(
    spoil: Callable[[dict[str, Any]], object], place: str
) -> None:
    with pytest.raises(SealedError) as caught:
        parse_sealed(spoil(sealed_json()))
    assert place in str(caught.value)
