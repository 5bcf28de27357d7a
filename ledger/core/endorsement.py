"""Endorsements: what other organisations sign of an entry before it is submitted.

An endorsement stands in the entry, so it cannot sign the entry's own hash: it signs that of the
entry with none, and the log index of the policy that it is given under (docs/spec/entry.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from ledger.core.canonical import Json
from ledger.core.ed25519 import SIGNATURE_SIZE_BYTES
from ledger.core.members import Members, format_base64

LABEL = b"theriac/endorsement/v1\n"
ENDORSEMENTS_MAX = 64
_MEMBERS = ("org", "key", "policy", "sig")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endorsement:
    """One organisation's word for an entry, under the policy that stands at ``policy_index``."""

    organisation_id: UUID
    key_id: bytes
    policy_index: int
    signature: bytes

    def as_json(self) -> dict[str, Json]:
        """Return the object that stands in the entry."""
        return {
            "org": str(self.organisation_id),
            "key": self.key_id.hex(),
            "policy": self.policy_index,
            "sig": format_base64(self.signature),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class EndorsementPolicy:
    """That entries of ``kind`` need ``n`` of the organisations meant, from ``set_index`` on.

    Meant are ``organisations`` or, where ``member_kind`` is not empty, all members of that kind.
    With ``n`` zero it asks for nothing: it ended the policy before it.
    """

    kind: str
    n: int
    organisations: tuple[UUID, ...]
    member_kind: str
    set_index: int

    def means(self, organisation_id: UUID, member_kind: str) -> bool:
        """Return whether an endorsement of this member counts."""
        if self.member_kind:
            return member_kind == self.member_kind
        return organisation_id in self.organisations


def endorsement_message(*, endorsed_hash: bytes, policy_index: int) -> bytes:
    """Return what an endorser signs; ``endorsed_hash`` is of the entry without endorsements."""
    return LABEL + endorsed_hash + policy_index.to_bytes(8, "big")


def endorsements_json(endorsements: Sequence[Endorsement]) -> list[Json]:
    """Return the array that stands in the entry, in its order."""
    ordered = sorted(endorsements, key=lambda one: str(one.organisation_id))
    return [one.as_json() for one in ordered]


def read_endorsements(entry: Members) -> tuple[Endorsement, ...]:
    """Return the member ``endorsements`` of an entry; raise its error where it is none."""
    found: list[Endorsement] = []
    before = ""
    for members in entry.each("endorsements"):
        members.expect(_MEMBERS)
        organisation_id = members.uuid("org")
        if str(organisation_id) <= before:
            raise members.fault("org", "does not follow the one before: each once, in order")
        before = str(organisation_id)
        found.append(
            Endorsement(
                organisation_id=organisation_id,
                key_id=members.digest("key"),
                policy_index=members.integer("policy"),
                signature=members.blob("sig", SIGNATURE_SIZE_BYTES),
            )
        )
    if len(found) > ENDORSEMENTS_MAX:
        raise entry.fault("endorsements", f"are {len(found)}; at most {ENDORSEMENTS_MAX} fit")
    return tuple(found)
