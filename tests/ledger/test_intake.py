"""Many signed submissions at once: each applied or refused alone, in the order given."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

import pytest

from foundation.core.actor import Actor
from foundation.core.problem import ProblemError
from foundation.tenancy import acting_as
from ledger.core.entry import EntryDraft
from ledger.core.receipt import Receipt, check_receipt
from ledger.core.statement import (
    NO_STATEMENT,
    KeyChain,
    StatementError,
    statement_hash,
)
from ledger.errors import (
    AlreadySubmittedError,
    EndorsementsNeededError,
    KeyHeadConflictError,
    KeyRefusedError,
    QueueFullError,
    SealedMismatchError,
    SignatureRefusedError,
)
from ledger.models import Entry, Submission
from ledger.services import gate, key_revoke, policy_set, signatures
from ledger.services.intake import Sent, submissions_append
from ledger.services.verification import log_verify
from tests.conftest import NOW, Channel
from tests.ledger.devices import Device, drafts


@pytest.fixture
def member(fresh_db: Channel) -> Actor:
    return fresh_db.admit("pharmacy")


def chained(device: Device, count: int, *, start: KeyChain | None = None) -> list[Sent]:
    """Return submissions of one to three entries that follow one another."""
    head, sent = start or device.head(), []
    for number in range(count):
        made = drafts(number % 3 + 1)
        sealed = device.seal(made, chain=head)
        head = KeyChain(first=head.first + len(made), prev=statement_hash(sealed.statement))
        sent.append(Sent(sealed=sealed, drafts=made))
    return sent


def kinds(outcomes: Sequence[Receipt | ProblemError]) -> list[type]:
    return [type(each) for each in outcomes]


def test_many_are_promised_each_and_stand_in_their_order(fresh_db: Channel, member: Actor) -> None:
    devices = [Device(fresh_db, member) for _ in range(3)]
    mixed = [
        one for three in zip(*(chained(each, 4) for each in devices), strict=True) for one in three
    ]
    outcomes = submissions_append(actor=member, sent=mixed, now=NOW)
    fresh_db.sequence()
    for sent, receipt in zip(mixed, outcomes, strict=True):
        assert isinstance(receipt, Receipt)
        check_receipt(receipt, fresh_db.log.receipt_public_key)
        assert receipt.promise.statement_hash == statement_hash(sent.sealed.statement)
        assert len(receipt.entry_ids) == len(sent.drafts)
    with acting_as(member):
        stored = list(Submission.objects.filter(first__isnull=False).order_by("id"))
        assert [bytes(row.statement) for row in stored] == [one.sealed.statement for one in mixed]
    # Another call goes on where this one ended.
    assert kinds(submissions_append(actor=member, sent=chained(devices[1], 2), now=NOW)) == [
        Receipt,
        Receipt,
    ]
    fresh_db.sequence()
    assert log_verify().faults == ()


def test_none_is_nothing(member: Actor) -> None:
    assert submissions_append(actor=member, sent=[], now=NOW) == []


def test_a_bad_one_is_refused_alone_with_what_follows_it(fresh_db: Channel, member: Actor) -> None:
    good, bad = Device(fresh_db, member), Device(fresh_db, member)
    before = bad.head()
    broken = chained(bad, 3)
    broken[1] = replace(broken[1], sealed=replace(broken[1].sealed, signature=bytes(64)))
    outcomes = submissions_append(actor=member, sent=[*broken, *chained(good, 1)], now=NOW)
    assert kinds(outcomes) == [Receipt, SignatureRefusedError, KeyHeadConflictError, Receipt]
    conflict = outcomes[2]
    assert isinstance(conflict, KeyHeadConflictError)
    assert conflict.members == {
        "first": before.first + 1,
        "prev": statement_hash(broken[0].sealed.statement).hex(),
    }
    fresh_db.sequence()
    assert log_verify().faults == ()


def test_each_kind_of_fault_has_its_reason(fresh_db: Channel, member: Actor) -> None:
    device, revoked = Device(fresh_db, member), Device(fresh_db, member)
    others = Device(fresh_db, fresh_db.admit("hospital"))
    key_revoke(actor=member, key_id=revoked.key_id, reason="lost", now=NOW)
    fresh_db.sequence()
    made = drafts()
    start = KeyChain(first=0, prev=NO_STATEMENT)
    sent = [
        Sent(sealed=replace(device.seal(made), statement=b"{}"), drafts=made),
        Sent(sealed=others.seal(made, chain=start), drafts=made),
        Sent(sealed=revoked.seal(made, chain=start), drafts=made),
        Sent(
            sealed=device.seal(made, change=lambda stated: replace(stated, root=bytes(32))),
            drafts=made,
        ),
        Sent(sealed=device.seal(made), drafts=drafts()),
        Sent(
            sealed=device.seal(made, change=lambda stated: replace(stated, log="other.example/x")),
            drafts=made,
        ),
    ]
    assert kinds(submissions_append(actor=member, sent=sent, now=NOW)) == [
        StatementError,
        KeyRefusedError,
        KeyRefusedError,
        SignatureRefusedError,
        SealedMismatchError,
        KeyRefusedError,
    ]
    assert fresh_db.sequence() == 0


def test_what_was_sent_before_is_refused_and_the_others_are_taken(
    fresh_db: Channel, member: Actor
) -> None:
    first, second, third = (Device(fresh_db, member) for _ in range(3))
    made = drafts(1)
    first.submit(made, first.seal(made))
    # The same entry's id again, under another key: the database refuses it, and only it.
    again = chained(second, 2)
    again[0] = Sent(sealed=second.seal(made), drafts=made)
    outcomes = submissions_append(actor=member, sent=[*again, *chained(third, 1)], now=NOW)
    assert kinds(outcomes) == [AlreadySubmittedError, KeyHeadConflictError, Receipt]
    fresh_db.sequence()
    assert log_verify().faults == ()


def test_policies_are_asked(fresh_db: Channel, member: Actor) -> None:
    device = Device(fresh_db, member)
    policy_set(
        actor=fresh_db.operator,
        kind="test.other.done.v1",
        n=1,
        organisations=[fresh_db.operator.organisation],
        now=NOW,
    )
    fresh_db.sequence()
    free, bound = drafts(1), [EntryDraft(kind="test.other.done.v1", id=uuid4(), body={})]
    head = device.head()
    first = device.seal(free, chain=head)
    next_head = KeyChain(first=head.first + 1, prev=statement_hash(first.statement))
    sent = [
        Sent(sealed=first, drafts=free),
        Sent(sealed=device.seal(bound, chain=next_head), drafts=bound),
    ]
    outcomes = submissions_append(actor=member, sent=sent, now=NOW)
    assert kinds(outcomes) == [Receipt, EndorsementsNeededError]
    fresh_db.sequence()
    assert log_verify().faults == ()


def test_a_full_queue_takes_none(
    fresh_db: Channel, member: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = chained(Device(fresh_db, member), 2)
    monkeypatch.setattr(gate, "OUTSTANDING_MAX", 0)
    with pytest.raises(QueueFullError):
        submissions_append(actor=member, sent=sent, now=NOW)
    with acting_as(member):
        assert not Entry.objects.filter(kind="test.thing.done.v1").exists()


def test_a_key_revoked_after_its_signatures_were_verified_signs_nothing(
    fresh_db: Channel, member: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = Device(fresh_db, member)
    sent = chained(device, 2)
    verified = signatures.unsigned_of

    def then_revoked(triples: Sequence[signatures.Triple]) -> list[int]:
        found = verified(triples)
        key_revoke(actor=member, key_id=device.key_id, reason="lost", now=NOW)
        return found

    monkeypatch.setattr(signatures, "unsigned_of", then_revoked)
    outcomes = submissions_append(actor=member, sent=sent, now=NOW)
    assert kinds(outcomes) == [KeyRefusedError, KeyRefusedError]
    fresh_db.sequence()
    assert log_verify().faults == ()
