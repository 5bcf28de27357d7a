"""Readiness: what is in the way is named, and nothing more."""

from pathlib import Path
from typing import Self

import pytest
from django.conf import LazySettings
from django.db import OperationalError
from django.test import Client

from foundation import health
from foundation.key_providers import KeyProviderError, key_provider


@pytest.mark.usefixtures("db")
def test_all_is_well(anyone: Client) -> None:
    assert anyone.get("/healthz").json() == {"status": "ok"}
    ready = anyone.get("/readyz")
    assert ready.status_code == 200
    assert set(ready.json()["checks"].values()) == {""}


@pytest.mark.usefixtures("db")
def test_what_is_in_the_way_is_named(anyone: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise KeyProviderError("secret details", remedy="")

    monkeypatch.setattr(health, "key_provider", refuse)
    monkeypatch.setattr(health, "_CHECKS", {})
    health.readiness_check("sequencer")(lambda: "is frozen")
    ready = anyone.get("/readyz")
    assert ready.status_code == 503
    assert ready.json()["checks"] == {
        "database": "",
        "database_system": "",
        "keys": "the key provider cannot be used",
        "broker": "",
        "sequencer": "is frozen",
    }
    assert b"secret" not in ready.content


class Broken:
    """A connection to a database that is gone."""

    def cursor(self) -> None:
        raise OperationalError("host db.example refused")


def test_a_database_that_is_gone_is_named(
    anyone: Client, monkeypatch: pytest.MonkeyPatch, settings: LazySettings
) -> None:
    monkeypatch.setattr(health, "_CHECKS", {})  # the apps' own would ask a real database
    monkeypatch.setattr(health, "connections", {"default": Broken(), "system": Broken()})
    ready = anyone.get("/readyz")
    assert ready.status_code == 503
    assert ready.json()["checks"]["database"] == "cannot be reached"
    assert b"db.example" not in ready.content
    assert settings.PRODUCTION is False


@pytest.mark.parametrize(
    ("row", "production", "said"),
    [
        ((True, "on"), False, "the role is a superuser or passes row-level security by"),
        ((False, "off"), True, "fsync is off"),
        ((False, "off"), False, ""),
        ((False, "on"), True, ""),
    ],
)
def test_an_unsafe_database_is_named(
    anyone: Client,
    monkeypatch: pytest.MonkeyPatch,
    settings: LazySettings,
    row: tuple[object, str],
    production: object,
    said: str,
) -> None:
    class Cursor:
        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None: ...

        def execute(self, sql: str) -> None: ...

        def fetchone(self) -> tuple[object, str]:
            return row

        def cursor(self) -> "Cursor":
            return self

    monkeypatch.setattr(health, "_CHECKS", {})
    monkeypatch.setattr(health, "connections", {"default": Cursor(), "system": Cursor()})
    settings.PRODUCTION = production
    assert anyone.get("/readyz").json()["checks"]["database"] == said


@pytest.mark.usefixtures("db")
def test_a_key_store_that_was_taken_away_is_named(
    anyone: Client, settings: LazySettings, tmp_path: Path
) -> None:
    settings.THERIAC_KEY_FOLDER = tmp_path / "keys"
    key_provider.cache_clear()
    assert anyone.get("/readyz").status_code == 200
    (tmp_path / "keys").rename(tmp_path / "elsewhere")
    assert anyone.get("/readyz").json()["checks"]["keys"] == "the key provider cannot be used"
    (tmp_path / "elsewhere").rename(tmp_path / "keys")
    (tmp_path / "keys").chmod(0o750)
    assert anyone.get("/readyz").json()["checks"]["keys"] == "the key provider cannot be used"
    key_provider.cache_clear()


@pytest.mark.usefixtures("db")
@pytest.mark.enable_socket
def test_a_broker_that_is_down_is_named(anyone: Client, settings: LazySettings) -> None:
    settings.BROKER_URL = "amqp://guest:secret@127.0.0.1:1//"
    ready = anyone.get("/readyz")
    assert ready.status_code == 503
    assert ready.json()["checks"]["broker"] == "cannot be reached"
    assert b"secret" not in ready.content


def test_probes_are_answered_without_tls(anyone: Client, settings: LazySettings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert anyone.get("/healthz").status_code == 200
    assert anyone.get("/api/v1/claims").status_code == 301
