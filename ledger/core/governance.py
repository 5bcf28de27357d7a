"""Governance: who belongs to a log, which key may sign what, and what needs endorsements.

All of it is replayed from the log's own entries; the only thing trusted from outside is the log's
verifier key. Keys and policies are valid by log index, never by wall time
(docs/spec/governance.md): a key signs submissions whose header stands after the entry that added
it and before the entry that ended it, and a policy judges entries whose header stands after it.
"""

from collections.abc import Mapping
from uuid import UUID

from ledger.core.ed25519 import SignatureError, check_signature
from ledger.core.endorsement import Endorsement, EndorsementPolicy, endorsement_message
from ledger.core.entry import Entry
from ledger.core.governing import (
    CHANNEL_CREATED,
    CHANNEL_LINKED,
    GENESIS,
    KEY_ADDED,
    KEY_REVOKED,
    KEY_ROTATED,
    MEMBER_ADMITTED,
    MEMBER_LEFT,
    OF_OTHER_LOGS,
    POLICY_SET,
    PREFIX,
    RULES,
    State,
)
from ledger.core.members import Members
from ledger.core.membership import (
    GovernanceError,
    Holder,
    Member,
    ReceiptKey,
    SigningKey,
    check_label,
    check_reason,
)
from ledger.core.note import VerifierKey

__all__ = [
    "CHANNEL_CREATED",
    "CHANNEL_LINKED",
    "GENESIS",
    "GENESIS_INDEX",
    "KEY_ADDED",
    "KEY_REVOKED",
    "KEY_ROTATED",
    "KINDS",
    "MEMBER_ADMITTED",
    "MEMBER_LEFT",
    "POLICY_SET",
    "PREFIX",
    "Governance",
    "GovernanceError",
    "Holder",
    "Member",
    "ReceiptKey",
    "SigningKey",
    "check_label",
    "check_reason",
]

GENESIS_INDEX = 1
# Whose entries decide what a later one is worth: a proof brings them along.
KINDS = tuple(kind for kind in RULES if kind not in OF_OTHER_LOGS)


class Governance:
    """The state of governance after the entries applied so far, in log order."""

    def __init__(self, vkey: VerifierKey) -> None:
        """Start before the genesis of the log whose key ``vkey`` is."""
        self._state = State(vkey)
        self._last_index = 0

    def copy(self) -> "Governance":
        """Return the same state, which goes on apart from this one."""
        made = Governance(self._state.vkey)
        made._state = self._state.copy()
        made._last_index = self._last_index
        return made

    @property
    def vkey(self) -> VerifierKey:
        """The key that the log is trusted under."""
        return self._state.vkey

    @property
    def log(self) -> str:
        """The log's origin."""
        return self._state.vkey.name

    @property
    def members(self) -> Mapping[UUID, Member]:
        """The organisations by id, those that left too."""
        return self._state.members

    @property
    def keys(self) -> Mapping[bytes, SigningKey]:
        """Every key there ever was, by key id, the ended ones too."""
        return self._state.keys

    @property
    def policies(self) -> Mapping[str, EndorsementPolicy]:
        """The newest policy of each kind that ever had one."""
        return {kind: history[-1] for kind, history in self._state.policies.items()}

    @property
    def channel(self) -> str:
        """The channel's name for people."""
        return self._state.channel

    @property
    def members_only(self) -> bool:
        """Whether the entries are for members only."""
        return self._state.members_only

    @property
    def last_index(self) -> int:
        """The index of the entry applied last."""
        return self._last_index

    @property
    def operator_id(self) -> UUID:
        """The operator's organisation; raise ``GovernanceError`` before the genesis."""
        if self._state.operator_id is None:
            raise GovernanceError("the log has no genesis yet")
        return self._state.operator_id

    @property
    def receipt_key(self) -> ReceiptKey:
        """The receipt key; raise ``GovernanceError`` before the genesis."""
        if self._state.receipt_key is None:
            raise GovernanceError("the log has no genesis yet")
        return self._state.receipt_key

    def apply(self, entry: Entry, index: int, *, header_index: int) -> None:
        """Take the entry at log ``index``, whose statement's signature somebody else checks.

        Its endorsements are judged by the policy in force at ``header_index``. Entries of other
        kinds than ``ledger.…`` change nothing. Raise ``GovernanceError``, and change nothing,
        where a rule is broken.
        """
        if entry.log != self.log:
            raise GovernanceError(f"an entry of another log: {entry.log}")
        if index <= self._last_index:
            raise GovernanceError(f"index {index} comes after {self._last_index}")
        if (entry.kind == GENESIS) != (index == GENESIS_INDEX):
            raise GovernanceError(f"index {index}: the genesis is the log's first entry, only that")
        self.check_endorsements(entry, header_index)
        if entry.kind.startswith(PREFIX):
            self._govern(entry, index)
        self._last_index = index

    def check_rules(self, entry: Entry, index: int) -> None:
        """Raise ``GovernanceError`` where a rule would refuse the entry, endorsements aside."""
        if entry.kind.startswith(PREFIX):
            other = self.copy()
            other._govern(entry, index)  # noqa: SLF001 - of this very class

    def policy_for(self, kind: str, header_index: int) -> EndorsementPolicy | None:
        """Return the policy in force for entries of a submission whose header stands there."""
        for policy in reversed(self._state.policies.get(kind, [])):
            if policy.set_index < header_index:
                return policy if policy.n else None
        return None

    def check_endorsements(self, entry: Entry, header_index: int) -> None:
        """Raise ``GovernanceError`` unless the entry has the endorsements it needs, no others."""
        policy = self.policy_for(entry.kind, header_index)
        if policy is None:
            if entry.endorsements:
                raise GovernanceError(f"no policy in force asks for endorsements of {entry.kind}")
            return
        for endorsement in entry.endorsements:
            self.check_endorsement(
                endorsement, policy, endorsed_hash=entry.endorsed_hash, header_index=header_index
            )
        if len(entry.endorsements) < policy.n:
            raise GovernanceError(
                f"{len(entry.endorsements)} endorsements of {policy.n} that the policy at index"
                f" {policy.set_index} asks for"
            )

    def check_endorsement(
        self,
        endorsement: Endorsement,
        policy: EndorsementPolicy,
        *,
        endorsed_hash: bytes,
        header_index: int,
    ) -> None:
        """Raise ``GovernanceError`` unless the endorsement counts under ``policy``."""
        who = f"the endorsement of {endorsement.organisation_id}"
        if endorsement.policy_index != policy.set_index:
            raise GovernanceError(
                f"{who} is under the policy at index {endorsement.policy_index}; the one in force"
                f" stands at {policy.set_index}"
            )
        key = self.key_for(
            key_id=endorsement.key_id,
            organisation_id=endorsement.organisation_id,
            header_index=header_index,
        )
        if not key.holder.endorses:
            raise GovernanceError(f"{who} is under a key that a device holds")
        member = self.members[endorsement.organisation_id]
        if not policy.means(member.organisation_id, member.kind):
            raise GovernanceError(f"{who} is of none that the policy means")
        message = endorsement_message(
            endorsed_hash=endorsed_hash, policy_index=endorsement.policy_index
        )
        try:
            check_signature(key.public_key, message, endorsement.signature)
        except SignatureError as error:
            raise GovernanceError(f"{who} does not hold: {error}") from error

    def key_for(self, *, key_id: bytes, organisation_id: UUID, header_index: int) -> SigningKey:
        """Return the key that may sign the submission whose header stands at ``header_index``.

        Raise ``GovernanceError`` for a key that is unknown, another organisation's, not valid yet
        or not valid any more there. Header 0 is the genesis: the operator's first key signs it.
        """
        key = self.keys.get(key_id)
        if key is None or key.organisation_id != organisation_id:
            raise GovernanceError(f"{organisation_id} has no key {key_id.hex()}")
        signs_genesis = header_index == 0 and key.added_index == GENESIS_INDEX
        if header_index <= key.added_index and not signs_genesis:
            raise GovernanceError(f"key {key_id.hex()} is valid after index {key.added_index} only")
        if key.revoked_index is not None and header_index >= key.revoked_index:
            raise GovernanceError(f"key {key_id.hex()} was revoked at index {key.revoked_index}")
        return key

    def _govern(self, entry: Entry, index: int) -> None:
        rule = RULES.get(entry.kind)
        if rule is None:
            raise GovernanceError(f"{entry.kind} is no kind of governance that is built yet")
        if entry.kind != GENESIS:
            member = self.members.get(entry.organisation_id)
            if member is None or member.left_index is not None:
                raise GovernanceError(f"{entry.organisation_id} is no member of the log")
        rule(self._state, entry, Members(entry.body, "body", GovernanceError), index)
