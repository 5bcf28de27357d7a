"""Appending: the caller's transaction, the promise, the place, and what is refused."""

import datetime as dt
from uuid import uuid4

import pytest
from django.db import DatabaseError, IntegrityError, connections, transaction

from foundation.core.actor import PUBLIC, SYSTEM, Actor
from foundation.tenancy import OutsideActingAsError, acting_as
from ledger import selectors
from ledger.core.entry import EntryDraft, parse_entry
from ledger.core.proof import check_inclusion
from ledger.core.receipt import check_receipt, parse_receipt_header
from ledger.errors import (
    AlreadySubmittedError,
    EntryRefusedError,
    NoKeyError,
    QueueFullError,
)
from ledger.models import Entry, Pending, Submission
from ledger.services import gate, receipt_again, submission_append
from tests.conftest import NOW, Channel
from tests.database import Databases


def draft(number: int = 1) -> EntryDraft:
    return EntryDraft(kind="test.thing.done.v1", id=uuid4(), body={"number": number})


def test_a_submission_is_promised_then_sequenced_and_proven(channel: Channel) -> None:
    member = channel.admit("pharmacy")
    receipt = submission_append(
        actor=member, entries=[draft(number) for number in range(5)], now=NOW
    )
    with acting_as(PUBLIC):
        check_receipt(receipt, channel.log.receipt_public_key)
        assert selectors.places(channel.log, receipt.entry_ids) == {}
        assert selectors.entry_get(receipt.entry_ids[3]).place is None

    assert channel.sequence() == 6

    with acting_as(PUBLIC):
        head = selectors.checkpoint_latest(channel.log)
        assert head is not None
        for offset, entry_id in enumerate(receipt.entry_ids, start=1):
            info = selectors.entry_get(entry_id)
            place = selectors.place_of(info)
            assert place.log_index == place.header_index + offset
            assert parse_entry(info.content).body == {"number": offset - 1}
            check_inclusion(
                leaf=entry_id,
                index=place.log_index,
                size=head.size,
                proof=selectors.inclusion_proof(channel.log, index=place.log_index, size=head.size),
                root=head.root_hash,
            )


def test_the_header_form_of_a_receipt_reads_back(channel: Channel) -> None:
    receipt = submission_append(actor=channel.operator, entries=[draft()], now=NOW)
    assert parse_receipt_header(receipt.header()).promise == receipt.promise
    channel.sequence()


def test_a_repeat_returns_the_stored_receipt_to_the_byte(channel: Channel) -> None:
    member = channel.admit("pharmacy")
    now = NOW + dt.timedelta(microseconds=123_456)
    receipt = submission_append(actor=member, entries=[draft(), draft()], now=now)
    again = receipt_again(actor=member, submission_id=receipt.promise.id)
    assert again.as_json() == receipt.as_json()
    channel.sequence()


def test_nothing_is_stored_when_the_callers_transaction_fails(channel: Channel) -> None:
    member = channel.admit("pharmacy")
    entry_id = b""

    def append_then_fail() -> None:
        nonlocal entry_id
        with acting_as(member):
            entry_id = submission_append(actor=member, entries=[draft()], now=NOW).entry_ids[0]
            raise LookupError

    with pytest.raises(LookupError):
        append_then_fail()
    with acting_as(SYSTEM):
        assert not Entry.objects.filter(entry_id=entry_id).exists()
        assert not Submission.objects.filter(organisation_id=member.organisation).exists()
    assert channel.sequence() == 0


def test_an_entrys_id_is_used_once_per_organisation(channel: Channel) -> None:
    member, other = channel.admit("pharmacy"), channel.admit("pharmacy")
    once = draft()
    submission_append(actor=member, entries=[once], now=NOW)
    with pytest.raises(AlreadySubmittedError):
        submission_append(actor=member, entries=[draft(), once], now=NOW)
    submission_append(actor=other, entries=[once], now=NOW)
    assert channel.sequence() == 4


def test_every_bad_line_is_named_and_nothing_is_stored(channel: Channel) -> None:
    member = channel.admit("pharmacy")
    bad = EntryDraft(kind="test.thing.done.v1", id=uuid4(), body={"amount": 1.5})  # type: ignore[dict-item]  # that is the fault
    with pytest.raises(EntryRefusedError) as caught:
        submission_append(actor=member, entries=[draft(), bad, draft(), bad], now=NOW)
    lines = caught.value.members["entries"]
    assert isinstance(lines, list)
    assert [line["line"] for line in lines] == [1, 3]
    assert channel.sequence() == 0


def test_an_empty_submission_is_refused(channel: Channel) -> None:
    with pytest.raises(EntryRefusedError):
        submission_append(actor=channel.operator, entries=[], now=NOW)


def test_who_is_no_member_has_no_key(channel: Channel) -> None:
    stranger = Actor(kind=channel.operator.kind, organisation_id=uuid4())
    with pytest.raises(NoKeyError):
        submission_append(actor=stranger, entries=[draft()], now=NOW)
    assert channel.sequence() == 0


# Two drafts with their statements weigh more than 1,200 bytes, and one less.
@pytest.mark.parametrize(
    ("limit", "most"), [("OUTSTANDING_MAX", 2), ("OUTSTANDING_BYTES_MAX", 1200)]
)
def test_a_full_queue_pushes_back(
    channel: Channel, monkeypatch: pytest.MonkeyPatch, limit: str, most: int
) -> None:
    member = channel.admit("pharmacy")
    monkeypatch.setattr(gate, limit, most)
    for _ in range(2):
        submission_append(actor=member, entries=[draft()], now=NOW)
    with pytest.raises(QueueFullError):
        submission_append(actor=member, entries=[draft()], now=NOW)
    assert channel.sequence() == 4
    submission_append(actor=member, entries=[draft()], now=NOW)
    channel.sequence()


def test_a_selector_outside_acting_as_raises(channel: Channel) -> None:
    with pytest.raises(OutsideActingAsError):
        selectors.checkpoint_latest(channel.log)


@pytest.mark.parametrize("table", ["submission", "entry", "leaf", "checkpoint"])
@pytest.mark.parametrize("alias", ["default", "system", "owner"])
@pytest.mark.parametrize("verb", ["UPDATE {} SET {}", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_no_role_changes_what_is_insert_only(
    channel: Channel, table: str, alias: str, verb: str
) -> None:
    change = "position = 1" if table == "entry" else "log_id = 1"
    refused = pytest.raises(DatabaseError, match=r"permission denied|insert-only")
    with refused, transaction.atomic(using=alias), connections[alias].cursor() as cursor:
        cursor.execute(
            "SELECT set_config('app.kind', 'organisation', true), set_config('app.org', %s, true)",
            [str(channel.operator.organisation_id)],
        )
        cursor.execute(verb.format(f"ledger_{table}", change))


def test_only_own_submissions_wait_in_sight(channel: Channel) -> None:
    member, other = channel.admit("pharmacy"), channel.admit("wholesaler")
    submission_append(actor=member, entries=[draft()], now=NOW)
    with acting_as(other):
        assert Pending.objects.count() == 0
    with acting_as(member):
        assert Pending.objects.count() == 1
    channel.sequence()


def test_the_app_cannot_write_in_anothers_name(channel: Channel) -> None:
    member, other = channel.admit("pharmacy"), channel.admit("wholesaler")
    receipt = submission_append(actor=member, entries=[draft()], now=NOW)
    channel.sequence()

    def forge() -> None:
        with acting_as(other):
            row = Submission.objects.get(submission_id=receipt.promise.id)
            row.pk, row.submission_id = None, uuid4()
            row.save(force_insert=True)

    with pytest.raises((DatabaseError, IntegrityError), match="row-level security"):
        forge()


def test_a_table_that_refuses_for_another_reason_is_not_taken_for_a_repetition(
    fresh_db: Channel, databases: Databases
) -> None:
    with databases.superuser() as superuser:
        superuser.execute(
            "ALTER TABLE ledger_entry ADD CONSTRAINT odd CHECK (kind <> 'test.odd.done.v1')"
        )
    odd = EntryDraft(kind="test.odd.done.v1", id=uuid4(), body={})
    with pytest.raises(IntegrityError, match="odd"):
        submission_append(actor=fresh_db.operator, entries=[odd], now=NOW)
