"""What describes a patient goes to the vault from here, and comes back from here.

The one place that knows the vault's calls.
"""

import datetime as dt
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from foundation.core.actor import Actor
from vault.errors import ErasedError
from vault.services import (
    openings_get,
    personal_get,
    personal_put,
    subject_ensure,
    tag_next,
    tags_next,
)

MEMBER_SYSTEM = "urn:theriac:claims:member"

# Returns 32 random bytes at each call; the interface gives it.
Seeds = Callable[[], bytes]


class Holder(StrEnum):
    """What of a person is kept here, as the vault's registry names it."""

    CLAIM = "claims.claim"
    DECISION = "claims.decision"
    COVERAGE = "claims.coverage"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An item in the vault and the commitment that its entry carries."""

    item_id: UUID
    commitment: bytes


def new_id(seeds: Seeds) -> UUID:
    """Return a random UUID (version 4) made of the next seed."""
    return UUID(bytes=seeds()[:16], version=4)


def member_subject(*, actor: Actor, payer_id: str, member_id: str, now: dt.datetime) -> UUID:
    """Return the vault's subject of a payer's member, made when first met."""
    identifiers = [(MEMBER_SYSTEM, f"{payer_id}|{member_id}")]
    return subject_ensure(actor=actor, identifiers=identifiers, now=now)


def keep(
    *, actor: Actor, subject_id: UUID, holder: Holder, ref: UUID, data: bytes, seeds: Seeds
) -> Kept:
    """Put canonical JSON about a person into the vault, inside the caller's transaction."""
    sealed = personal_put(
        actor=actor,
        subject_id=subject_id,
        holder=holder.value,
        ref=ref,
        media_type="application/json",
        data=data,
        header=b"{}",
        seed=seeds(),
    )
    return Kept(item_id=sealed.item_id, commitment=sealed.commitment)


def kept(*, actor: Actor, item_id: UUID) -> bytes:
    """Return an item's bytes, checked against their commitment; raise ``ErasedError``."""
    return personal_get(actor=actor, item_id=item_id)


def kept_many(*, actor: Actor, item_ids: Collection[UUID]) -> dict[UUID, bytes]:
    """Return the bytes of items by their ids, in one query; those that were erased are left out."""
    try:
        found = openings_get(actor=actor, item_ids=item_ids)
    except ErasedError:
        return {}
    return {item_id: opening.data for item_id, opening in found.items()}


def tag(*, actor: Actor, subject_id: UUID) -> str:
    """Return the person's next one-time tag, for one entry of this transaction."""
    return tag_next(actor=actor, subject_id=subject_id)


def tags(*, actor: Actor, subject_id: UUID, count: int) -> tuple[str, ...]:
    """Return the person's next one-time tags, one for each entry of this transaction."""
    return tags_next(actor=actor, subject_id=subject_id, count=count)
