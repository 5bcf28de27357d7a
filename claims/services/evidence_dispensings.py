"""The dispensing behind each drug line: told by its pharmacy, held and paid for by the insurer.

A line finds it by pharmacy, prescription number, product and date, and by the fill where the
claim can say it (an 837 cannot). What is not found pends; what is proven otherwise denies.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from uuid import UUID

from accounts.core.scopes import Scope, organisation_with
from claims.core.facts import DispensedItem, DispensingEvidence, EntryRef, Fact, State, Tier
from claims.core.model import Claim, ClaimLine
from claims.keeping import Seeds
from claims.models import PENDED
from claims.models import Claim as ClaimRow
from claims.services.contracts import check_insurer
from claims.services.decisions import OWN_SUBMISSION, claim_document, contract_for
from claims.services.dispensing_spends import claim_quantity, dispensing_missing
from foundation.core.actor import Actor, organisation_actor
from foundation.tenancy import acting_as
from ledger.errors import NoKeyError
from provenance.core.evidence import Finding, Standing
from provenance.services import QUERY_DAYS_MAX, DispensingQuery, GivenItem, dispensing_evidence
from provenance.services import DispensingEvidence as Told
from vault.errors import UnreadableItemError
from vault.services import damage_note

# The gravest first: one item that is not as it should be speaks for all.
_STATES = {
    Standing.BROKEN: State.CONTRADICTED,
    Standing.UNKNOWN: State.MISSING,
    Standing.PROVEN: State.PROVEN,
}


def dispensings_gather(
    *, actor: Actor, claim_id: UUID, seeds: Seeds, now: dt.datetime
) -> Mapping[int, DispensingEvidence]:
    """Return what the billing pharmacy tells of each drug line's dispensing, by line number.

    Outside any transaction: the pharmacy answers in its own, and signs what it tells. Asked is
    only what the contract demands, of claims that the pharmacy sent itself, and nothing of a claim
    that is decided or not the acting insurer's. Raise ``ForbiddenError`` for who is no insurer.
    """
    organisation_id = organisation_with(actor, Scope.CLAIMS_WRITE)
    with acting_as(actor):
        check_insurer(organisation_id)
        row = ClaimRow.objects.filter(id=claim_id, organisation_id=organisation_id).first()
        if row is None or row.decisions.exclude(status=PENDED).exists():
            return {}
        claim = claim_document(actor=actor, row=row).claim
        _, contract = contract_for(claim, row.received_at.date())
    if not any(demand.dispensing for demand in contract.terms.evidence):
        return {}
    drugs = [line for line in claim.lines if line.drug is not None]
    unasked = {line.number: needed for line in drugs if (needed := _unasked(line, claim, row))}
    queries = {line.number: _query(line) for line in drugs if line.number not in unasked}
    told: Mapping[int, Told] = {}
    if row.provider_id is not None and queries:
        told = _told(row.provider_id, organisation_id, queries, seeds=seeds, now=now)
    return {
        line.number: _evidence(told.get(line.number, Told()))
        or dispensing_missing(unasked.get(line.number, "the dispensing"))
        for line in drugs
    }


def _told(
    pharmacy_id: UUID,
    insurer_id: UUID,
    queries: Mapping[int, DispensingQuery],
    *,
    seeds: Seeds,
    now: dt.datetime,
) -> Mapping[int, Told]:
    """Ask the pharmacy; one without a key that signs, or that opens its vault, tells nothing."""
    try:
        answers = dispensing_evidence(
            pharmacy_id=pharmacy_id,
            to_organisation_id=insurer_id,
            queries=list(queries.values()),
            seeds=lambda size: seeds()[:size],
            now=now,
        )
    except NoKeyError:
        return {}
    except UnreadableItemError as error:
        damage_note(actor=organisation_actor(pharmacy_id), error=error, now=now)
        return {}
    return dict(zip(queries, answers, strict=True))


def _query(line: ClaimLine) -> DispensingQuery:
    assert line.drug is not None, "only drug lines are asked about"
    assert line.prescription_number is not None, "_unasked saw to it"
    return DispensingQuery(
        number=line.prescription_number,
        fill=line.fill_number,
        ndc=line.drug.ndc,
        from_date=line.service_date,
        to_date=line.service_end_date or line.service_date,
    )


def _unasked(line: ClaimLine, claim: Claim, row: ClaimRow) -> str:
    """Return what a drug line needs before its pharmacy is asked; nothing where it is."""
    if row.provider_id is None:
        return f"a pharmacy with the NPI {claim.billing_provider_npi} in this channel"
    if row.submitter_id != row.provider_id:
        return OWN_SUBMISSION
    if line.prescription_number is None:
        return "the prescription number"
    if ((line.service_end_date or line.service_date) - line.service_date).days >= QUERY_DAYS_MAX:
        return f"dates of service within {QUERY_DAYS_MAX} days"
    return ""


def _evidence(told: Told) -> DispensingEvidence | None:
    """Return what was told as facts of the claim, ``None`` where nothing was found."""
    if not told.items:
        return None
    items = tuple(_item(item) for item in told.items)
    units = {item.unit for item in told.items}
    entries = [item.entry_id for item in told.items] + list(told.disclosures)
    return DispensingEvidence(
        dispensing=Fact(state=State.PROVEN, entries=_refs(each.hex() for each in entries)),
        custody=_fact([item.facts.custody for item in told.items]),
        condition=_fact([item.facts.condition for item in told.items]),
        tier=Tier(min(item.facts.tier.value for item in told.items)),
        dispensed_quantity=_sum(item.dispensed_quantity for item in items),
        available_quantity=_sum(item.available_quantity for item in items),
        unit=units.pop() if len(units) == 1 else "",
        items=items,
    )


def _item(item: GivenItem) -> DispensedItem:
    return DispensedItem(
        epc=item.epc,
        entry_id=item.entry_id.hex(),
        dispensed_quantity=claim_quantity(item.given),
        available_quantity=claim_quantity(item.remaining),
    )


def _fact(findings: Sequence[Finding]) -> Fact:
    """Return one fact for all items: contradicted by any, else missing for any, else proven."""
    standing = min((each.standing for each in findings), key=list(_STATES).index)
    chosen = [each for each in findings if each.standing is standing]
    notes = dict.fromkeys(each.note for each in chosen if each.note)
    return Fact(
        state=_STATES[standing],
        note="; ".join(notes),
        entries=_refs(entry for each in chosen for entry in each.entries),
    )


def _refs(entries: Iterable[str]) -> tuple[EntryRef, ...]:
    return tuple(EntryRef(entry_id=each) for each in dict.fromkeys(entries))


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return claim_quantity(sum(amounts, Decimal(0)))
