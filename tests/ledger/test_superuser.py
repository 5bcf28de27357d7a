"""A superuser who also runs the server rewrites the log, and signs what results with its key.

That hand holds the database, the log's key, the receipts' key and every key that the server keeps.
It does not hold the keys of members, nor what others kept: receipts, and checkpoints that a witness
saw. Each attack is left as the attacker wants it, re-hashed, re-chained and signed again; then what
the log alone shows, and what each kept thing shows, is told apart.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from nacl.signing import SigningKey as PrivateKey

from foundation.core.actor import SYSTEM
from foundation.key_providers import key_provider
from foundation.tenancy import acting_as
from ledger.core.entry import EntryDraft, build_entry, parse_entry
from ledger.core.merkle import leaf_hash
from ledger.core.note import KeyType, VerifierKey, format_vkey
from ledger.core.receipt import Receipt, receipt_message
from ledger.core.statement import (
    build_statement,
    parse_statement,
    statement_hash,
    statement_message,
)
from ledger.core.verify import StoredCheckpoint
from ledger.models import ServerKey
from ledger.selectors import checkpoint_latest, forget_logs, receipt_key_name
from ledger.services import Sequencer, submission_append
from ledger.services.signed import promise_of
from ledger.services.verification import log_verify
from tests.conftest import NOW, Channel
from tests.database import Databases
from tests.ledger.devices import Device

TABLES = ("submission", "entry", "leaf", "checkpoint", "log", "signingkey")


@dataclass
class Kept:
    """What somebody outside kept while the log was written."""

    receipts: list[Receipt] = field(default_factory=list)
    checkpoints: list[StoredCheckpoint] = field(default_factory=list)


class Attacker:
    """Who may do anything to the database, and sign with every key that the server has."""

    def __init__(
        self, channel: Channel, device: Device, superuser: psycopg.Connection[Any]
    ) -> None:
        self.channel, self.device, self.superuser = channel, device, superuser
        superuser.execute("SET session_replication_role = replica")
        for table in TABLES:
            superuser.execute(f"ALTER TABLE ledger_{table} DISABLE TRIGGER USER")

    def submissions(self) -> list[int]:
        """Return the submissions that are not of governance, in the order of the log."""
        found = self.superuser.execute(
            "SELECT l.submission_id FROM ledger_leaf l JOIN ledger_entry e"
            " USING (submission_id) WHERE l.position = 0 AND e.position = 1"
            " AND e.kind NOT LIKE 'ledger.%' ORDER BY l.log_index"
        )
        return [pk for (pk,) in found.fetchall()]

    def edit(self, pk: int) -> None:
        """Put another entry into a submission, and sign as far as the server's keys reach."""
        (statement, key_id) = self.superuser.execute(
            "SELECT statement, key_id FROM ledger_submission WHERE id = %s", [pk]
        ).fetchone() or (b"", "")
        (content,) = self.superuser.execute(
            "SELECT content FROM ledger_entry WHERE submission_id = %s", [pk]
        ).fetchone() or (b"",)
        entry, stated = parse_entry(bytes(content)), parse_statement(bytes(statement))
        forged = build_entry(
            draft=EntryDraft(kind=entry.kind, id=entry.id, body={"number": 666}),
            log=entry.log,
            organisation_id=entry.organisation_id,
            key_id=entry.key_id,
            time=entry.time,
        )
        new = build_statement(replace(stated, root=leaf_hash(forged)))
        with acting_as(SYSTEM):
            held = ServerKey.objects.filter(key_id=key_id).first()
        signer = PrivateKey.generate()
        signature = (
            signer.sign(statement_message(new)).signature
            if held is None
            else key_provider().sign(held.provider_name, statement_message(new))
        )
        self.superuser.execute(
            "UPDATE ledger_entry SET content = %s, entry_id = %s WHERE submission_id = %s",
            [forged, leaf_hash(forged), pk],
        )
        self.state(pk, new, signature)

    def state(self, pk: int, statement: bytes, signature: bytes) -> None:
        """Give a submission another statement, with the receipt that goes with it."""
        received, deadline = self.superuser.execute(
            "SELECT received_at, deadline_at FROM ledger_submission WHERE id = %s", [pk]
        ).fetchone() or (NOW, NOW)
        promise = promise_of(
            log=self.channel.log,
            stated=parse_statement(statement),
            statement=statement,
            time=received,
            deadline=deadline,
        )
        receipt = key_provider().sign(
            receipt_key_name(self.channel.log.origin), receipt_message(promise)
        )
        self.superuser.execute(
            "UPDATE ledger_submission SET statement = %s, statement_hash = %s, signature = %s,"
            " receipt_signature = %s WHERE id = %s",
            [statement, statement_hash(statement), signature, receipt, pk],
        )

    def drop(self, pk: int) -> int:
        """Let a submission never have been; return where its header stood."""
        place = self.superuser.execute(
            "SELECT min(log_index) FROM ledger_leaf WHERE submission_id = %s", [pk]
        ).fetchone()
        assert place is not None
        for table in ("leaf", "entry"):
            self.superuser.execute(f"DELETE FROM ledger_{table} WHERE submission_id = %s", [pk])
        self.superuser.execute("DELETE FROM ledger_submission WHERE id = %s", [pk])
        index: int = place[0]
        return index

    def sequence_again(self, first: int, *, at: int | None = None) -> None:
        """Give every submission from ``first`` on its place again, chain, tree and signed head.

        The first one goes to index ``at``, or where it stood, or after all there is.
        """
        start = self.superuser.execute(
            "SELECT coalesce(%s, min(l.log_index) FILTER (WHERE l.submission_id >= %s),"
            " max(l.log_index) + 1) FROM ledger_leaf l",
            [at, first],
        ).fetchone()
        assert start is not None
        self.superuser.execute(
            "INSERT INTO ledger_pending (submission_id, log_id, organisation_id, size_bytes)"
            " SELECT id, log_id, organisation_id, 1 FROM ledger_submission WHERE id >= %s",
            [first],
        )
        self.superuser.execute("DELETE FROM ledger_leaf WHERE log_index >= %s", start)
        self.superuser.execute("DELETE FROM ledger_checkpoint WHERE size > %s", start)
        self.superuser.execute("DELETE FROM ledger_tile")
        Sequencer(self.channel.log).flush(now=NOW)


def edit_ones_own(attacker: Attacker) -> None:
    pk = attacker.submissions()[2]
    attacker.edit(pk)
    attacker.sequence_again(pk)


def edit_a_members(attacker: Attacker) -> None:
    pk = attacker.submissions()[3]
    attacker.edit(pk)
    attacker.sequence_again(pk)


def delete_and_renumber(attacker: Attacker) -> None:
    pk, following = attacker.submissions()[2:4]
    attacker.sequence_again(following, at=attacker.drop(pk))


def delete_a_members_and_renumber(attacker: Attacker) -> None:
    pk, following = attacker.submissions()[3:5]
    attacker.sequence_again(following, at=attacker.drop(pk))


def cut_the_tail(attacker: Attacker) -> None:
    last = attacker.submissions()[-1]
    attacker.sequence_again(last)  # one head for it, of its own
    attacker.drop(last)
    attacker.superuser.execute(
        "DELETE FROM ledger_checkpoint WHERE size > (SELECT max(log_index) + 1 FROM ledger_leaf)"
    )


def forge_an_append(attacker: Attacker) -> None:
    """A submission in the member's name, under the member's key id, signed by another hand."""
    device = attacker.device
    forger = Device.__new__(Device)
    forger.__dict__.update(device.__dict__)
    forger.private = PrivateKey.generate()
    draft = EntryDraft(kind="test.thing.done.v1", id=uuid4(), body={"number": 666})
    sealed = forger.seal([draft])
    pk = max(attacker.submissions())
    (new,) = attacker.superuser.execute(
        "INSERT INTO ledger_submission (log_id, organisation_id, submission_id, key_id, count,"
        " first, statement, statement_hash, signature, received_at, deadline_at,"
        " receipt_signature) SELECT log_id, %s, %s, %s, 1, %s, ''::bytea, ''::bytea, ''::bytea,"
        " received_at, deadline_at, ''::bytea FROM ledger_submission WHERE id = %s RETURNING id",
        [
            device.member.organisation,
            parse_statement(sealed.statement).id,
            device.key_id,
            device.head().first,
            pk,
        ],
    ).fetchone() or (0,)
    attacker.superuser.execute(
        "INSERT INTO ledger_entry (entry_id, log_id, submission_id, position, organisation_id,"
        " uuid, kind, content) VALUES (%s, %s, %s, 1, %s, %s, %s, %s)",
        [
            leaf_hash(sealed.entries[0]),
            attacker.channel.log.id,
            new,
            device.member.organisation,
            draft.id,
            draft.kind,
            sealed.entries[0],
        ],
    )
    attacker.state(new, sealed.statement, sealed.signature)
    attacker.sequence_again(new)


def swap_a_key(attacker: Attacker) -> None:
    """The member's key becomes the attacker's, so that what is forged would verify."""
    attacker.superuser.execute(
        "UPDATE ledger_signingkey SET public_key = %s WHERE key_id = %s",
        [bytes(PrivateKey.generate().verify_key), attacker.device.key_id],
    )


def swap_the_logs_key(attacker: Attacker) -> None:
    vkey = VerifierKey(
        name=attacker.channel.log.origin,
        key_type=KeyType.ED25519,
        public_key=bytes(PrivateKey.generate().verify_key),
    )
    attacker.superuser.execute("UPDATE ledger_log SET vkey = %s", [format_vkey(vkey)])
    forget_logs()


def roll_back_and_go_on(attacker: Attacker) -> None:
    """An old dump is restored, and the log grows on past what it had been."""
    for pk in attacker.submissions()[-3:]:
        attacker.drop(pk)
    attacker.superuser.execute(
        "DELETE FROM ledger_checkpoint WHERE size > (SELECT max(log_index) + 1 FROM ledger_leaf)"
    )
    attacker.superuser.execute("DELETE FROM ledger_tile")
    for _ in range(5):
        write(attacker.channel)


def show_two_histories(attacker: Attacker) -> None:
    """The same size, another end: one was shown to the witness, the other to everybody else."""
    pk = attacker.submissions()[-1]
    attacker.drop(pk)
    attacker.superuser.execute(
        "DELETE FROM ledger_checkpoint WHERE size > (SELECT max(log_index) + 1 FROM ledger_leaf)"
    )
    attacker.superuser.execute("DELETE FROM ledger_tile")
    write(attacker.channel)


def write(channel: Channel) -> Receipt:
    draft = EntryDraft(kind="test.thing.done.v1", id=uuid4(), body={"number": 1})
    receipt = submission_append(actor=channel.operator, entries=[draft], now=NOW)
    Sequencer(channel.log).flush(now=NOW)
    return receipt


@pytest.fixture
def device(fresh_db: Channel) -> Device:
    return Device(fresh_db, fresh_db.admit("pharmacy"))


@pytest.fixture
def kept(fresh_db: Channel, device: Device) -> Kept:
    """Seven submissions of one entry: the operator's and, three of them, a member's own."""
    found = Kept()
    for number in range(7):
        if number % 2:
            draft = EntryDraft(kind="test.thing.done.v1", id=uuid4(), body={"number": number})
            sealed = device.seal([draft])
            found.receipts.append(
                submission_append(actor=device.member, entries=[draft], now=NOW, sealed=sealed)
            )
            Sequencer(fresh_db.log).flush(now=NOW)
        else:
            found.receipts.append(write(fresh_db))
        with acting_as(SYSTEM):
            head = checkpoint_latest(fresh_db.log)
        assert head is not None
        found.checkpoints.append(StoredCheckpoint(size=head.size, note=head.note.encode()))
    return found


@pytest.fixture
def attacker(
    fresh_db: Channel, device: Device, kept: Kept, databases: Databases
) -> Iterator[Attacker]:
    assert kept.receipts
    with databases.superuser() as superuser:
        yield Attacker(fresh_db, device, superuser)


# What the log alone shows of each, without anything kept outside.
ATTACKS: dict[Callable[[Attacker], None], bool] = {
    edit_ones_own: False,
    edit_a_members: True,
    delete_and_renumber: False,
    delete_a_members_and_renumber: True,
    cut_the_tail: False,
    forge_an_append: True,
    swap_a_key: True,
    swap_the_logs_key: True,
    roll_back_and_go_on: False,
    show_two_histories: False,
}


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_each_attack_is_found_and_by_what(
    fresh_db: Channel, kept: Kept, attacker: Attacker, attack: Callable[[Attacker], None]
) -> None:
    vkey = fresh_db.log.vkey
    attack(attacker)
    alone = log_verify(vkey=vkey)
    assert alone.sound is not ATTACKS[attack], alone.faults
    by_receipts = log_verify(vkey=vkey, receipts=kept.receipts)
    by_checkpoints = log_verify(vkey=vkey, checkpoints=kept.checkpoints)
    assert not by_receipts.sound
    assert not by_checkpoints.sound
    # The newest that a witness saw is enough for all but what changed nothing of the tree.
    assert not log_verify(vkey=vkey, checkpoints=kept.checkpoints[-1:]).sound


def test_a_log_that_nobody_touched_never_alarms(fresh_db: Channel, kept: Kept) -> None:
    for _ in range(3):
        found = log_verify(
            vkey=fresh_db.log.vkey, receipts=kept.receipts, checkpoints=kept.checkpoints
        )
        assert found.faults == ()
        kept.receipts.append(write(fresh_db))


def test_a_log_that_is_sequenced_again_as_it_was_is_the_same_log(
    fresh_db: Channel, kept: Kept, attacker: Attacker
) -> None:
    """The control: the attacker's tools alone, with nothing changed, are no attack."""
    attacker.sequence_again(attacker.submissions()[2])
    found = log_verify(vkey=fresh_db.log.vkey, receipts=kept.receipts, checkpoints=kept.checkpoints)
    assert found.faults == ()
