"""The rules of governance: what each kind of entry may do, and what it changes.

A rule decides first and changes last, so that an entry that breaks one changes nothing. What
the entry's signature and endorsements are worth, ``ledger.core.governance`` has asked before.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID

from ledger.core.ed25519 import (
    PUBLIC_KEY_SIZE_BYTES,
    SIGNATURE_SIZE_BYTES,
    SignatureError,
    key_id_of,
)
from ledger.core.endorsement import ENDORSEMENTS_MAX, EndorsementPolicy
from ledger.core.entry import KIND, Entry
from ledger.core.members import ORIGIN, Members
from ledger.core.membership import (
    NAME,
    WORD,
    GovernanceError,
    Holder,
    Member,
    ReceiptKey,
    SigningKey,
)
from ledger.core.note import NoteError, VerifierKey, parse_vkey
from ledger.core.possession import check_possession

GENESIS = "ledger.genesis.v1"
MEMBER_ADMITTED = "ledger.member.admitted.v1"
MEMBER_LEFT = "ledger.member.left.v1"
KEY_ADDED = "ledger.key.added.v1"
KEY_ROTATED = "ledger.key.rotated.v1"
KEY_REVOKED = "ledger.key.revoked.v1"
POLICY_SET = "ledger.policy.set.v1"
CHANNEL_CREATED = "ledger.channel.created.v1"
CHANNEL_LINKED = "ledger.channel.linked.v1"
PREFIX = "ledger."
_LINE = re.compile(".*")


@dataclass
class State:
    """Members, keys and policies so far; of each kind all its policies, the newest last.

    ``members_only``: the entries are for members, the genesis says so.
    """

    vkey: VerifierKey
    keys: dict[bytes, SigningKey] = field(default_factory=dict)
    members: dict[UUID, Member] = field(default_factory=dict)
    policies: dict[str, list[EndorsementPolicy]] = field(default_factory=dict)
    receipt_key: ReceiptKey | None = None
    operator_id: UUID | None = None
    channel: str = ""
    members_only: bool = False

    def copy(self) -> "State":
        """Return a state that changes by itself: what is inside is never changed in place."""
        return replace(
            self,
            keys=dict(self.keys),
            members=dict(self.members),
            policies={kind: [*history] for kind, history in self.policies.items()},
        )

    def valid_keys(self, organisation_id: UUID) -> list[SigningKey]:
        """Return the organisation's keys that did not end."""
        return [
            key
            for key in self.keys.values()
            if key.organisation_id == organisation_id and key.revoked_index is None
        ]


def unmet_policy(
    state: State, *, policies: Collection[EndorsementPolicy], gone: Collection[bytes] = ()
) -> EndorsementPolicy | None:
    """Return a policy that fewer organisations than it asks for could endorse under.

    Those can that have a key which did not end, is not among ``gone``, and endorses.
    """
    able = {
        key.organisation_id
        for key in state.keys.values()
        if key.revoked_index is None and key.key_id not in gone and key.holder.endorses
    }
    members = [state.members[organisation_id] for organisation_id in able]
    for policy in policies:
        meant = [one for one in members if policy.means(one.organisation_id, one.kind)]
        if len(meant) < policy.n:
            return policy
    return None


def _genesis(state: State, entry: Entry, body: Members, index: int) -> None:
    body.expect(("origin", "channel", "vkey", "operator", "receipt_key", "quorum"), ("entries",))
    body.literal("origin", state.vkey.name)
    body.literal("quorum", "none")
    if body.has("entries"):
        body.literal("entries", "members")
    try:
        vkey = parse_vkey(body.text("vkey"))
    except NoteError as error:
        raise body.fault("vkey", f"is none: {error}") from error
    if vkey != state.vkey:
        raise body.fault("vkey", "is not the key that the log is trusted under")
    operator = body.members("operator")
    operator.expect(("org", "name", "key", "public_key"))
    organisation_id = operator.uuid("org")
    public_key = _public_key(operator)
    if (entry.organisation_id, entry.key_id) != (organisation_id, key_id_of(public_key)):
        raise GovernanceError("the genesis is not signed by the operator that it names")
    receipt_key = body.members("receipt_key")
    receipt_key.expect(("key", "public_key"))
    receipt_public_key = _public_key(receipt_key)
    if receipt_public_key == public_key:
        raise body.fault("receipt_key", "is the operator's: one key, one purpose")
    channel = body.text("channel", NAME)
    member = Member(
        organisation_id=organisation_id,
        name=operator.text("name", NAME),
        kind="operator",
        admitted_index=index,
    )
    key = SigningKey(
        key_id=key_id_of(public_key),
        public_key=public_key,
        organisation_id=organisation_id,
        holder=Holder.SYSTEM,
        added_index=index,
    )
    state.members[organisation_id], state.keys[key.key_id] = member, key
    state.operator_id, state.channel = organisation_id, channel
    state.members_only = body.has("entries")
    state.receipt_key = ReceiptKey(
        key_id=key_id_of(receipt_public_key), public_key=receipt_public_key
    )


def _member_admitted(state: State, entry: Entry, body: Members, index: int) -> None:
    body.expect(("org", "name", "kind", "first_key"))
    if entry.organisation_id != state.operator_id:
        raise GovernanceError("only the operator admits members")
    organisation_id = body.uuid("org")
    if organisation_id in state.members:
        raise body.fault("org", f"is, or was, a member already: {organisation_id}")
    kind = body.text("kind", WORD)
    if kind == "operator":
        raise body.fault("kind", "is operator; there is one, named in the genesis")
    first_key = body.members("first_key")
    first_key.expect(("key", "public_key", "holder"))
    member = Member(
        organisation_id=organisation_id,
        name=body.text("name", NAME),
        kind=kind,
        admitted_index=index,
    )
    key = _new_key(
        state,
        first_key,
        organisation_id=organisation_id,
        holder=_holder(first_key),
        index=index,
    )
    state.members[organisation_id], state.keys[key.key_id] = member, key


def _member_left(state: State, entry: Entry, body: Members, index: int) -> None:
    body.expect(("org", "reason"))
    body.text("reason", WORD)
    organisation_id = body.uuid("org")
    member = state.members.get(organisation_id)
    if member is None or entry.organisation_id not in (organisation_id, state.operator_id):
        raise body.fault("org", "is none that this organisation may take out")
    if member.left_index is not None:
        raise body.fault("org", f"left at index {member.left_index} already")
    if organisation_id == state.operator_id:
        raise body.fault("org", "is the operator, without whom nobody could be admitted")
    ended = state.valid_keys(organisation_id)
    _check_policies(state, body, "org", gone=[key.key_id for key in ended])
    state.members[organisation_id] = replace(member, left_index=index)
    for key in ended:
        state.keys[key.key_id] = replace(key, revoked_index=index)


def _key_added(state: State, entry: Entry, body: Members, index: int) -> None:
    body.expect(("key", "public_key", "holder"), ("label",))
    key = _new_key(
        state, body, organisation_id=entry.organisation_id, holder=_holder(body), index=index
    )
    state.keys[key.key_id] = key


def _key_rotated(state: State, entry: Entry, body: Members, index: int) -> None:
    body.expect(("old", "key", "public_key", "possession"), ("label",))
    old = state.keys.get(body.digest("old"))
    if old is None or old.organisation_id != entry.organisation_id:
        raise body.fault("old", "is no key of this organisation")
    if old.revoked_index is not None:
        raise body.fault("old", f"ended at index {old.revoked_index} already")
    signer = state.keys.get(entry.key_id)
    by_organisation = signer is not None and signer.holder.manages
    if entry.key_id != old.key_id and not by_organisation:
        raise body.fault(
            "old", "is rotated under itself, or under a key that a system or the member holds"
        )
    key = _new_key(state, body, organisation_id=old.organisation_id, holder=old.holder, index=index)
    try:
        check_possession(
            log=state.vkey.name,
            organisation_id=old.organisation_id,
            public_key=key.public_key,
            holder=old.holder,
            signature=body.blob("possession", SIGNATURE_SIZE_BYTES),
        )
    except SignatureError as error:
        raise body.fault("possession", f"does not prove that the key is held: {error}") from error
    state.keys[old.key_id] = replace(old, revoked_index=index)
    state.keys[key.key_id] = key


def _key_revoked(state: State, entry: Entry, body: Members, index: int) -> None:
    body.expect(("key", "reason"))
    body.text("reason", WORD)
    key = state.keys.get(body.digest("key"))
    if key is None or entry.organisation_id not in (key.organisation_id, state.operator_id):
        raise body.fault("key", "is none that this organisation may revoke")
    if key.revoked_index is not None:
        raise body.fault("key", f"was revoked at index {key.revoked_index} already")
    if state.valid_keys(key.organisation_id) == [key]:
        raise body.fault("key", "is the last one; its organisation would be locked out")
    _check_policies(state, body, "key", gone=[key.key_id])
    state.keys[key.key_id] = replace(key, revoked_index=index)


def _policy_set(state: State, entry: Entry, body: Members, index: int) -> None:
    by_kind = body.has("member_kind")
    body.expect(("kind", "n", "member_kind" if by_kind else "orgs"))
    if entry.organisation_id != state.operator_id:
        raise GovernanceError("only the operator sets policies")
    kind = body.text("kind", KIND)
    if kind.startswith(PREFIX) and (kind not in RULES or kind == GENESIS):
        raise body.fault("kind", f"is no kind of governance that could be endorsed: {kind}")
    policy = EndorsementPolicy(
        kind=kind,
        n=body.integer("n", 1 if by_kind else 0, ENDORSEMENTS_MAX),
        organisations=() if by_kind else _organisations(state, body),
        member_kind=body.text("member_kind", WORD) if by_kind else "",
        set_index=index,
    )
    if not by_kind and (policy.n == 0) != (not policy.organisations):
        raise body.fault("n", "is 0 where, and only where, no organisation is named")
    if unmet_policy(state, policies=[policy]) is not None:
        raise body.fault("n", f"is {policy.n}, and fewer than that could endorse")
    state.policies.setdefault(kind, []).append(policy)


def _channel_created(state: State, entry: Entry, body: Members, index: int) -> None:
    """Take it that another log begins: origin and key in clear, or only a commitment to them."""
    del index
    if entry.organisation_id != state.operator_id:
        raise GovernanceError("only the operator creates channels")
    if entry.commitments:
        body.expect(())
        _check_one_commitment(entry)
        return
    body.expect(("origin", "vkey"))
    origin = body.text("origin", ORIGIN)
    if origin == state.vkey.name:
        raise body.fault("origin", "is this very log's")
    if not body.text("vkey", _LINE).startswith(f"{origin}+"):
        raise body.fault("vkey", "is not a key of that origin")


def _channel_linked(state: State, entry: Entry, body: Members, index: int) -> None:
    """Take it that a head of another log is known here: only a commitment says which."""
    del state, index
    body.expect(())
    _check_one_commitment(entry)


def _check_one_commitment(entry: Entry) -> None:
    if len(entry.commitments) != 1:
        raise GovernanceError(f"{len(entry.commitments)} commitments where there is one")


def _organisations(state: State, body: Members) -> tuple[UUID, ...]:
    """Return the organisations that a policy names: members, each once, in order."""
    texts = body.texts("orgs")
    if len(texts) > ENDORSEMENTS_MAX or texts != sorted(set(texts)):
        raise body.fault("orgs", f"are not at most {ENDORSEMENTS_MAX}, each once, in order")
    present = {
        str(member.organisation_id): member.organisation_id
        for member in state.members.values()
        if member.left_index is None
    }
    for text in texts:
        if text not in present:
            raise body.fault("orgs", f"names no member that could endorse: {text[:40]!a}")
    return tuple(present[text] for text in texts)


Rule = Callable[[State, Entry, Members, int], None]
RULES: Mapping[str, Rule] = {
    GENESIS: _genesis,
    MEMBER_ADMITTED: _member_admitted,
    MEMBER_LEFT: _member_left,
    KEY_ADDED: _key_added,
    KEY_ROTATED: _key_rotated,
    KEY_REVOKED: _key_revoked,
    POLICY_SET: _policy_set,
    CHANNEL_CREATED: _channel_created,
    CHANNEL_LINKED: _channel_linked,
}
# What says something of other logs, and changes nothing of who may do what in this one.
OF_OTHER_LOGS = (CHANNEL_CREATED, CHANNEL_LINKED)


def _check_policies(state: State, body: Members, name: str, *, gone: Collection[bytes]) -> None:
    """Raise ``GovernanceError`` where without these keys a policy could not be met any more."""
    newest = [history[-1] for history in state.policies.values()]
    unmet = unmet_policy(state, policies=newest, gone=gone)
    if unmet is not None:
        raise body.fault(
            name,
            f"is needed: without it fewer than {unmet.n} could endorse {unmet.kind}, as the policy"
            f" at index {unmet.set_index} asks",
        )


def _new_key(
    state: State, body: Members, *, organisation_id: UUID, holder: Holder, index: int
) -> SigningKey:
    public_key = _public_key(body)
    key_id = key_id_of(public_key)
    receipt_key = state.receipt_key
    if key_id in state.keys or (receipt_key is not None and key_id == receipt_key.key_id):
        raise body.fault("key", f"is or was a key of this log: {key_id.hex()}")
    return SigningKey(
        key_id=key_id,
        public_key=public_key,
        organisation_id=organisation_id,
        holder=holder,
        added_index=index,
        label=body.text("label", NAME) if body.has("label") else "",
    )


def _holder(body: Members) -> Holder:
    holder = body.text("holder")
    if holder not in tuple(Holder):
        raise body.fault("holder", f"is none of {', '.join(Holder)}: {holder[:40]!a}")
    return Holder(holder)


def _public_key(body: Members) -> bytes:
    """Return the Ed25519 key of ``public_key``, whose hash ``key`` has to be."""
    public_key = body.blob("public_key", PUBLIC_KEY_SIZE_BYTES)
    if body.digest("key") != key_id_of(public_key):
        raise body.fault("key", "is not the SHA-256 of public_key")
    return public_key
