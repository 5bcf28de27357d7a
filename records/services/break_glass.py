"""Breaking the glass: opened by a person, for one patient and an hour, and looked at by another.

Inside the person's own organisation the entry is signed by the person's key, where the log knows
one. For another organisation's records it is the holder's entry, so the holder's key signs; who
broke the glass stands in what the entry commits to.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from accounts.core.scopes import Scope, organisation_with
from accounts.selectors import organisation_get
from foundation.core.actor import Actor
from foundation.core.problem import NotFoundError
from foundation.tenancy import acting_as
from ledger.core.canonical import Json, canonical_bytes
from ledger.core.entry import EntryDraft
from ledger.core.receipt import Receipt
from ledger.errors import NoKeyError
from ledger.services import Signer, submission_append
from records.core.break_glass import (
    BreakGlass,
    BreakGlassError,
    BreakGlassReason,
    BreakGlassStep,
    BreakGlassVerdict,
    break_glass,
    check_explanation,
    check_reviewer,
    may_break,
    review_glass,
)
from records.core.search import PersonName
from records.keeping import Seeds, glass_keep, glasses_kept, new_id, nobody_ensure, subject_find
from records.models import BreakGlass as GlassRow
from records.models import BreakGlassExplanation, BreakGlassReview
from records.services.disclosures import disclosure_write
from vault.services import Sealed, tag_next

GLASS_BROKEN = "records.glass.broken.v1"
GLASS_EXPLAINED = "records.glass.explained.v1"
GLASS_REVIEWED = "records.glass.reviewed.v1"
GLASS_ENGINE = "theriac-glass/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Glass:
    """An opening: how far, until when, and when its review is due."""

    glass_id: UUID
    step: BreakGlassStep
    started_at: dt.datetime
    ends_at: dt.datetime
    review_due_at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class GlassDetail:
    """What a reviewer reads: the reason, and the words of who broke it, once given."""

    glass: Glass
    reader_id: UUID
    person_id: UUID
    reason: BreakGlassReason
    explanation: str


def glass_break(
    *,
    actor: Actor,
    holder_id: UUID,
    person: PersonName,
    reason: BreakGlassReason,
    opened: UUID | None = None,
    seeds: Seeds,
    now: dt.datetime,
) -> tuple[Glass, Receipt]:
    """Open a patient's emergency set to the acting clinician; with ``opened`` running, all.

    It opens for who is not known, too: nothing is behind it, and nobody learns that. Inside
    ``acting_as(actor.acting_for(…))``. Raise ``BreakGlassError`` or ``MissingScopeError``.
    """
    person_id = _check_person(actor)
    holder = actor.acting_for(holder_id)
    with acting_as(holder):
        subject_id = subject_find(holder, person) or nobody_ensure(actor=holder, now=now)
        first = None if opened is None else _glass_of(_row(opened), holder)
        glass = break_glass(
            person_id=person_id,
            subject_id=subject_id,
            is_authorised=may_break(actor.roles, organisation_get(actor.organisation).kind),
            reauthenticated_at=actor.reauthenticated_at,
            reason=reason,
            now=now,
            opened=first,
        )
        glass_id = new_id(seeds)
        item, receipt = _enter(
            GLASS_BROKEN,
            actor=actor,
            holder=holder,
            glass_id=glass_id,
            subject_id=subject_id,
            data=_said(actor, person, glass, opened),
            seeds=seeds,
            now=now,
        )
        GlassRow.objects.create(
            organisation_id=holder_id,
            glass_id=glass_id,
            subject_id=subject_id,
            reader_id=actor.organisation,
            person_id=person_id,
            step=glass.step,
            started_at=now,
            ends_at=glass.end,
            item_id=item.item_id,
            commitment=item.commitment,
            entry_id=receipt.entry_ids[0],
        )
        return _shown(glass_id, glass), receipt


def breaking_check(*, actor: Actor, holder_id: UUID) -> None:
    """Raise unless the actor is a person, may read records, and the holder is a member."""
    _check_person(actor)
    with acting_as(actor):
        organisation_get(holder_id)


def glasses_running(
    *, reader: Actor, holder: Actor, subject_id: UUID, person: PersonName | None, now: dt.datetime
) -> dict[UUID, BreakGlass]:
    """Return the openings under which a person reads a subject's records at this moment.

    ``person`` is set where nobody is known by that name: the opening must have named it so.
    """
    if reader.person_id is None:
        return {}
    rows = GlassRow.objects.filter(
        organisation_id=holder.organisation,
        reader_id=reader.organisation,
        person_id=reader.person_id,
        subject_id=subject_id,
        started_at__lte=now,
        ends_at__gt=now,
    )
    kept = glasses_kept(actor=holder, item_ids=[row.item_id for row in rows])
    return {
        row.glass_id: _glass(row, kept[row.item_id])
        for row in rows
        if row.item_id in kept and (person is None or _names(kept[row.item_id], person))
    }


def glass_explain(
    *,
    actor: Actor,
    holder_id: UUID,
    glass_id: UUID,
    explanation: str,
    seeds: Seeds,
    now: dt.datetime,
) -> Receipt:
    """Keep, in words, why the acting person broke the glass. Raise ``BreakGlassError``.

    ``MissingScopeError``, or ``NotFoundError`` where this person has no such opening.
    """
    _check_person(actor)
    holder = actor.acting_for(holder_id)
    with acting_as(holder):
        row = _row(glass_id)
        if (row.reader_id, row.person_id) != (actor.organisation_id, actor.person_id):
            raise NotFoundError("you broke no glass of this id")
        check_explanation(explanation)
        if BreakGlassExplanation.objects.filter(glass=row).exists():
            raise BreakGlassError("this access is explained already; words are not changed")
        item, receipt = _enter(
            GLASS_EXPLAINED,
            actor=actor,
            holder=holder,
            glass_id=new_id(seeds),
            subject_id=row.subject_id,
            data={"glass": str(glass_id), "explanation": explanation},
            seeds=seeds,
            now=now,
        )
        BreakGlassExplanation.objects.create(
            organisation_id=holder_id,
            glass=row,
            explained_at=now,
            item_id=item.item_id,
            commitment=item.commitment,
            entry_id=receipt.entry_ids[0],
        )
        return receipt


def glass_review(
    *, actor: Actor, glass_id: UUID, verdict: BreakGlassVerdict, seeds: Seeds, now: dt.datetime
) -> Receipt:
    """Close the review of an opening, under the reviewer's personal key.

    Raise ``BreakGlassError``, ``NoKeyError`` without that key or five minutes after logging in,
    ``NotFoundError``, or ``MissingScopeError``.
    """
    reviewer_id = _check_person(actor)
    with acting_as(actor):
        row = _row(glass_id)
        if BreakGlassReview.objects.filter(glass=row).exists():
            raise BreakGlassError("this access is reviewed already")
        review = review_glass(
            _glass_of(row, actor),
            reviewer_id=reviewer_id,
            reviewer_roles=actor.roles,
            explanation=_explanation(row, actor),
            verdict=verdict,
            now=now,
        )
        data = {"glass": str(glass_id), "reviewer": str(reviewer_id), "verdict": verdict.value}
        tagged = tag_next(actor=actor, subject_id=row.subject_id)
        item = _keep(
            actor, row.subject_id, ref=new_id(seeds), kind=GLASS_REVIEWED, data=data, seeds=seeds
        )
        draft = _draft(GLASS_REVIEWED, tagged, item, seeds)
        receipt = submission_append(actor=actor, entries=[draft], now=now, signer=Signer.PERSON)
        BreakGlassReview.objects.create(
            organisation_id=actor.organisation,
            glass=row,
            reviewer_id=review.reviewer_id,
            reviewed_at=now,
            item_id=item.item_id,
            commitment=item.commitment,
            entry_id=receipt.entry_ids[0],
        )
        return receipt


def glass_read(
    *, actor: Actor, glass_id: UUID, seeds: Seeds, now: dt.datetime
) -> tuple[GlassDetail, Receipt]:
    """Return an opening with reason and explanation, for its review; the reading is an entry.

    Raise ``BreakGlassError`` for who is no reviewer, ``NotFoundError``, ``MissingScopeError``.
    """
    organisation_with(actor, Scope.RECORDS_READ)
    check_reviewer(actor.roles)
    with acting_as(actor):
        row = _row(glass_id)
        receipt = disclosure_write(
            holder=actor,
            reader=actor,
            subject_id=row.subject_id,
            records=(),
            receipt={"engine": GLASS_ENGINE, "glass": str(glass_id), "time": now.isoformat()},
            seeds=seeds,
            now=now,
        )
        glass = _glass_of(row, actor)
        detail = GlassDetail(
            glass=_shown(glass_id, glass),
            reader_id=row.reader_id,
            person_id=row.person_id,
            reason=glass.reason,
            explanation=_explanation(row, actor),
        )
        return detail, receipt


def _check_person(actor: Actor) -> UUID:
    """Return who acts; raise unless it is a person who may read records for an organisation."""
    organisation_with(actor, Scope.RECORDS_READ)
    if actor.person_id is None:
        raise BreakGlassError("this is done by a person, logged in; a system cannot")
    return actor.person_id


def _said(
    actor: Actor, person: PersonName, glass: BreakGlass, opened: UUID | None
) -> dict[str, Json]:
    """Return what the entry of an opening commits to."""
    return {
        "organisation": str(actor.organisation),
        "person": str(actor.person_id),
        "patient": {"system": person.system or "", "value": person.value},
        "reason": glass.reason.value,
        "step": glass.step.value,
        "start": glass.start.isoformat(),
        "end": glass.end.isoformat(),
        "opened": "" if opened is None else str(opened),
    }


def _enter(
    kind: str,
    *,
    actor: Actor,
    holder: Actor,
    glass_id: UUID,
    subject_id: UUID,
    data: Mapping[str, Json],
    seeds: Seeds,
    now: dt.datetime,
) -> tuple[Sealed, Receipt]:
    """Keep what is said, and enter its commitment: by the person's key if it may sign here."""
    tagged = tag_next(actor=holder, subject_id=subject_id)
    item = _keep(holder, subject_id, ref=glass_id, kind=kind, data=data, seeds=seeds)
    draft = _draft(kind, tagged, item, seeds)
    if holder == actor:
        try:
            receipt = submission_append(
                actor=holder, entries=[draft], now=now, signer=Signer.PERSON
            )
        except NoKeyError:
            pass  # an emergency does not wait for a key; the person stands in the commitment
        else:
            return item, receipt
    return item, submission_append(actor=holder, entries=[draft], now=now)


def _keep(
    holder: Actor,
    subject_id: UUID,
    *,
    ref: UUID,
    kind: str,
    data: Mapping[str, Json],
    seeds: Seeds,
) -> Sealed:
    return glass_keep(
        actor=holder,
        subject_id=subject_id,
        ref=ref,
        header=canonical_bytes({"kind": kind}),
        data=canonical_bytes(dict(data)),
        seeds=seeds,
    )


def _draft(kind: str, tagged: str, item: Sealed, seeds: Seeds) -> EntryDraft:
    body = {"tag": tagged}
    return EntryDraft(kind=kind, id=new_id(seeds), body=body, commitments=(item.commitment,))


def _row(glass_id: UUID) -> GlassRow:
    row = GlassRow.objects.filter(glass_id=glass_id).first()
    if row is None:
        raise NotFoundError("your organisation has no opening of this id")
    return row


def _glass_of(row: GlassRow, holder: Actor) -> BreakGlass:
    kept = glasses_kept(actor=holder, item_ids=[row.item_id])
    if row.item_id not in kept:
        raise NotFoundError("what was said of this opening was erased")
    return _glass(row, kept[row.item_id])


def _glass(row: GlassRow, data: Mapping[str, Json]) -> BreakGlass:
    return BreakGlass(
        person_id=row.person_id,
        subject_id=row.subject_id,
        reason=BreakGlassReason(str(data["reason"])),
        step=BreakGlassStep(row.step),
        start=row.started_at,
        end=row.ends_at,
    )


def _names(data: Mapping[str, Json], person: PersonName) -> bool:
    return data["patient"] == {"system": person.system or "", "value": person.value}


def _explanation(row: GlassRow, holder: Actor) -> str:
    found = BreakGlassExplanation.objects.filter(glass=row).first()
    if found is None:
        return ""
    kept = glasses_kept(actor=holder, item_ids=[found.item_id])
    return str(kept[found.item_id]["explanation"]) if found.item_id in kept else ""


def _shown(glass_id: UUID, glass: BreakGlass) -> Glass:
    return Glass(
        glass_id=glass_id,
        step=glass.step,
        started_at=glass.start,
        ends_at=glass.end,
        review_due_at=glass.review_due_at,
    )
