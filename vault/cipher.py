"""The cipher calls of the vault: libsodium seals and opens, `vault.core.envelope` says what.

Nonces are drawn at random by the caller, 24 bytes for each sealing: with that size two never
meet. Nothing here is logged, and a failure says no more than that it failed.
"""

from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_decrypt,
    crypto_aead_xchacha20poly1305_ietf_encrypt,
)
from nacl.exceptions import CryptoError

from vault.core.envelope import (
    KEY_SIZE_BYTES,
    MAC_SIZE_BYTES,
    NONCE_SIZE_BYTES,
    Envelope,
    KeyPurpose,
    check_plaintext_size,
    derive_key,
    format_envelope,
    parse_envelope,
)


class CipherError(ValueError):
    """The key or nonce has the wrong size, or the bytes do not open: changed, or of another row."""


def seal(*, key: bytes, nonce: bytes, aad: bytes, plaintext: bytes) -> bytes:
    """Return the ciphertext and its tag of 16 bytes (XChaCha20-Poly1305-IETF).

    Raise ``CipherError`` for a wrong size of key or nonce, ``EnvelopeSizeError`` for a plaintext
    over ``PLAINTEXT_SIZE_BYTES_MAX``.
    """
    _check_sizes(key, nonce)
    check_plaintext_size(len(plaintext))
    return crypto_aead_xchacha20poly1305_ietf_encrypt(plaintext, aad, nonce, key)


def unseal(*, key: bytes, nonce: bytes, aad: bytes, ciphertext: bytes) -> bytes:
    """Return the plaintext; raise ``CipherError`` unless key, nonce and data are the sealed ones.

    The cipher does not commit to its key: check the record's commitment as well.
    """
    _check_sizes(key, nonce)
    if len(ciphertext) < MAC_SIZE_BYTES:
        raise CipherError("the ciphertext has no tag")
    try:
        return crypto_aead_xchacha20poly1305_ietf_decrypt(ciphertext, aad, nonce, key)
    except CryptoError:
        raise CipherError("the ciphertext does not open under this key and data") from None


def seal_envelope(
    *, key: bytes, purpose: KeyPurpose, nonce: bytes, aad: bytes, plaintext: bytes
) -> bytes:
    """Return the bytes of the envelope of ``plaintext`` under the sub-key for ``purpose``."""
    sub_key = derive_key(key, purpose)
    ciphertext = seal(key=sub_key, nonce=nonce, aad=aad, plaintext=plaintext)
    return format_envelope(Envelope(nonce=nonce, ciphertext=ciphertext))


def open_envelope(*, key: bytes, purpose: KeyPurpose, aad: bytes, envelope: bytes) -> bytes:
    """Return what an envelope holds; raise ``EnvelopeError`` or ``CipherError``."""
    parsed = parse_envelope(envelope)
    sub_key = derive_key(key, purpose)
    return unseal(key=sub_key, nonce=parsed.nonce, aad=aad, ciphertext=parsed.ciphertext)


def wrap_key(
    *, wrapping_key: bytes, purpose: KeyPurpose, nonce: bytes, aad: bytes, key: bytes
) -> bytes:
    """Return the envelope of a key of 32 bytes; ``CipherError`` for any other size."""
    if len(key) != KEY_SIZE_BYTES:
        raise CipherError(f"a key of {len(key)} bytes, not {KEY_SIZE_BYTES}")
    return seal_envelope(key=wrapping_key, purpose=purpose, nonce=nonce, aad=aad, plaintext=key)


def unwrap_key(*, wrapping_key: bytes, purpose: KeyPurpose, aad: bytes, envelope: bytes) -> bytes:
    """Return the wrapped key of 32 bytes; raise ``EnvelopeError`` or ``CipherError``."""
    key = open_envelope(key=wrapping_key, purpose=purpose, aad=aad, envelope=envelope)
    if len(key) != KEY_SIZE_BYTES:
        raise CipherError(f"the envelope holds {len(key)} bytes, no key")
    return key


def _check_sizes(key: bytes, nonce: bytes) -> None:
    if len(key) != KEY_SIZE_BYTES:
        raise CipherError(f"a key of {len(key)} bytes, not {KEY_SIZE_BYTES}")
    if len(nonce) != NONCE_SIZE_BYTES:
        raise CipherError(f"a nonce of {len(nonce)} bytes, not {NONCE_SIZE_BYTES}")
