"""Settings from the environment: typed, and loud about a bad value."""

import subprocess
import sys
from pathlib import Path

import pytest

from config.env import (
    SettingError,
    env_bool,
    env_database,
    env_int,
    env_list,
    env_policy,
    env_secret,
    kept_secret,
)
from ledger.core.note import KeyType, VerifierKey, format_vkey
from ledger.core.policy import Policy

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("text", "value"), [("1", True), ("Yes", True), ("off", False), ("0", False), ("", True)]
)
def test_a_switch(monkeypatch: pytest.MonkeyPatch, text: str, value: object) -> None:
    monkeypatch.setenv("X_TEST", text)
    assert env_bool("X_TEST", default=True) is value


@pytest.mark.parametrize("text", ["maybe", "2"])
def test_what_is_no_switch_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("X_TEST", text)
    with pytest.raises(SettingError, match="X_TEST"):
        env_bool("X_TEST")


def test_whole_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    assert env_int("X_TEST", 7) == 7
    monkeypatch.setenv("X_TEST", "12")
    assert env_int("X_TEST", 7) == 12
    for text in ("-1", "1.5", "٣", "0"):
        monkeypatch.setenv("X_TEST", text)
        with pytest.raises(SettingError):
            env_int("X_TEST", 7, at_least=1)


def test_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X_TEST", "a, ,b")
    assert env_list("X_TEST") == ["a", "b"]


def test_secrets_come_from_files_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "s").write_text("hidden\n")
    monkeypatch.setenv("X_TEST_FILE", str(tmp_path / "s"))
    assert env_secret("X_TEST") == "hidden"
    monkeypatch.setenv("X_TEST_FILE", str(tmp_path / "none"))
    with pytest.raises(SettingError):
        env_secret("X_TEST")


def test_a_database_url_becomes_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X_TEST", "postgresql://u:p%40@h:6000/d?sslmode=require")
    found = env_database("X_TEST")
    assert (found["USER"], found["PASSWORD"], found["HOST"], found["PORT"], found["NAME"]) == (
        "u",
        "p@",
        "h",
        "6000",
        "d",
    )
    assert found["OPTIONS"] == {"sslmode": "require"}
    for bad in ("mysql://u@h/d", "postgresql://h/d?nothing=1"):
        monkeypatch.setenv("X_TEST", bad)
        with pytest.raises(SettingError) as caught:
            env_database("X_TEST")
        assert bad not in str(caught.value)


def test_whoever_keeps_a_secret_first_wins(tmp_path: Path) -> None:
    path = tmp_path / "home" / "secret"
    assert kept_secret(path, "first") == "first"
    assert kept_secret(path, "second") == "first"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [child.name for child in path.parent.iterdir()] == ["secret"]


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "THERIAC_KEY_PROVIDER"),
        ({"THERIAC_KEY_PROVIDER": "file"}, "THERIAC_KEY_PROVIDER"),
        ({"THERIAC_KEY_PROVIDER": "file:keys"}, "THERIAC_KEY_PROVIDER"),
        ({"THERIAC_KEY_PROVIDER": "file:/home/theriac/keys"}, "THERIAC_KEY_PROVIDER"),
        ({"THERIAC_KEY_PROVIDER": "paper"}, "THERIAC_KEY_PROVIDER"),
        ({"THERIAC_KEY_PROVIDER": "file:/keys"}, "SECRET_KEY"),
        ({"THERIAC_KEY_PROVIDER": "file:/keys", "SECRET_KEY": "s" * 60}, "SECRET_KEY"),
        ({"THERIAC_KEY_PROVIDER": "file:/keys", "SECRET_KEY": "0123456789" * 5}, ""),
    ],
)
def test_production_refuses_development_keys(environment: dict[str, str], said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import config.settings"],
        cwd=ROOT,
        env={
            "DATABASE_URL": "postgresql://app@db.example/theriac",
            "THERIAC_HOME": "/home/theriac",
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if said:
        assert done.returncode == 1
        assert f"SettingError: {said}" in done.stderr.replace("with DATABASE_URL set, ", "")
    else:
        assert (done.returncode, done.stderr) == (0, "")


def test_a_witness_policy_is_read_from_its_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("X_TEST", raising=False)
    assert env_policy("X_TEST") == Policy()
    path = tmp_path / "witness.policy"
    monkeypatch.setenv("X_TEST", str(path))
    with pytest.raises(SettingError, match="cannot be read"):
        env_policy("X_TEST")
    path.write_bytes(b"quorum none\n")
    assert env_policy("X_TEST") == Policy()
    path.write_bytes(b"quorum a\n")
    with pytest.raises(SettingError, match="X_TEST: line 1: 'a' is defined on no line before"):
        env_policy("X_TEST")
    key = VerifierKey(name="w.example", key_type=KeyType.COSIGNATURE, public_key=bytes(32))
    path.write_text(f"witness a {format_vkey(key)}\nquorum a\n")
    with pytest.raises(SettingError, match="the quorum could never be reached"):
        env_policy("X_TEST")
    path.write_text(f"witness a {format_vkey(key)} https://w.example\nquorum a\n")
    assert env_policy("X_TEST").quorum == b"a"
    monkeypatch.setenv("X_TEST", "witness.policy")
    with pytest.raises(SettingError, match="absolute"):
        env_policy("X_TEST")
