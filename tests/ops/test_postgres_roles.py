"""The three roles: what each may do, and that making them again changes nothing."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict

from ops.environment import ROOT
from ops.postgres import (
    Server,
    destroy_server,
    ensure_database,
    ensure_roles,
    ensure_server,
    server,
    urls,
)
from ops.postgres.binaries import Binaries, read_version, system_folders
from ops.postgres.roles import (
    ROLES,
    SetupError,
    role_passwords,
    server_major,
    setup_sql,
    url_with,
)
from ops.setup_db import KEPT, setup_db

NAME = 'odd "name" %s/'


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests here, with roles and a database made twice."""
    home = tmp_path_factory.mktemp("home")
    with ensure_server(home, profile="test") as one:
        for _ in range(2):
            ensure_roles(one.admin_url())
            ensure_database(one.admin_url(), NAME)
        yield one
    destroy_server(home)


@pytest.fixture(params=["DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_SYSTEM_URL"])
def any_url(request: pytest.FixtureRequest, running: Server) -> str:
    """The URL of each role in turn."""
    return urls(running.admin_url(), NAME)[str(request.param)]


def row_of(url: str, query: str, *values: object) -> tuple[object, ...] | None:
    """Run one query in a connection of its own."""
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode(), values).fetchone()


def test_no_role_is_more_than_it_must_be(any_url: str) -> None:
    assert row_of(
        any_url,
        "SELECT rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, rolreplication, rolinherit"
        " FROM pg_roles WHERE rolname = CURRENT_USER",
    ) == (False, False, False, False, False, False)


def test_each_url_leads_its_role_to_the_database(running: Server) -> None:
    found = {
        variable: row_of(url, "SELECT CURRENT_USER::text, current_database()::text")
        for variable, url in urls(running.admin_url(), NAME).items()
    }
    assert found == {
        "DATABASE_URL": ("theriac_app", NAME),
        "DATABASE_OWNER_URL": ("theriac_owner", NAME),
        "DATABASE_SYSTEM_URL": ("theriac_system", NAME),
    }


@pytest.mark.parametrize(
    ("variable", "public", "functions", "both"),
    [
        ("DATABASE_URL", False, False, True),
        ("DATABASE_OWNER_URL", True, False, True),
        ("DATABASE_SYSTEM_URL", False, True, True),
    ],
)
def test_only_the_owner_makes_tables_and_only_system_makes_its_functions(
    running: Server, variable: str, *, public: bool, functions: bool, both: bool
) -> None:
    assert row_of(
        urls(running.admin_url(), NAME)[variable],
        "SELECT has_schema_privilege('public', 'CREATE'),"
        " has_schema_privilege('system_fn', 'CREATE'),"
        " has_schema_privilege('public', 'USAGE') AND has_schema_privilege('system_fn', 'USAGE')",
    ) == (public, functions, both)


def test_the_owner_takes_the_system_role_on_and_otherwise_has_none_of_its_rights(
    running: Server,
) -> None:
    owner = urls(running.admin_url(), NAME)["DATABASE_OWNER_URL"]
    with psycopg.connect(owner) as connection:
        connection.execute("SET ROLE theriac_system")
        connection.execute("CREATE TABLE system_fn.probe ()")
        connection.execute("RESET ROLE")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT FROM system_fn.probe")


@pytest.mark.parametrize("role", ["theriac_owner", "theriac_system"])
def test_the_app_cannot_become_another_role(running: Server, role: str) -> None:
    app = urls(running.admin_url(), NAME)["DATABASE_URL"]
    with psycopg.connect(app) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(f"SET ROLE {role}".encode())


def test_a_stranger_cannot_connect(running: Server) -> None:
    with psycopg.connect(running.admin_url(), autocommit=True) as connection:
        connection.execute("CREATE ROLE stranger LOGIN PASSWORD 'known'")
    stranger = url_with(running.admin_url(), database=NAME, user="stranger", password="known")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(stranger)


def test_the_databases_letters_sort_the_same_everywhere(running: Server) -> None:
    assert row_of(
        running.admin_url(),
        "SELECT pg_encoding_to_char(encoding)::text, datcollate FROM pg_database"
        " WHERE datname = %s",
        NAME,
    ) == ("UTF8", "C")


def test_new_passwords_replace_the_old_ones(running: Server) -> None:
    old = urls(running.admin_url(), NAME)
    given_ones = {role: f"new {role}:/@?" for role in ROLES}
    ensure_roles(running.admin_url(), given_ones)
    for variable, url in urls(running.admin_url(), NAME, given_ones).items():
        assert row_of(url, "SELECT 1") == (1,)
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(old[variable])
    ensure_roles(running.admin_url())  # keeps what is there
    assert row_of(urls(running.admin_url(), NAME, given_ones)["DATABASE_URL"], "SELECT 1") == (1,)
    ensure_roles(running.admin_url(), role_passwords(running.admin_url()))


def test_a_role_that_is_a_superuser_is_refused(running: Server) -> None:
    with psycopg.connect(running.admin_url(), autocommit=True) as connection:
        connection.execute("ALTER ROLE theriac_system BYPASSRLS")
        with pytest.raises(SetupError, match="theriac_system is a superuser, bypasses") as caught:
            ensure_roles(running.admin_url())
        connection.execute("ALTER ROLE theriac_system NOBYPASSRLS")
    assert "NOBYPASSRLS" in caught.value.remedy


@pytest.fixture(params=["the wheel's", "the system's before 16"])
def hosted(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """A server, and the URL of a role with CREATEDB and CREATEROLE and nothing else."""
    if request.param != "the wheel's":
        found = [
            Binaries(folder=folder, version=version, wheel=False)
            for folder in system_folders()
            if (version := read_version(folder)).startswith("15.")
        ]
        if not found:
            pytest.skip("there is no PostgreSQL 15 on this machine")
        monkeypatch.setattr(server, "find_binaries", lambda: found[0])
    with ensure_server(tmp_path, profile="test") as one:
        with psycopg.connect(one.admin_url(), autocommit=True) as connection:
            connection.execute("CREATE ROLE hosted LOGIN CREATEDB CREATEROLE PASSWORD 'known'")
        yield url_with(one.admin_url(), database="postgres", user="hosted", password="known")
    destroy_server(tmp_path)


def test_an_administrator_that_is_no_superuser_is_enough(
    hosted: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for again in (False, True):
        assert setup_db(hosted, database="hosted", only_print=False, new_passwords=again) == 0
    lines = capsys.readouterr().out.splitlines()[-3:]
    found = dict(line.split("=", 1) for line in lines)
    assert row_of(found["DATABASE_URL"], "SELECT current_database()::text") == ("hosted",)
    assert row_of(
        found["DATABASE_OWNER_URL"],
        "SELECT datdba::regrole::text, (SELECT nspowner::regrole::text FROM pg_namespace"
        " WHERE nspname = 'public') FROM pg_database WHERE datname = 'hosted'",
    ) == ("theriac_owner", "theriac_owner")


@pytest.mark.slow
def test_the_tests_run_on_a_server_whose_administrator_is_no_superuser(hosted: str) -> None:
    done = subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "ops",
                "test",
                "--server",
                "-q",
                "-n0",
                "-p",
                "no:cacheprovider",
            ),
            *("tests/foundation/test_idempotency.py", "tests/ledger/test_sequencer.py"),
        ],
        cwd=ROOT,
        env={**os.environ, "DATABASE_OWNER_URL": hosted},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
    assert "acts as a superuser" in done.stdout
    with psycopg.connect(hosted) as connection:
        left = connection.execute(
            "SELECT datname FROM pg_database WHERE datname LIKE 'theriac_test_%'"
        ).fetchall()
    assert left == []


def test_who_may_not_make_roles_is_told(running: Server) -> None:
    app = urls(running.admin_url(), NAME)["DATABASE_URL"]
    with pytest.raises(SetupError, match="the server refused: permission denied"):
        ensure_roles(app, dict.fromkeys(ROLES, "any"))


def test_a_server_that_is_not_there_is_told(running: Server) -> None:
    nowhere = running.admin_url().replace(f":{running.port}/", ":1/")
    with pytest.raises(SetupError, match="cannot be reached") as caught:
        ensure_roles(nowhere)
    assert "password" not in str(caught.value).partition("->")[0]


def test_setup_db_prints_the_urls_that_then_work(
    running: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    admin = running.admin_url()
    assert setup_db(admin, database="mine", only_print=False, new_passwords=True) == 0
    lines = capsys.readouterr().out.splitlines()[1:]
    found = dict(line.split("=", 1) for line in lines)
    assert list(found) == ["DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_SYSTEM_URL"]
    for url in found.values():
        assert row_of(url, "SELECT current_database()::text") == ("mine",)
    # Another deployment on the same server locks nobody out.
    assert setup_db(admin, database="yours", only_print=False) == 0
    told = capsys.readouterr().out
    assert told.count(KEPT) == 3
    assert "keep their passwords" in told
    for url in found.values():
        assert row_of(url, "SELECT current_database()::text") == ("mine",)
    ensure_roles(running.admin_url(), role_passwords(running.admin_url()))


def test_setup_db_can_print_the_statements_that_fit_the_server_instead(
    running: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    assert setup_db(running.admin_url(), database='a"b', only_print=True) == 0
    printed = capsys.readouterr().out
    assert printed == setup_sql('a"b', major=18) + "\n"
    assert printed.startswith("-- For PostgreSQL 16 and later: the server is 18. In psql.\n")
    assert 'ALTER DATABASE "a""b" OWNER TO theriac_owner;' in printed
    assert "GRANT theriac_system TO theriac_owner WITH INHERIT FALSE, SET TRUE;" in printed
    assert "{database}" not in printed
    older = setup_sql('a"b', major=15)
    assert older.startswith("-- For PostgreSQL 15; run them as a superuser: the server is 15.")
    assert "\nGRANT theriac_system TO theriac_owner;\n" in older
    assert "INHERIT FALSE" not in older


def test_printed_statements_make_what_setup_db_makes(
    hosted: str,
) -> None:
    printed = setup_sql("by_hand", major=server_major(hosted))
    first, last = printed.split('\\connect "by_hand"\n')
    with psycopg.connect(hosted, autocommit=True) as connection:
        for statement in first.splitlines():
            connection.execute(statement.encode())
    with psycopg.connect(hosted, dbname="by_hand", autocommit=True) as connection:
        for statement in last.splitlines():
            if not statement.startswith("\\password"):
                connection.execute(statement.encode())
        found = connection.execute(
            "SELECT datdba::regrole::text, (SELECT nspowner::regrole::text FROM pg_namespace"
            " WHERE nspname = 'system_fn') FROM pg_database WHERE datname = 'by_hand'"
        ).fetchone()
    assert found == ("theriac_owner", "theriac_system")


def test_role_passwords_differ_and_never_change() -> None:
    passwords = role_passwords("postgresql://admin:secret@127.0.0.1:1/postgres")
    assert passwords == role_passwords("postgresql://admin:secret@127.0.0.1:2/other")
    assert passwords != role_passwords("postgresql://admin:other@127.0.0.1:1/postgres")
    assert len({*passwords.values(), "secret"}) == 4


TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)


@given(user=TEXT, password=TEXT, database=TEXT, host=st.sampled_from(["db.example", "::1", "/run"]))
@settings(max_examples=100)
def test_a_url_says_what_was_put_into_it(
    user: str, password: str, database: str, host: str
) -> None:
    start = url_with("postgresql://h:5/x?sslmode=require", database="x", user="u", password="p")
    address = {"/run": "%2Frun", "::1": "[::1]"}.get(host, host)
    url = url_with(
        start.replace("@h:", f"@{address}:"), database=database, user=user, password=password
    )
    assert conninfo_to_dict(url) == {
        "user": user,
        "password": password,
        "host": host,
        "port": "5",
        "dbname": database,
        "sslmode": "require",
    }
