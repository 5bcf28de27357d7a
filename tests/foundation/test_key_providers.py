"""Keys in files: whole or not at all, never over another, and gone when destroyed."""

from pathlib import Path

import pytest
from nacl.signing import VerifyKey

from foundation.key_providers import (
    FileKeyProvider,
    KeyMissingError,
    KeyProviderError,
    UnwrapError,
)


@pytest.fixture
def provider(tmp_path: Path) -> FileKeyProvider:
    return FileKeyProvider(tmp_path / "keys")


def test_what_is_signed_verifies(provider: FileKeyProvider) -> None:
    public_key = provider.signing_key_create("organisation/a/b")
    assert public_key == provider.signing_key_public("organisation/a/b")
    VerifyKey(public_key).verify(b"message", provider.sign("organisation/a/b", b"message"))


def test_keys_are_readable_by_nobody_else(provider: FileKeyProvider) -> None:
    provider.signing_key_create("log/a")
    for path in [provider.folder, *provider.folder.rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0
    assert [path.name for path in provider.folder.rglob("*.*")] == ["a.key"]


def test_a_folder_that_others_read_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    with pytest.raises(KeyProviderError) as caught:
        FileKeyProvider(tmp_path)
    assert caught.value.remedy == f"chmod 700 {tmp_path}"


def test_a_key_is_never_overwritten(provider: FileKeyProvider) -> None:
    before = provider.signing_key_create("log/a")
    with pytest.raises(KeyProviderError):
        provider.signing_key_create("log/a")
    assert provider.signing_key_public("log/a") == before


@pytest.mark.parametrize("name", ["", "../a", "a/../b", "A", "a//b", "/a", "a.key", "a/b/c/d/e/f"])
def test_what_is_no_name_is_refused(provider: FileKeyProvider, name: str) -> None:
    with pytest.raises(ValueError, match="no name of a key"):
        provider.sign(name, b"")


def test_a_missing_key_says_so(provider: FileKeyProvider) -> None:
    with pytest.raises(KeyMissingError):
        provider.sign("log/none", b"")


def test_a_root_unwraps_what_it_wrapped_under_the_same_context_only(
    provider: FileKeyProvider,
) -> None:
    provider.root_create("root/a/1")
    provider.root_create("root/a/2")
    wrapped = provider.root_wrap("root/a/1", b"key", b"context")
    assert provider.root_unwrap("root/a/1", wrapped, b"context") == b"key"
    for name, data, aad in (
        ("root/a/1", wrapped, b"other"),
        ("root/a/2", wrapped, b"context"),
        ("root/a/1", wrapped[:-1] + bytes([wrapped[-1] ^ 1]), b"context"),
        ("root/a/1", b"short", b"context"),
    ):
        with pytest.raises(UnwrapError):
            provider.root_unwrap(name, data, aad)


def test_a_destroyed_root_opens_nothing_in_any_process(provider: FileKeyProvider) -> None:
    provider.root_create("root/a/1")
    wrapped = provider.root_wrap("root/a/1", b"key", b"")
    other = FileKeyProvider(provider.folder)
    assert other.root_unwrap("root/a/1", wrapped, b"") == b"key"
    provider.root_destroy("root/a/1")
    provider.root_destroy("root/a/1")
    assert not provider.root_exists("root/a/1")
    with pytest.raises(KeyMissingError):
        other.root_unwrap("root/a/1", wrapped, b"")
