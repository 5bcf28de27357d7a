"""A hospital that is a member of the channel, with two privacy officers who hold keys."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from uuid import UUID

from foundation.core.actor import Actor, Role
from foundation.tenancy import acting_as
from ledger.models import KeyHolder
from ledger.services import key_add
from tests.accounts.conftest import Person, World
from tests.conftest import NOW
from vault.selectors import ErasureInfo, erasure_get
from vault.services import Approved, erasure_approve, erasure_certify, erasure_propose

REASON = "consent_withdrawn"


@dataclass(frozen=True, kw_only=True)
class Hospital:
    """Who keeps notes about people and may erase them."""

    world: World
    actor: Actor
    officer: Actor
    second: Actor
    people: tuple[Person, Person]

    def propose(self, subject_id: UUID, category: str | None = None) -> UUID:
        """Propose as the first officer; return the erasure's id."""
        info, _ = erasure_propose(
            actor=self.officer, subject_id=subject_id, reason=REASON, category=category, now=NOW
        )
        return info.id

    def approve(self, erasure_id: UUID) -> Approved:
        """Approve as both; return how it stands after the second."""
        first = erasure_approve(actor=self.officer, erasure_id=erasure_id, now=NOW)
        assert first.erased is None
        return erasure_approve(actor=self.second, erasure_id=erasure_id, now=NOW)

    def erase(self, subject_id: UUID, category: str | None = None) -> UUID:
        """Propose, approve twice, certify; return the erasure's id."""
        erasure_id = self.propose(subject_id, category)
        self.approve(erasure_id)
        erasure_certify(actor=self.actor, erasure_id=erasure_id, now=NOW)
        return erasure_id

    def info(self, erasure_id: UUID) -> ErasureInfo:
        """Return how an erasure stands."""
        with acting_as(self.actor):
            return erasure_get(erasure_id)


def hospital_of(world: World, organisation: Actor | None = None) -> Hospital:
    """Make one, or use an organisation, and give its officers keys that are in the log."""
    actor = organisation or world.admit("hospital")
    people = (
        world.person(actor, Role.PRIVACY_OFFICER),
        world.person(actor, Role.ADMIN),
    )
    for person in people:
        key_add(actor=actor, holder=KeyHolder.PERSON, person_id=person.id, now=NOW)
    world.channel.sequence()
    officer, second = (replace(person.actor, reauthenticated_at=NOW) for person in people)
    return Hospital(world=world, actor=actor, officer=officer, second=second, people=people)


NewHospital = Callable[[], Hospital]
