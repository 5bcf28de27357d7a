"""Who holds what of a person: the apps above register it here, once, when they start.

The vault may not import them, so they say what erasure needs to know. What nobody registered
cannot be put into the vault: an erasure would not reach it.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from foundation.core.actor import Actor
from vault.core.erasure import Objection


class Objects(Protocol):
    """Says what stands against destroying what is held of a subject, on a day."""

    def __call__(self, *, actor: Actor, subject_id: UUID, today: dt.date) -> Sequence[Objection]:
        """Return each objection that may stand; an empty sequence where there is none."""


class Destroys(Protocol):
    """Destroys what an app keeps of a subject beside the vault's items, in this transaction."""

    def __call__(self, *, actor: Actor, subject_id: UUID) -> None:
        """Destroy it; doing it twice is fine."""


class Probes(Protocol):
    """Returns how much an app still holds of a subject beside the vault's items."""

    def __call__(self, *, actor: Actor, subject_id: UUID) -> int:
        """Return a count, looked up afresh: 0 where nothing is left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HolderSpec:
    """One kind of thing that an app holds of people.

    ``name`` is what ``personal_put`` is told (``claims.claim``); ``category`` is what one asks to
    have erased. The hooks run inside ``acting_as(actor)``; an app that keeps nothing beside the
    vault's items has neither ``destroy`` nor ``probe``, and these two come together.
    """

    name: str
    category: str
    objections: Objects | None = None
    destroy: Destroys | None = None
    probe: Probes | None = None

    def __post_init__(self) -> None:
        """Refuse what would destroy without a probe, or probe what nobody destroys."""
        if (self.destroy is None) != (self.probe is None):
            raise ValueError(f"{self.name}: destroy and probe come together")


class UnregisteredHolderError(LookupError):
    """No app registered this name: a bug of ours, never of a caller's."""


_HOLDERS: dict[str, HolderSpec] = {}


def holder_register(*specs: HolderSpec) -> None:
    """Register what an app holds; raise ``ValueError`` where the name means another thing."""
    for spec in specs:
        if _HOLDERS.setdefault(spec.name, spec) != spec:
            raise ValueError(f"{spec.name} is registered as something else")


def holder_get(name: str) -> HolderSpec:
    """Return what is registered under a name; raise ``UnregisteredHolderError``."""
    try:
        return _HOLDERS[name]
    except KeyError:
        raise UnregisteredHolderError(f"no app registered the holder {name}") from None


def holder_list() -> list[HolderSpec]:
    """Return everything that is registered, by name."""
    return [_HOLDERS[name] for name in sorted(_HOLDERS)]
