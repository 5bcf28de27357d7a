"""A member's or device's key pair, and the file that keeps it.

The seed lies in a file that its owner alone may read, in the clear or, with a passphrase, in
libsodium's secretbox under a key that Argon2id makes of it.
"""

from dataclasses import dataclass
from pathlib import Path

from nacl.exceptions import CryptoError
from nacl.pwhash import argon2id
from nacl.secret import SecretBox
from nacl.signing import SigningKey
from nacl.utils import random

from foundation.core.problem import BadInputError
from ledger.core.ed25519 import PUBLIC_KEY_SIZE_BYTES, key_id_of
from ledger.core.members import Members, format_base64
from ledger.core.membership import NAME, Holder
from theriac_client.durable import read_json, write_json
from theriac_client.errors import PassphraseError, StateError

HOLDERS = tuple(holder for holder in Holder if holder.chains)
_SEED_SIZE_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberKey:
    """A key pair that signs; ``holder`` is ``member`` or ``device``."""

    signing_key: SigningKey
    holder: Holder
    label: str = ""

    @property
    def public_key(self) -> bytes:
        """The 32 bytes that the log knows."""
        return bytes(self.signing_key.verify_key)

    @property
    def key_id(self) -> bytes:
        """The key's id: SHA-256 of the public key."""
        return key_id_of(self.public_key)

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte signature."""
        return self.signing_key.sign(message).signature


def make_key(*, holder: Holder, label: str = "") -> MemberKey:
    """Return a fresh key pair; raise ``StateError`` for a holder or label that none may have."""
    if holder not in HOLDERS:
        raise StateError(f"a key of the holder {holder} is the server's: member or device")
    if label and NAME.fullmatch(label) is None:
        raise StateError("a label is 1 to 200 printable characters")
    return MemberKey(signing_key=SigningKey.generate(), holder=holder, label=label)


def write_key(path: Path, key: MemberKey, passphrase: bytes = b"") -> None:
    """Keep a key durably, encrypted where a passphrase is given."""
    value: dict[str, object] = {
        "v": 1,
        "holder": key.holder.value,
        "label": key.label,
        "public_key": format_base64(key.public_key),
    }
    seed = bytes(key.signing_key)
    if passphrase:
        salt = random(argon2id.SALTBYTES)
        costs = (argon2id.OPSLIMIT_MODERATE, argon2id.MEMLIMIT_MODERATE)
        box = SecretBox(_derived(passphrase, salt, costs)).encrypt(seed)
        value["encrypted"] = {
            "kdf": "argon2id",
            "salt": format_base64(salt),
            "operations": costs[0],
            "memory_bytes": costs[1],
            "box": format_base64(box),
        }
    else:
        value["seed"] = format_base64(seed)
    write_json(path, value)


def read_key(path: Path, passphrase: bytes = b"") -> MemberKey:
    """Return the key of a file; raise ``StateError`` or ``PassphraseError``."""
    try:
        members = Members(read_json(path), path.name, BadInputError)
        members.expect(("v", "holder", "label", "public_key"), ("seed", "encrypted"))
        members.literal("v", 1)
        if members.has("seed") == members.has("encrypted"):
            raise members.fault("seed", "is either in the clear or encrypted")
        seed = (
            members.blob("seed", _SEED_SIZE_BYTES)
            if members.has("seed")
            else _opened(members.members("encrypted"), passphrase, path)
        )
        key = MemberKey(
            signing_key=SigningKey(seed),
            holder=Holder(members.text("holder")),
            label=members.text("label"),
        )
        if key.public_key != members.blob("public_key", PUBLIC_KEY_SIZE_BYTES):
            raise members.fault("public_key", "is not that of the seed")
    except (BadInputError, ValueError) as error:
        raise StateError(f"{path} is damaged: {error}") from error
    return key


def is_encrypted(path: Path) -> bool:
    """Return whether the key file asks for a passphrase."""
    return "encrypted" in read_json(path)


def _opened(members: Members, passphrase: bytes, path: Path) -> bytes:
    members.expect(("kdf", "salt", "operations", "memory_bytes", "box"))
    members.literal("kdf", "argon2id")
    if not passphrase:
        raise PassphraseError(f"{path} is encrypted: give its passphrase")
    # Bounded, so that a file from elsewhere cannot take all memory.
    costs = (
        members.integer("operations", 1, argon2id.OPSLIMIT_SENSITIVE),
        members.integer("memory_bytes", argon2id.MEMLIMIT_MIN, argon2id.MEMLIMIT_SENSITIVE),
    )
    secret = _derived(passphrase, members.blob("salt", argon2id.SALTBYTES), costs)
    try:
        return SecretBox(secret).decrypt(members.blob("box"))
    except CryptoError as error:
        raise PassphraseError(f"the passphrase does not open {path}") from error


def _derived(passphrase: bytes, salt: bytes, costs: tuple[int, int]) -> bytes:
    return argon2id.kdf(SecretBox.KEY_SIZE, passphrase, salt, opslimit=costs[0], memlimit=costs[1])
