"""Envelopes: what is encrypted under which key, bound to what, and in which bytes.

The plan only: keys, nonces and the cipher itself are `vault.cipher`'s. Every ciphertext is bound
by its additional data to the row it belongs to, so that no row can be swapped for another.

    root of an epoch  wraps  a subject's key (KEK)  wraps  a record version's key (DEK)

XChaCha20-Poly1305 does not commit to its key: one ciphertext can be made that opens under two
keys. Whoever opens a record therefore also checks its commitment (`ledger.core.commitment`).
"""

import hashlib
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from uuid import UUID

from foundation.core.problem import BadInputError, NotBuiltError

KEY_SIZE_BYTES = 32
NONCE_SIZE_BYTES = 24
MAC_SIZE_BYTES = 16
PLAINTEXT_SIZE_BYTES_MAX = 1024 * 1024
_SUITE_SIZE_BYTES = 1
_LENGTH_SIZE_BYTES = 4
_INTEGER_SIZE_BYTES = 8
_HEADER_SIZE_BYTES = _SUITE_SIZE_BYTES + NONCE_SIZE_BYTES


class Suite(IntEnum):
    """What the first byte of an envelope says; a number is never given to another suite."""

    XCHACHA20_POLY1305 = 1  # XChaCha20-Poly1305-IETF, sub-keys by keyed BLAKE2b-256


class KeyPurpose(StrEnum):
    """The one job of a sub-key: BLAKE2b's personalisation, at most 16 bytes (RFC 7693 2.5)."""

    KEK_WRAP = "theriac-kek-wrap"
    DEK_WRAP = "theriac-dek-wrap"
    RECORD = "theriac-record"
    KEY_ID = "theriac-key-id"  # no key: what names a subject's key once it is destroyed


class EnvelopeError(BadInputError):
    """The bytes are no envelope, or a field cannot be bound to one."""

    slug = "bad-envelope"
    title = "This is no envelope"


class EnvelopeSizeError(NotBuiltError):
    """The content is too large for one call of the cipher; streams are not built yet."""

    slug = "envelope-too-large"
    title = "Encrypted streams are not built yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A sealed content: ``ciphertext`` ends with the cipher's tag of 16 bytes."""

    suite: Suite = Suite.XCHACHA20_POLY1305
    nonce: bytes
    ciphertext: bytes

    def __post_init__(self) -> None:
        """Refuse sizes that no sealing makes: ``EnvelopeError`` or ``EnvelopeSizeError``."""
        if len(self.nonce) != NONCE_SIZE_BYTES:
            raise EnvelopeError(f"a nonce of {len(self.nonce)} bytes, not {NONCE_SIZE_BYTES}")
        if len(self.ciphertext) < MAC_SIZE_BYTES:
            raise EnvelopeError(f"a ciphertext of {len(self.ciphertext)} bytes has no tag")
        check_plaintext_size(len(self.ciphertext) - MAC_SIZE_BYTES)


def format_envelope(envelope: Envelope) -> bytes:
    """Return the suite (1 byte), the nonce (24) and the ciphertext with its tag, in this order."""
    suite = envelope.suite.to_bytes(_SUITE_SIZE_BYTES, "big")
    return suite + envelope.nonce + envelope.ciphertext


def parse_envelope(data: bytes) -> Envelope:
    """Return the envelope that ``data`` is.

    Raise ``EnvelopeError`` for an unknown suite and for bytes that are too short,
    ``EnvelopeSizeError`` for more than ``PLAINTEXT_SIZE_BYTES_MAX`` of content.
    """
    if len(data) < _HEADER_SIZE_BYTES + MAC_SIZE_BYTES:
        raise EnvelopeError(f"{len(data)} bytes are too few for an envelope")
    try:
        suite = Suite(data[0])
    except ValueError:
        raise EnvelopeError(f"suite {data[0]} is none that is opened here") from None
    return Envelope(
        suite=suite,
        nonce=data[_SUITE_SIZE_BYTES:_HEADER_SIZE_BYTES],
        ciphertext=data[_HEADER_SIZE_BYTES:],
    )


def check_plaintext_size(size_bytes: int) -> None:
    """Raise ``EnvelopeSizeError`` for what one call of the cipher does not take."""
    if size_bytes > PLAINTEXT_SIZE_BYTES_MAX:
        raise EnvelopeSizeError(
            f"{size_bytes} bytes; one envelope holds at most {PLAINTEXT_SIZE_BYTES_MAX}",
            limit=PLAINTEXT_SIZE_BYTES_MAX,
        )


def derive_key(key: bytes, purpose: KeyPurpose) -> bytes:
    """Return the sub-key of ``key`` for one purpose: 32 bytes of keyed BLAKE2b.

    BLAKE2b pads a shorter personalisation with zeros. Raise ``EnvelopeError`` for a key that is
    not 32 bytes.
    """
    if len(key) != KEY_SIZE_BYTES:
        raise EnvelopeError(f"a key of {len(key)} bytes, not {KEY_SIZE_BYTES}")
    person = purpose.encode("ascii")
    return hashlib.blake2b(b"", digest_size=KEY_SIZE_BYTES, key=key, person=person).digest()


def kek_wrap_aad(
    *,
    organisation: UUID,
    subject: UUID,
    kek_version: int,
    epoch: int,
    suite: Suite = Suite.XCHACHA20_POLY1305,
) -> bytes:
    """Return what binds a subject's wrapped key to its owner, version and root."""
    return _encode(suite, organisation, subject, kek_version, epoch)


def dek_wrap_aad(*, subject: UUID, record: UUID, kek_version: int) -> bytes:
    """Return what binds a wrapped data key to its record and to the key that wraps it."""
    return _encode(subject, record, kek_version)


def record_aad(
    *,
    organisation: UUID,
    subject: UUID,
    record: UUID,
    version: int,
    media_type: str,
    dek: UUID,
    suite: Suite = Suite.XCHACHA20_POLY1305,
) -> bytes:
    """Return what binds a record's ciphertext to its row, version, media type and data key."""
    return _encode(suite, organisation, subject, record, version, media_type, dek)


def _encode(*fields: Suite | UUID | int | str) -> bytes:
    """Return the fields in order, each after its length as u32 big-endian: no two alike."""
    return b"".join(
        len(data).to_bytes(_LENGTH_SIZE_BYTES, "big") + data for data in map(_field_bytes, fields)
    )


def _field_bytes(field: Suite | UUID | int | str) -> bytes:
    """Return a suite as 1 byte, a UUID as its 16, a number as u64 big-endian, a text as UTF-8."""
    match field:
        case UUID():
            return field.bytes
        case str():
            try:
                return field.encode()
            except UnicodeEncodeError as error:
                raise EnvelopeError("a text with half a surrogate pair") from error
        case Suite():
            return field.to_bytes(_SUITE_SIZE_BYTES, "big")
        case _ if 0 <= field < 1 << 8 * _INTEGER_SIZE_BYTES:
            return field.to_bytes(_INTEGER_SIZE_BYTES, "big")
    raise EnvelopeError("a number outside 0 to 2^64 - 1")
