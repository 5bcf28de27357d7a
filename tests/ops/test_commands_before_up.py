"""What commands say before the first ``up``, to a database that is none, and to bad folders."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import DatabaseError, connections

from ops.database_trouble import NotMigratedError, database_trouble_told
from ops.environment import DATABASE_VARIABLES, ROOT, without_database
from ops.postgres import ensure_database
from tests.conftest import Channel
from tests.database import Databases


def manage(home: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), *words],
        env={**without_database(os.environ), "THERIAC_HOME": str(home), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def empty(worker_db: Channel, databases: Databases) -> Iterator[None]:
    """A database without tables, as before the first start."""
    assert worker_db.log.name
    name = f"{databases.worker}_empty"
    ensure_database(databases.admin_url, name)
    databases.use(name)
    yield
    databases.use(databases.worker)
    databases.drop(name)


@pytest.mark.usefixtures("empty")
@pytest.mark.parametrize(
    "words", [["ledger_verify"], ["ledger_export", "out"], ["relay", "--once"]]
)
def test_a_command_before_the_first_start_says_what_to_do(words: list[str], tmp_path: Path) -> None:
    words = [word if word != "out" else str(tmp_path / word) for word in words]
    with pytest.raises(NotMigratedError, match="not made yet") as caught, database_trouble_told():
        call_command(*words)
    assert "./theriac up" in caught.value.remedy
    assert not (tmp_path / "out").exists()


def test_a_missing_table_is_our_bug_where_every_migration_is_there(db: None) -> None:
    assert db is None
    with (
        pytest.raises(DatabaseError, match="no_such_table"),
        database_trouble_told(),
        connections["system"].cursor() as cursor,
    ):
        cursor.execute("SELECT FROM no_such_table")


def test_another_trouble_with_the_database_stays_as_it_is(db: None) -> None:
    assert db is None
    with (
        pytest.raises(DatabaseError, match="division by zero"),
        database_trouble_told(),
        connections["system"].cursor() as cursor,
    ):
        cursor.execute("SELECT 1 / 0")


def test_a_server_that_is_not_there_is_told_in_one_line(tmp_path: Path) -> None:
    nowhere = "postgresql://theriac_app:x@127.0.0.1:1/theriac"
    urls = dict.fromkeys(DATABASE_VARIABLES, nowhere)
    done = manage(tmp_path, "ledger_verify", **urls, THERIAC_EMBEDDED="1")
    assert done.returncode == 1
    first, remedy = done.stderr.strip().splitlines()
    assert first.startswith("theriac: the database cannot be reached: ")
    assert remedy == "  -> ./theriac doctor says what is in the way"


@pytest.mark.parametrize("below", ["file", "file/below"])
def test_an_export_into_an_impossible_folder_is_refused(
    fresh_db: Channel, tmp_path: Path, below: str
) -> None:
    fresh_db.admit("pharmacy")
    (tmp_path / "file").write_text("kept")
    with pytest.raises(CommandError, match=r"cannot write into .*: Not a directory; name a folder"):
        call_command("ledger_export", str(tmp_path / below))
    assert (tmp_path / "file").read_text() == "kept"


def test_a_log_that_is_not_made_yet_is_told_with_the_command_that_makes_it(
    worker_db: Channel, databases: Databases
) -> None:
    assert worker_db.log.name
    name = databases.clone()
    databases.use(name)
    try:
        with pytest.raises(CommandError, match=r"first: \./theriac channel_create"):
            call_command("ledger_verify")
    finally:
        databases.use(databases.worker)
        databases.drop(name)


def test_psycopg_tells_a_lost_connection_by_no_state() -> None:
    with pytest.raises(psycopg.OperationalError) as caught:
        psycopg.connect("postgresql://x:x@127.0.0.1:1/x", connect_timeout=5)
    assert caught.value.sqlstate is None
