"""Evidence for a claim: whether a record of the patient's is there, and the payer may see it.

Read in a transaction of its own as the organisation that holds the record, whose key signs the
disclosure. What is missing, another patient's or refused answers alike: it only says what is
needed, and the holder enters that somebody asked.
"""

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from accounts.selectors import organisation_get
from foundation.core.actor import Actor
from foundation.core.problem import ForbiddenError
from foundation.tenancy import acting_as
from records.core.fhir_json import fhir_object
from records.core.intake import patient_identifiers
from records.keeping import Seeds, nobody_ensure
from records.selectors import newest_of
from records.services.deciding import Asking, Opened, open_records, rule_on
from records.services.disclosures import disclosure_write
from vault.errors import UnreadableItemError
from vault.services import damage_note

PAYMENT = "HPAYMT"
RECORD_NEEDED = "the record that supports the line, of this member, under the number given"
CONSENT_NEEDED = "the patient's consent to its use for payment"
REPAIR_NEEDED = "a copy that its holder can read: the holder restores what is damaged"


class EvidenceState(StrEnum):
    """What is known: there is no way to contradict a record, but its holder may lose it."""

    MISSING = "missing"
    UNREADABLE = "unreadable"
    PROVEN = "proven"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceFact:
    """One fact; ``note`` says what it needs until it is proven, ``entry_ids`` what shows it."""

    state: EvidenceState
    note: str = ""
    entry_ids: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordEvidence:
    """Whether the record is anchored, and whether its patient lets the payer use it."""

    anchored: EvidenceFact
    consent: EvidenceFact


NOTHING = RecordEvidence(
    anchored=EvidenceFact(state=EvidenceState.MISSING, note=RECORD_NEEDED),
    consent=EvidenceFact(state=EvidenceState.MISSING, note=CONSENT_NEEDED),
)
UNREADABLE = RecordEvidence(
    anchored=EvidenceFact(state=EvidenceState.UNREADABLE, note=REPAIR_NEEDED),
    consent=EvidenceFact(state=EvidenceState.UNREADABLE, note=REPAIR_NEEDED),
)


def record_evidence(
    *,
    reader: Actor,
    holder_organisation_id: UUID,
    record: str,
    member_ids: Sequence[str],
    seeds: Seeds,
    now: dt.datetime,
) -> RecordEvidence:
    """Return what the holder's ledger shows ``reader`` of a record, for payment.

    ``record`` is the UUID that anchoring answered, in any case, with or without hyphens. Its
    patient carries one of ``member_ids`` as an identifier's value. One disclosure is entered,
    whatever comes of it; only where the holder's vault does not open, nothing is: the evidence is
    ``UNREADABLE`` then, and the damage is noted for the holder. Raise ``ForbiddenError`` for who
    acts for no organisation, ``NotFoundError`` for a holder that is no member; raises as
    ``submission_append`` where the holder's ledger cannot record.
    """
    if reader.organisation_id is None:
        raise ForbiddenError("evidence is shown to organisations")
    with acting_as(reader):
        organisation_get(holder_organisation_id)
    asking = Asking(reader=reader, holder_id=holder_organisation_id, purpose=PAYMENT, now=now)
    try:
        return _answer(asking, record, member_ids, seeds)
    except UnreadableItemError as error:
        damage_note(actor=asking.holder, error=error, now=now)
        return UNREADABLE


def _answer(asking: Asking, record: str, member_ids: Sequence[str], seeds: Seeds) -> RecordEvidence:
    """Return what the holder's ledger shows; raise ``UnreadableItemError`` and enter nothing."""
    holder, now = asking.holder, asking.now
    with acting_as(holder):
        first = _found(asking, record)
        about = nobody_ensure(actor=holder, now=now) if first is None else first.row.subject_id
        ruling = rule_on(asking, subject_id=about)
        # Again: one submission may have changed the record together with who may see it.
        found = None if first is None else _found(asking, record)
        shown = (
            found is not None and _is_member(ruling.patients, member_ids) and ruling.permits(found)
        )
        receipt = disclosure_write(
            holder=holder,
            reader=asking.reader,
            subject_id=about,
            records=[found.disclosed] if found is not None and shown else [],
            receipt=ruling.receipt,
            seeds=seeds,
            now=now,
        )
        if found is None or not shown:
            return NOTHING
        return RecordEvidence(
            anchored=_proven(bytes(found.row.entry_id)),
            consent=_proven(receipt.entry_ids[0]),
        )


def _found(asking: Asking, record: str) -> Opened | None:
    """Return the newest version of the record that the number names, where the holder has it."""
    try:
        record_id = UUID(record)
    except ValueError:
        return None
    rows = newest_of(organisation_id=asking.holder_id, record_ids=[record_id])
    opened = open_records(asking.holder, list(rows.values()))
    return opened[0] if opened else None


def _is_member(patients: Collection[Opened], member_ids: Sequence[str]) -> bool:
    """Return whether the record's patient is known by one of the payer's numbers."""
    values = {
        value
        for each in patients
        for _, value in patient_identifiers(fhir_object(each.resource, "Patient"))
    }
    return not values.isdisjoint(member_ids)


def _proven(entry_id: bytes) -> EvidenceFact:
    return EvidenceFact(state=EvidenceState.PROVEN, entry_ids=(entry_id,))
