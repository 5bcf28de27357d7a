"""Who acts: the frozen value that every service and every transaction takes.

An actor is made in one place per interface (``accounts`` makes those of people and API
keys) and never changed: a request that names another organisation gets another actor.
"""

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

# The header of a request that is about another channel than the deployment's first.
CHANNEL_HEADER = "Theriac-Channel"


class Role(StrEnum):
    """What a person may do inside one organisation; patients belong to none."""

    CLINICIAN = "clinician"
    PHARMACIST = "pharmacist"
    WAREHOUSE = "warehouse"
    ADJUDICATOR = "adjudicator"
    ANALYST = "analyst"
    PRIVACY_OFFICER = "privacy_officer"
    AUDITOR = "auditor"
    OPERATOR = "operator"
    ADMIN = "admin"
    PATIENT = "patient"


class ActorKind(StrEnum):
    """Which rows the database shows: row-level security reads this word."""

    ORGANISATION = "organisation"  # the rows of one organisation and those it is a party to
    PATIENT = "patient"  # the rows about one person
    PUBLIC = "public"  # what anyone may see: checkpoints, keys, proofs
    AUTHENTICATION = "authentication"  # the tables of accounts, nothing else
    SYSTEM = "system"  # sequencer, folds across organisations, recalls, evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """One acting party.

    ``organisation_id`` is set for ``ORGANISATION``; ``person_id`` for a logged-in person, and
    for a patient; ``api_key_id`` and ``scopes`` for a request under an API key.
    ``reauthenticated_at`` is when the person last proved who they are: the keys that a person
    holds are used only within five minutes of it. ``channel`` names the channel that the act is
    about; empty is the deployment's first one, its directory.
    """

    kind: ActorKind
    organisation_id: UUID | None = None
    person_id: UUID | None = None
    roles: frozenset[Role] = frozenset()
    api_key_id: UUID | None = None
    scopes: frozenset[str] = frozenset()
    reauthenticated_at: dt.datetime | None = None
    channel: str = ""

    def __post_init__(self) -> None:
        """Refuse the combinations that would see rows of nobody, or of everybody."""
        if (self.kind is ActorKind.ORGANISATION) != (self.organisation_id is not None):
            raise ValueError("an organisation's actor, and only that, names its organisation")
        if self.kind is ActorKind.PATIENT and self.person_id is None:
            raise ValueError("a patient's actor names the person")

    @property
    def organisation(self) -> UUID:
        """The organisation; raise ``ValueError`` where the actor has none."""
        if self.organisation_id is None:
            raise ValueError(f"an actor of kind {self.kind} acts for no organisation")
        return self.organisation_id

    def acting_for(self, organisation_id: UUID) -> "Actor":
        """Return who acts for an organisation: this actor in its own, else the organisation."""
        if self.organisation_id == organisation_id:
            return self
        return organisation_actor(organisation_id)


def organisation_actor(organisation_id: UUID) -> Actor:
    """Return an organisation as it acts by itself: nobody of its people, under no API key."""
    return Actor(kind=ActorKind.ORGANISATION, organisation_id=organisation_id)


PUBLIC = Actor(kind=ActorKind.PUBLIC)
AUTHENTICATION = Actor(kind=ActorKind.AUTHENTICATION)
SYSTEM = Actor(kind=ActorKind.SYSTEM)
