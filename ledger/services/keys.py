"""Private keys that the server holds: which one signs, and how it is made."""

import datetime as dt
import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from foundation.core.actor import Actor
from foundation.key_providers import key_provider
from ledger.channels import current_log
from ledger.errors import NoKeyError
from ledger.models import KeyAddition, KeyHolder, KeyRevocation, ServerKey, SigningKey

# A person's key signs only this long after the person proved who they are (DESIGN 3).
REAUTHENTICATION_MAX = dt.timedelta(minutes=5)


class Signer(StrEnum):
    """Whose server-held key signs a plain submission."""

    SYSTEM = "system"
    PERSON = "person"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldKey:
    """A key the server can sign with."""

    key_id: str
    provider_name: str

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte signature."""
        return key_provider().sign(self.provider_name, message)


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeKey:
    """A key pair just made in the provider."""

    key_id: str
    provider_name: str
    public_key: bytes


def key_id_of(public_key: bytes) -> str:
    """Return the key's id: the SHA-256 of the raw public key, in hex."""
    return hashlib.sha256(public_key).hexdigest()


def key_make(*, organisation_id: UUID, label: UUID) -> MadeKey:
    """Make a key pair in the provider under a name that ``label`` makes unique."""
    name = f"organisation/{organisation_id}/{label}"
    public_key = key_provider().signing_key_create(name)
    return MadeKey(key_id=key_id_of(public_key), provider_name=name, public_key=public_key)


def key_for_signing(*, actor: Actor, signer: Signer, now: dt.datetime) -> HeldKey:
    """Return the newest key of ``signer`` that is valid in the log that the actor acts in.

    Raise ``NoKeyError`` with what to do. Valid means: sequenced, and no end promised; or promised
    to follow one that ended so, which stands before whatever is signed now. A person's key also
    needs that the person proved who they are within the last five minutes.
    """
    held = ServerKey.objects.filter(organisation_id=actor.organisation, holder=signer.value)
    if signer is Signer.PERSON:
        check_reauthenticated(actor, now)
        held = held.filter(person_id=actor.person_id)
    names = dict(held.values_list("key_id", "provider_name"))
    log_id = current_log().id
    valid = (
        SigningKey.objects.filter(key_id__in=names, log_id=log_id, revoked_index=None)
        .exclude(key_id__in=KeyRevocation.objects.filter(key_id__in=names).values("key_id"))
        .order_by("-added_index")
        .values_list("key_id", flat=True)
        .first()
    )
    valid = valid or _rotated(log_id, names)
    if valid is None:
        raise NoKeyError(
            "no key that the server holds for this signer is in the log yet and unrevoked:"
            " add one, and wait until it is sequenced"
        )
    return HeldKey(key_id=valid, provider_name=names[valid])


def _rotated(log_id: int, key_ids: Collection[str]) -> str | None:
    """Return the key that was promised in the place of another, while neither is sequenced."""
    ended = KeyRevocation.objects.filter(key_id__in=key_ids, log_id=log_id)
    following = KeyAddition.objects.filter(
        key_id__in=key_ids, entry_id__in=ended.values("entry_id")
    ).exclude(key_id__in=ended.values("key_id"))
    return following.values_list("key_id", flat=True).first()


def server_key_keep(
    *, made: MadeKey, organisation_id: UUID, holder: KeyHolder, person_id: UUID | None = None
) -> None:
    """Remember where the private half lies."""
    ServerKey.objects.create(
        key_id=made.key_id,
        organisation_id=organisation_id,
        person_id=person_id,
        holder=holder,
        provider_name=made.provider_name,
    )


def check_reauthenticated(actor: Actor, now: dt.datetime) -> None:
    """Raise ``NoKeyError`` unless a person acts who proved within five minutes who they are."""
    proved = actor.reauthenticated_at
    if (
        actor.person_id is None
        or proved is None
        or not (dt.timedelta(0) <= now - proved <= REAUTHENTICATION_MAX)
    ):
        raise NoKeyError("a personal key signs within five minutes of logging in again: do so now")
