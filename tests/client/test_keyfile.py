"""Keys and files of the state folder: kept for their owner alone, and read back or refused."""

import os
import stat
from pathlib import Path

import orjson
import pytest
from nacl.pwhash import argon2id

from ledger.core.governance import Holder
from ledger.core.statement import KeyChain
from theriac_client.durable import read_bytes, read_json, remove, write_bytes
from theriac_client.errors import PassphraseError, StateError
from theriac_client.journal import Journal
from theriac_client.keyfile import is_encrypted, make_key, read_key, write_key
from theriac_client.settings import read_settings


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2id at its least: what it costs is not what is tested."""
    monkeypatch.setattr(argon2id, "OPSLIMIT_MODERATE", argon2id.OPSLIMIT_MIN)
    monkeypatch.setattr(argon2id, "MEMLIMIT_MODERATE", argon2id.MEMLIMIT_MIN)


def test_a_key_is_read_back_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    key = make_key(holder=Holder.DEVICE, label="scanner 7")
    write_key(path := tmp_path / "key.json", key)
    assert read_key(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not is_encrypted(path)


@pytest.mark.usefixtures("cheap")
def test_an_encrypted_key_opens_with_its_passphrase_alone(tmp_path: Path) -> None:
    key = make_key(holder=Holder.MEMBER)
    write_key(path := tmp_path / "key.json", key, b"correct horse")
    assert is_encrypted(path)
    assert bytes(key.signing_key) not in path.read_bytes()
    assert read_key(path, b"correct horse") == key
    with pytest.raises(PassphraseError, match="does not open"):
        read_key(path, b"wrong horse")
    with pytest.raises(PassphraseError, match="is encrypted"):
        read_key(path)


@pytest.mark.usefixtures("cheap")
@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"holder": "system2"},
        {"public_key": "A" * 43 + "="},
        {"seed": "A" * 43 + "="},
        {"encrypted": {"kdf": "none"}},
        {"more": 1},
    ],
)
def test_a_damaged_key_file_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    write_key(path := tmp_path / "key.json", make_key(holder=Holder.MEMBER), b"x")
    path.write_bytes(orjson.dumps({**read_json(path), **change}))
    with pytest.raises(StateError, match="damaged"):
        read_key(path, b"x")


@pytest.mark.usefixtures("cheap")
def test_a_key_file_cannot_ask_for_all_memory(tmp_path: Path) -> None:
    write_key(path := tmp_path / "key.json", make_key(holder=Holder.MEMBER), b"x")
    value = read_json(path)
    encrypted = value["encrypted"]
    assert isinstance(encrypted, dict)
    path.write_bytes(orjson.dumps({**value, "encrypted": {**encrypted, "memory_bytes": 1 << 45}}))
    with pytest.raises(StateError, match="memory_bytes"):
        read_key(path, b"x")


@pytest.mark.parametrize(
    ("holder", "label"), [(Holder.SYSTEM, ""), (Holder.PERSON, ""), (Holder.MEMBER, "a\nb")]
)
def test_a_key_that_could_not_be_registered_is_not_made(holder: Holder, label: str) -> None:
    with pytest.raises(StateError):
        make_key(holder=holder, label=label)


def test_a_write_that_failed_leaves_the_old_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_bytes(path := tmp_path / "file", b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StateError, match="No space left"):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old"


def test_files_that_are_not_there_too_large_or_no_json_are_said(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="cannot be read"):
        read_bytes(tmp_path / "none")
    (path := tmp_path / "file").write_bytes(b"[1]")
    with pytest.raises(StateError, match="larger than 2"):
        read_bytes(path, 2)
    with pytest.raises(StateError, match="no object"):
        read_json(path)
    path.write_bytes(b"{")
    with pytest.raises(StateError, match="is damaged"):
        read_json(path)
    remove(path)
    remove(path)
    with pytest.raises(StateError, match="cannot be removed"):
        remove(tmp_path / "none" / "file")
    with pytest.raises(StateError, match="cannot be written"):
        write_bytes(tmp_path / "none" / "file", b"")


def test_damaged_state_is_refused_not_guessed(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_bytes(b'{"v":1}')
    with pytest.raises(StateError, match="damaged"):
        read_settings(tmp_path)
    journal = Journal(tmp_path)
    assert journal.key_state(bytes(32)).chain == KeyChain()
    (tmp_path / f"chain-{bytes(32).hex()}.json").write_bytes(b'{"v":1,"first":-1,"prev":""}')
    with pytest.raises(StateError, match="damaged"):
        journal.key_state(bytes(32))
