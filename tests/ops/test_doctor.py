"""The doctor names what is in the way, and what to do about it."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from ops import database_checks, doctor
from ops.bootstrap import wanted_state
from ops.database_checks import check_database
from ops.errors import OpsError
from ops.findings import Finding, Status, fail, ok, warn
from ops.postgres import (
    Server,
    destroy_server,
    ensure_database,
    ensure_roles,
    ensure_server,
    urls,
)

GIGABYTE = 1024**3


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A durable server with roles and a database."""
    home = tmp_path_factory.mktemp("home")
    with ensure_server(home) as one:
        ensure_roles(one.admin_url())
        ensure_database(one.admin_url(), "theriac")
        yield one
    destroy_server(home)


def statuses(findings: Iterator[Finding]) -> dict[str, str]:
    """Return name and status of each finding."""
    return {finding.name: finding.status.value for finding in findings}


@pytest.mark.parametrize(
    ("version", "status"),
    [((3, 10), "fail"), ((3, 11), "ok"), ((3, 13), "ok"), ((3, 14), "fail")],
)
def test_only_tested_pythons_are_well(version: tuple[int, int], status: str) -> None:
    assert doctor.check_python(version).status == status


@pytest.mark.parametrize(
    ("free", "status"),
    [(GIGABYTE - 1, "fail"), (GIGABYTE, "warn"), (5 * GIGABYTE, "ok")],
)
def test_little_space_is_told(free: int, status: str) -> None:
    assert doctor.check_space(free).status == status


def test_packages_are_well_only_where_the_script_installed_them(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").touch()
    assert doctor.check_packages(tmp_path).status == "warn"
    (tmp_path / ".venv").mkdir()
    state = wanted_state(tmp_path, development=False)
    (tmp_path / ".venv" / ".theriac").write_text(json.dumps(state))
    assert doctor.check_packages(tmp_path).status == "ok"


def test_a_home_that_cannot_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert doctor.check_home(tmp_path / "not yet") == ok("home", str(tmp_path / "not yet"))
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert doctor.check_home(tmp_path / "not yet").detail == f"{tmp_path} cannot be written"


def test_open_keys_are_told(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    assert doctor.check_keys({}, tmp_path) == ok("keys", "file: none made yet")
    keys.mkdir(mode=0o700)
    assert doctor.check_keys({}, tmp_path) == ok("keys", f"file: {keys}")
    keys.chmod(0o750)
    assert doctor.check_keys({}, tmp_path).remedy == f"chmod -R go= {keys}"
    assert doctor.check_keys({}, tmp_path).status == "fail"


def test_file_keys_beside_an_operators_database_are_told(tmp_path: Path) -> None:
    environment = {"DATABASE_URL": "x", "THERIAC_KEY_PROVIDER": f"file:{tmp_path}"}
    tmp_path.chmod(0o700)
    assert doctor.check_keys(environment, tmp_path / "home").status == "warn"


@pytest.mark.parametrize("provider", ["", "file", "file:keys", "file:{home}", "file:{home}/keys"])
def test_development_keys_beside_an_operators_database_fail(tmp_path: Path, provider: str) -> None:
    environment = {"DATABASE_URL": "x", "THERIAC_KEY_PROVIDER": provider.format(home=tmp_path)}
    tmp_path.chmod(0o700)
    found = doctor.check_keys(environment, tmp_path)
    assert (found.status, found.remedy) == (
        "fail",
        "THERIAC_KEY_PROVIDER=file:/absolute/folder, outside THERIAC_HOME",
    )


def test_missing_browser_files_are_told(tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    table = {"packages": [{"name": "lib", "version": "1"}], "files": []}
    (tmp_path / "web" / "browser_files.json").write_text(json.dumps(table))
    assert doctor.check_browser_files(tmp_path).status == "ok"
    table["files"] = [{"file": "lib/a.js", "from": "lib/a.js", "sha256": "00"}]
    (tmp_path / "web" / "browser_files.json").write_text(json.dumps(table))
    found = doctor.check_browser_files(tmp_path)
    assert (found.status, found.detail) == ("warn", "no camera on /scan/: not installed yet")


def test_a_database_set_up_by_us_is_well(running: Server, tmp_path: Path) -> None:
    environment = urls(running.admin_url(), "theriac")
    assert statuses(check_database(environment, tmp_path)) == {
        "DATABASE_URL": "ok",
        "server version": "ok",
        "durability": "ok",
        "clock": "ok",
        "DATABASE_OWNER_URL": "ok",
        "DATABASE_SYSTEM_URL": "ok",
    }


def test_a_superuser_and_a_missing_url_are_told(running: Server, tmp_path: Path) -> None:
    (tmp_path / "url").write_text(running.admin_url() + "\n")
    environment = {"DATABASE_URL_FILE": str(tmp_path / "url")}
    found = {finding.name: finding for finding in check_database(environment, tmp_path)}
    assert "is a superuser" in found["DATABASE_URL"].detail
    assert found["DATABASE_OWNER_URL"].status == found["DATABASE_SYSTEM_URL"].status == "fail"
    assert found["DATABASE_SYSTEM_URL"].detail == "not set"


def test_a_role_that_bypasses_row_level_security_is_told(running: Server, tmp_path: Path) -> None:
    environment = urls(running.admin_url(), "theriac")
    with psycopg.connect(running.admin_url(), autocommit=True) as connection:
        connection.execute("ALTER ROLE theriac_app BYPASSRLS")
        found = {finding.name: finding for finding in check_database(environment, tmp_path)}
        connection.execute("ALTER ROLE theriac_app NOBYPASSRLS")
    assert "bypasses row-level security" in found["DATABASE_URL"].detail


def test_a_server_that_may_lose_what_it_acknowledged_is_told(
    running: Server, tmp_path: Path
) -> None:
    environment = urls(running.admin_url(), "theriac")
    environment["DATABASE_URL"] += "?options=-c%20synchronous_commit%3Doff"
    found = {finding.name: finding for finding in check_database(environment, tmp_path)}
    assert found["durability"].status == "fail"
    assert "synchronous_commit = off" in found["durability"].detail


def test_an_old_server_and_a_wrong_clock_are_told(
    running: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_checks, "OLDEST_MAJOR", 99)
    monkeypatch.setattr(database_checks, "SKEW_S_MAX", -1)
    found = statuses(check_database(urls(running.admin_url(), "theriac"), tmp_path))
    assert (found["server version"], found["clock"]) == ("fail", "fail")


def test_no_connection_is_told_without_the_password(running: Server, tmp_path: Path) -> None:
    environment = urls(running.admin_url(), "no such database")
    found = list(check_database(environment, tmp_path))
    assert {finding.status.value for finding in found} == {"fail"}
    password = environment["DATABASE_URL"].split(":")[2].split("@")[0]
    assert not any(password in finding.detail for finding in found)


@pytest.mark.slow
def test_the_embedded_database_is_looked_at_only_where_there_is_one(tmp_path: Path) -> None:
    found = {finding.name: finding for finding in check_database({}, tmp_path)}
    assert found.keys() == {"postgresql", "database"}
    assert "the first start makes one" in found["database"].detail
    ensure_server(tmp_path).release()
    assert "durability" in statuses(check_database({}, tmp_path))
    destroy_server(tmp_path)


def test_missing_programs_and_a_broken_cluster_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trouble(*_: object) -> object:
        raise OpsError("in the way", remedy="move it")

    monkeypatch.setattr(database_checks, "find_binaries", trouble)
    assert list(check_database({}, tmp_path)) == [fail("postgresql", "in the way", "move it")]
    monkeypatch.setattr(database_checks, "database_environment", trouble)
    found = list(check_database({"DATABASE_URL": "x"}, tmp_path))
    assert found == [fail("database", "in the way", "move it")]


@pytest.mark.parametrize("status", list(Status))
def test_the_report_fails_only_with_a_failed_check(
    status: Status, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    finding = Finding(name="one", status=status, detail="what", remedy="do")
    monkeypatch.setattr(doctor, "find_all", lambda *_: [finding, ok("two", "fine")])
    expected = 1 if status is Status.FAIL else 0
    assert doctor.doctor(as_json=True) == expected
    assert json.loads(capsys.readouterr().out)[0] == {
        "name": "one",
        "status": status.value,
        "detail": "what",
        "remedy": "do",
    }
    assert doctor.doctor(as_json=False) == expected
    assert capsys.readouterr().out.splitlines()[1] == "      -> do"


def test_every_check_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor, "check_database", lambda *_: iter([warn("database", "a", "b")]))
    assert list(statuses(doctor.find_all({}, tmp_path))) == [
        *("python", "packages", "home", "disk", "settings", "keys"),
        *("browser files", "database"),
    ]
