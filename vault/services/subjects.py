"""Subjects: found by their identifiers, named on the ledger by one-time tags only."""

import datetime as dt
from collections.abc import Sequence
from uuid import UUID

from foundation.core.actor import Actor
from foundation.core.problem import BadInputError, ConflictError
from foundation.tenancy import acting_as
from vault.core.tag import make_tag
from vault.errors import UnknownSubjectError
from vault.models import Subject, SubjectIdentifier, SubjectKey, SubjectTag
from vault.services.keys import (
    keyring_ensure,
    lock,
    lookup_of,
    subject_keys_make,
    tag_secret,
)

_LOCK = 22  # classid of the advisory locks on who is made next


class AmbiguousIdentifiersError(ConflictError):
    """The identifiers name different people; merging them is not built yet."""

    slug = "ambiguous-identifiers"
    title = "The identifiers name different people"


def subject_ensure(
    *, actor: Actor, identifiers: Sequence[tuple[str, str]], now: dt.datetime
) -> UUID:
    """Return the subject that these (system, value) pairs name, made when first met.

    Identifiers that are new for a known subject are added. They are kept as keyed hashes only.
    Raise ``AmbiguousIdentifiersError`` where they name two people, ``BadInputError`` where there
    is none, or one that is no text of Unicode.
    """
    if not identifiers or not all(_is_text(part) for pair in identifiers for part in pair):
        raise BadInputError("a person is named by at least one identifier, system and value")
    with acting_as(actor):
        keyring = keyring_ensure(actor.organisation)
        lookups = [lookup_of(keyring, system, value) for system, value in identifiers]
        lock(_LOCK, actor.organisation)
        known = dict(
            SubjectIdentifier.objects.filter(
                organisation_id=actor.organisation, lookup__in=lookups
            ).values_list("lookup", "subject_id")
        )
        subjects = set(known.values())
        if len(subjects) > 1:
            raise AmbiguousIdentifiersError("these identifiers belong to different people")
        if subjects:
            (subject_id,) = subjects
        else:
            subject = Subject.objects.create(organisation_id=actor.organisation, created_at=now)
            subject_keys_make(keyring, subject)
            subject_id = subject.id
        fresh = {lookup for lookup in lookups if lookup not in {bytes(key) for key in known}}
        SubjectIdentifier.objects.bulk_create(
            SubjectIdentifier(
                subject_id=subject_id, organisation_id=actor.organisation, lookup=lookup
            )
            for lookup in sorted(fresh)
        )
        return subject_id


def _is_text(part: str) -> bool:
    return bool(part) and not any("\ud800" <= letter <= "\udfff" for letter in part)


def tag_next(*, actor: Actor, subject_id: UUID) -> str:
    """Return the subject's next one-time tag: 64 hex digits, without a gap.

    Unlinkable to others; who holds the secret finds all of them. Raise ``UnknownSubjectError``.
    """
    with acting_as(actor):
        row = SubjectTag.objects.select_for_update().filter(subject_id=subject_id).first()
        if row is None:
            raise UnknownSubjectError("your organisation keeps no such person")
        epoch = SubjectKey.objects.filter(subject_id=subject_id).latest("version").epoch
        row.counter += 1
        row.save(update_fields=["counter"])
        return make_tag(tag_secret(row, epoch), row.counter)
