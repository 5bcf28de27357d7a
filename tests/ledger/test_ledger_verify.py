"""``ledger_verify``: each column of each ledger table, changed by a superuser, is found."""

import datetime as dt
from uuid import UUID, uuid4

import pytest
from django.core.management import call_command

from foundation.core.actor import SYSTEM
from foundation.tenancy import acting_as
from ledger.core.columns import COLUMNS, TRANSIENT
from ledger.core.entry import EntryDraft
from ledger.core.note import format_vkey, parse_note
from ledger.core.receipt import Receipt
from ledger.models import Cosignature
from ledger.selectors import checkpoint_at
from ledger.services import submission_append, verdict, verification
from ledger.services.verification import log_verify
from tests.conftest import NOW, Channel
from tests.database import Databases
from tests.ledger.scripted_witness import TIME_S, ScriptedWitness

COVERED = [
    (table, column)
    for table, columns in COLUMNS.items()
    for column, how in columns.items()
    if how != TRANSIENT
]


def fill(channel: Channel, submissions: int = 6) -> list[Receipt]:
    """Write some submissions of two entries each, one flush each; return their receipts."""
    receipts = []
    for number in range(submissions):
        drafts = [
            EntryDraft(kind="test.thing.done.v1", id=uuid4(), body={"number": number, "line": line})
            for line in range(2)
        ]
        receipts.append(submission_append(actor=channel.operator, entries=drafts, now=NOW))
        channel.sequence()
    cosign(channel, 11)
    return receipts


def cosign(channel: Channel, size: int) -> None:
    """Store a witness' cosignature of the head of ``size``."""
    witness = ScriptedWitness(name="a.example", log_vkey=channel.log.vkey)
    with acting_as(SYSTEM):
        text = parse_note(checkpoint_at(channel.log, size).note.encode()).text
        Cosignature.objects.create(
            log_id=channel.log.id,
            size=size,
            vkey=format_vkey(witness.key),
            line=witness.line(text).decode().rstrip("\n"),
            timestamp_s=TIME_S,
            received_at=NOW,
        )


def test_a_sound_log_never_alarms(fresh_db: Channel) -> None:
    receipts = fill(fresh_db)
    verdict = log_verify(vkey=fresh_db.log.vkey, receipts=receipts)
    assert verdict.faults == ()
    assert (verdict.size, verdict.submissions, verdict.entries) == (20, 7, 13)


def test_submissions_that_wait_are_no_fault(fresh_db: Channel) -> None:
    draft = EntryDraft(kind="test.thing.done.v1", id=uuid4(), body={})
    submission_append(actor=fresh_db.operator, entries=[draft], now=NOW)
    assert log_verify().faults == ()


# SQL for another value of a column, by the type that its value has in Python.
SPOIL = {
    int: "{0} + 1000",
    bytes: "set_byte({0}, 0, 255 - get_byte({0}, 0))",
    str: "overlay({0} placing 'X' from 3)",
    UUID: "gen_random_uuid()",
    dt.datetime: "{0} + interval '1 second'",
    type(None): "1",
}


@pytest.mark.parametrize(("table", "column"), COVERED)
def test_a_superusers_edit_of_any_column_is_found(
    fresh_db: Channel, databases: Databases, table: str, column: str
) -> None:
    fill(fresh_db)
    # The third submission of `fill`: header at 8, entries at 9 and 10, checkpoint of size 11.
    where = {
        "ledger_submission": "id = (SELECT submission_id FROM ledger_leaf WHERE log_index = 8)",
        "ledger_entry": "submission_id = (SELECT submission_id FROM ledger_leaf"
        " WHERE log_index = 8) AND position = 2",
        "ledger_leaf": "log_index = 10",
        "ledger_checkpoint": "size = 11",
        "ledger_cosignature": "size = 11",
    }[table]
    # Nothing but the column says of which head a cosignature is.
    moved = (table, column) == ("ledger_cosignature", "size")
    first_bad = 1010 if moved else {"ledger_submission": 8}.get(table, 10)
    with databases.superuser() as superuser:
        superuser.execute("SET session_replication_role = replica")
        superuser.execute(f"ALTER TABLE {table} DISABLE TRIGGER refuse_change")
        found = superuser.execute(f"SELECT {column} FROM {table} WHERE {where}").fetchall()
        assert len(found) == 1
        # A check refuses a predecessor that is larger than its head, even to this hand.
        spoilt = "3" if column == "prev_size" else SPOIL[type(found[0][0])].format(column)
        changed = superuser.execute(f"UPDATE {table} SET {column} = {spoilt} WHERE {where}")
        assert changed.rowcount == 1
    verdict = log_verify()
    assert not verdict.sound
    assert verdict.faults[0].index == first_bad


def test_what_was_not_read_any_more_is_no_fault_before_the_first_bad_index(
    fresh_db: Channel, databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = fresh_db.admit("pharmacy")
    for count in (1, 1, 1, 1, 600):  # more than a tile, which is stored
        drafts = [
            EntryDraft(kind="test.thing.done.v1", id=uuid4(), body={"line": line})
            for line in range(count)
        ]
        submission_append(actor=member, entries=drafts, now=NOW)
        fresh_db.sequence()
    assert log_verify().sound
    with databases.superuser() as superuser:
        superuser.execute("SET session_replication_role = replica")
        superuser.execute("ALTER TABLE ledger_entry DISABLE TRIGGER refuse_change")
        # Its admission: from then on nothing that it signed can be verified.
        changed = superuser.execute(
            "UPDATE ledger_entry SET content = overlay(content placing 'X' from 60)"
            " WHERE entry_id = (SELECT leaf_hash FROM ledger_leaf WHERE log_index = 3)"
        )
        assert changed.rowcount == 1
    for module in (verdict, verification):
        monkeypatch.setattr(module, "FAULTS_MAX", 3)
    faults = log_verify().faults
    assert faults[0].index == 3
    assert len(faults) == 3


def test_a_cut_tail_shows_against_a_receipt_only(fresh_db: Channel, databases: Databases) -> None:
    receipts = fill(fresh_db)
    with databases.superuser() as superuser:
        superuser.execute("SET session_replication_role = replica")
        for table in ("submission", "entry", "leaf", "checkpoint"):
            superuser.execute(f"ALTER TABLE ledger_{table} DISABLE TRIGGER refuse_change")
        gone = "SELECT submission_id FROM ledger_leaf WHERE log_index >= 17"
        superuser.execute(f"DELETE FROM ledger_entry WHERE submission_id IN ({gone})")
        superuser.execute(f"DELETE FROM ledger_submission WHERE id IN ({gone})")
        superuser.execute("DELETE FROM ledger_leaf WHERE log_index >= 17")
        superuser.execute("DELETE FROM ledger_checkpoint WHERE size > 17")
    assert log_verify().faults == ()
    found = log_verify(receipts=receipts)
    assert [fault.index for fault in found.faults] == [17]
    assert str(receipts[-1].promise.id) in found.faults[0].what


def test_the_command_says_where_and_exits_1(
    fresh_db: Channel, databases: Databases, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(fresh_db)
    call_command("ledger_verify")
    assert capsys.readouterr().out.startswith("sound: 20 leaves")
    with databases.superuser() as superuser:
        superuser.execute("ALTER TABLE ledger_leaf DISABLE TRIGGER refuse_change")
        superuser.execute("UPDATE ledger_leaf SET leaf_hash = sha256('x') WHERE log_index = 4")
    with pytest.raises(SystemExit) as caught:
        call_command("ledger_verify")
    assert caught.value.code == 1
    assert capsys.readouterr().out.startswith("BAD: first bad index 4 ")
