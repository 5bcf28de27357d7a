"""A deployment with a dishonest superuser, watched from a member's machine over HTTP.

The database is edited as only a superuser can, and the log's own key signs what comes of it: the
server itself is content. The monitor is not, and its evidence convinces a process of its own.
"""

import datetime as dt
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from ledger.core.governance import Holder
from ledger.core.note import parse_vkey
from ops.environment import ROOT
from tests.client.conftest import event
from tests.scenarios.deployments import Deployment, admitted, deployment, opened
from theriac_client import Client, Web
from theriac_client.arrival import State, arrivals
from theriac_client.client import utc_now
from theriac_client.errors import PromiseError
from theriac_client.loghead import NO_POLICY
from theriac_client.logreader import LogReader
from theriac_client.monitor.evidence import Kind
from theriac_client.monitor.look import Look, Monitor
from theriac_client.monitor.member import read_member
from theriac_client.sending import Sender
from theriac_client.settings import read_settings

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket]

GLN = "0300011111116"
SEQUENCE = ("sequencer", "--once")


@dataclass
class Machine:
    """The member's machine."""

    made: Deployment
    vkey: str
    api_key: str
    folder: Path

    @property
    def client(self) -> Client:
        web = Web(self.made.address, api_key=self.api_key)
        return Client(folder=self.folder, web=web, key_wait_s=0)

    @property
    def reader(self) -> LogReader:
        web = Web(self.made.address)
        return LogReader(web=web, channel="main", vkey=parse_vkey(self.vkey))

    def look(self, later: dt.timedelta = dt.timedelta()) -> Look:
        """Look as a process that starts now."""
        monitor = Monitor(
            reader=self.reader,
            folder=self.folder / "monitor",
            member=read_member((self.folder,), server_signs=False),
        )
        look = monitor.look(lambda: utc_now() + later)
        monitor.told(look)
        return look

    def quiet(self) -> None:
        look = self.look()
        assert (look.alarms, look.troubles) == ([], [])

    def alarm(self, kind: Kind, later: dt.timedelta = dt.timedelta()) -> str:
        """Look, expect this alarm alone, and return what a process apart says of its evidence."""
        look = self.look(later)
        assert [alarm.kind for alarm in look.alarms] == [kind]
        evidence = str(look.alarms[0].evidence)
        words = ("theriac_client.monitor", "check-evidence", evidence, "--vkey", self.vkey)
        return run_module(*words)


def run_module(*words: str, **environment: str) -> str:
    """Run a module as a process of its own; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", *words],
        env=environment or None,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def joined(made: Deployment) -> str:
    """Admit the member; return its API key."""
    settings = {"DJANGO_SETTINGS_MODULE": "config.settings"}
    return run_module("tests.client.joined", GLN, **{**made.environment, **settings})


def as_superuser(made: Deployment, work: Callable[[psycopg.Cursor], None]) -> None:
    """Do what no role of the product may."""
    url = made.admin_url
    with psycopg.connect(url, dbname=made.database, autocommit=True) as connection:
        cursor = connection.cursor()
        cursor.execute("SET session_replication_role = replica")
        for table in ("entry", "submission", "leaf", "checkpoint"):
            name = sql.Identifier(f"ledger_{table}")
            cursor.execute(sql.SQL("ALTER TABLE {} DISABLE TRIGGER refuse_change").format(name))
        work(cursor)


def test_a_dishonest_superuser_is_found_out_and_an_honest_log_is_quiet(tmp_path: Path) -> None:
    with deployment("a.example", tmp_path / "a") as a:
        log, _ = opened(a)
        machine = Machine(a, log, joined(a), tmp_path / "client")
        a.run(SEQUENCE)
        with a.serving():
            key = machine.client.key_new(holder=Holder.MEMBER)
            machine.client.register(key.key_id, reader=machine.reader)
            a.run(SEQUENCE)
            machine.client.submit(event())
            a.run(SEQUENCE)
            machine.quiet()
        old = a.copy("old")
        with a.serving():
            machine.client.submit(event())
            a.run(*admitted("north"))
            arrived(machine)
            machine.quiet()
        rewritten = a.copy("rewritten")
        with old.serving():
            assert "PROVEN" in machine.alarm(Kind.ROLLED_BACK)
            # Another history under the log's own key: the same size, then a larger one.
            for name in ("south", "west", "east"):
                old.run(*admitted(name))
            assert "two histories" in machine.alarm(Kind.FORKED)
        as_superuser(rewritten, cut_off)
        for name in ("one", "two", "three"):
            rewritten.run(*admitted(name))
        with rewritten.serving():
            assert "two histories" in machine.alarm(Kind.FORKED)
        with a.serving():
            machine.quiet()  # the history that was seen goes on
            machine.client.submit(event())
            as_superuser(a, drop_what_waits)
            a.run(*admitted("last"))
            machine.quiet()  # it is not due yet
            said = machine.alarm(Kind.MISSING, later=dt.timedelta(hours=1))
            assert "none of the" in said
            with pytest.raises(PromiseError, match="forgot what it promised"):
                machine.client.submit(event())


def arrived(machine: Machine) -> None:
    client = machine.client
    sender = Sender(web=client.web, settings=read_settings(client.folder), journal=client.journal)
    states = {each.state for each in arrivals(sender, policy=NO_POLICY, now=utc_now())}
    assert states == {State.ARRIVED}


def cut_off(cursor: psycopg.Cursor) -> None:
    """Remove the last two submissions, of one entry each, as if they had never been."""
    cursor.execute("SELECT max(log_index) - 3 FROM ledger_leaf")
    (keep,) = cursor.fetchone() or (0,)
    cursor.execute(
        "CREATE TEMP TABLE gone AS"
        " SELECT submission_id AS id FROM ledger_leaf WHERE log_index >= %s",
        [keep],
    )
    cursor.execute("DELETE FROM ledger_checkpoint WHERE size > %s", [keep])
    cursor.execute("DELETE FROM ledger_leaf WHERE log_index >= %s", [keep])
    cursor.execute("DELETE FROM ledger_entry WHERE submission_id IN (SELECT id FROM gone)")
    cursor.execute("DELETE FROM ledger_submission WHERE id IN (SELECT id FROM gone)")


def drop_what_waits(cursor: psycopg.Cursor) -> None:
    """Remove what was promised and has no place yet."""
    cursor.execute("DELETE FROM ledger_pending RETURNING submission_id")
    ((dropped,),) = cursor.fetchall()
    cursor.execute("DELETE FROM ledger_entry WHERE submission_id = %s", [dropped])
    cursor.execute("DELETE FROM ledger_submission WHERE id = %s", [dropped])
