"""Decisions shown to their parties: each reading is an entry before the first byte leaves."""

import datetime as dt
from dataclasses import dataclass
from uuid import UUID

from accounts.core.scopes import Scope, organisation_with
from accounts.selectors import organisation_get
from claims.core.decision import format_decision
from claims.core.x12 import Envelope
from claims.core.x12_835 import (
    Address,
    Payee,
    Payer,
    Remittance,
    format_835,
    remit_claim,
)
from claims.errors import NoPayerProfileError, UndecidedError
from claims.keeping import Seeds, new_id, tag
from claims.models import PENDED, PayerProfile
from claims.models import Claim as ClaimRow
from claims.models import Decision as DecisionRow
from claims.selectors import claim_get
from claims.services.decisions import claim_document, decision_snapshot
from foundation.core.actor import Actor
from foundation.tenancy import acting_as
from ledger.core.entry import EntryDraft
from ledger.core.receipt import Receipt
from ledger.services import submission_append

DECISION_DISCLOSED = "claims.decision.disclosed.v1"
CONTROL_NUMBERS = 10**9  # ISA13 has nine digits


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclosed:
    """What is shown, and the receipt of the entry that says so."""

    data: bytes
    receipt: Receipt


def decision_disclose(*, actor: Actor, claim_id: UUID, seeds: Seeds, now: dt.datetime) -> Disclosed:
    """Return the record of a claim's last decision, canonical JSON, to a party of the claim.

    Raise ``NotFoundError``, ``ErasedError`` or, before the first decision, ``UndecidedError``.
    """
    holder = _holder(actor, claim_id)
    with acting_as(holder):
        row = DecisionRow.objects.filter(claim_id=claim_id).order_by("-number").first()
        if row is None:
            raise UndecidedError("the claim was received and waits for its first decision")
        receipt = _disclosure(holder=holder, reader=actor, row=row, seeds=seeds, now=now)
        snapshot = decision_snapshot(actor=holder, row=row)
        return Disclosed(data=format_decision(snapshot.decision), receipt=receipt)


def remittance_disclose(
    *, actor: Actor, claim_id: UUID, seeds: Seeds, now: dt.datetime
) -> Disclosed:
    """Return the 835 of a decided claim, balanced, to a party of the claim.

    Raise ``NotFoundError``, ``ErasedError``, ``UndecidedError`` while it pends,
    ``NoPayerProfileError``, ``RemittanceError`` or ``X12TextError``.
    """
    holder = _holder(actor, claim_id)
    with acting_as(holder):
        rows = DecisionRow.objects.exclude(status=PENDED).select_related("claim")
        row = rows.filter(claim_id=claim_id).first()
        if row is None:
            raise UndecidedError("nothing is remitted before the decision")
        remittance = _remittance(actor=holder, row=row)
        envelope = _envelope(remittance, row.claim, seeds=seeds, now=now)
        data = format_835(remittance, envelope)
        receipt = _disclosure(holder=holder, reader=actor, row=row, seeds=seeds, now=now)
        return Disclosed(data=data, receipt=receipt)


def _holder(actor: Actor, claim_id: UUID) -> Actor:
    """Return the insurer's actor for a claim that ``actor`` is a party to."""
    organisation_with(actor, Scope.CLAIMS_READ)
    with acting_as(actor):
        return actor.acting_for(claim_get(claim_id).organisation_id)


def _disclosure(
    *, holder: Actor, reader: Actor, row: DecisionRow, seeds: Seeds, now: dt.datetime
) -> Receipt:
    draft = EntryDraft(
        kind=DECISION_DISCLOSED,
        id=new_id(seeds),
        body={
            "claim": str(row.claim_id),
            "to": str(reader.organisation),
            "tag": tag(actor=holder, subject_id=row.claim.subject_id),
        },
        commitments=(bytes(row.commitment),),
    )
    return submission_append(actor=holder, entries=[draft], now=now)


def _remittance(*, actor: Actor, row: DecisionRow) -> Remittance:
    document = claim_document(actor=actor, row=row.claim)
    decision = decision_snapshot(actor=actor, row=row).decision
    npi = document.claim.billing_provider_npi
    provider_id = row.claim.provider_id
    payee = f"PROVIDER {npi}" if provider_id is None else organisation_get(provider_id).name
    return Remittance(
        payer=_payer(row.organisation_id),
        payee=Payee(name=payee, npi=npi),
        trace_number=row.id.hex[:30],
        payment_date=row.decided_at.date(),
        claims=(
            remit_claim(
                decision=decision,
                claim=document.claim,
                patient=document.personal,
                payer_claim_number=row.claim_id.hex,
            ),
        ),
    )


def _payer(organisation_id: UUID) -> Payer:
    profile = PayerProfile.objects.filter(organisation_id=organisation_id).first()
    if profile is None:
        raise NoPayerProfileError("the insurer puts it under /api/v1/payer-profile")
    return Payer(
        name=organisation_get(organisation_id).name,
        trace_id=profile.trace_id,
        address=Address(
            street=profile.street,
            city=profile.city,
            state=profile.state,
            postal_code=profile.postal_code,
        ),
        contact_name=profile.contact_name,
        contact_phone=profile.contact_phone,
    )


def _envelope(
    remittance: Remittance, claim: ClaimRow, *, seeds: Seeds, now: dt.datetime
) -> Envelope:
    number = int.from_bytes(seeds()[:8], "big") % CONTROL_NUMBERS
    payer_id = claim.organisation_id.hex[:15]
    return Envelope(
        sender=("ZZ", payer_id, payer_id),
        receiver=("ZZ", remittance.payee.npi, remittance.payee.npi),
        interchange_number=number,
        group_number=number,
        sent_at=now,
    )
