"""Proposals: endorsed by those whom a policy names, seen by nobody else, appended once."""

import datetime as dt
from collections.abc import Callable
from uuid import uuid4

import pytest
from nacl.signing import SigningKey as PrivateKey

from foundation.core.actor import PUBLIC, Actor, ActorKind
from foundation.core.problem import ForbiddenError, NotBuiltError, NotFoundError
from foundation.tenancy import acting_as
from ledger.core.entry import EntryDraft, build_entry, parse_entry
from ledger.core.governance import KEY_ADDED, MEMBER_LEFT, POLICY_SET
from ledger.core.merkle import leaf_hash
from ledger.core.statement import Statement, build_statement, statement_message
from ledger.errors import (
    EndorsementsMissingError,
    EndorsementsNeededError,
    EntryRefusedError,
    GovernanceRefusedError,
    KeyRefusedError,
    NoKeyError,
    NoPolicyError,
    NotSequencedError,
    ProposalOverError,
)
from ledger.models import Entry, KeyHolder, Proposal, ProposalEndorsement
from ledger.services import (
    ProposalInfo,
    Signer,
    key_add,
    key_revoke,
    policy_list,
    policy_set,
    proposal_endorse,
    proposal_entry,
    proposal_get,
    proposal_list,
    proposal_make,
    proposal_offer,
    proposal_submit,
    proposal_withdraw,
)
from ledger.services.keys import key_id_of
from ledger.services.sealed import key_head
from ledger.services.verification import log_verify
from tests.conftest import NOW, Channel
from tests.ledger.test_governance_service import keys_of

KIND = "guild.notice.given.v1"


def policied(channel: Channel, n: int, *members: Actor) -> None:
    """Let entries of ``KIND`` need endorsements, from the log on."""
    policy_set(
        actor=channel.operator,
        kind=KIND,
        n=n,
        organisations=[member.organisation for member in members],
        now=NOW,
    )
    channel.sequence()


def proposed(actor: Actor, **members: object) -> ProposalInfo:
    return proposal_make(actor=actor, kind=KIND, body={"text": "x", **members}, now=NOW)  # type: ignore[dict-item] # JSON


def endorsed(proposal: ProposalInfo, *actors: Actor) -> None:
    for actor in actors:
        proposal_endorse(actor=actor, proposal_id=proposal.id, now=NOW)


def submitted(proposal: ProposalInfo, actor: Actor) -> bytes:
    return proposal_submit(actor=actor, proposal_id=proposal.id, now=NOW).entry_ids[0]


def test_a_proposal_is_endorsed_and_appended(fresh_db: Channel) -> None:
    author, one, two = (fresh_db.admit("pharmacy") for _ in range(3))
    policied(fresh_db, 2, one, two)
    made = proposed(author)
    assert (made.state, made.n, made.endorsers) == (
        "open",
        2,
        tuple(sorted([one.organisation, two.organisation])),
    )
    endorsed(made, one)
    with pytest.raises(EndorsementsMissingError) as caught:
        submitted(made, author)
    assert caught.value.members == {"has": 1, "n": 2}
    endorsed(made, two, one)
    entry_id = submitted(made, author)
    fresh_db.sequence()
    with acting_as(PUBLIC):
        entry = parse_entry(bytes(Entry.objects.get(entry_id=entry_id).content))
    assert [each.organisation_id for each in entry.endorsements] == list(made.endorsers)
    assert entry.endorsed_hash == made.endorsed_hash
    after = proposal_get(actor=two, proposal_id=made.id, now=NOW)
    assert (after.state, after.entry_id, after.endorsed) == ("submitted", entry_id, made.endorsers)
    with pytest.raises(ProposalOverError, match="submitted"):
        submitted(made, author)
    assert log_verify().faults == ()


def test_governance_of_governance_goes_the_same_way(fresh_db: Channel) -> None:
    member, gone, operator = fresh_db.admit("pharmacy"), fresh_db.admit("clinic"), fresh_db.operator
    policy_set(actor=operator, kind=POLICY_SET, n=1, member_kind="pharmacy", now=NOW)
    fresh_db.sequence()
    with pytest.raises(EndorsementsNeededError):
        policy_set(actor=operator, kind=KIND, n=1, member_kind="pharmacy", now=NOW)
    body = {"kind": MEMBER_LEFT, "n": 1, "member_kind": "pharmacy"}
    second = proposal_make(actor=operator, kind=POLICY_SET, body=body, now=NOW)  # type: ignore[arg-type] # JSON
    endorsed(second, member)
    submitted(second, operator)
    fresh_db.sequence()
    assert [policy.kind for policy in policy_list(member)] == [MEMBER_LEFT, POLICY_SET]
    leave = {"org": str(gone.organisation), "reason": "closed"}
    third = proposal_make(actor=operator, kind=MEMBER_LEFT, body=leave, now=NOW)
    endorsed(third, member)
    submitted(third, operator)
    with pytest.raises(NoKeyError):
        proposal_make(actor=gone, kind=MEMBER_LEFT, body=leave, now=NOW)
    fresh_db.sequence()
    assert {key.revoked_index is None for key in keys_of(gone)} == {False}
    assert log_verify().faults == ()


def test_others_neither_see_nor_endorse_it(channel: Channel) -> None:
    author, named, other = (channel.admit("pharmacy") for _ in range(3))
    policied(channel, 1, named)
    made = proposed(author)
    acts: list[Callable[[], object]] = [
        lambda: proposal_get(actor=other, proposal_id=made.id, now=NOW),
        lambda: proposal_endorse(actor=other, proposal_id=made.id, now=NOW),
        lambda: proposal_withdraw(actor=other, proposal_id=made.id, now=NOW),
        lambda: proposal_submit(actor=other, proposal_id=made.id, now=NOW),
        lambda: proposal_submit(actor=named, proposal_id=made.id, now=NOW),
        lambda: proposal_withdraw(actor=named, proposal_id=made.id, now=NOW),
        lambda: proposal_get(actor=author, proposal_id=uuid4(), now=NOW),
    ]
    for act in acts:
        with pytest.raises(NotFoundError):
            act()
    with pytest.raises(ForbiddenError, match="does not ask your organisation"):
        proposal_endorse(actor=author, proposal_id=made.id, now=NOW)
    seen = [len(proposal_list(actor=actor, now=NOW)) for actor in (author, named, other)]
    assert seen == [1, 1, 0]
    endorsed(made, named)
    with acting_as(other):
        assert (Proposal.objects.count(), ProposalEndorsement.objects.count()) == (0, 0)
    assert channel.sequence() == 0
    policied(channel, 0)


def test_it_is_withdrawn_by_whom_it_belongs_to_and_expires(channel: Channel) -> None:
    author, named = channel.admit("pharmacy"), channel.admit("pharmacy")
    policied(channel, 1, named)
    one, two = proposed(author), proposed(author, more=1)
    endorsed(one, named)
    left = proposal_withdraw(actor=named, proposal_id=one.id, now=NOW)
    assert (left.state, left.endorsed) == ("open", ())
    with pytest.raises(EndorsementsMissingError):
        submitted(one, author)
    assert proposal_withdraw(actor=author, proposal_id=one.id, now=NOW).state == "withdrawn"
    late = NOW + dt.timedelta(days=14)
    assert proposal_get(actor=named, proposal_id=two.id, now=late).state == "expired"
    for proposal, now, state in ((one, NOW, "withdrawn"), (two, late, "expired")):
        for act in (proposal_endorse, proposal_submit, proposal_withdraw):
            actor = named if act is proposal_endorse else author
            with pytest.raises(ProposalOverError, match=state):
                act(actor=actor, proposal_id=proposal.id, now=now)
    assert channel.sequence() == 0
    policied(channel, 0)


def test_an_endorsement_counts_while_its_key_is_valid(channel: Channel) -> None:
    author, named = channel.admit("pharmacy"), channel.admit("pharmacy")
    policied(channel, 1, named)
    (old,) = keys_of(named)
    made = proposed(author)
    endorsed(made, named)
    key_add(actor=named, holder=KeyHolder.SYSTEM, now=NOW)
    channel.sequence()
    key_revoke(actor=named, key_id=old.key_id, reason="lost", now=NOW)
    with pytest.raises(EndorsementsMissingError):
        submitted(made, author)
    endorsed(made, named)
    submitted(made, author)
    channel.sequence()
    policied(channel, 0)


def test_another_policy_or_the_end_of_the_authors_key_ends_it(channel: Channel) -> None:
    author, named = channel.admit("pharmacy"), channel.admit("pharmacy")
    policied(channel, 1, named)
    one, two = proposed(author), proposed(author)
    endorsed(one, named)
    (old,) = keys_of(author)
    key_add(actor=author, holder=KeyHolder.SYSTEM, now=NOW)
    channel.sequence()
    key_revoke(actor=author, key_id=old.key_id, reason="lost", now=NOW)
    with pytest.raises(KeyRefusedError, match="that ended"):
        submitted(one, author)
    policied(channel, 1, named, author)
    with pytest.raises(ProposalOverError, match="not in force any more"):
        endorsed(two, named)
    with pytest.raises(ProposalOverError, match="not in force any more"):
        submitted(one, author)
    assert channel.sequence() == 0
    policied(channel, 0)


def test_what_cannot_be_proposed(fresh_db: Channel) -> None:
    member, operator = fresh_db.admit("pharmacy"), fresh_db.operator
    with pytest.raises(NoPolicyError):
        proposed(member)
    for kind in (KEY_ADDED, "claims.contract.activated.v1"):
        with pytest.raises(NotBuiltError, match="cannot be gathered"):
            policy_set(actor=operator, kind=kind, n=1, member_kind="pharmacy", now=NOW)
        policy_set(actor=operator, kind=kind, n=0, now=NOW)
    with pytest.raises(GovernanceRefusedError, match="only the operator"):
        policy_set(actor=member, kind=KIND, n=1, member_kind="pharmacy", now=NOW)
    policy_set(actor=operator, kind=KIND, n=1, member_kind="pharmacy", now=NOW)
    with pytest.raises(NotSequencedError):
        proposed(member)
    policy_set(actor=operator, kind=POLICY_SET, n=1, member_kind="pharmacy", now=NOW)
    fresh_db.sequence()
    with pytest.raises(EntryRefusedError):
        proposed(member, half=0.5)
    for body in ({"kind": KIND, "n": 9, "member_kind": "pharmacy"}, {"kind": KIND}):
        with pytest.raises(GovernanceRefusedError):
            proposal_make(actor=operator, kind=POLICY_SET, body=body, now=NOW)  # type: ignore[arg-type] # JSON
    far = {"kind": KEY_ADDED, "n": 1, "member_kind": "pharmacy"}
    with pytest.raises(NotBuiltError):
        proposal_make(actor=operator, kind=POLICY_SET, body=far, now=NOW)  # type: ignore[arg-type] # as above
    with acting_as(operator):
        assert Proposal.objects.count() == 0


def own_entry(channel: Channel, member: Actor, private: PrivateKey, **members: object) -> bytes:
    values: dict[str, object] = {
        "log": channel.log.origin,
        "organisation_id": member.organisation,
        "key_id": bytes.fromhex(key_id_of(bytes(private.verify_key))),
    }
    draft = EntryDraft(kind=KIND, id=uuid4(), body={"text": "own"})
    return build_entry(draft=draft, time=NOW, **{**values, **members})  # type: ignore[arg-type] # as named


def statement_of(channel: Channel, member: Actor, private: PrivateKey, entry: bytes) -> bytes:
    key_id = key_id_of(bytes(private.verify_key))
    with acting_as(member):
        chain = key_head(key_id)
    return build_statement(
        Statement(
            log=channel.log.origin,
            organisation_id=member.organisation,
            key_id=bytes.fromhex(key_id),
            id=uuid4(),
            n=1,
            root=leaf_hash(entry),
            time=NOW,
            chain=chain,
        )
    )


def test_who_holds_the_own_key_proposes_endorses_and_submits_with_it(fresh_db: Channel) -> None:
    author, named = fresh_db.admit("pharmacy"), fresh_db.admit("pharmacy")
    keys = {}
    for member in (author, named):
        for name in ("first", "second"):
            private = keys[member.organisation, name] = PrivateKey.generate()
            key_add(
                actor=member,
                holder=KeyHolder.MEMBER,
                now=NOW,
                public_key=bytes(private.verify_key),
            )
    policied(fresh_db, 1, named)
    mine, other, theirs = (
        keys[author.organisation, "first"],
        keys[author.organisation, "second"],
        keys[named.organisation, "first"],
    )
    bad: list[tuple[bytes, type[Exception]]] = [
        (b"{}", EntryRefusedError),
        (own_entry(fresh_db, named, mine), EntryRefusedError),
        (own_entry(fresh_db, author, mine, log="x/1"), EntryRefusedError),
        (own_entry(fresh_db, author, theirs), KeyRefusedError),
    ]
    for entry, error in bad:
        with pytest.raises(error):
            proposal_offer(actor=author, entry=entry, now=NOW)
    made = proposal_offer(actor=author, entry=own_entry(fresh_db, author, mine), now=NOW)
    key_id = key_id_of(bytes(theirs.verify_key))
    with pytest.raises(GovernanceRefusedError, match="does not hold"):
        proposal_endorse(actor=named, proposal_id=made.id, now=NOW, own=(key_id, bytes(64)))
    with pytest.raises(NoKeyError):
        proposal_endorse(actor=named, proposal_id=made.id, now=NOW, signer=Signer.PERSON)
    signature = theirs.sign(made.message).signature
    proposal_endorse(actor=named, proposal_id=made.id, now=NOW, own=(key_id, signature))
    entry = proposal_entry(actor=author, proposal_id=made.id, now=NOW)
    with pytest.raises(KeyRefusedError, match="does not hold"):
        submitted(made, author)
    foreign = statement_of(fresh_db, author, other, entry)
    with pytest.raises(KeyRefusedError, match="another key than the statement"):
        proposal_submit(
            actor=author,
            proposal_id=made.id,
            now=NOW,
            own=(foreign, other.sign(statement_message(foreign)).signature),
        )
    statement = statement_of(fresh_db, author, mine, entry)
    receipt = proposal_submit(
        actor=author,
        proposal_id=made.id,
        now=NOW,
        own=(statement, mine.sign(statement_message(statement)).signature),
    )
    assert receipt.entry_ids == (leaf_hash(entry),)
    fresh_db.sequence()
    assert log_verify().faults == ()


def test_two_peoples_keys_endorse_for_their_organisations(fresh_db: Channel) -> None:
    author, named = fresh_db.admit("pharmacy"), fresh_db.admit("pharmacy")
    person_id = uuid4()
    key_add(actor=named, holder=KeyHolder.PERSON, now=NOW, person_id=person_id)
    policied(fresh_db, 1, named)
    made = proposed(author)
    person = Actor(
        kind=ActorKind.ORGANISATION,
        organisation_id=named.organisation,
        person_id=person_id,
        reauthenticated_at=NOW,
    )
    proposal_endorse(actor=person, proposal_id=made.id, now=NOW, signer=Signer.PERSON)
    entry_id = submitted(made, author)
    with acting_as(PUBLIC):
        entry = parse_entry(bytes(Entry.objects.get(entry_id=entry_id).content))
    held = {key.key_id: key.holder for key in keys_of(named)}
    assert held[entry.endorsements[0].key_id.hex()] == "person"
