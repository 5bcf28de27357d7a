"""The one place where consents decide: for a read, a search, a claim's evidence.

Everything happens in the holder's transaction, which holds the subject's head: a consent that is
changed at the same time waits, or was seen.
"""

import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from django.conf import settings

from accounts.selectors import membership_list, organisation_list
from foundation.core.actor import Actor, Role
from foundation.core.json_input import JsonLimits, parse_json
from foundation.core.problem import BadInputError
from ledger.core.canonical import Json
from records.core.consent import decide, decision_receipt, permits_record
from records.core.consent_compile import read_consent
from records.core.consent_values import (
    ACT_REASON,
    BTG,
    ETREAT,
    PURPOSES,
    AccessRequest,
    CompiledConsent,
    Decision,
)
from records.core.disclosure import DisclosedRecord
from records.core.fhir import RecordIndex
from records.core.fhir_json import Coding
from records.core.intake import index_kept, relink
from records.core.packs import US
from records.core.parties import (
    named_parties,
    organisations_named,
    people_named,
    settle_custodians,
)
from records.keeping import records_kept
from records.models import ConsentHead, Record
from records.selectors import DECIDING_TYPES, head_hold, newest_of_subject

# What was taken in was read under the deployment's limits; it is read again under none smaller.
LIMITS = JsonLimits(size_bytes_max=2**62, depth_max=64, digits_max=1000)
PURPOSE_HEADER = "Theriac-Purpose"
_CARE = frozenset({"TREAT", "CAREMGT", "COC"})
_CARERS = frozenset({Role.CLINICIAN, Role.PHARMACIST})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Who asks whom for what purpose (a code of v3-ActReason), at what time."""

    reader: Actor
    holder_id: UUID
    purpose: str
    now: dt.datetime

    @property
    def holder(self) -> Actor:
        """Who answers, under its own key."""
        return self.reader.acting_for(self.holder_id)

    @property
    def is_emergency(self) -> bool:
        """Whether the reader says that the glass was broken."""
        return self.purpose == BTG.code

    @property
    def is_inside(self) -> bool:
        """Whether the reader belongs to the organisation that holds the records."""
        return self.reader.organisation_id == self.holder_id


class PurposeError(BadInputError):
    """The reading declares no purpose of use, or one that is none."""

    slug = "purpose-required"
    title = "Say what the data is for"


def asking_for(
    *, reader: Actor, holder_id: UUID | None, purpose: str | None, now: dt.datetime
) -> Asking:
    """Return who asks whom and why, as an interface read it; one's own organisation by default.

    Raise ``PurposeError``, or ``BadInputError`` where nobody is asked.
    """
    if purpose is None or purpose not in PURPOSES:
        raise PurposeError(
            f"the header {PURPOSE_HEADER} is one of {', '.join(sorted(PURPOSES))} (v3-ActReason)"
        )
    found = holder_id or reader.organisation_id
    if found is None:
        raise BadInputError("name the custodian: who holds the records")
    return Asking(reader=reader, holder_id=found, purpose=purpose, now=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A record in clear, for this transaction only."""

    row: Record
    data: bytes
    resource: object
    index: RecordIndex

    @property
    def disclosed(self) -> DisclosedRecord:
        """How the list of a disclosure names it."""
        return DisclosedRecord(
            record=self.row.record_id,
            version=self.row.version,
            commitment=bytes(self.row.commitment),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What a subject's consents and the law's default allow this request."""

    decision: Decision
    receipt: dict[str, Json]
    patients: tuple[Opened, ...]

    def permits(self, record: Opened) -> bool:
        """Return whether the record may be shown."""
        return permits_record(self.decision, record.index)


def base_url() -> str:
    """Return what stands before relative references, ending in a slash."""
    base: str = settings.FHIR_BASE_URL
    return base


def organisation_reference(organisation_id: UUID) -> str:
    """Return how consents name an organisation of the channel."""
    return f"{base_url()}Organization/{organisation_id}"


def rule_on(asking: Asking, *, subject_id: UUID, glass: bool = False) -> Ruling:
    """Hold the subject's consents and return what they allow.

    What is shown is found after this: a version found before may be older than the consents.
    ``glass``: the reader broke the glass for this subject, which is a relationship of care.
    """
    organisation_id = asking.holder_id
    _hold(organisation_id, subject_id)
    rows = newest_of_subject(
        organisation_id=organisation_id, subject_id=subject_id, types=DECIDING_TYPES
    )
    opened = open_records(asking.holder, rows)
    patients = tuple(each for each in opened if each.row.resource_type == "Patient")
    compiled = [_compiled(each) for each in opened if each.row.resource_type == "Consent"]
    unresolved = _unresolved(compiled, asking)
    consents = settle_custodians(compiled, unresolved=unresolved)
    request = _request(asking, patients=patients, unresolved=unresolved, glass=glass)
    decision = decide(consents, request, US)
    receipt = decision_receipt(decision, consents=consents, request=request, pack=US)
    return Ruling(decision=decision, receipt=receipt, patients=patients)


def _hold(organisation_id: UUID, subject_id: UUID) -> None:
    """Hold the subject's consents; where there are none, let the first one wait as well."""
    place = {"organisation_id": organisation_id, "subject_id": subject_id}
    if not head_hold(**place):
        ConsentHead.objects.bulk_create([ConsentHead(**place)], ignore_conflicts=True)
        head_hold(**place)


def open_records(holder: Actor, rows: Sequence[Record]) -> list[Opened]:
    """Return the records in clear, in their order; what was erased is left out."""
    kept = records_kept(actor=holder, item_ids=[row.item_id for row in rows])
    base, reference = base_url(), organisation_reference(holder.organisation)
    found = []
    for row in rows:
        if row.item_id not in kept:
            continue
        one = kept[row.item_id]
        resource = relink(parse_json(one.data, LIMITS), one.links)
        index = index_kept(resource, base=base, holder=reference)
        found.append(Opened(row=row, data=one.data, resource=resource, index=index))
    return found


def _compiled(opened: Opened) -> CompiledConsent:
    """Return a consent as rules, named by record and version: its own names prove nothing."""
    consent = read_consent(opened.resource, base=base_url(), id=str(opened.row.record_id))
    return replace(consent, version=str(opened.row.version))


def _request(
    asking: Asking, *, patients: Iterable[Opened], unresolved: Collection[str], glass: bool
) -> AccessRequest:
    base, reader = base_url(), asking.reader
    persons = {f"{base}Practitioner/{reader.person_id}"} if reader.person_id else set()
    purpose = Coding(system=ACT_REASON, code=asking.purpose)
    return AccessRequest(
        patients=frozenset(each.index.reference or "" for each in patients),
        organisation=organisation_reference(reader.organisation),
        persons=frozenset(persons),
        unresolved=frozenset(unresolved),
        purposes=frozenset({BTG, ETREAT}) if glass else frozenset({purpose}),
        time=asking.now,
        treating=glass or _is_treating(asking),
    )


def _is_treating(asking: Asking) -> bool:
    """Return whether the law's default may hold: inside the holder, care by who gives care."""
    is_carer = asking.reader.person_id is None or bool(asking.reader.roles & _CARERS)
    return asking.is_inside and (is_carer or asking.purpose not in _CARE)


def _unresolved(consents: Sequence[CompiledConsent], asking: Asking) -> frozenset[str]:
    """Return who is named in denies and might be the reader, or the holder, for all we know."""
    base = base_url()
    named = named_parties(consents, base=base)
    if not named:
        return named
    organisations = {str(each.id) for each in organisation_list()}
    known = {
        f"{base}Organization/{id_}"
        for id_ in organisations_named(named, base=base)
        if id_ in organisations
    } | {
        f"{base}Practitioner/{id_}"
        for id_ in people_named(named, base=base)
        if id_ == str(asking.reader.person_id) or _is_member(id_)
    }
    return named - known


def _is_member(id_: str) -> bool:
    """Return whether the holder knows a person of the channel by this id."""
    try:
        return bool(membership_list(UUID(id_)))
    except ValueError:
        return False
