"""The health records behind a claim: asked of who holds them, before the claim is decided.

An 837P names a record in PWK06, a JSON claim in ``attachment_control_number``: the UUID that
anchoring it answered. The billing provider holds it and signs the disclosure, in a transaction of
its own; what comes back is frozen and decides like any other fact.
"""

import datetime as dt
from collections.abc import Mapping
from uuid import UUID

from accounts.core.scopes import Scope, organisation_with
from claims.core.facts import EntryRef, Fact, RecordEvidence, State
from claims.core.model import Claim
from claims.keeping import Seeds
from claims.models import PENDED
from claims.models import Claim as ClaimRow
from claims.services.contracts import check_insurer
from claims.services.decisions import OWN_SUBMISSION, claim_document, contract_for
from foundation.core.actor import Actor
from foundation.tenancy import acting_as
from ledger.errors import NoKeyError
from records.services import EvidenceFact, EvidenceState, record_evidence
from records.services import RecordEvidence as Shown

# A holder that cannot read its record proves nothing and contradicts nothing: the claim waits.
_STATES = {
    EvidenceState.MISSING: State.MISSING,
    EvidenceState.UNREADABLE: State.MISSING,
    EvidenceState.PROVEN: State.PROVEN,
}
UNSIGNED = "the record's holder has no key that signs its disclosure"


def records_gather(
    *, actor: Actor, claim_id: UUID, seeds: Seeds, now: dt.datetime
) -> Mapping[int, RecordEvidence]:
    """Return what is shown of the records that the claim's lines name, by line number.

    Outside any transaction: each holder answers in its own. Asked is only what the contract
    demands, of claims that the holder sent itself, and nothing of a claim that is decided or not
    the acting insurer's. Raise ``ForbiddenError`` for who is no insurer.
    """
    named, row, member_id = _named(actor, claim_id)
    if row is None or row.provider_id is None:
        return {}
    if row.submitter_id != row.provider_id:
        return dict.fromkeys(named, _missing(OWN_SUBMISSION))
    shown = {
        number: _shown(
            reader=actor,
            holder_id=row.provider_id,
            record=number,
            member_id=member_id,
            seeds=seeds,
            now=now,
        )
        for number in sorted(set(named.values()))
    }
    return {line: shown[number] for line, number in named.items()}


def _named(actor: Actor, claim_id: UUID) -> tuple[dict[int, str], ClaimRow | None, str]:
    """Return the record that each line names, the claim's row, and the member's number."""
    organisation_id = organisation_with(actor, Scope.CLAIMS_WRITE)
    with acting_as(actor):
        check_insurer(organisation_id)
        row = ClaimRow.objects.filter(id=claim_id, organisation_id=organisation_id).first()
        if row is None or row.decisions.exclude(status=PENDED).exists():
            return {}, None, ""
        claim = claim_document(actor=actor, row=row).claim
        named = _numbers(claim)
        if not named:
            return {}, None, ""
        _, contract = contract_for(claim, row.received_at.date())
        if not any(demand.record for demand in contract.terms.evidence):
            return {}, None, ""
        return named, row, claim.member_id


def _numbers(claim: Claim) -> dict[int, str]:
    """Return each line's record: its own, else the claim's."""
    numbers = {
        line.number: line.attachment_control_number or claim.attachment_control_number
        for line in claim.lines
    }
    return {line: number for line, number in numbers.items() if number is not None}


def _shown(
    *,
    reader: Actor,
    holder_id: UUID,
    record: str,
    member_id: str,
    seeds: Seeds,
    now: dt.datetime,
) -> RecordEvidence:
    try:
        found = record_evidence(
            reader=reader,
            holder_organisation_id=holder_id,
            record=record,
            member_ids=[member_id],
            seeds=seeds,
            now=now,
        )
    except NoKeyError:
        return _missing(UNSIGNED)
    return _evidence(found)


def _missing(needed: str) -> RecordEvidence:
    fact = Fact(state=State.MISSING, note=needed)
    return RecordEvidence(anchored=fact, consent=fact)


def _evidence(found: Shown) -> RecordEvidence:
    return RecordEvidence(anchored=_fact(found.anchored), consent=_fact(found.consent))


def _fact(found: EvidenceFact) -> Fact:
    return Fact(
        state=_STATES[found.state],
        note=found.note,
        entries=tuple(EntryRef(entry_id=each.hex()) for each in found.entry_ids),
    )
