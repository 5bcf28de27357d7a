"""FHIR R4 under ``/fhir/r4/``: intake, reads and searches, each governed by consent.

Ids of FHIR may say who somebody is: they are in no answer that is kept for a repeat.
"""

import datetime as dt
from collections.abc import Sequence
from http import HTTPStatus
from typing import ClassVar

import orjson
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import BaseParser
from rest_framework.permissions import AllowAny, BasePermission
from rest_framework.request import Request

from accounts.authentication import actor_of, requires_scope
from accounts.core.scopes import Scope
from foundation.core.problem import NotBuiltError
from foundation.idempotency import Answer
from foundation.parsers import body_of
from foundation.writes import IDEMPOTENCY_KEY, sent_key, write_once
from ledger.core.receipt import RECEIPT_HEADER
from records.api.fhir_views import (
    CUSTODIAN,
    PURPOSE,
    FhirView,
    asking_of,
    fhir_response,
    id_check,
    json_of,
    parameters_of,
    seeds,
    type_check,
)
from records.core.capability import format_capability
from records.core.fhir_json import IssueType
from records.core.intake import Incoming, read_bundle, read_single
from records.core.outcome import Issue, format_outcome
from records.core.search import format_searchset, parse_search
from records.parsers import FormParser
from records.services import (
    record_read,
    record_search,
    records_submit,
    versions_before,
)
from records.services.deciding import base_url

RECORD_EXTENSION = "StructureDefinition/theriac-record"
_CLOSED = (
    "kept, and cannot be read as a consent: until it is corrected, everything of this patient"
    " is closed but emergencies"
)
_NOT_SHOWN = (
    "there is no such record, or it is not opened to you for this purpose: whoever holds it"
    " can tell you which consent it takes"
)


class MetadataView(FhirView):
    """What this server does."""

    authentication_classes = ()
    reads: ClassVar[type[BasePermission]] = AllowAny

    @extend_schema(operation_id="fhir_metadata", responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request) -> HttpResponse:
        """Show the CapabilityStatement."""
        del request
        return fhir_response(format_capability(base=base_url()))


class SubmissionView(FhirView):
    """Bundles of resources."""

    @extend_schema(
        operation_id="fhir_submit",
        request=OpenApiTypes.OBJECT,
        responses={200: OpenApiTypes.OBJECT},
        parameters=[IDEMPOTENCY_KEY],
    )
    def post(self, request: Request) -> HttpResponse:
        """Record a transaction, batch or collection: all of it, or nothing."""
        raw, now = body_of(request), timezone.now()
        incoming = read_bundle(json_of(raw), raw, base=base_url())
        answer = _recorded(request, raw, incoming, now)
        entries = [
            {
                "response": {
                    "status": _status(version),
                    "location": _location(one, version),
                    "etag": f'W/"{version}"',
                    "extension": [
                        {"url": base_url() + RECORD_EXTENSION, "valueUuid": f"urn:uuid:{record}"}
                    ],
                    **_notice(one),
                }
            }
            for one, (record, version) in zip(incoming, orjson.loads(answer.body), strict=True)
        ]
        body = {"resourceType": "Bundle", "type": "transaction-response", "entry": entries}
        return fhir_response(orjson.dumps(body), answer.headers)


class ResourcesView(FhirView):
    """The resources of one type."""

    @extend_schema(
        operation_id="fhir_search",
        responses={200: OpenApiTypes.OBJECT},
        parameters=[PURPOSE, CUSTODIAN],
    )
    def get(self, request: Request, type_: str) -> HttpResponse:
        """List what may be shown of one patient."""
        return _search(request, type_, str(request.META.get("QUERY_STRING", "")))

    @extend_schema(
        operation_id="fhir_create",
        request=OpenApiTypes.OBJECT,
        responses={201: OpenApiTypes.OBJECT},
        parameters=[IDEMPOTENCY_KEY],
    )
    def post(self, request: Request, type_: str) -> HttpResponse:
        """Record a resource under the id that it carries, which must be new."""
        type_check(type_)
        raw, now = body_of(request), timezone.now()
        one = read_single(json_of(raw), raw, base=base_url(), type_=type_)
        return _one_recorded(request, raw, one, now)


class ResourceView(FhirView):
    """One resource."""

    @extend_schema(
        operation_id="fhir_read",
        responses={200: OpenApiTypes.OBJECT},
        parameters=[PURPOSE, CUSTODIAN],
    )
    def get(self, request: Request, type_: str, id_: str) -> HttpResponse:
        """Show a record, exactly as it was received, where its patient's consent allows it."""
        type_check(type_)
        id_check(id_)
        shown = record_read(asking=asking_of(request), type_=type_, id_=id_, seeds=seeds)
        receipt = {RECEIPT_HEADER: shown.receipt.header()}
        if not shown.records:
            missing = Issue(code=IssueType.NOT_FOUND, detail=_NOT_SHOWN)
            return fhir_response(
                format_outcome([missing], slug="not-found"), receipt, status=HTTPStatus.NOT_FOUND
            )
        (record,) = shown.records
        return fhir_response(record.data, {**receipt, "ETag": f'W/"{record.version}"'})

    @extend_schema(
        operation_id="fhir_update",
        request=OpenApiTypes.OBJECT,
        responses={200: OpenApiTypes.OBJECT, 201: OpenApiTypes.OBJECT},
        parameters=[IDEMPOTENCY_KEY],
    )
    def put(self, request: Request, type_: str, id_: str) -> HttpResponse:
        """Record a new version; the first one makes the record."""
        type_check(type_)
        id_check(id_)
        raw, now = body_of(request), timezone.now()
        one = read_single(json_of(raw), raw, base=base_url(), type_=type_, id_=id_)
        return _one_recorded(request, raw, one, now)


class SearchView(FhirView):
    """Searches whose parameters stand in no address."""

    parser_classes: Sequence[type[BaseParser]] = (FormParser,)
    writes: ClassVar[type[BasePermission]] = requires_scope(Scope.RECORDS_READ)

    @extend_schema(
        operation_id="fhir_search_by_post",
        request={"application/x-www-form-urlencoded": OpenApiTypes.OBJECT},
        responses={200: OpenApiTypes.OBJECT},
        parameters=[PURPOSE, CUSTODIAN],
    )
    def post(self, request: Request, type_: str) -> HttpResponse:
        """List what may be shown of one patient."""
        return _search(request, type_, body_of(request).decode("ascii", "replace"))


class NotBuiltView(FhirView):
    """What FHIR has and this server has not."""

    schema = None

    def get(self, request: Request, rest: str) -> HttpResponse:
        """Refuse."""
        del request, rest
        raise NotBuiltError("versions, operations and other addresses are not here: see metadata")

    post = get
    put = get
    patch = get
    delete = get


def _search(request: Request, type_: str, query: str) -> HttpResponse:
    type_check(type_)
    asking = asking_of(request)
    search = parse_search(type_, parameters_of(query), base=base_url())
    shown = record_search(
        asking=asking,
        type_=type_,
        person=search.person,
        page=search.page,
        seeds=seeds,
    )
    body = format_searchset(
        [(each.type, each.id, each.data) for each in shown.records],
        search=search,
        total=shown.total,
        base=base_url(),
        type_=type_,
    )
    return fhir_response(body, {RECEIPT_HEADER: shown.receipt.header()})


def _recorded(
    request: Request, raw: bytes, incoming: Sequence[Incoming], now: dt.datetime
) -> Answer:
    """Record once; the answer kept for a repeat holds record ids and versions only."""
    actor = actor_of(request)

    def record() -> Answer:
        done = records_submit(actor=actor, incoming=incoming, seeds=seeds, now=now)
        versions = [[str(each.record_id), each.version] for each in done.versions]
        return Answer(
            status=HTTPStatus.OK,
            body=orjson.dumps(versions),
            headers={RECEIPT_HEADER: done.receipt.header()},
        )

    after = ""
    if sent_key(request) is None:
        after = f" after {versions_before(actor=actor, incoming=incoming)}"
    return write_once(request, actor=actor, raw=raw, now=now, answer=record, about=after)


def _one_recorded(request: Request, raw: bytes, one: Incoming, now: dt.datetime) -> HttpResponse:
    answer = _recorded(request, raw, [one], now)
    ((record, version),) = orjson.loads(answer.body)
    notice = _notice(one).get("outcome") or orjson.loads(
        format_outcome(
            [Issue(code=IssueType.INFORMATIONAL, detail="recorded", severity="information")]
        )
    )
    headers = {
        **answer.headers,
        "Theriac-Record": record,
        "Location": f"{base_url()}{_location(one, version)}",
        "ETag": f'W/"{version}"',
    }
    status = HTTPStatus.CREATED if version == 1 else HTTPStatus.OK
    return fhir_response(orjson.dumps(notice), headers, status=status)


def _status(version: int) -> str:
    return "201 Created" if version == 1 else "200 OK"


def _location(one: Incoming, version: int) -> str:
    type_, id_ = one.name
    return f"{type_}/{id_}/_history/{version}"


def _notice(one: Incoming) -> dict[str, object]:
    """Return the warning that a consent cannot be read, where that is so."""
    if one.fault is None:
        return {}
    issue = Issue(
        code=IssueType.PROCESSING,
        detail=f"{_CLOSED} ({one.fault})",
        path=one.path,
        severity="warning",
    )
    return {"outcome": orjson.loads(format_outcome([issue], slug="bad-consent"))}
