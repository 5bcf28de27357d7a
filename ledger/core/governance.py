"""Governance: who belongs to a log and which key may sign what, replayed from its own entries.

The only thing trusted from outside is the log's verifier key. Keys are valid by log index, never
by wall time (docs/spec/governance.md): a key signs submissions whose header stands after the
entry that added it and before the entry that revoked it.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from uuid import UUID

from foundation.core.problem import BadInputError
from ledger.core.ed25519 import PUBLIC_KEY_SIZE_BYTES, key_id_of
from ledger.core.entry import Entry
from ledger.core.members import Members
from ledger.core.note import NoteError, VerifierKey, parse_vkey

GENESIS = "ledger.genesis.v1"
MEMBER_ADMITTED = "ledger.member.admitted.v1"
KEY_ADDED = "ledger.key.added.v1"
KEY_REVOKED = "ledger.key.revoked.v1"
GENESIS_INDEX = 1
PREFIX = "ledger."
_WORD = re.compile("[a-z][a-z_]{0,31}")
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,200}")


class GovernanceError(BadInputError):
    """The entry breaks a rule of governance, or the key may not sign there."""

    slug = "against-governance"
    title = "The log's governance does not allow this"


def check_label(text: str) -> None:
    """Raise ``GovernanceError`` unless the text may be a key's label."""
    if _NAME.fullmatch(text) is None:
        raise GovernanceError("a label has 1 to 200 characters, and no control characters")


def check_reason(text: str) -> None:
    """Raise ``GovernanceError`` unless the text may be the reason of a revocation."""
    if _WORD.fullmatch(text) is None:
        raise GovernanceError("a reason is one word, at most 32 of a to z and _: lost, rotated, …")


class Holder(StrEnum):
    """Who uses a key."""

    SYSTEM = "system"  # the server
    PERSON = "person"  # the server, just after that person has proven who they are
    MEMBER = "member"  # the organisation's own system
    DEVICE = "device"  # a scanner, a ward tablet

    @property
    def chains(self) -> bool:
        """Whether statements under such a key carry ``first`` and ``prev``."""
        return self in (Holder.MEMBER, Holder.DEVICE)

    @property
    def manages(self) -> bool:
        """Whether the organisation itself signs under such a key, so that it can add others.

        A person's key signs after a log-in only, a device's what the device saw.
        """
        return self in (Holder.SYSTEM, Holder.MEMBER)


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A key of an organisation, and from which log index to which it holds, both excluded."""

    key_id: bytes
    public_key: bytes
    organisation_id: UUID
    holder: Holder
    added_index: int
    label: str = ""
    revoked_index: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """An organisation of the log; ``kind`` is ``operator`` for the one that runs it."""

    organisation_id: UUID
    name: str
    kind: str
    admitted_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptKey:
    """The key under which the operator signs receipts."""

    key_id: bytes
    public_key: bytes


class Governance:
    """The state of governance after the entries applied so far, in log order."""

    def __init__(self, vkey: VerifierKey) -> None:
        """Start before the genesis of the log whose key ``vkey`` is."""
        self._vkey = vkey
        self._keys: dict[bytes, SigningKey] = {}
        self._members: dict[UUID, Member] = {}
        self._receipt_key: ReceiptKey | None = None
        self._operator_id: UUID | None = None
        self._channel = ""
        self._last_index = 0

    @property
    def log(self) -> str:
        """The log's origin."""
        return self._vkey.name

    @property
    def members(self) -> Mapping[UUID, Member]:
        """The organisations by id."""
        return self._members

    @property
    def keys(self) -> Mapping[bytes, SigningKey]:
        """Every key there ever was, by key id, the revoked ones too."""
        return self._keys

    @property
    def channel(self) -> str:
        """The channel's name for people."""
        return self._channel

    @property
    def operator_id(self) -> UUID:
        """The operator's organisation; raise ``GovernanceError`` before the genesis."""
        if self._operator_id is None:
            raise GovernanceError("the log has no genesis yet")
        return self._operator_id

    @property
    def receipt_key(self) -> ReceiptKey:
        """The receipt key; raise ``GovernanceError`` before the genesis."""
        if self._receipt_key is None:
            raise GovernanceError("the log has no genesis yet")
        return self._receipt_key

    def apply(self, entry: Entry, index: int) -> None:
        """Take the entry at log ``index``, whose signature somebody else checks.

        Entries of other kinds than ``ledger.…`` change nothing. Raise ``GovernanceError``, and
        change nothing, where a rule is broken.
        """
        if entry.log != self._vkey.name:
            raise GovernanceError(f"an entry of another log: {entry.log}")
        if index <= self._last_index:
            raise GovernanceError(f"index {index} comes after {self._last_index}")
        if (entry.kind == GENESIS) != (index == GENESIS_INDEX):
            raise GovernanceError(f"index {index}: the genesis is the log's first entry, only that")
        if entry.kind.startswith(PREFIX):
            rule = _RULES.get(entry.kind)
            if rule is None:
                raise GovernanceError(f"{entry.kind} is no kind of governance that is built yet")
            rule(self, entry, Members(entry.body, "body", GovernanceError), index)
        self._last_index = index

    def key_for(self, *, key_id: bytes, organisation_id: UUID, header_index: int) -> SigningKey:
        """Return the key that may sign the submission whose header stands at ``header_index``.

        Raise ``GovernanceError`` for a key that is unknown, another organisation's, not valid yet
        or not valid any more there. Header 0 is the genesis: the operator's first key signs it.
        """
        key = self._keys.get(key_id)
        if key is None or key.organisation_id != organisation_id:
            raise GovernanceError(f"{organisation_id} has no key {key_id.hex()}")
        signs_genesis = header_index == 0 and key.added_index == GENESIS_INDEX
        if header_index <= key.added_index and not signs_genesis:
            raise GovernanceError(f"key {key_id.hex()} is valid after index {key.added_index} only")
        if key.revoked_index is not None and header_index >= key.revoked_index:
            raise GovernanceError(f"key {key_id.hex()} was revoked at index {key.revoked_index}")
        return key

    def _genesis(self, entry: Entry, body: Members, index: int) -> None:
        body.expect(("origin", "channel", "vkey", "operator", "receipt_key", "quorum"))
        body.literal("origin", self._vkey.name)
        body.literal("quorum", "none")
        try:
            vkey = parse_vkey(body.text("vkey"))
        except NoteError as error:
            raise body.fault("vkey", f"is none: {error}") from error
        if vkey != self._vkey:
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
        channel = body.text("channel", _NAME)
        self._admit(
            Member(
                organisation_id=organisation_id,
                name=operator.text("name", _NAME),
                kind="operator",
                admitted_index=index,
            ),
            SigningKey(
                key_id=key_id_of(public_key),
                public_key=public_key,
                organisation_id=organisation_id,
                holder=Holder.SYSTEM,
                added_index=index,
            ),
        )
        self._operator_id, self._channel = organisation_id, channel
        self._receipt_key = ReceiptKey(
            key_id=key_id_of(receipt_public_key), public_key=receipt_public_key
        )

    def _member_admitted(self, entry: Entry, body: Members, index: int) -> None:
        body.expect(("org", "name", "kind", "first_key"))
        if entry.organisation_id != self._operator_id:
            raise GovernanceError("only the operator admits members")
        organisation_id = body.uuid("org")
        if organisation_id in self._members:
            raise body.fault("org", f"is a member already: {organisation_id}")
        kind = body.text("kind", _WORD)
        if kind == "operator":
            raise body.fault("kind", "is operator; there is one, named in the genesis")
        first_key = body.members("first_key")
        first_key.expect(("key", "public_key", "holder"))
        member = Member(
            organisation_id=organisation_id,
            name=body.text("name", _NAME),
            kind=kind,
            admitted_index=index,
        )
        self._admit(member, self._new_key(first_key, organisation_id, index))

    def _key_added(self, entry: Entry, body: Members, index: int) -> None:
        body.expect(("key", "public_key", "holder"), ("label",))
        self._check_member(entry)
        key = self._new_key(body, entry.organisation_id, index)
        self._keys[key.key_id] = key

    def _key_revoked(self, entry: Entry, body: Members, index: int) -> None:
        body.expect(("key", "reason"))
        self._check_member(entry)
        body.text("reason", _WORD)
        key = self._keys.get(body.digest("key"))
        if key is None or entry.organisation_id not in (key.organisation_id, self._operator_id):
            raise body.fault("key", "is none that this organisation may revoke")
        if key.revoked_index is not None:
            raise body.fault("key", f"was revoked at index {key.revoked_index} already")
        valid = [
            other
            for other in self._keys.values()
            if other.organisation_id == key.organisation_id and other.revoked_index is None
        ]
        if valid == [key]:
            raise body.fault("key", "is the last one; its organisation would be locked out")
        self._keys[key.key_id] = replace(key, revoked_index=index)

    def _new_key(self, body: Members, organisation_id: UUID, index: int) -> SigningKey:
        public_key = _public_key(body)
        key_id = key_id_of(public_key)
        if key_id in self._keys or key_id == self.receipt_key.key_id:
            raise body.fault("key", f"is or was a key of this log: {key_id.hex()}")
        holder = body.text("holder")
        if holder not in tuple(Holder):
            raise body.fault("holder", f"is none of {', '.join(Holder)}: {holder[:40]!a}")
        return SigningKey(
            key_id=key_id,
            public_key=public_key,
            organisation_id=organisation_id,
            holder=Holder(holder),
            added_index=index,
            label=body.text("label", _NAME) if body.has("label") else "",
        )

    def _admit(self, member: Member, key: SigningKey) -> None:
        self._members[member.organisation_id] = member
        self._keys[key.key_id] = key

    def _check_member(self, entry: Entry) -> None:
        if entry.organisation_id not in self._members:
            raise GovernanceError(f"{entry.organisation_id} is no member of the log")


_Rule = Callable[[Governance, Entry, Members, int], None]
_RULES: Mapping[str, _Rule] = {
    GENESIS: Governance._genesis,  # noqa: SLF001 - the table of this class's own rules
    MEMBER_ADMITTED: Governance._member_admitted,  # noqa: SLF001 - as above
    KEY_ADDED: Governance._key_added,  # noqa: SLF001 - as above
    KEY_REVOKED: Governance._key_revoked,  # noqa: SLF001 - as above
}


def _public_key(body: Members) -> bytes:
    """Return the Ed25519 key of ``public_key``, whose hash ``key`` has to be."""
    public_key = body.blob("public_key", PUBLIC_KEY_SIZE_BYTES)
    if body.digest("key") != key_id_of(public_key):
        raise body.fault("key", "is not the SHA-256 of public_key")
    return public_key
