"""Records in GraphQL: through the very services of the FHIR façade, so with the same decision.

Each field needs the header ``Theriac-Purpose`` and is one disclosure in the log, whatever it
shows: what is missing and what is not opened answer alike, by an empty list.
"""

from dataclasses import dataclass
from functools import partial
from secrets import token_bytes
from typing import Any
from uuid import UUID

import graphene
import orjson
from django.utils import timezone

from foundation.core.problem import NotFoundError
from foundation.graphql.types import (
    Edge,
    Hash,
    JsonDocument,
    Page,
    PageInfoValue,
    actor_of,
    connection,
    context_of,
    cursor_of,
    wanted,
)
from records.core.fhir_names import RESOURCE_NAMES
from records.core.search import parse_person
from records.services import (
    Asking,
    DisclosureInfo,
    Shown,
    ShownRecord,
    access_explain,
    asking_for,
    disclosure_feed,
    record_read,
    record_search,
)
from records.services.deciding import PURPOSE_HEADER, base_url

seeds = partial(token_bytes, 32)
WHO = "the Patient's id, or system|value"


@dataclass(frozen=True, slots=True, kw_only=True)
class Searchset(Page[ShownRecord]):
    """A page of records, and the receipt of the entry that says who was shown them."""

    receipt: str


class Resource(graphene.ObjectType):
    """A FHIR resource as it was received."""

    resource_type = graphene.String(required=True)
    id = graphene.String(required=True)
    version = graphene.Int(required=True)
    document = graphene.Field(JsonDocument, required=True)

    @staticmethod
    def resolve_resource_type(record: ShownRecord, _info: Any) -> str:
        """Return FHIR's type."""
        return record.type

    @staticmethod
    def resolve_document(record: ShownRecord, _info: Any) -> bytes:
        """Return the bytes as received."""
        return record.data


class ResourceSearchset(connection(Resource, "Resource")):  # type: ignore[misc] # made at run time
    """What may be shown, and the receipt of the disclosure."""

    receipt = graphene.String(required=True, description="as in the header Theriac-Receipt")


class DisclosedRecord(graphene.ObjectType):
    """A record that was shown, by its id here."""

    record_id = graphene.UUID(required=True)
    version = graphene.Int(required=True)


class AuditEvent(graphene.ObjectType):
    """One disclosure (FHIR's AuditEvent): who was shown how much, when, and what decided it."""

    disclosed_at = graphene.DateTime(required=True)
    organisation_id = graphene.UUID(required=True)
    person_id = graphene.UUID()
    count = graphene.Int(required=True)
    entry_id = graphene.Field(Hash, required=True)
    records = graphene.List(graphene.NonNull(DisclosedRecord), required=True)
    decision = graphene.Field(JsonDocument, required=True)

    @staticmethod
    def resolve_organisation_id(line: DisclosureInfo, _info: Any) -> UUID:
        """Return whose people were shown it."""
        return line.reader_id

    @staticmethod
    def resolve_person_id(line: DisclosureInfo, _info: Any) -> UUID | None:
        """Return who it was, where it was a person."""
        return line.reader_person_id

    @staticmethod
    def resolve_records(line: DisclosureInfo, _info: Any) -> list[dict[str, Any]]:
        """Return which records."""
        return [{"record_id": each.record, "version": each.version} for each in line.records]

    @staticmethod
    def resolve_decision(line: DisclosureInfo, _info: Any) -> bytes:
        """Return the decision, as it is kept for replaying."""
        return orjson.dumps(dict(line.receipt))


class DisclosureFeed(graphene.ObjectType):
    """Who saw a patient's records, the newest first; this reading becomes a line of it."""

    lines = graphene.List(graphene.NonNull(AuditEvent), required=True)
    receipt = graphene.String(required=True)


class AccessDecision(graphene.ObjectType):
    """What a patient's consents decide of this request, and why; ``explanation`` replays."""

    permit = graphene.Boolean(required=True)
    reasons = graphene.List(graphene.NonNull(graphene.String), required=True)
    explanation = graphene.Field(JsonDocument, required=True)
    receipt = graphene.String(required=True)


def _records(description: str, **arguments: Any) -> graphene.Field:
    return graphene.Field(
        ResourceSearchset,
        custodian=graphene.UUID(description="who holds the records; one's own organisation else"),
        description=f"{description} Needs {PURPOSE_HEADER}; a disclosure.",
        **arguments,
    )


class Query(graphene.ObjectType):
    """What may be asked of records, for a purpose of use."""

    patient = _records("One Patient.", identifier=graphene.String(required=True, description=WHO))
    records = _records(
        "A patient's resources of one type.",
        patient=graphene.String(required=True, description=WHO),
        type=graphene.String(required=True, description="Observation, Condition, …"),
        first=graphene.Int(default_value=20, description="1 to 100 rows"),
        after=graphene.String(description="the cursor of the last row seen"),
    )
    consents = _records(
        "A patient's Consents.",
        patient=graphene.String(required=True, description=WHO),
        first=graphene.Int(default_value=20, description="1 to 100 rows"),
        after=graphene.String(description="the cursor of the last row seen"),
    )
    record = _records(
        "One resource.",
        type=graphene.String(required=True),
        id=graphene.String(required=True),
    )
    disclosures = graphene.Field(
        DisclosureFeed,
        patient=graphene.String(required=True, description=WHO),
        description="Who was shown this patient's records by the caller's organisation.",
    )
    access_decision = graphene.Field(
        AccessDecision,
        patient=graphene.String(required=True, description=WHO),
        description=f"Why records open, or not. Needs {PURPOSE_HEADER}; a disclosure of none.",
    )

    @staticmethod
    def resolve_patient(
        _root: None, info: Any, identifier: str, custodian: UUID | None = None
    ) -> Searchset:
        """Disclose the Patient."""
        return _search(_asking(info, custodian), "Patient", identifier, first=1, after=None)

    @staticmethod
    def resolve_records(
        _root: None,
        info: Any,
        *,
        patient: str,
        type: str,  # noqa: A002 - the argument's name
        first: int,
        after: str | None = None,
        custodian: UUID | None = None,
    ) -> Searchset:
        """Disclose the records of a type."""
        return _search(_asking(info, custodian), _type(type), patient, first=first, after=after)

    @staticmethod
    def resolve_consents(
        _root: None,
        info: Any,
        *,
        patient: str,
        first: int,
        after: str | None = None,
        custodian: UUID | None = None,
    ) -> Searchset:
        """Disclose the consents."""
        return _search(_asking(info, custodian), "Consent", patient, first=first, after=after)

    @staticmethod
    def resolve_record(
        _root: None,
        info: Any,
        type: str,  # noqa: A002 - the argument's name
        id: str,  # noqa: A002 - the argument's name
        custodian: UUID | None = None,
    ) -> Searchset:
        """Disclose one record."""
        asking = _asking(info, custodian)
        shown = record_read(asking=asking, type_=_type(type), id_=id, seeds=seeds)
        return _page(shown, offset=0)

    @staticmethod
    def resolve_disclosures(_root: None, info: Any, patient: str) -> dict[str, Any]:
        """Disclose the feed."""
        lines, receipt = disclosure_feed(
            actor=actor_of(info),
            person=parse_person(patient, base=base_url()),
            seeds=seeds,
            now=timezone.now(),
        )
        return {"lines": lines, "receipt": receipt.header()}

    @staticmethod
    def resolve_access_decision(_root: None, info: Any, patient: str) -> dict[str, Any]:
        """Decide, and say why."""
        explanation, receipt = access_explain(
            asking=_asking(info, None), person=parse_person(patient, base=base_url()), seeds=seeds
        )
        return {
            "permit": explanation["permit"],
            "reasons": explanation["reasons"],
            "explanation": orjson.dumps(dict(explanation)),
            "receipt": receipt.header(),
        }


def _asking(info: Any, custodian: UUID | None) -> Asking:
    return asking_for(
        reader=actor_of(info),
        holder_id=custodian,
        purpose=context_of(info).headers.get(PURPOSE_HEADER),
        now=timezone.now(),
    )


def _search(
    asking: Asking, type_: str, patient: str, *, first: int, after: str | None
) -> Searchset:
    asked = wanted(first, after, int)
    offset = asked.key[0] if asked.key else 0
    shown = record_search(
        asking=asking,
        type_=type_,
        person=parse_person(patient, base=base_url()),
        page=slice(offset, offset + asked.size),
        seeds=seeds,
    )
    return _page(shown, offset=offset)


def _page(shown: Shown, *, offset: int) -> Searchset:
    """Return the page; its cursors are places in the list of what may be shown at this moment."""
    edges = tuple(
        Edge(node=record, cursor=cursor_of([place]))
        for place, record in enumerate(shown.records, start=offset + 1)
    )
    more = offset + len(edges) < shown.total
    end = edges[-1].cursor if edges else None
    return Searchset(
        edges=edges,
        page_info=PageInfoValue(has_next_page=more and bool(edges), end_cursor=end),
        receipt=shown.receipt.header(),
    )


def _type(name: str) -> str:
    if name not in RESOURCE_NAMES:
        raise NotFoundError("R4 has no type of this name")
    return name
