"""What is kept of somebody, and how many rows of it there are."""

from uuid import UUID, uuid4

from foundation.core.actor import Actor
from foundation.tenancy import acting_as
from tests.vault.conftest import LAB, NOTE, person, put
from tests.vault.erasing import Hospital
from vault.models import (
    PersonalItem,
    Subject,
    SubjectIdentifier,
    SubjectKey,
    SubjectLookup,
    SubjectTag,
)
from vault.services import lookup_put

CANARY = b"Zoe Canary, born 1970"


def kept(hospital: Hospital, number: str = "1") -> tuple[UUID, list[UUID]]:
    """Keep two notes and a lab result of somebody; return the subject and the items."""
    subject_id = person(hospital.actor, number)
    items = [
        put(hospital.actor, subject_id, uuid4(), CANARY, holder=holder).item_id
        for holder in (NOTE, NOTE, LAB)
    ]
    for holder, item in zip((NOTE, LAB), (items[0], items[2]), strict=True):
        lookup_put(
            actor=hospital.actor, subject_id=subject_id, holder=holder, parts=["rx"], ref=item
        )
    return subject_id, items


def rows_of(actor: Actor, subject_id: UUID) -> list[int]:
    """Return how many rows each personal table holds of a subject."""
    with acting_as(actor):
        return [
            Subject.objects.filter(id=subject_id).count(),
            *(
                model.objects.filter(subject_id=subject_id).count()
                for model in (
                    SubjectIdentifier,
                    SubjectKey,
                    SubjectTag,
                    SubjectLookup,
                    PersonalItem,
                )
            ),
        ]
