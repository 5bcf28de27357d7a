"""Sealed submissions: the organisation's own key signs, the server rebuilds and compares."""

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from nacl.signing import SigningKey as PrivateKey

from foundation.core.actor import Actor
from foundation.tenancy import acting_as
from ledger.core.entry import EntryDraft, build_entry
from ledger.core.merkle import leaf_hash, tree_root
from ledger.core.sealed import SealedSubmission
from ledger.core.statement import KeyChain, Statement, build_statement, statement_message
from ledger.errors import (
    KeyHeadConflictError,
    KeyRefusedError,
    SealedMismatchError,
    SignatureRefusedError,
)
from ledger.models import KeyHolder
from ledger.services import key_add, key_revoke, submission_append
from ledger.services.keys import key_id_of
from ledger.services.sealed import key_head
from ledger.services.verification import log_verify
from tests.conftest import NOW, Channel

DOCUMENT = b'{"scan": "1"}'


class Device:
    """A scanner with a key of its own: what a member's client does."""

    def __init__(self, channel: Channel, member: Actor) -> None:
        self.private = PrivateKey.generate()
        self.public = bytes(self.private.verify_key)
        self.key_id = key_id_of(self.public)
        self.log, self.member = channel.log.origin, member
        key_add(actor=member, holder=KeyHolder.DEVICE, now=NOW, public_key=self.public)
        channel.sequence()

    def head(self) -> KeyChain:
        with acting_as(self.member):
            return key_head(self.key_id)

    def seal(
        self,
        drafts: list[EntryDraft],
        *,
        chain: KeyChain | None = None,
        change: Callable[[Statement], Statement] = lambda stated: stated,
        organisation_id: UUID | None = None,
    ) -> SealedSubmission:
        key_id = bytes.fromhex(self.key_id)
        entries = tuple(
            build_entry(
                draft=draft,
                log=self.log,
                organisation_id=organisation_id or self.member.organisation,
                key_id=key_id,
                time=NOW,
            )
            for draft in drafts
        )
        stated = Statement(
            log=self.log,
            organisation_id=organisation_id or self.member.organisation,
            key_id=key_id,
            id=uuid4(),
            n=len(entries),
            root=tree_root(leaf_hash(entry) for entry in entries),
            time=NOW,
            chain=chain or self.head(),
        )
        statement = build_statement(change(stated))
        return SealedSubmission(
            document=DOCUMENT,
            media_type="application/json",
            entries=entries,
            openings=(),
            statement=statement,
            signature=self.private.sign(statement_message(statement)).signature,
        )

    def submit(self, drafts: list[EntryDraft], sealed: SealedSubmission) -> None:
        submission_append(actor=self.member, entries=drafts, now=NOW, sealed=sealed)


def drafts(count: int = 2) -> list[EntryDraft]:
    return [
        EntryDraft(kind="test.thing.done.v1", id=uuid4(), body={"n": number})
        for number in range(count)
    ]


@pytest.fixture
def device(fresh_db: Channel) -> Device:
    return Device(fresh_db, fresh_db.admit("pharmacy"))


def test_submissions_of_a_device_chain_and_verify(fresh_db: Channel, device: Device) -> None:
    for count in (1, 3, 2):
        made = drafts(count)
        device.submit(made, device.seal(made))
    fresh_db.sequence()
    assert device.head().first == 6
    assert log_verify().faults == ()


def test_a_submission_that_does_not_follow_is_told_what_does(
    fresh_db: Channel, device: Device
) -> None:
    made = drafts()
    stale = device.head()
    device.submit(made, device.seal(made))
    made = drafts()
    with pytest.raises(KeyHeadConflictError) as caught:
        device.submit(made, device.seal(made, chain=stale))
    head = device.head()
    assert caught.value.members == {"first": head.first, "prev": head.prev.hex()}
    device.submit(made, device.seal(made))
    fresh_db.sequence()
    assert log_verify().faults == ()


def test_what_the_document_makes_must_be_what_was_signed(device: Device) -> None:
    made = drafts(2)
    sealed = device.seal(made)
    for others in (drafts(2), made[:1], [made[1], made[0]], [*made, *drafts(1)]):
        with pytest.raises(SealedMismatchError):
            device.submit(others, sealed)
    bad = EntryDraft(kind="no kind", id=made[0].id, body={})
    with pytest.raises(SealedMismatchError):
        device.submit([bad, made[1]], sealed)


def test_a_signature_or_root_that_does_not_fit_is_refused(device: Device) -> None:
    made = drafts()
    sealed = device.seal(made)
    flipped = bytes([sealed.signature[0] ^ 1, *sealed.signature[1:]])
    for bad in (
        replace(sealed, signature=flipped),
        device.seal(made, change=lambda stated: replace(stated, root=bytes(32))),
        device.seal(made, change=lambda stated: replace(stated, n=3)),
    ):
        with pytest.raises(SignatureRefusedError):
            device.submit(made, bad)


def test_another_organisation_log_or_a_revoked_key_is_refused(
    fresh_db: Channel, device: Device
) -> None:
    made = drafts()
    foreign = device.seal(made, organisation_id=fresh_db.operator.organisation)
    other_log = device.seal(made, change=lambda stated: replace(stated, log="x.example/other"))
    for bad in (foreign, other_log):
        with pytest.raises(KeyRefusedError):
            device.submit(made, bad)
    sealed = device.seal(made)
    key_revoke(actor=device.member, key_id=device.key_id, reason="lost", now=NOW)
    with pytest.raises(KeyRefusedError):
        device.submit(made, sealed)
    fresh_db.sequence()
    with pytest.raises(KeyRefusedError):
        device.submit(made, sealed)
    assert log_verify().faults == ()
