"""The text of API keys: one spelling, and a secret that is never shown by accident."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.core.api_key import (
    ApiKeyFormatError,
    format_api_key,
    hash_secret,
    parse_api_key,
)

PREFIXES = st.binary(min_size=6, max_size=6)
SECRETS = st.binary(min_size=32, max_size=32)


@given(PREFIXES, SECRETS)
def test_a_key_reads_back(prefix: bytes, secret: bytes) -> None:
    sent = parse_api_key(format_api_key(prefix=prefix, secret=secret))
    assert (sent.prefix, sent.secret) == (prefix.hex(), secret)


def test_the_text_is_as_documented() -> None:
    text = format_api_key(prefix=bytes(6), secret=bytes(31) + b"\xff")
    assert text == "thk_000000000000_" + "A" * 41 + "P8"
    assert hash_secret(b"secret") == hashlib.sha256(b"secret").digest()


def test_a_key_shows_no_secret_in_its_representation() -> None:
    sent = parse_api_key("thk_0123456789ab_" + "A" * 43)
    assert repr(sent) == "ApiKeyText(prefix='0123456789ab')"


@given(PREFIXES, SECRETS, st.integers(1, 3))
def test_a_second_spelling_of_the_same_bytes_is_refused(
    prefix: bytes, secret: bytes, bits: int
) -> None:
    text = format_api_key(prefix=prefix, secret=secret)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    other = text[:-1] + alphabet[alphabet.index(text[-1]) ^ bits]
    with pytest.raises(ApiKeyFormatError, match="another spelling"):
        parse_api_key(other)


@given(st.text())
def test_any_other_text_is_no_key_and_is_not_repeated(text: str) -> None:
    with pytest.raises(ApiKeyFormatError) as refused:
        parse_api_key(text)
    assert refused.value.detail == "an API key reads thk_<12 hex digits>_<43 characters>"


@pytest.mark.parametrize("sizes", [(5, 32), (6, 31), (0, 0)])
def test_a_key_is_made_of_whole_parts(sizes: tuple[int, int]) -> None:
    with pytest.raises(ApiKeyFormatError, match="made of 6 and 32 bytes"):
        format_api_key(prefix=bytes(sizes[0]), secret=bytes(sizes[1]))
