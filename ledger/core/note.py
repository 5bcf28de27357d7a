"""Signed notes: a short text with signatures below it (C2SP signed-note 1.0.0).

The text ends in a newline; an empty line; then lines ``— <name> <base64>`` whose bytes are a
4-byte key id and the signature. Signatures of keys that nobody trusts are ignored, but where a
trusted key's signature fails, the note is refused. Signing is done elsewhere.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256

from foundation.core.problem import BadInputError
from ledger.core.ed25519 import (
    PUBLIC_KEY_SIZE_BYTES,
    SIGNATURE_SIZE_BYTES,
    SignatureError,
    check_signature,
)
from ledger.core.members import Base64Error, format_base64, parse_base64

NOTE_SIZE_BYTES_MAX = 128 * 1024
SIGNATURES_MAX = 100
KEY_HASH_SIZE_BYTES = 4
_TIMESTAMP_SIZE_BYTES = 8
_DASH = "— "  # U+2014 and a space
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f]")
_KEY_HASH = re.compile("[0-9a-f]{8}")


class NoteError(BadInputError):
    """The note is malformed, too large, or not signed by whom it must be."""

    slug = "bad-note"
    title = "This is not a signed note that holds"


class KeyType(IntEnum):
    """The signature types that are checked here; 0x06 (ML-DSA-44) is reserved for later."""

    ED25519 = 0x01
    COSIGNATURE = 0x04  # Ed25519 with a timestamp, by witnesses


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifierKey:
    """A key that may sign notes; ``key_hash`` are the four bytes by which notes name it."""

    name: str
    key_type: KeyType
    public_key: bytes

    @property
    def key_hash(self) -> bytes:
        """The first four bytes of ``SHA-256(name || 0x0A || type || public key)``."""
        data = self.name.encode() + b"\n" + bytes([self.key_type]) + self.public_key
        return sha256(data).digest()[:KEY_HASH_SIZE_BYTES]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteSignature:
    """One signature line; ``signature`` is what follows the key hash, timestamp included."""

    name: str
    key_hash: bytes
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A parsed note; ``text`` keeps its last newline."""

    text: str
    signatures: tuple[NoteSignature, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A signature that was verified; ``timestamp_s`` is POSIX time, cosignatures have one."""

    key: VerifierKey
    timestamp_s: int | None = None


def format_vkey(key: VerifierKey) -> str:
    """Return the verifier key as one line; raise ``NoteError`` for a bad name or key."""
    _check_key(key)
    encoded = format_base64(bytes([key.key_type]) + key.public_key)
    return f"{key.name}+{key.key_hash.hex()}+{encoded}"


def parse_vkey(text: str) -> VerifierKey:
    """Return the verifier key of ``name+hash+base64``; raise ``NoteError``."""
    # Base64 may hold a plus sign: only the first two separate.
    parts = text.split("+", 2)
    if len(parts) != 3 or _KEY_HASH.fullmatch(parts[1]) is None:  # noqa: PLR2004 - the format
        raise NoteError("a verifier key is name+8 hex digits+base64")
    try:
        blob = parse_base64(parts[2])
    except Base64Error as error:
        raise NoteError(f"the verifier key of {parts[0][:64]!a} is no base64") from error
    if not blob or blob[0] not in tuple(KeyType):
        raise NoteError(f"verifier keys of type {blob[:1].hex() or 'none'} are not built yet")
    key = VerifierKey(name=parts[0], key_type=KeyType(blob[0]), public_key=blob[1:])
    _check_key(key)
    if key.key_hash.hex() != parts[1]:
        raise NoteError(f"the verifier key of {key.name} names the hash of another key")
    return key


def format_signature_line(name: str, key_hash: bytes, signature: bytes) -> str:
    """Return one signature line without its newline; raise ``NoteError`` for a bad name."""
    _check_name(name)
    return f"{_DASH}{name} {format_base64(key_hash + signature)}"


def format_note(text: str, lines: Sequence[str]) -> bytes:
    """Return the note of a text and its signature lines; raise ``NoteError``."""
    data = (text + "\n" + "".join(f"{line}\n" for line in lines)).encode()
    if parse_note(data).text != text:
        raise NoteError("the text holds signature lines of its own")
    return data


def parse_note(data: bytes) -> Note:
    """Return the parts of a note, nothing of it verified; raise ``NoteError``."""
    if len(data) > NOTE_SIZE_BYTES_MAX:
        raise NoteError(f"a note of {len(data)} bytes; at most {NOTE_SIZE_BYTES_MAX} are read")
    try:
        whole = data.decode()
    except UnicodeDecodeError as error:
        raise NoteError(f"not UTF-8 from byte {error.start} on", position=error.start) from error
    if control := _CONTROL.search(whole):
        raise NoteError(f"the control character {control.group()!a}")
    # At the last empty line: a text may hold empty lines of its own.
    text, separator, block = whole.rpartition("\n\n")
    if not separator or not block.endswith("\n"):
        raise NoteError("no empty line followed by whole signature lines")
    lines = block[:-1].split("\n")
    if len(lines) > SIGNATURES_MAX:
        raise NoteError(f"{len(lines)} signatures; at most {SIGNATURES_MAX} are read")
    return Note(text=text + "\n", signatures=tuple(_parse_line(line) for line in lines))


def check_note(note: Note, keys: Collection[VerifierKey]) -> tuple[Signed, ...]:
    """Return the signatures of known keys, all verified.

    Raise ``NoteError`` where a known key's signature fails, and where there is none.
    """
    known = {(key.name, key.key_hash): key for key in keys}
    signed: list[Signed] = []
    for signature in note.signatures:
        key = known.get((signature.name, signature.key_hash))
        if key is not None:
            signed.append(_check_line(note.text, signature.signature, key))
    if not signed:
        raise NoteError("no signature of a known key")
    return tuple(signed)


def cosignature_message(*, text: str, timestamp_s: int) -> bytes:
    """Return what a witness signs: a checkpoint's text under a time (C2SP tlog-cosignature)."""
    return f"cosignature/v1\ntime {timestamp_s}\n{text}".encode()


def _check_line(text: str, signature: bytes, key: VerifierKey) -> Signed:
    message, timestamp_s = text.encode(), None
    if key.key_type is KeyType.COSIGNATURE:
        timestamp, signature = signature[:_TIMESTAMP_SIZE_BYTES], signature[_TIMESTAMP_SIZE_BYTES:]
        timestamp_s = int.from_bytes(timestamp, "big")
        if timestamp_s >= 2**63:
            raise NoteError(f"the cosignature of {key.name} bears a time beyond 2^63 - 1")
        message = cosignature_message(text=text, timestamp_s=timestamp_s)
    if len(signature) != SIGNATURE_SIZE_BYTES:
        raise NoteError(f"the signature of {key.name} has the wrong size")
    try:
        check_signature(key.public_key, message, signature)
    except SignatureError as error:
        raise NoteError(f"the signature of {key.name} does not hold") from error
    return Signed(key=key, timestamp_s=timestamp_s)


def _parse_line(line: str) -> NoteSignature:
    name, separator, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not separator:
        raise NoteError(f"no signature line: {line[:64]!a}")
    _check_name(name)
    try:
        blob = parse_base64(encoded)
    except Base64Error as error:
        raise NoteError(f"the signature of {name[:64]!a} is no base64") from error
    if len(blob) <= KEY_HASH_SIZE_BYTES:
        raise NoteError(f"the signature of {name[:64]!a} is empty")
    return NoteSignature(
        name=name, key_hash=blob[:KEY_HASH_SIZE_BYTES], signature=blob[KEY_HASH_SIZE_BYTES:]
    )


def _check_key(key: VerifierKey) -> None:
    _check_name(key.name)
    if len(key.public_key) != PUBLIC_KEY_SIZE_BYTES:
        raise NoteError(f"the key of {key.name} has {len(key.public_key)} bytes, not 32")


def _check_name(name: str) -> None:
    bad = not name or "+" in name or not name.isprintable()
    if bad or any(character.isspace() for character in name):
        raise NoteError(f"{name[:64]!a} is no key name: it has to be without space and plus")
