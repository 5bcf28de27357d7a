"""Claims and coverage in: the document goes to the vault, its commitment to the ledger."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from accounts.core.scopes import Scope, organisation_with
from accounts.selectors import organisation_by_npi, organisation_get
from claims.core.codec import format_json
from claims.core.facts import Coverage as CoverageFact
from claims.core.model import (
    ClaimDocument,
    check_claim,
    check_served,
    latest_service_date,
)
from claims.errors import MixedPayersError, NotTheBillerError, UnknownPayerError
from claims.keeping import Holder, Seeds, keep, member_subject, new_id, tag
from claims.models import Claim, ClaimLine, Coverage, PayerProfile
from claims.services.contracts import INSURER, check_insurer, insurer_of
from foundation.core.actor import Actor
from foundation.core.problem import NotFoundError
from foundation.tenancy import acting_as
from ledger.core.canonical import canonical_bytes
from ledger.core.entry import EntryDraft
from ledger.core.receipt import Receipt
from ledger.services import submission_append

CLAIM_RECEIVED = "claims.claim.received.v1"
COVERAGE_STATED = "claims.coverage.stated.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """The claims taken, in the order sent, and the one receipt for all of them."""

    claim_ids: tuple[UUID, ...]
    receipt: Receipt


def claims_receiver(*, actor: Actor, documents: Sequence[ClaimDocument]) -> Actor:
    """Return who takes these claims: the insurer that decides their payer's.

    A provider's claims are kept by the insurer, under the insurer's own key. An insurer's own
    are its own where nobody decides their payer's yet. Raise ``UnknownPayerError``,
    ``MixedPayersError`` or ``MissingScopeError``.
    """
    organisation_id = organisation_with(actor, Scope.CLAIMS_WRITE)
    with acting_as(actor):
        own = organisation_id if organisation_get(organisation_id).kind == INSURER else None
        payers = {each.claim.payer_id for each in documents}
        insurers = [insurer_of(payer) or own for payer in payers]
    found = {each for each in insurers if each is not None}
    if None in insurers or not found:
        raise UnknownPayerError("no insurer of this channel has a contract of this payer in force")
    if len(found) > 1:
        raise MixedPayersError("the claims are for several insurers")
    return actor.acting_for(found.pop())


def claim_submit(
    *,
    actor: Actor,
    submitter_id: UUID,
    documents: Sequence[ClaimDocument],
    seeds: Seeds,
    now: dt.datetime,
) -> Submitted:
    """Take claims for the acting insurer as one submission; return their ids and the receipt.

    ``submitter_id`` is the organisation that sent them: who bills each of them, or the acting
    insurer itself, where no other decides their payer's claims. Raise ``NotTheBillerError`` for
    anybody else, ``ForbiddenError`` where no insurer takes them, ``ClaimError`` for a claim that
    contradicts itself; nothing is taken then.
    """
    organisation_id = organisation_with(actor, Scope.CLAIMS_WRITE)
    for document in documents:
        check_claim(document.claim)
        check_served(document.claim, latest_service_date(now))
    with acting_as(actor):
        check_insurer(organisation_id)
        _check_submitter(organisation_id, submitter_id, documents, now.date())
        rows = [
            _claim_row(actor=actor, document=document, seeds=seeds, now=now)
            for document in documents
        ]
        drafts = [
            EntryDraft(
                kind=CLAIM_RECEIVED,
                id=new_id(seeds),
                body={
                    "claim": str(row.id),
                    "tag": tag(actor=actor, subject_id=row.subject_id),
                },
                commitments=(bytes(row.commitment),),
            )
            for row in rows
        ]
        receipt = submission_append(actor=actor, entries=drafts, now=now)
        for row, entry_id in zip(rows, receipt.entry_ids, strict=True):
            row.organisation_id, row.submitter_id = organisation_id, submitter_id
            row.entry_id = entry_id
        Claim.objects.bulk_create(rows)
        ClaimLine.objects.bulk_create(
            ClaimLine(
                claim_id=row.id,
                organisation_id=organisation_id,
                number=line.number,
                charge_amount=line.charge_amount,
            )
            for row, document in zip(rows, documents, strict=True)
            for line in document.claim.lines
        )
        return Submitted(claim_ids=tuple(row.id for row in rows), receipt=receipt)


def coverage_state(
    *,
    actor: Actor,
    payer_id: str,
    member_id: str,
    coverage: CoverageFact,
    seeds: Seeds,
    now: dt.datetime,
) -> Receipt:
    """Record when the acting insurer covers a member; the newest statement counts."""
    organisation_id = organisation_with(actor, Scope.CLAIMS_WRITE)
    with acting_as(actor):
        subject_id = member_subject(actor=actor, payer_id=payer_id, member_id=member_id, now=now)
        item = keep(
            actor=actor,
            subject_id=subject_id,
            holder=Holder.COVERAGE,
            ref=new_id(seeds),
            data=canonical_bytes(format_json(coverage)),
            seeds=seeds,
        )
        draft = EntryDraft(
            kind=COVERAGE_STATED,
            id=new_id(seeds),
            body={"tag": tag(actor=actor, subject_id=subject_id)},
            commitments=(item.commitment,),
        )
        receipt = submission_append(actor=actor, entries=[draft], now=now)
        Coverage.objects.create(
            organisation_id=organisation_id,
            subject_id=subject_id,
            item_id=item.item_id,
            commitment=item.commitment,
            stated_at=now,
            entry_id=receipt.entry_ids[0],
        )
        return receipt


def payer_profile_put(*, actor: Actor, profile: dict[str, str]) -> None:
    """Keep how the acting insurer names itself in an 835."""
    organisation_id = organisation_with(actor, Scope.CLAIMS_WRITE)
    with acting_as(actor):
        PayerProfile.objects.update_or_create(organisation_id=organisation_id, defaults=profile)


def _claim_row(*, actor: Actor, document: ClaimDocument, seeds: Seeds, now: dt.datetime) -> Claim:
    """Put the document into the vault; return the claim's row without its entry."""
    claim, claim_id = document.claim, new_id(seeds)
    subject_id = member_subject(
        actor=actor, payer_id=claim.payer_id, member_id=claim.member_id, now=now
    )
    item = keep(
        actor=actor,
        subject_id=subject_id,
        holder=Holder.CLAIM,
        ref=claim_id,
        data=canonical_bytes(format_json(document)),
        seeds=seeds,
    )
    return Claim(
        id=claim_id,
        provider_id=_provider(claim.billing_provider_npi, now.date()),
        subject_id=subject_id,
        received_at=now,
        billed_amount=claim.total_amount,
        item_id=item.item_id,
        commitment=item.commitment,
    )


def _check_submitter(
    insurer_id: UUID, submitter_id: UUID, documents: Sequence[ClaimDocument], on_date: dt.date
) -> None:
    """Raise ``NotTheBillerError`` unless each claim is sent by who bills it, or its insurer."""
    pairs = {(each.claim.payer_id, each.claim.billing_provider_npi) for each in documents}
    for payer, npi in sorted(pairs):
        if submitter_id == insurer_id and insurer_of(payer) in {None, insurer_id}:
            continue
        if _provider(npi, on_date) != submitter_id:
            raise NotTheBillerError(f"the NPI {npi} is not yours: who bills a claim sends it")


def _provider(npi: str, on_date: dt.date) -> UUID | None:
    """Return the member of the channel with this NPI, where there is one."""
    try:
        return organisation_by_npi(npi, on_date).id
    except NotFoundError:
        return None
