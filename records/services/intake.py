"""Intake: resources go to the vault byte for byte, their commitments to the ledger.

A submission is one transaction and one signature; it is taken whole or not at all.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import connections

from accounts.core.scopes import Scope, organisation_with
from foundation.core.actor import Actor
from foundation.tenancy import acting_as, current_alias
from ledger.core.entry import EntryDraft
from ledger.core.receipt import Receipt
from ledger.services import submission_append
from records.core.fhir_json import IssueType
from records.core.intake import Incoming
from records.core.outcome import Issue, RecordConflictError, UnknownPatientError
from records.keeping import (
    Seeds,
    new_id,
    patients_find,
    people_ensure,
    records_find,
    records_keep,
    records_kept,
    records_name,
)
from records.models import ConsentHead, Record
from records.selectors import DECIDING_TYPES, newest_of
from vault.services import tags_next_for

RECORD_ANCHORED = "records.record.anchored.v1"
CONSENT_RECORDED = "records.consent.recorded.v1"
_LOCK_ORGANISATION, _LOCK_NAME = 31, 32  # classids of the advisory locks on names
_NAMES_APART_MAX = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedVersion:
    """A version as recorded; ``record_id`` names the record for ever, in claims too."""

    record_id: UUID
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """The versions, in the order submitted, and the one receipt for all of them."""

    versions: tuple[RecordedVersion, ...]
    receipt: Receipt


def records_submit(
    *, actor: Actor, incoming: Sequence[Incoming], seeds: Seeds, now: dt.datetime
) -> Recorded:
    """Record resources for the acting organisation as one submission; return what they are now.

    Raise ``UnknownPatientError`` or ``RecordConflictError`` with an issue for every bad one,
    ``AmbiguousIdentifiersError`` or ``MissingScopeError``; nothing is taken then.
    """
    organisation_id = organisation_with(actor, Scope.RECORDS_WRITE)
    with acting_as(actor):
        _take_turn(organisation_id, [one.name for one in incoming])
        subjects = _subjects(actor=actor, incoming=incoming, now=now)
        places = _places(actor, incoming, subjects, seeds)
        _heads_touch(organisation_id, incoming, subjects)
        sealed = records_keep(
            actor=actor,
            incoming=[
                (one, subject_id, place.record_id)
                for one, subject_id, place in zip(incoming, subjects, places, strict=True)
            ],
            seeds=seeds,
        )
        tags = tags_next_for(actor=actor, subject_ids=subjects)
        drafts = [
            EntryDraft(
                kind=CONSENT_RECORDED if one.index.type == "Consent" else RECORD_ANCHORED,
                id=new_id(seeds),
                body={"tag": tag},
                commitments=(item.commitment,),
            )
            for one, tag, item in zip(incoming, tags, sealed, strict=True)
        ]
        receipt = submission_append(actor=actor, entries=drafts, now=now)
        Record.objects.bulk_create(
            Record(
                organisation_id=organisation_id,
                subject_id=subject_id,
                record_id=place.record_id,
                version=place.version,
                resource_type=one.index.type,
                recorded_at=now,
                item_id=item.item_id,
                commitment=item.commitment,
                entry_id=entry_id,
            )
            for one, subject_id, place, item, entry_id in zip(
                incoming, subjects, places, sealed, receipt.entry_ids, strict=True
            )
        )
        return Recorded(versions=tuple(places), receipt=receipt)


def versions_before(*, actor: Actor, incoming: Sequence[Incoming]) -> tuple[int, ...]:
    """Return how many versions of each resource came before this one, if it is the newest.

    So the same bytes are a repeat only while nothing else came after them: a consent that is
    given, revoked and given again in the same words is three acts.
    """
    with acting_as(actor):
        ids = records_find(actor=actor, names=[one.name for one in incoming])
        rows = newest_of(
            organisation_id=actor.organisation,
            record_ids=[each for each in ids if each is not None],
        )
        kept = records_kept(actor=actor, item_ids=[row.item_id for row in rows.values()])
        counts = []
        for one, record_id in zip(incoming, ids, strict=True):
            row = None if record_id is None else rows[record_id]
            version = 0 if row is None else row.version
            if row is not None and row.item_id in kept and kept[row.item_id].data == one.data:
                version -= 1
            counts.append(version)
        return tuple(counts)


def _take_turn(organisation_id: UUID, names: Sequence[tuple[str, str]]) -> None:
    """Let one transaction at a time write what has these types and ids."""
    few = len(names) <= _NAMES_APART_MAX
    lock = "pg_advisory_xact_lock_shared" if few else "pg_advisory_xact_lock"
    texts = sorted(f"{organisation_id}/{type_}/{id_}" for type_, id_ in names) if few else []
    with connections[current_alias()].cursor() as cursor:
        cursor.execute(
            f"SELECT {lock}(%s, hashtext(%s))", [_LOCK_ORGANISATION, str(organisation_id)]
        )
        for text in texts:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_LOCK_NAME, text])


def _subjects(*, actor: Actor, incoming: Sequence[Incoming], now: dt.datetime) -> list[UUID]:
    """Return whom each resource is about; a Patient of the submission is made where it is new."""
    own = [one for one in incoming if one.index.type == "Patient" or not one.about]
    made = people_ensure(actor=actor, incoming=own, now=now)
    known = {one.name: subject_id for one, subject_id in zip(own, made, strict=True)}
    wanted = {_id_of(reference) for one in incoming for reference in one.about}
    elsewhere = wanted - {id_ for type_, id_ in known if type_ == "Patient"}
    patients = patients_find(actor=actor, ids=elsewhere) if elsewhere else {}
    patients |= {id_: found for (type_, id_), found in known.items() if type_ == "Patient"}
    subjects: list[UUID] = []
    issues: list[Issue] = []
    for one in incoming:
        found = {patients.get(_id_of(reference)) for reference in one.about}
        if one.name in known:
            found = {known[one.name]}
        subject_id = found.pop()
        if subject_id is None or found:
            detail = (
                "is about more than one person"
                if found
                else "its Patient is not known here: send that first, or in the same Bundle"
            )
            issues.append(Issue(code=IssueType.NOT_FOUND, detail=detail, path=one.path))
        else:
            subjects.append(subject_id)
    if issues:
        raise UnknownPatientError(issues)
    return subjects


def _id_of(reference: str) -> str:
    return reference.rpartition("/")[2]


def _places(
    actor: Actor, incoming: Sequence[Incoming], subjects: Sequence[UUID], seeds: Seeds
) -> list[RecordedVersion]:
    """Return record and version of each resource, new records named for later."""
    names = [one.name for one in incoming]
    ids = records_find(actor=actor, names=names)
    known: Mapping[UUID, Record] = newest_of(
        organisation_id=actor.organisation, record_ids=[each for each in ids if each is not None]
    )
    places: list[RecordedVersion] = []
    issues: list[Issue] = []
    fresh: list[tuple[tuple[str, str], UUID, UUID]] = []
    for one, subject_id, record_id in zip(incoming, subjects, ids, strict=True):
        row = None if record_id is None else known[record_id]
        detail = _conflict(one, subject_id, row)
        if detail is not None:
            issues.append(Issue(code=IssueType.CONFLICT, detail=detail, path=one.path))
        place = RecordedVersion(
            record_id=new_id(seeds) if row is None else row.record_id,
            version=1 if row is None else row.version + 1,
        )
        places.append(place)
        if row is None:
            fresh.append((one.name, subject_id, place.record_id))
    if issues:
        raise RecordConflictError(issues)
    records_name(actor=actor, named=fresh)
    return places


def _conflict(one: Incoming, subject_id: UUID, row: Record | None) -> str | None:
    if row is None:
        return None
    if one.is_create:
        return "this type and id is kept here: PUT the new version"
    if row.subject_id != subject_id:
        return "this type and id is another patient's: a record never changes its patient"
    return None


def _heads_touch(
    organisation_id: UUID, incoming: Sequence[Incoming], subjects: Sequence[UUID]
) -> None:
    """Give each subject its head; change those where consents change, waiting for readers.

    A Patient counts as one: who it is decides whose consents they are, and whom they let in.
    Before anything else of the subject is held: readers hold the head first, too.
    """
    ConsentHead.objects.bulk_create(
        (
            ConsentHead(organisation_id=organisation_id, subject_id=subject_id)
            for subject_id in sorted(set(subjects))
        ),
        ignore_conflicts=True,
    )
    deciding = sorted(
        {
            subject_id
            for one, subject_id in zip(incoming, subjects, strict=True)
            if one.index.type in DECIDING_TYPES
        }
    )
    with connections[current_alias()].cursor() as cursor:
        for subject_id in deciding:
            cursor.execute(
                "UPDATE records_consenthead SET version = version + 1"
                " WHERE organisation_id = %s AND subject_id = %s",
                [organisation_id, subject_id],
            )
