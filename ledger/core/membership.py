"""Members of a log and their keys: the values that governance is made of."""

import re
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from foundation.core.problem import BadInputError

WORD = re.compile("[a-z][a-z_]{0,31}")
NAME = re.compile(r"[^\x00-\x1f\x7f]{1,200}")


class GovernanceError(BadInputError):
    """The entry breaks a rule of governance, or the key may not sign there."""

    slug = "against-governance"
    title = "The log's governance does not allow this"


def check_label(text: str) -> None:
    """Raise ``GovernanceError`` unless the text may be a key's label."""
    if NAME.fullmatch(text) is None:
        raise GovernanceError("a label has 1 to 200 characters, and no control characters")


def check_reason(text: str) -> None:
    """Raise ``GovernanceError`` unless the text may be the reason of an end."""
    if WORD.fullmatch(text) is None:
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

    @property
    def endorses(self) -> bool:
        """Whether what such a key signs is the organisation's word: a device only saw something."""
        return self is not Holder.DEVICE


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
    left_index: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptKey:
    """The key under which the operator signs receipts."""

    key_id: bytes
    public_key: bytes
