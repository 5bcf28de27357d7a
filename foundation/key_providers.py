"""Where private keys and roots lie, and the only code that touches them.

One provider here: ``file``, a folder of files. Signing keys never leave it; a root wraps the
keys of the vault and dies here, outside the database and its backups. A name is a path of
plain segments, such as ``organisation/<uuid>/<key id>``; it never comes from a request.
"""

import os
import re
import secrets
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from django.conf import settings
from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_decrypt,
    crypto_aead_xchacha20poly1305_ietf_encrypt,
)
from nacl.exceptions import CryptoError
from nacl.signing import SigningKey

KEY_SIZE_BYTES = 32
NONCE_SIZE_BYTES = 24
_NAME = re.compile(r"[a-z0-9-]{1,80}(/[a-z0-9-]{1,80}){0,4}")


class KeyProviderError(RuntimeError):
    """The provider cannot do it; ``remedy`` says what the operator does about it."""

    def __init__(self, message: str, *, remedy: str) -> None:
        """Keep the remedy apart, so that commands print it on a line of its own."""
        super().__init__(message)
        self.remedy = remedy


class KeyMissingError(KeyProviderError):
    """No key has this name: never made here, or destroyed."""


class UnwrapError(ValueError):
    """The bytes were not wrapped under this root with this context, or were changed."""


class KeyProvider(Protocol):
    """What any back end does; only roots are ever destroyed."""

    def check(self) -> None:
        """Raise ``KeyProviderError`` or ``OSError`` where the store cannot be used now."""

    def signing_key_create(self, name: str) -> bytes:
        """Make an Ed25519 key; return its 32-byte public key. An existing name is refused."""

    def signing_key_public(self, name: str) -> bytes:
        """Return the 32-byte public key; raise ``KeyMissingError``."""

    def sign(self, name: str, message: bytes) -> bytes:
        """Return the 64-byte Ed25519 signature; raise ``KeyMissingError``."""

    def root_create(self, name: str) -> None:
        """Make a 32-byte root. An existing name is refused."""

    def root_wrap(self, name: str, plaintext: bytes, aad: bytes) -> bytes:
        """Return nonce and ciphertext of ``plaintext`` under the root, bound to ``aad``."""

    def root_unwrap(self, name: str, wrapped: bytes, aad: bytes) -> bytes:
        """Return the plaintext; raise ``UnwrapError`` or ``KeyMissingError``."""

    def root_destroy(self, name: str) -> None:
        """Destroy the root: from now on ``KeyMissingError``. Doing it twice is fine."""

    def root_exists(self, name: str) -> bool:
        """Attest whether the root is there."""


class FileKeyProvider:
    """Keys as files of mode 0600 in a folder of mode 0700."""

    def __init__(self, folder: Path) -> None:
        """Use ``folder``, making it where it is missing; refuse one that others can read."""
        self.folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.check()

    def check(self) -> None:
        """Raise ``KeyProviderError`` or ``OSError`` unless the folder is there and closed."""
        mode = self.folder.stat().st_mode & 0o777
        if mode & 0o077:
            raise KeyProviderError(
                f"the key folder has mode {mode:o}: others could read it",
                remedy=f"chmod 700 {self.folder}",
            )

    def signing_key_create(self, name: str) -> bytes:
        """Make an Ed25519 key from 32 random bytes."""
        self._write(name, secrets.token_bytes(KEY_SIZE_BYTES))
        return self.signing_key_public(name)

    def signing_key_public(self, name: str) -> bytes:
        """Return the public key."""
        return bytes(_signing_key(self._path(name)).verify_key)

    def sign(self, name: str, message: bytes) -> bytes:
        """Return the signature."""
        return _signing_key(self._path(name)).sign(message).signature

    def root_create(self, name: str) -> None:
        """Make a root."""
        self._write(name, secrets.token_bytes(KEY_SIZE_BYTES))

    def root_wrap(self, name: str, plaintext: bytes, aad: bytes) -> bytes:
        """Return nonce and ciphertext (XChaCha20-Poly1305-IETF)."""
        nonce = secrets.token_bytes(NONCE_SIZE_BYTES)
        return nonce + crypto_aead_xchacha20poly1305_ietf_encrypt(
            plaintext, aad, nonce, _read(self._path(name))
        )

    def root_unwrap(self, name: str, wrapped: bytes, aad: bytes) -> bytes:
        """Return the plaintext. Roots are read each time: destroyed means destroyed, at once."""
        root = _read(self._path(name))
        nonce, ciphertext = wrapped[:NONCE_SIZE_BYTES], wrapped[NONCE_SIZE_BYTES:]
        try:
            return crypto_aead_xchacha20poly1305_ietf_decrypt(ciphertext, aad, nonce, root)
        except (CryptoError, ValueError, TypeError) as error:
            raise UnwrapError("not wrapped under this root, or changed since") from error

    def root_destroy(self, name: str) -> None:
        """Overwrite the file, then remove it and make that durable."""
        path = self._path(name)
        if not path.exists():
            return
        with path.open("r+b") as file:
            file.write(bytes(KEY_SIZE_BYTES))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()
        _sync_folder(path.parent)

    def root_exists(self, name: str) -> bool:
        """Attest whether the root's file is there."""
        return self._path(name).exists()

    @lru_cache(maxsize=4096)  # noqa: B019 - a process has one provider, for its whole life
    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a key")
        return self.folder / f"{name}.key"

    def _write(self, name: str, key: bytes) -> None:
        """Write the key whole or not at all, and never over another."""
        path = self._path(name)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(key)
                file.flush()
                os.fsync(file.fileno())
            path.hardlink_to(draft)
        except FileExistsError as error:
            raise KeyProviderError(
                f"a key named {name} exists", remedy="keys are never overwritten: use it"
            ) from error
        finally:
            draft.unlink()
        _sync_folder(path.parent)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise KeyMissingError(
            f"there is no key {path.stem}", remedy="restore the key folder, or use a living key"
        ) from error


@lru_cache(maxsize=4096)
def _signing_key(path: Path) -> SigningKey:
    return SigningKey(_read(path))


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@lru_cache(maxsize=1)
def key_provider() -> KeyProvider:
    """Return the provider that the settings name."""
    return FileKeyProvider(settings.THERIAC_KEY_FOLDER)
