"""Subjects: found by their identifiers, named on the ledger by one-time tags only."""

import datetime as dt
from collections import Counter
from collections.abc import Collection, Sequence
from uuid import UUID

from django.db import connections

from foundation.core.actor import Actor
from foundation.core.problem import BadInputError, ConflictError
from foundation.tenancy import acting_as, current_alias
from vault.core.tag import make_tag
from vault.errors import UnknownSubjectError
from vault.models import Keyring, Subject, SubjectIdentifier, SubjectTag
from vault.services.keys import (
    identifier_hash,
    lock,
    lookup_key,
    subject_keys_hold,
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
    return subjects_ensure(actor=actor, people=[identifiers], now=now)[0]


def subjects_ensure(
    *, actor: Actor, people: Sequence[Sequence[tuple[str, str]]], now: dt.datetime
) -> tuple[UUID, ...]:
    """Return the subject of each of many people, as ``subject_ensure`` does; raises so too."""
    for identifiers in people:
        if not identifiers or not all(_is_text(part) for pair in identifiers for part in pair):
            raise BadInputError("a person is named by at least one identifier, system and value")
    with acting_as(actor):
        key = lookup_key(actor.organisation)
        wanted = [[identifier_hash(key, *pair) for pair in identifiers] for identifiers in people]
        lock(_LOCK, actor.organisation)
        known = _known({each for lookups in wanted for each in lookups})
        fresh: dict[bytes, UUID] = {}
        made: list[Subject] = []
        found: list[UUID] = []
        for lookups in wanted:
            subjects = {known[each] for each in lookups if each in known}
            if len(subjects) > 1:
                raise AmbiguousIdentifiersError("these identifiers belong to different people")
            if not subjects:
                made.append(Subject(organisation_id=actor.organisation, created_at=now))
            subject_id = subjects.pop() if subjects else made[-1].id
            fresh |= {each: subject_id for each in lookups if each not in known}
            known |= fresh
            found.append(subject_id)
        Subject.objects.bulk_create(made)
        subject_keys_make(actor.organisation, [subject.id for subject in made])
        SubjectIdentifier.objects.bulk_create(
            SubjectIdentifier(
                subject_id=fresh[lookup], organisation_id=actor.organisation, lookup=lookup
            )
            for lookup in sorted(fresh)
        )
        return tuple(found)


def subject_find(*, actor: Actor, system: str, value: str) -> UUID:
    """Return the subject that an identifier names; raise ``UnknownSubjectError``."""
    found = subjects_find(actor=actor, identifiers=[(system, value)])
    if not found:
        raise UnknownSubjectError("your organisation keeps no such person")
    return found[system, value]


def subjects_find(
    *, actor: Actor, identifiers: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], UUID]:
    """Return the subjects that these (system, value) pairs name; unknown ones are left out."""
    with acting_as(actor):
        if not Keyring.objects.filter(organisation_id=actor.organisation).exists():
            return {}
        key = lookup_key(actor.organisation)
        sound = [pair for pair in identifiers if all(map(_is_text, pair))]
        wanted = {pair: identifier_hash(key, *pair) for pair in sound}
        rows = SubjectIdentifier.objects.filter(
            organisation_id=actor.organisation, lookup__in=list(wanted.values())
        )
        named = {bytes(each): found for each, found in rows.values_list("lookup", "subject_id")}
        return {pair: named[each] for pair, each in wanted.items() if each in named}


def _known(lookups: Collection[bytes]) -> dict[bytes, UUID]:
    """Return whom the hashes name, each held: nobody who is found is erased meanwhile."""
    with connections[current_alias()].cursor() as cursor:
        cursor.execute(
            "SELECT named.lookup, named.subject_id FROM vault_subjectidentifier AS named"
            " JOIN vault_subjectkey AS key ON key.subject_id = named.subject_id"
            " WHERE named.organisation_id = theriac_org() AND named.lookup = ANY(%s)"
            " ORDER BY key.subject_id FOR SHARE OF key",
            [list(lookups)],
        )
        return {bytes(lookup): subject_id for lookup, subject_id in cursor.fetchall()}


def _is_text(part: str) -> bool:
    return bool(part) and not any("\ud800" <= letter <= "\udfff" for letter in part)


def tag_next(*, actor: Actor, subject_id: UUID) -> str:
    """Return the subject's next one-time tag: 64 hex digits, without a gap.

    Unlinkable to others; who holds the secret finds all of them. Raise ``UnknownSubjectError``.
    """
    return tags_next_for(actor=actor, subject_ids=[subject_id])[0]


def tags_next(*, actor: Actor, subject_id: UUID, count: int) -> tuple[str, ...]:
    """Return the subject's next ``count`` tags, in order; raises as ``tag_next``."""
    return tags_next_for(actor=actor, subject_ids=[subject_id] * count)


def tags_next_for(*, actor: Actor, subject_ids: Sequence[UUID]) -> tuple[str, ...]:
    """Return a tag for each place: the next of the subject named there; raises as ``tag_next``.

    A subject may be named many times. Three queries for any number.
    """
    wanted = Counter(subject_ids)
    with acting_as(actor):
        subject_keys_hold(wanted.keys())
        rows = SubjectTag.objects.filter(subject_id__in=wanted).order_by("subject_id")
        rows_held = list(rows.select_for_update())
        given = {}
        for row in rows_held:
            first = row.counter + 1
            row.counter += wanted[row.subject_id]
            secret = tag_secret(row)
            given[row.subject_id] = iter(
                [make_tag(secret, counter) for counter in range(first, row.counter + 1)]
            )
        _counters_store(rows_held)
        return tuple(next(given[subject_id]) for subject_id in subject_ids)


def _counters_store(rows: Sequence[SubjectTag]) -> None:
    with connections[current_alias()].cursor() as cursor:
        cursor.execute(
            "UPDATE vault_subjecttag AS tag SET counter = row.counter"
            " FROM unnest(%s::uuid[], %s::bigint[]) AS row (subject_id, counter)"
            " WHERE tag.subject_id = row.subject_id",
            [[row.subject_id for row in rows], [row.counter for row in rows]],
        )
