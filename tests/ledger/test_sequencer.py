"""The sequencer: one leads, another takes over, and stored bytes that changed freeze the log."""

import datetime as dt
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import IntegrityError, OperationalError, connections
from pytest_django.fixtures import Settings

from foundation.core.actor import PUBLIC, SYSTEM
from foundation.tenancy import SYSTEM_ALIAS, acting_as
from ledger import selectors
from ledger.core.entry import EntryDraft
from ledger.core.proof import check_consistency
from ledger.errors import FrozenError
from ledger.management.commands import sequencer as command
from ledger.models import Checkpoint, Leaf, LogFreeze
from ledger.selectors import Head, LogInfo
from ledger.services import Sequencer, channel_create, sequencing, submission_append
from ledger.services.verification import log_verify
from tests.conftest import NOW, Channel
from tests.database import Databases


def write(channel: Channel, count: int = 1) -> None:
    drafts = [
        EntryDraft(kind="test.thing.done.v1", id=uuid4(), body={"n": number})
        for number in range(count)
    ]
    submission_append(actor=channel.operator, entries=drafts, now=NOW)


def test_tiles_and_proofs_hold_across_every_border(fresh_db: Channel) -> None:
    sizes = [2]
    for count in (100, 150, 1, 1, 1, 255, 256, 300):
        write(fresh_db, count)
        sizes.append(sizes[-1] + fresh_db.sequence())
    # Another sequencer starts from what is stored, not from what the first remembers.
    write(fresh_db)
    sizes.append(sizes[-1] + Sequencer(fresh_db.log).flush(now=NOW))
    assert log_verify().faults == ()
    with acting_as(PUBLIC):
        heads = [selectors.checkpoint_at(fresh_db.log, size) for size in sizes]
        for old in heads:
            for new in heads:
                if old.size <= new.size:
                    check_consistency(
                        size1=old.size,
                        size2=new.size,
                        root1=old.root_hash,
                        root2=new.root_hash,
                        proof=selectors.consistency_proof(fresh_db.log, old=old.size, new=new.size),
                    )


def test_a_sequencer_with_a_stale_head_loses_and_recovers(fresh_db: Channel) -> None:
    other = Sequencer(fresh_db.log)
    write(fresh_db)
    assert other.flush(now=NOW) == 2
    write(fresh_db)
    # The first one remembers an older head; it reads the newer one before it goes on.
    assert fresh_db.sequence() == 2
    assert log_verify().faults == ()


def test_a_head_has_one_successor(fresh_db: Channel) -> None:
    write(fresh_db)
    fresh_db.sequence()
    with acting_as(SYSTEM):
        row = Checkpoint.objects.get(size=4)
    row.pk, row.size = None, 5
    with pytest.raises(IntegrityError, match="checkpoint_no_fork"), acting_as(SYSTEM):
        row.save(force_insert=True)
    leaf = {"log_id": fresh_db.log.id, "log_index": 3, "submission_id": 1, "position": 9}
    with pytest.raises(IntegrityError), acting_as(SYSTEM):
        Leaf.objects.create(leaf_hash=bytes(32), chain_hash=bytes(32), **leaf)


def test_one_leads_until_its_connection_ends(fresh_db: Channel) -> None:
    first = Sequencer(fresh_db.log)
    assert first.lead()
    with connections[SYSTEM_ALIAS].cursor() as cursor:
        # Of this database alone: the server is that of other tests too.
        cursor.execute(
            "SELECT count(*) FROM pg_locks JOIN pg_database AS d ON d.oid = pg_locks.database"
            " WHERE locktype = 'advisory' AND granted AND d.datname = current_database()"
        )
        assert cursor.fetchone() == (1,)
    first.resign()
    connections[SYSTEM_ALIAS].close()


SPOILED = {
    "entry": "content = overlay(content placing 'X' from 60) WHERE kind LIKE 'test.%'",
    "submission": "statement = overlay(statement placing 'X' from 60) WHERE id = (SELECT max(id)"
    " FROM ledger_submission)",
    "leaf": "leaf_hash = sha256('x') WHERE log_index = 3",
}


@pytest.mark.parametrize("table", SPOILED)
def test_changed_bytes_are_never_signed(
    fresh_db: Channel, databases: Databases, table: str
) -> None:
    write(fresh_db)
    if table == "leaf":
        fresh_db.sequence()
    with databases.superuser() as superuser:
        superuser.execute(f"ALTER TABLE ledger_{table} DISABLE TRIGGER refuse_change")
        changed = superuser.execute(f"UPDATE ledger_{table} SET {SPOILED[table]}")
        assert changed.rowcount == 1
    write(fresh_db)
    with pytest.raises(FrozenError):
        Sequencer(fresh_db.log).flush(now=NOW)
    with acting_as(SYSTEM):
        assert LogFreeze.objects.count() == 1
    with pytest.raises(FrozenError):
        fresh_db.sequence()
    with pytest.raises(FrozenError):
        write(fresh_db)
    with acting_as(PUBLIC):
        head = selectors.checkpoint_latest(fresh_db.log)
        assert head is not None
        assert head.size == (4 if table == "leaf" else 2)


def test_the_command_flushes_once(fresh_db: Channel) -> None:
    write(fresh_db)
    call_command("sequencer", "--once")
    assert fresh_db.sequence() == 0
    connections[SYSTEM_ALIAS].close()


def test_the_command_waits_where_there_is_nothing_to_lead(
    fresh_db: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fresh_db.log.id
    naps: list[float] = []
    running = command.Command()

    def nap(seconds: float) -> None:
        naps.append(seconds)
        running.stopping = True

    monkeypatch.setattr(time, "sleep", nap)
    monkeypatch.setattr(Sequencer, "lead", lambda _: False)
    call_command(running)
    assert naps == [command.STAND_BY_S]


def test_the_command_leaves_a_troubled_channel_for_a_while(
    fresh_db: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(fresh_db)
    naps: list[float] = []
    running = command.Command()

    def nap(seconds: float) -> None:
        naps.append(seconds)
        running.stopping = len(naps) == 2

    tried: list[dt.datetime] = []

    def refuse(_: Sequencer, *, now: dt.datetime) -> int:
        tried.append(now)
        raise FrozenError(str(now))

    monkeypatch.setattr(time, "sleep", nap)
    with monkeypatch.context() as patch:
        patch.setattr(Sequencer, "flush", refuse)
        call_command(running)
    assert (naps, len(tried)) == ([command.STAND_BY_S] * 2, 1)
    assert fresh_db.sequence() == 2


def test_the_command_waits_out_a_database_that_is_gone(
    fresh_db: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(fresh_db)
    naps: list[float] = []
    running = command.Command()

    def nap(seconds: float) -> None:
        naps.append(seconds)
        running.stopping = len(naps) == 2

    def gone(_: Sequencer, *, now: dt.datetime) -> int:
        connections[SYSTEM_ALIAS].close()
        raise OperationalError(str(now))

    monkeypatch.setattr(time, "sleep", nap)
    monkeypatch.setattr(type(connections[SYSTEM_ALIAS]), "is_usable", lambda _: False)
    with monkeypatch.context() as patch:
        patch.setattr(Sequencer, "flush", gone)
        call_command(running)
    assert naps == [command.TROUBLE_S, command.TROUBLE_S]
    assert fresh_db.sequence() == 2


def test_a_running_sequencer_may_be_quicker_than_the_making_of_the_channel(
    fresh_db: Channel, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CHANNEL_NAME = "second"
    selectors.forget_logs()
    assert fresh_db.log.name == "main"
    quicker = [True]

    def late(log: LogInfo) -> Head | None:
        head = selectors.checkpoint_latest(log)
        if quicker.pop() if quicker else False:
            with ThreadPoolExecutor(1) as pool:
                assert pool.submit(flush, log).result() == 2
        return head

    monkeypatch.setattr(sequencing, "checkpoint_latest", late)
    log = channel_create(operator_id=uuid4(), operator_name="Other", now=NOW)
    with acting_as(SYSTEM):
        head = selectors.checkpoint_latest(log)
    assert head is not None
    assert (quicker, head.size) == ([], 2)


def flush(log: LogInfo) -> int:
    try:
        return Sequencer(log).flush(now=NOW)
    finally:
        connections.close_all()
