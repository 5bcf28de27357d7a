"""Commitments: the check value, and nothing else opens them."""

import hmac

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.core.commitment import CommitmentError, check_commitment, commit

KEY = bytes(range(32))


def test_the_check_value_comes_out() -> None:
    commitment = commit(key=KEY, header=b"{}", data=b"abc")
    assert commitment.hex() == "ce300720f7f90de801ea547c9e356c74c55c11c383c3087edaab8eb7a57db252"
    check_commitment(commitment=commitment, key=KEY, header=b"{}", data=b"abc")


@settings(deadline=None)
@given(st.binary(max_size=20), st.binary(max_size=20), st.integers(0, 20))
def test_no_byte_can_move_from_header_to_data(header: bytes, data: bytes, at: int) -> None:
    whole = header + data
    moved = (whole[:at], whole[at:])
    same = commit(key=KEY, header=moved[0], data=moved[1]) == commit(
        key=KEY, header=header, data=data
    )
    assert same is (moved == (header, data))


@pytest.mark.parametrize(
    ("key", "header", "data"),
    [(bytes(32), b"{}", b"abc"), (KEY, b"{ }", b"abc"), (KEY, b"{}", b"abd"), (KEY[:31], b"", b"")],
)
def test_another_key_header_or_data_does_not_open_it(
    key: bytes, header: bytes, data: bytes
) -> None:
    commitment = commit(key=KEY, header=b"{}", data=b"abc")
    with pytest.raises(CommitmentError):
        check_commitment(commitment=commitment, key=key, header=header, data=data)


def test_the_message_is_label_and_length_prefixed_parts() -> None:
    message = b"theriac/commitment/v1\n" + bytes(7) + b"\x02{}" + bytes(7) + b"\x03abc"
    assert hmac.new(KEY, message, "sha256").digest() == commit(key=KEY, header=b"{}", data=b"abc")
