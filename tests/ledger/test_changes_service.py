"""Rotations, leaves and policies in the database: judged before anything is stored."""

from uuid import UUID, uuid4

import pytest
from nacl.signing import SigningKey as PrivateKey

from foundation.core.actor import PUBLIC, Actor
from foundation.tenancy import acting_as
from ledger import selectors
from ledger.core.bundle import check_bundle, parse_bundle
from ledger.core.ed25519 import SignatureError
from ledger.core.entry import EntryDraft
from ledger.core.governance import KEY_ADDED, MEMBER_LEFT, POLICY_SET, GovernanceError
from ledger.core.note import parse_vkey
from ledger.core.possession import possession_message
from ledger.errors import EndorsementsNeededError, GovernanceRefusedError, NoKeyError
from ledger.models import KeyHolder, KeyRevocation, Member, PolicyChange
from ledger.services import (
    key_add,
    key_revoke,
    key_rotate,
    member_admit,
    member_leave,
    submission_append,
)
from ledger.services.governed import governance_now
from ledger.services.keys import key_id_of
from ledger.services.proofs import proof_bundle
from ledger.services.verification import log_verify
from tests.conftest import NOW, Channel
from tests.ledger.test_governance_service import keys_of, write

DONE = "test.thing.done.v1"


def policy_set(channel: Channel, kind: str, n: int, *organisations: UUID) -> bytes:
    """Append a policy as the operator; return its entry id."""
    orgs = sorted(str(one) for one in organisations)
    body = {"kind": kind, "n": n, "orgs": orgs}
    draft = EntryDraft(kind=POLICY_SET, id=uuid4(), body=body)  # type: ignore[arg-type] # JSON
    return submission_append(actor=channel.operator, entries=[draft], now=NOW).entry_ids[0]


def offer(channel: Channel, member: Actor, private: PrivateKey, holder: str) -> bytes:
    message = possession_message(
        log=channel.log.origin,
        organisation_id=member.organisation,
        public_key=bytes(private.verify_key),
        holder=holder,
    )
    return private.sign(message).signature


def test_a_key_that_the_server_holds_is_rotated_without_a_gap(fresh_db: Channel) -> None:
    member = fresh_db.admit("pharmacy")
    (old,) = keys_of(member)
    write(member)
    new, _ = key_rotate(actor=member, key_id=old.key_id, now=NOW, label="of 2027")
    # Nothing is sequenced yet; the new key signs behind the entry that adds it.
    write(member)
    newest, _ = key_rotate_promised(fresh_db, member, new)
    write(member)
    fresh_db.sequence()
    write(member)
    fresh_db.sequence()
    states = [(key.key_id, key.revoked_index is None) for key in keys_of(member)]
    assert states == [(old.key_id, False), (new, False), (newest, True)]
    assert keys_of(member)[1].label == "of 2027"
    assert {key.holder for key in keys_of(member)} == {"system"}
    assert log_verify().faults == ()


def key_rotate_promised(channel: Channel, member: Actor, key_id: str) -> tuple[str, object]:
    """Rotate a key whose own addition is only just in the log."""
    with pytest.raises(GovernanceRefusedError, match="no such key"):
        key_rotate(actor=member, key_id=key_id, now=NOW)
    channel.sequence()
    return key_rotate(actor=member, key_id=key_id, now=NOW)


def test_an_entry_under_a_key_that_was_rotated_and_then_revoked_is_proven(
    fresh_db: Channel,
) -> None:
    member = fresh_db.admit("pharmacy")
    (old,) = keys_of(member)
    first = signed_entry(member)
    new, _ = key_rotate(actor=member, key_id=old.key_id, now=NOW)
    fresh_db.sequence()
    second = signed_entry(member)
    key_add(actor=member, holder=KeyHolder.SYSTEM, now=NOW)
    fresh_db.sequence()
    key_revoke(actor=member, key_id=new, reason="lost", now=NOW)
    third = signed_entry(member)
    fresh_db.sequence()
    vkey = parse_vkey(fresh_db.log.vkey)
    for entry_id in (first, second):
        assert check_bundle(parse_bundle(proof_bundle(entry_id)), vkey).entry.kind == DONE
    checked = check_bundle(parse_bundle(proof_bundle(third)), vkey)
    assert {key.key_id.hex() for key in checked.governance.keys.values()} >= {old.key_id, new}
    assert checked.governance.keys[bytes.fromhex(new)].revoked_index is not None


def signed_entry(member: Actor) -> bytes:
    draft = EntryDraft(kind=DONE, id=uuid4(), body={})
    return submission_append(actor=member, entries=[draft], now=NOW).entry_ids[0]


def test_a_members_own_key_is_rotated_by_proof(channel: Channel) -> None:
    member, first, second = channel.admit("pharmacy"), PrivateKey.generate(), PrivateKey.generate()
    public, new = bytes(first.verify_key), bytes(second.verify_key)
    key_add(actor=member, holder=KeyHolder.DEVICE, now=NOW, public_key=public)
    channel.sequence()
    key_id = key_id_of(public)
    proof = offer(channel, member, second, "device")
    for wrong in (offer(channel, member, second, "member"), bytes(64)):
        with pytest.raises(SignatureError):
            key_rotate(actor=member, key_id=key_id, now=NOW, public_key=new, possession=wrong)
    with pytest.raises(GovernanceRefusedError, match="give the new public key"):
        key_rotate(actor=member, key_id=key_id, now=NOW)
    key_rotate(actor=member, key_id=key_id, now=NOW, public_key=new, possession=proof)
    with pytest.raises(GovernanceRefusedError, match="ended already"):
        key_rotate(actor=member, key_id=key_id, now=NOW, public_key=new, possession=proof)
    channel.sequence()
    found = [(key.holder, key.revoked_index is None) for key in keys_of(member)]
    assert sorted(found) == [("device", False), ("device", True), ("system", True)]


def test_whose_key_is_rotated_and_how(channel: Channel) -> None:
    member, other = channel.admit("pharmacy"), channel.admit("pharmacy")
    (key,) = keys_of(member)
    private = PrivateKey.generate()
    proof = offer(channel, member, private, "system")
    public = bytes(private.verify_key)
    with pytest.raises(GovernanceRefusedError, match="no such key"):
        key_rotate(actor=other, key_id=key.key_id, now=NOW)
    with pytest.raises(GovernanceRefusedError, match="made anew by the server"):
        key_rotate(actor=member, key_id=key.key_id, now=NOW, public_key=public, possession=proof)
    with pytest.raises(GovernanceError, match="a label has"):
        key_rotate(actor=member, key_id=key.key_id, now=NOW, label="\n")
    key_add(actor=member, holder=KeyHolder.PERSON, now=NOW, person_id=uuid4())
    channel.sequence()
    with pytest.raises(GovernanceRefusedError, match="a person's key"):
        key_rotate(actor=member, key_id=keys_of(member)[1].key_id, now=NOW)
    assert channel.sequence() == 0


@pytest.mark.parametrize("by_operator", [True, False])
def test_who_left_signs_nothing_any_more(fresh_db: Channel, by_operator: bool) -> None:  # noqa: FBT001 - a parameter
    member = fresh_db.admit("pharmacy")
    key_add(actor=member, holder=KeyHolder.SYSTEM, now=NOW)
    actor = fresh_db.operator if by_operator else member
    write(member)
    member_leave(actor=actor, organisation_id=member.organisation, reason="closed", now=NOW)
    with acting_as(PUBLIC):
        assert KeyRevocation.objects.count() == 2
    for _ in range(2):
        with pytest.raises(NoKeyError):
            write(member)
        fresh_db.sequence()
    with acting_as(PUBLIC):
        row = Member.objects.get(organisation_id=member.organisation)
    ends = {key.revoked_index for key in keys_of(member)}
    assert ends == {row.left_index}
    with pytest.raises(GovernanceRefusedError, match="left at index"):
        member_leave(
            actor=fresh_db.operator, organisation_id=member.organisation, reason="again", now=NOW
        )
    with pytest.raises(GovernanceRefusedError, match="already"):
        member_admit(
            actor=fresh_db.operator,
            organisation_id=member.organisation,
            name="Again",
            kind="pharmacy",
            now=NOW,
        )
    assert log_verify().faults == ()


def test_only_oneself_or_the_operator_and_never_the_operator(channel: Channel) -> None:
    member, other = channel.admit("pharmacy"), channel.admit("pharmacy")
    operator = channel.operator
    for actor, who in ((member, other), (member, operator), (operator, operator)):
        with pytest.raises(GovernanceRefusedError):
            member_leave(actor=actor, organisation_id=who.organisation, reason="x", now=NOW)
    with pytest.raises(GovernanceRefusedError):
        member_leave(actor=operator, organisation_id=uuid4(), reason="x", now=NOW)
    with pytest.raises(GovernanceError, match="one word"):
        member_leave(actor=member, organisation_id=member.organisation, reason="X y", now=NOW)
    assert channel.sequence() == 0


def test_a_policy_is_asked_from_its_promise_on(fresh_db: Channel) -> None:
    member, other = fresh_db.admit("pharmacy"), fresh_db.admit("pharmacy")
    write(member)
    entry_id = policy_set(fresh_db, DONE, 1, member.organisation, other.organisation)
    with pytest.raises(EndorsementsNeededError):
        write(member)
    fresh_db.sequence()
    with pytest.raises(EndorsementsNeededError) as caught:
        write(member)
    with acting_as(PUBLIC):
        place = selectors.place_of(selectors.entry_get(entry_id))
        assert PolicyChange.objects.get().kind == DONE
    expected = sorted([str(member.organisation), str(other.organisation)])
    assert caught.value.members == {
        "kind": DONE,
        "policy": place.log_index,
        "n": 1,
        "orgs": expected,
    }
    # Other kinds go on, and so does this one once the policy ended.
    draft = EntryDraft(kind="test.other.done.v1", id=uuid4(), body={})
    submission_append(actor=member, entries=[draft], now=NOW)
    policy_set(fresh_db, DONE, 0)
    write(member)
    fresh_db.sequence()
    assert log_verify().faults == ()


def test_a_policy_by_kind_of_member_says_so(fresh_db: Channel) -> None:
    member = fresh_db.admit("pharmacy")
    body = {"kind": KEY_ADDED, "n": 1, "member_kind": "pharmacy"}
    draft = EntryDraft(kind=POLICY_SET, id=uuid4(), body=body)  # type: ignore[arg-type] # JSON
    submission_append(actor=fresh_db.operator, entries=[draft], now=NOW)
    with pytest.raises(EndorsementsNeededError) as caught:
        key_add(actor=member, holder=KeyHolder.SYSTEM, now=NOW)
    assert caught.value.members["member_kind"] == "pharmacy"


def test_governance_that_a_verifier_would_refuse_is_not_stored(fresh_db: Channel) -> None:
    member = fresh_db.admit("pharmacy")
    bodies = [
        (member, POLICY_SET, {"kind": DONE, "n": 0, "orgs": []}),
        (fresh_db.operator, POLICY_SET, {"kind": DONE, "n": 2, "member_kind": "pharmacy"}),
        (fresh_db.operator, POLICY_SET, {"kind": DONE}),
        (fresh_db.operator, "ledger.nothing.done.v1", {}),
        (fresh_db.operator, "ledger.genesis.v1", {}),
        (member, MEMBER_LEFT, {"org": str(fresh_db.operator.organisation), "reason": "x"}),
    ]
    for actor, kind, body in bodies:
        draft = EntryDraft(kind=kind, id=uuid4(), body=body)  # type: ignore[arg-type] # JSON
        with pytest.raises(GovernanceRefusedError):
            submission_append(actor=actor, entries=[draft], now=NOW)
    assert fresh_db.sequence() == 0


def test_who_a_policy_needs_stays_also_while_it_is_only_promised(fresh_db: Channel) -> None:
    member = fresh_db.admit("pharmacy")
    (key,) = keys_of(member)
    policy_set(fresh_db, DONE, 1, member.organisation)
    key_add(
        actor=member,
        holder=KeyHolder.DEVICE,
        now=NOW,
        public_key=bytes(PrivateKey.generate().verify_key),
    )
    for _ in range(2):
        with pytest.raises(GovernanceRefusedError, match="fewer than 1 could endorse"):
            member_leave(actor=member, organisation_id=member.organisation, reason="x", now=NOW)
        fresh_db.sequence()
    with pytest.raises(GovernanceRefusedError):
        key_revoke(actor=member, key_id=key.key_id, reason="lost", now=NOW)
    assert fresh_db.sequence() == 0


def test_governance_is_replayed_with_what_is_promised(fresh_db: Channel) -> None:
    member = fresh_db.admit("pharmacy")
    with acting_as(PUBLIC):
        before = governance_now(fresh_db.log)
    key_add(actor=member, holder=KeyHolder.SYSTEM, now=NOW)
    with acting_as(PUBLIC):
        promised = governance_now(fresh_db.log)
    fresh_db.sequence()
    with acting_as(PUBLIC):
        after = governance_now(fresh_db.log)
    sizes = [len(one.governance.keys) for one in (before, promised, after)]
    assert sizes == [2, 3, 3]
    assert before.header_index == before.promised_from
    assert promised.header_index == promised.promised_from + 2 == after.promised_from
    assert dict(promised.governance.keys) == dict(after.governance.keys)
