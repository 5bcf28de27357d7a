"""Two sequencers, the leader killed 20 times under load: no gap, no fork, nothing lost.

The writers and sequencers are programs of their own. The same campaign with a planted defect
(success told before the commit) has to lose something, or its silence would mean nothing.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.db import connections

from foundation.core.actor import PUBLIC
from foundation.tenancy import acting_as
from ledger import selectors
from ledger.services import Sequencer
from ledger.services.verification import log_verify
from tests.conftest import NOW, Channel
from tests.database import Databases

ROOT = Path(__file__).parents[2]
KILLS = 20
WRITERS = 3
# Long enough that the stand-by leads and sequences before it is killed in turn.
REIGN_S = 0.8

pytestmark = [pytest.mark.faults, pytest.mark.slow]


def environment_of(databases: Databases) -> dict[str, str]:
    """Return what a program needs to reach the test's own database as the real roles."""
    name = str(connections["default"].settings_dict["NAME"])
    roles = {
        "DATABASE_URL": "theriac_app",
        "DATABASE_SYSTEM_URL": "theriac_system",
        "DATABASE_OWNER_URL": "theriac_owner",
    }
    base = databases.admin_url.rsplit("/", 1)[0]
    urls = {
        variable: f"{base}/{name}?options=-c%20role%3D{role}" for variable, role in roles.items()
    }
    return {
        **os.environ,
        **urls,
        "THERIAC_EMBEDDED": "1",
        "THERIAC_HOME": str(settings.THERIAC_KEY_FOLDER.parent),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "LOG_LEVEL": "CRITICAL",
    }


class Sequencers:
    """Two sequencer programs; whoever is killed is replaced by a stand-by."""

    def __init__(self, databases: Databases) -> None:
        self.databases = databases
        self.environment = environment_of(databases)
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        self.processes.append(
            subprocess.Popen(
                [sys.executable, str(ROOT / "manage.py"), "sequencer"],
                env=self.environment,
                start_new_session=True,
            )
        )

    def leader_backend(self) -> int | None:
        """Return the database's process that holds the lead, or ``None`` between two leads."""
        with self.databases.superuser() as superuser:
            row = superuser.execute(
                "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted"
                " AND classid = 12 AND database = (SELECT oid FROM pg_database"
                " WHERE datname = current_database())"
            ).fetchone()
        return None if row is None else int(str(row[0]))

    def wait_for_leader(self, other_than: int | None) -> int:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            backend = self.leader_backend()
            if backend is not None and backend != other_than:
                return backend
            time.sleep(0.02)
        pytest.fail("nobody took the lead within a minute")

    def kill_leader(self, backend: int) -> None:
        """kill -9 the program whose connection leads, and start a stand-by in its place."""
        with self.databases.superuser() as superuser:
            row = superuser.execute(
                "SELECT client_port FROM pg_stat_activity WHERE pid = %s", [backend]
            ).fetchone()
        assert row is not None
        port = int(str(row[0]))
        leader = next(each for each in self.processes if port in ports_of(each.pid))
        os.killpg(leader.pid, signal.SIGKILL)
        leader.wait()
        self.processes.remove(leader)
        self.start()

    def stop(self) -> None:
        for process in self.processes:
            os.killpg(process.pid, signal.SIGTERM)
        for process in self.processes:
            process.wait(30)


def ports_of(pid: int) -> set[int]:
    """Return the local TCP ports of a process: its sockets among the kernel's table."""
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = str(link.readlink())
        except FileNotFoundError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    rows = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    return {int(row[1].split(":")[1], 16) for row in rows if row[9] in inodes}


@contextmanager
def writers(
    channel: Channel, databases: Databases, folder: Path, seconds: float, *defects: str
) -> Iterator[list[Path]]:
    """Run writers beside the test; yield their journals; wait for them at the end."""
    journals = [folder / f"journal-{number}" for number in range(WRITERS)]
    organisations = [channel.admit("pharmacy").organisation for _ in journals]
    processes = [
        subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.faults.writer"),
                *(str(journal), str(organisation), str(seconds), *defects),
            ],
            cwd=ROOT,
            env=environment_of(databases),
        )
        for journal, organisation in zip(journals, organisations, strict=True)
    ]
    yield journals
    for process in processes:
        assert process.wait(120) == 0


def acknowledged(journals: list[Path]) -> list[bytes]:
    """Return the ids that the writers were told are safe; a torn last line says nothing."""
    found = []
    for journal in journals:
        for line in journal.read_text().splitlines():
            try:
                record = json.loads(line)
            except json.JSONDecodeError:
                continue
            if "ack" in record:
                found.append(bytes.fromhex(record["ack"]))
    return found


def lost(channel: Channel, journals: list[Path]) -> list[bytes]:
    """Return what was acknowledged and has no place in the log."""
    acks = acknowledged(journals)
    assert len(acks) > 100
    with acting_as(PUBLIC):
        places = selectors.places(channel.log, acks)
    return [entry_id for entry_id in acks if entry_id not in places]


def drain(channel: Channel, databases: Databases) -> None:
    """Sequence what still waits, as a sequencer that starts afresh."""
    connections["system"].close()
    sequencer = Sequencer(channel.log)
    while sequencer.flush(now=NOW):
        pass
    with databases.superuser() as superuser:
        assert superuser.execute("SELECT count(*) FROM ledger_pending").fetchone() == (0,)


def gaps_and_forks(superuser: psycopg.Connection[tuple[object, ...]]) -> tuple[object, ...]:
    """Return leaves missing below the head, and heads that do not follow their predecessor."""
    row = superuser.execute(
        "SELECT (SELECT max(log_index) + 1 - count(*) FROM ledger_leaf),"
        " (SELECT count(*) FROM (SELECT prev_size, lag(size, 1, -1::bigint) OVER (ORDER BY size)"
        " AS before FROM ledger_checkpoint) AS heads WHERE prev_size <> before)"
    ).fetchone()
    assert row is not None
    return row


def test_the_leader_killed_20_times_loses_nothing(
    fresh_db: Channel, databases: Databases, tmp_path: Path
) -> None:
    seconds = KILLS * (REIGN_S + 1.5)
    sequencers = Sequencers(databases)
    with writers(fresh_db, databases, tmp_path, seconds) as journals:
        sequencers.start()
        sequencers.start()
        backend: int | None = None
        killed = 0
        for _ in range(KILLS):
            backend = sequencers.wait_for_leader(backend)
            time.sleep(REIGN_S)
            sequencers.kill_leader(backend)
            killed += 1
    sequencers.stop()
    drain(fresh_db, databases)
    assert killed == KILLS
    assert lost(fresh_db, journals) == []
    with databases.superuser() as superuser:
        assert gaps_and_forks(superuser) == (0, 0)
    verdict = log_verify(vkey=fresh_db.log.vkey)
    assert verdict.faults == ()


def test_a_success_told_before_the_commit_is_caught(
    fresh_db: Channel, databases: Databases, tmp_path: Path
) -> None:
    with writers(fresh_db, databases, tmp_path, 8, "--acknowledge-early") as journals:
        pass
    drain(fresh_db, databases)
    assert len(lost(fresh_db, journals)) > 10
