"""The cipher: others' vectors, and what does not open."""

import json

import pytest

from tests.vectors_at import shared_vectors
from vault.cipher import (
    CipherError,
    open_envelope,
    seal,
    seal_envelope,
    unseal,
    unwrap_key,
    wrap_key,
)
from vault.core.envelope import EnvelopeError, EnvelopeSizeError, KeyPurpose

KEY, OTHER, NONCE = bytes(range(32)), bytes(32), bytes(range(24))


def test_every_wycheproof_vector_comes_out_as_it_says() -> None:
    path = shared_vectors("crypto/wycheproof/xchacha20_poly1305_test.json")
    counts = {"valid": 0, "invalid": 0}
    for group in json.loads(path.read_bytes())["testGroups"]:
        for case in group["tests"]:
            key, nonce, aad, plain, ciphertext, mac = (
                bytes.fromhex(case[name]) for name in ("key", "iv", "aad", "msg", "ct", "tag")
            )
            counts[case["result"]] += 1
            if case["result"] == "valid":
                sealed = seal(key=key, nonce=nonce, aad=aad, plaintext=plain)
                assert sealed == ciphertext + mac
                assert unseal(key=key, nonce=nonce, aad=aad, ciphertext=sealed) == plain
            else:
                with pytest.raises(CipherError):
                    unseal(key=key, nonce=nonce, aad=aad, ciphertext=ciphertext + mac)
    assert counts == {"valid": 246, "invalid": 69}


def test_every_flipped_bit_of_an_envelope_is_refused() -> None:
    envelope = seal_envelope(
        key=KEY, purpose=KeyPurpose.RECORD, nonce=NONCE, aad=b"row", plaintext=b"plain"
    )
    assert len(envelope) == 1 + 24 + 5 + 16
    for bit in range(len(envelope) * 8):
        spoiled = bytearray(envelope)
        spoiled[bit // 8] ^= 1 << bit % 8
        with pytest.raises((CipherError, EnvelopeError)):
            open_envelope(key=KEY, purpose=KeyPurpose.RECORD, aad=b"row", envelope=bytes(spoiled))


def test_an_envelope_opens_for_its_key_purpose_and_row_only() -> None:
    envelope = seal_envelope(
        key=KEY, purpose=KeyPurpose.RECORD, nonce=NONCE, aad=b"row", plaintext=b"plain"
    )
    opened = open_envelope(key=KEY, purpose=KeyPurpose.RECORD, aad=b"row", envelope=envelope)
    assert opened == b"plain"
    for key, purpose, aad in [
        (OTHER, KeyPurpose.RECORD, b"row"),
        (KEY, KeyPurpose.DEK_WRAP, b"row"),
        (KEY, KeyPurpose.RECORD, b"other"),
    ]:
        with pytest.raises(CipherError, match="does not open"):
            open_envelope(key=key, purpose=purpose, aad=aad, envelope=envelope)


def test_a_wrapped_key_comes_back() -> None:
    wrapped = wrap_key(
        wrapping_key=KEY, purpose=KeyPurpose.KEK_WRAP, nonce=NONCE, aad=b"kek", key=OTHER
    )
    assert len(wrapped) == 73
    assert (
        unwrap_key(wrapping_key=KEY, purpose=KeyPurpose.KEK_WRAP, aad=b"kek", envelope=wrapped)
        == OTHER
    )


def test_only_keys_are_wrapped_and_unwrapped() -> None:
    with pytest.raises(CipherError, match="a key of 31 bytes"):
        wrap_key(wrapping_key=KEY, purpose=KeyPurpose.DEK_WRAP, nonce=NONCE, aad=b"", key=bytes(31))
    envelope = seal_envelope(
        key=KEY, purpose=KeyPurpose.DEK_WRAP, nonce=NONCE, aad=b"", plaintext=bytes(31)
    )
    with pytest.raises(CipherError, match="holds 31 bytes"):
        unwrap_key(wrapping_key=KEY, purpose=KeyPurpose.DEK_WRAP, aad=b"", envelope=envelope)


def test_wrong_sizes_are_refused_before_the_cipher_sees_them() -> None:
    with pytest.raises(CipherError, match="a key of 16 bytes"):
        seal(key=bytes(16), nonce=NONCE, aad=b"", plaintext=b"")
    with pytest.raises(CipherError, match="a nonce of 12 bytes"):
        unseal(key=KEY, nonce=bytes(12), aad=b"", ciphertext=bytes(16))
    with pytest.raises(CipherError, match="no tag"):
        unseal(key=KEY, nonce=NONCE, aad=b"", ciphertext=bytes(15))
    with pytest.raises(EnvelopeSizeError):
        seal(key=KEY, nonce=NONCE, aad=b"", plaintext=bytes(1024 * 1024 + 1))
