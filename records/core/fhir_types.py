"""Where an indexed R4 type keeps its subject, dates, codes, authors and source.

Facts of the resource definitions of FHIR R4 (4.0.1): names of elements, required elements and
the codes of required bindings. A dot goes into an element, `a|b` is either.
"""

from collections.abc import Mapping
from dataclasses import dataclass

TYPE_SYSTEM = "http://hl7.org/fhir/resource-types"
MEDIA_TYPE_SYSTEM = "urn:ietf:bcp:13"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceType:
    """The facts of one type."""

    subject: str | None = None
    required: tuple[str, ...] = ()
    bindings: tuple[tuple[str, frozenset[str]], ...] = ()
    dates: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    custodians: tuple[str, ...] = ()
    attachments: tuple[str, ...] = ()
    needs_id: bool = True


def _codes(words: str) -> frozenset[str]:
    return frozenset(words.split())


_EVENT = _codes(
    "preparation in-progress not-done on-hold stopped completed entered-in-error unknown"
)
_MEDICATION = "medicationCodeableConcept|medicationReference"

TYPES: Mapping[str, ResourceType] = {
    "Patient": ResourceType(
        bindings=(("gender", _codes("male female other unknown")),),
        custodians=("managingOrganization",),
    ),
    "Observation": ResourceType(
        subject="subject",
        required=("status", "code"),
        bindings=(
            (
                "status",
                _codes(
                    "registered preliminary final amended corrected cancelled"
                    " entered-in-error unknown"
                ),
            ),
        ),
        dates=("effectiveDateTime", "effectivePeriod", "effectiveInstant"),
        codes=("code",),
        authors=("performer",),
    ),
    "Condition": ResourceType(
        subject="subject",
        required=("subject",),
        bindings=(
            (
                "clinicalStatus",
                _codes("active recurrence relapse inactive remission resolved"),
            ),
            (
                "verificationStatus",
                _codes("unconfirmed provisional differential confirmed refuted entered-in-error"),
            ),
        ),
        dates=("onsetDateTime", "onsetPeriod", "recordedDate"),
        codes=("code",),
        authors=("recorder", "asserter"),
    ),
    "MedicationRequest": ResourceType(
        subject="subject",
        required=("status", "intent", "subject", _MEDICATION),
        bindings=(
            (
                "status",
                _codes("active on-hold cancelled completed entered-in-error stopped draft unknown"),
            ),
            (
                "intent",
                _codes(
                    "proposal plan order original-order reflex-order filler-order"
                    " instance-order option"
                ),
            ),
        ),
        dates=("authoredOn",),
        codes=("medicationCodeableConcept",),
        authors=("requester", "recorder"),
    ),
    "MedicationDispense": ResourceType(
        subject="subject",
        required=("status", _MEDICATION),
        bindings=(
            (
                "status",
                _codes(
                    "preparation in-progress cancelled on-hold completed entered-in-error"
                    " stopped declined unknown"
                ),
            ),
        ),
        dates=("whenPrepared", "whenHandedOver"),
        codes=("medicationCodeableConcept",),
        authors=("performer.actor",),
    ),
    "Immunization": ResourceType(
        subject="patient",
        required=("status", "vaccineCode", "patient", "occurrenceDateTime|occurrenceString"),
        bindings=(("status", _codes("completed entered-in-error not-done")),),
        dates=("occurrenceDateTime", "recorded"),
        codes=("vaccineCode",),
        authors=("performer.actor",),
    ),
    "AllergyIntolerance": ResourceType(
        subject="patient",
        required=("patient",),
        bindings=(
            ("clinicalStatus", _codes("active inactive resolved")),
            (
                "verificationStatus",
                _codes("unconfirmed confirmed refuted entered-in-error"),
            ),
        ),
        dates=("onsetDateTime", "onsetPeriod", "recordedDate"),
        codes=("code",),
        authors=("recorder", "asserter"),
    ),
    "Procedure": ResourceType(
        subject="subject",
        required=("status", "subject"),
        bindings=(("status", _EVENT),),
        dates=("performedDateTime", "performedPeriod"),
        codes=("code",),
        authors=("performer.actor", "recorder"),
        custodians=("performer.onBehalfOf",),
    ),
    "Encounter": ResourceType(
        subject="subject",
        required=("status", "class"),
        bindings=(
            (
                "status",
                _codes(
                    "planned arrived triaged in-progress onleave finished cancelled"
                    " entered-in-error unknown"
                ),
            ),
        ),
        dates=("period",),
        codes=("type",),
        authors=("participant.individual",),
        custodians=("serviceProvider",),
    ),
    "DocumentReference": ResourceType(
        subject="subject",
        required=("status", "content"),
        bindings=(("status", _codes("current superseded entered-in-error")),),
        dates=("date",),
        codes=("type",),
        authors=("author", "authenticator"),
        custodians=("custodian",),
        attachments=("content.attachment",),
    ),
    "Consent": ResourceType(
        subject="patient",
        required=("status", "scope", "category"),
        bindings=(
            (
                "status",
                _codes("draft proposed active rejected inactive entered-in-error"),
            ),
        ),
        dates=("dateTime",),
        codes=("category",),
        authors=("performer",),
        custodians=("organization",),
    ),
    "Bundle": ResourceType(
        required=("type",),
        bindings=(
            (
                "type",
                _codes(
                    "document message transaction transaction-response batch batch-response"
                    " history searchset collection"
                ),
            ),
        ),
        needs_id=False,
    ),
}
