"""Sealed submissions: the organisation's own key signs, the server rebuilds and compares."""

from dataclasses import replace

import pytest

from ledger.core.entry import EntryDraft
from ledger.errors import (
    KeyHeadConflictError,
    KeyRefusedError,
    SealedMismatchError,
    SignatureRefusedError,
)
from ledger.services import key_revoke
from ledger.services.verification import log_verify
from tests.conftest import NOW, Channel
from tests.ledger.devices import Device, drafts


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
