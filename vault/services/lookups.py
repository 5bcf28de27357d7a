"""Keyed look-ups: a thing is found by texts that nobody can read back.

An app that keeps a thing in the vault says what it is to be found by (a prescription's number
and fill, a date); kept is only an HMAC under the organisation's look-up key.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db import connections

from foundation.core.actor import Actor
from foundation.core.problem import BadInputError
from foundation.tenancy import acting_as, current_alias
from vault.models import Keyring, SubjectLookup
from vault.registry import holder_get
from vault.services.keys import holder_hash, lookup_key, subject_keys_hold

_INSERT = """
    INSERT INTO vault_subjectlookup (organisation_id, subject_id, holder, lookup, ref)
    SELECT %s, subject_id, holder, lookup, ref
    FROM unnest(%s::uuid[], %s::text[], %s::bytea[], %s::uuid[])
        AS row (subject_id, holder, lookup, ref)
    ON CONFLICT (organisation_id, lookup, ref) DO NOTHING
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupDraft:
    """That ``ref``, a thing of ``holder`` about a subject, is to be found by ``parts``."""

    subject_id: UUID
    holder: str
    parts: Sequence[str] = field(repr=False)
    ref: UUID


def lookup_put(
    *, actor: Actor, subject_id: UUID, holder: str, parts: Sequence[str], ref: UUID
) -> None:
    """Let ``ref`` be found by ``parts``, in this order; doing it twice is fine.

    It goes when the subject, or the holder's category, is erased. Raise ``UnknownSubjectError``,
    ``ErasedError``, or ``BadInputError`` for no parts or what is no text of Unicode.
    """
    draft = LookupDraft(subject_id=subject_id, holder=holder, parts=parts, ref=ref)
    lookup_put_many(actor=actor, lookups=[draft])


def lookup_put_many(*, actor: Actor, lookups: Sequence[LookupDraft]) -> None:
    """Do as ``lookup_put`` for all of them, in three queries."""
    for each in lookups:
        holder_get(each.holder)
        _check_parts(each.parts)
    if not lookups:
        return
    with acting_as(actor):
        subject_keys_hold({each.subject_id for each in lookups})
        key = lookup_key(actor.organisation)
        with connections[current_alias()].cursor() as cursor:
            cursor.execute(
                _INSERT,
                [
                    actor.organisation,
                    [each.subject_id for each in lookups],
                    [each.holder for each in lookups],
                    [holder_hash(key, each.holder, each.parts) for each in lookups],
                    [each.ref for each in lookups],
                ],
            )


def lookup_find(*, actor: Actor, holder: str, parts: Sequence[str]) -> tuple[UUID, ...]:
    """Return everything of ``holder`` that was put under exactly these parts, first put first."""
    return lookup_find_many(actor=actor, holder=holder, wanted=[parts])[0]


def lookup_find_many(
    *, actor: Actor, holder: str, wanted: Sequence[Sequence[str]]
) -> tuple[tuple[UUID, ...], ...]:
    """Do as ``lookup_find`` for each of these, in three queries."""
    for parts in wanted:
        _check_parts(parts)
    with acting_as(actor):
        if not Keyring.objects.filter(organisation_id=actor.organisation).exists():
            return ((),) * len(wanted)
        key = lookup_key(actor.organisation)
        lookups = [holder_hash(key, holder, parts) for parts in wanted]
        rows = SubjectLookup.objects.filter(
            organisation_id=actor.organisation, lookup__in=set(lookups)
        )
        found: dict[bytes, list[UUID]] = {}
        for lookup, ref in rows.order_by("id").values_list("lookup", "ref"):
            found.setdefault(bytes(lookup), []).append(ref)
        return tuple(tuple(found.get(lookup, ())) for lookup in lookups)


def _check_parts(parts: Sequence[str]) -> None:
    if not parts or any("\ud800" <= letter <= "\udfff" for part in parts for letter in part):
        raise BadInputError("a look-up has at least one part, and parts are texts of Unicode")
