"""Members and keys: admitted, added and revoked in the log, refused where its rules refuse."""

import datetime as dt
from uuid import uuid4

import pytest
from nacl.signing import SigningKey as PrivateKey

from foundation.core.actor import PUBLIC, Actor, ActorKind
from foundation.tenancy import acting_as
from ledger import selectors
from ledger.core.entry import EntryDraft
from ledger.errors import ChannelExistsError, GovernanceRefusedError, NoKeyError
from ledger.models import KeyHolder
from ledger.services import (
    Signer,
    channel_create,
    key_add,
    key_revoke,
    member_admit,
    submission_append,
)
from ledger.services.verification import log_verify
from tests.conftest import NOW, Channel

MINUTE = dt.timedelta(minutes=1)


def write(actor: Actor, signer: Signer = Signer.SYSTEM) -> None:
    draft = EntryDraft(kind="test.thing.done.v1", id=uuid4(), body={})
    submission_append(actor=actor, entries=[draft], now=NOW, signer=signer)


def keys_of(actor: Actor) -> list[selectors.KeyInfo]:
    with acting_as(PUBLIC):
        return selectors.key_list(actor.organisation)


def test_a_channel_is_created_once(channel: Channel) -> None:
    with pytest.raises(ChannelExistsError):
        channel_create(operator_id=uuid4(), operator_name="Other", now=NOW)
    assert channel.log.vkey.startswith(channel.log.origin)


def test_only_the_operator_admits_and_only_once(channel: Channel) -> None:
    member = channel.admit("pharmacy")
    for actor, organisation_id in ((member, uuid4()), (channel.operator, member.organisation)):
        with pytest.raises(GovernanceRefusedError):
            member_admit(
                actor=actor, organisation_id=organisation_id, name="X", kind="pharmacy", now=NOW
            )
    assert channel.sequence() == 0
    with acting_as(PUBLIC):
        assert (member.organisation, "pharmacy") in [
            (id_, kind) for id_, _, kind in selectors.member_list(channel.log)
        ]


def test_a_member_with_a_key_of_its_own_is_not_signed_for(channel: Channel) -> None:
    organisation_id = uuid4()
    member_admit(
        actor=channel.operator,
        organisation_id=organisation_id,
        name="Own key",
        kind="wholesaler",
        now=NOW,
        public_key=bytes(PrivateKey.generate().verify_key),
    )
    channel.sequence()
    member = Actor(kind=ActorKind.ORGANISATION, organisation_id=organisation_id)
    assert [key.holder for key in keys_of(member)] == ["member"]
    with pytest.raises(NoKeyError):
        write(member)


def test_a_new_key_signs_once_sequenced_and_the_old_one_can_go(channel: Channel) -> None:
    member = channel.admit("pharmacy")
    (old,) = keys_of(member)
    with pytest.raises(GovernanceRefusedError, match="last key"):
        key_revoke(actor=member, key_id=old.key_id, reason="rotated", now=NOW)
    key_add(actor=member, holder=KeyHolder.SYSTEM, now=NOW)
    assert len(keys_of(member)) == 1
    channel.sequence()
    assert len(keys_of(member)) == 2
    write(member)
    key_revoke(actor=member, key_id=old.key_id, reason="rotated", now=NOW)
    with pytest.raises(GovernanceRefusedError):
        key_revoke(actor=member, key_id=old.key_id, reason="rotated", now=NOW)
    write(member)
    channel.sequence()
    assert keys_of(member)[0].revoked_index is not None
    write(member)
    channel.sequence()
    assert log_verify().faults == ()


def test_what_was_taken_under_a_key_stands_before_its_revocation(fresh_db: Channel) -> None:
    member = fresh_db.admit("pharmacy")
    (old,) = keys_of(member)
    key_add(actor=member, holder=KeyHolder.SYSTEM, now=NOW)
    fresh_db.sequence()
    # The operator takes the new key away, so that the old one signs again, then that one too.
    new = keys_of(member)[1]
    key_add(actor=member, holder=KeyHolder.SYSTEM, now=NOW)
    fresh_db.sequence()
    write(member)
    key_revoke(actor=fresh_db.operator, key_id=new.key_id, reason="lost", now=NOW)
    write(member)
    key_revoke(actor=fresh_db.operator, key_id=old.key_id, reason="lost", now=NOW)
    write(member)
    fresh_db.sequence()
    assert log_verify().faults == ()
    assert [key.revoked_index is None for key in keys_of(member)] == [False, False, True]


def test_others_keys_are_not_ours_to_revoke(channel: Channel) -> None:
    member, other = channel.admit("pharmacy"), channel.admit("pharmacy")
    (key,) = keys_of(other)
    for key_id in (key.key_id, "0" * 64):
        with pytest.raises(GovernanceRefusedError):
            key_revoke(actor=member, key_id=key_id, reason="lost", now=NOW)
    assert channel.sequence() == 0


def test_a_persons_key_signs_within_five_minutes_of_logging_in_again(channel: Channel) -> None:
    member = channel.admit("pharmacy")
    person_id = uuid4()
    key_add(actor=member, holder=KeyHolder.PERSON, now=NOW, person_id=person_id)
    channel.sequence()

    def person(minutes: float | None) -> Actor:
        proved = None if minutes is None else NOW - minutes * MINUTE
        return Actor(
            kind=ActorKind.ORGANISATION,
            organisation_id=member.organisation_id,
            person_id=person_id,
            reauthenticated_at=proved,
        )

    write(person(4.9), Signer.PERSON)
    for minutes in (None, 5.1, -0.1):
        with pytest.raises(NoKeyError, match="logging in again"):
            write(person(minutes), Signer.PERSON)
    with pytest.raises(NoKeyError):
        write(member, Signer.PERSON)
    # The organisation's own acts are still signed by its system key.
    write(member)
    channel.sequence()


@pytest.mark.parametrize(
    ("holder", "public_key", "person"),
    [
        (KeyHolder.SYSTEM, b"x" * 32, False),
        (KeyHolder.MEMBER, None, False),
        (KeyHolder.DEVICE, None, False),
        (KeyHolder.PERSON, None, False),
        (KeyHolder.SYSTEM, None, True),
    ],
)
def test_a_key_that_nobody_could_hold_so_is_refused(
    channel: Channel, holder: KeyHolder, public_key: bytes | None, person: object
) -> None:
    with pytest.raises(GovernanceRefusedError):
        key_add(
            actor=channel.operator,
            holder=holder,
            now=NOW,
            public_key=public_key,
            person_id=uuid4() if person else None,
        )
    assert channel.sequence() == 0
