"""Envelopes: bytes, limits, what they are bound to."""

import itertools
from hashlib import blake2b
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vault.core.envelope import (
    MAC_SIZE_BYTES,
    PLAINTEXT_SIZE_BYTES_MAX,
    Envelope,
    EnvelopeError,
    EnvelopeSizeError,
    KeyPurpose,
    Suite,
    dek_wrap_aad,
    derive_key,
    format_envelope,
    kek_wrap_aad,
    parse_envelope,
    record_aad,
)

A, B, C, D = (UUID(int=number) for number in (1, 2, 3, 4))
KEY = bytes(range(32))
NUMBERS = st.integers(min_value=0, max_value=2**64 - 1)
RECORD: dict[str, Any] = {
    "organisation": A,
    "subject": B,
    "record": C,
    "version": 1,
    "media_type": "application/fhir+json",
    "dek": D,
}
RECORD_FIELDS = st.fixed_dictionaries(
    {
        "organisation": st.sampled_from([A, B]),
        "subject": st.sampled_from([A, B]),
        "record": st.sampled_from([A, B]),
        "version": NUMBERS,
        "media_type": st.text(st.characters(codec="utf-8")),
        "dek": st.uuids(),
    }
)


def test_an_envelope_is_suite_nonce_and_ciphertext() -> None:
    envelope = Envelope(nonce=b"n" * 24, ciphertext=b"c" * 20)
    assert format_envelope(envelope) == b"\x01" + b"n" * 24 + b"c" * 20
    assert parse_envelope(format_envelope(envelope)) == envelope


@settings(max_examples=50)
@given(st.binary(min_size=24, max_size=24), st.binary(min_size=16, max_size=64))
def test_what_is_formatted_parses_to_the_same(nonce: bytes, ciphertext: bytes) -> None:
    envelope = Envelope(nonce=nonce, ciphertext=ciphertext)
    assert parse_envelope(format_envelope(envelope)) == envelope


@settings(max_examples=100)
@given(st.binary(max_size=80))
def test_any_bytes_parse_to_what_formats_back_or_are_refused(data: bytes) -> None:
    try:
        envelope = parse_envelope(data)
    except EnvelopeError:
        assert len(data) < 41 or data[0] != 1
    else:
        assert format_envelope(envelope) == data


@pytest.mark.parametrize("suite", [0, 2, 255])
def test_another_suite_is_refused_by_its_number(suite: int) -> None:
    with pytest.raises(EnvelopeError, match=f"suite {suite} "):
        parse_envelope(bytes([suite]) + bytes(40))


def test_too_few_bytes_and_wrong_sizes_are_refused() -> None:
    with pytest.raises(EnvelopeError, match="40 bytes are too few"):
        parse_envelope(b"\x01" + bytes(39))
    with pytest.raises(EnvelopeError, match="a nonce of 23 bytes"):
        Envelope(nonce=bytes(23), ciphertext=bytes(16))
    with pytest.raises(EnvelopeError, match="a ciphertext of 15 bytes has no tag"):
        Envelope(nonce=bytes(24), ciphertext=bytes(15))


def test_one_mebibyte_is_the_most_and_streams_are_not_built() -> None:
    full = bytes(PLAINTEXT_SIZE_BYTES_MAX + MAC_SIZE_BYTES)
    assert len(Envelope(nonce=bytes(24), ciphertext=full).ciphertext) == 1_048_592
    with pytest.raises(EnvelopeSizeError, match="1048577 bytes") as caught:
        Envelope(nonce=bytes(24), ciphertext=full + b"x")
    assert caught.value.as_json()["limit"] == 1_048_576


def test_sub_keys_are_keyed_blake2b_and_one_for_each_purpose() -> None:
    for purpose in KeyPurpose:
        person = purpose.value.encode().ljust(16, b"\0")
        expected = blake2b(b"", digest_size=32, key=KEY, person=person).digest()
        assert derive_key(KEY, purpose) == expected
    assert len({derive_key(KEY, purpose) for purpose in KeyPurpose}) == len(KeyPurpose)
    with pytest.raises(EnvelopeError, match="a key of 31 bytes"):
        derive_key(KEY[1:], KeyPurpose.RECORD)


def test_additional_data_is_each_field_after_its_length() -> None:
    assert kek_wrap_aad(organisation=A, subject=B, kek_version=3, epoch=4) == bytes.fromhex(
        "0000000101"
        "0000001000000000000000000000000000000001"
        "0000001000000000000000000000000000000002"
        "000000080000000000000003"
        "000000080000000000000004"
    )
    assert dek_wrap_aad(subject=A, record=B, kek_version=5) == bytes.fromhex(
        "0000001000000000000000000000000000000001"
        "0000001000000000000000000000000000000002"
        "000000080000000000000005"
    )
    assert record_aad(**{**RECORD, "media_type": "a/b"}) == bytes.fromhex(
        "0000000101"
        "0000001000000000000000000000000000000001"
        "0000001000000000000000000000000000000002"
        "0000001000000000000000000000000000000003"
        "000000080000000000000001"
        "00000003612f62"
        "0000001000000000000000000000000000000004"
    )


def test_any_changed_field_changes_the_additional_data() -> None:
    other: dict[str, Any] = {
        "organisation": D,
        "subject": D,
        "record": D,
        "version": 2,
        "media_type": "text/plain",
        "dek": A,
    }
    worlds = [
        record_aad(**{name: (RECORD if keep else other)[name] for name, keep in choice})
        for choice in (
            list(zip(RECORD, keeps, strict=True))
            for keeps in itertools.product([True, False], repeat=len(RECORD))
        )
    ]
    assert len(set(worlds)) == 64


@settings(max_examples=100)
@given(RECORD_FIELDS, RECORD_FIELDS)
def test_no_two_records_share_additional_data(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert (record_aad(**one) == record_aad(**other)) == (one == other)


@settings(max_examples=50)
@given(st.tuples(NUMBERS, NUMBERS), st.tuples(NUMBERS, NUMBERS))
def test_no_two_wraps_share_additional_data(one: tuple[int, int], other: tuple[int, int]) -> None:
    first, second = (
        kek_wrap_aad(organisation=A, subject=B, kek_version=version, epoch=epoch)
        for version, epoch in (one, other)
    )
    assert (first == second) == (one == other)
    assert (
        dek_wrap_aad(subject=A, record=B, kek_version=one[0])
        == dek_wrap_aad(subject=A, record=B, kek_version=other[0])
    ) == (one[0] == other[0])


@pytest.mark.parametrize("number", [-1, 2**64, 10**400])
def test_a_number_outside_64_bits_is_refused(number: int) -> None:
    with pytest.raises(EnvelopeError, match="a number outside"):
        dek_wrap_aad(subject=A, record=B, kek_version=number)


def test_half_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(EnvelopeError, match="surrogate"):
        record_aad(**{**RECORD, "media_type": "\ud800"})


def test_the_suite_is_bound_too() -> None:
    assert record_aad(**RECORD)[:5] == bytes([0, 0, 0, 1, Suite.XCHACHA20_POLY1305])
