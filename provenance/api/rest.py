"""EPCIS 2.0 events as JSON under ``/epcis/v2/``, and verdicts under ``/api/v1/scan``."""

import dataclasses
import os
from http import HTTPStatus
from urllib.parse import quote

import orjson
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import actor_of, requires_scope
from accounts.core.scopes import Scope
from foundation.core.problem import BadInputError, NotBuiltError
from foundation.idempotency import Answer
from foundation.tenancy import acting_as
from foundation.writes import IDEMPOTENCY_KEY, answer_response, write_once
from ledger.bodies import PREFER, SEALED_MEDIA_TYPE, SealedIn, read_write
from ledger.core.receipt import RECEIPT_HEADER
from provenance.api.epcis_problems import EpcisView
from provenance.api.shapes import EVENT, EVENTS, ScanIn, VerdictOut
from provenance.core.verdict import Question
from provenance.selectors import event_get, event_list, verdict_for
from provenance.services import events_capture
from provenance.services.capture import document_of

MEDIA_TYPES = ("application/json", "application/ld+json")
_LD_JSON = "application/ld+json"
PAGE_SIZE, PAGE_SIZE_MAX = 30, 1000
PER_PAGE = OpenApiParameter("perPage", int, description=f"1 to {PAGE_SIZE_MAX}")
NEXT_PAGE = OpenApiParameter("nextPageToken", str, description="from the header Link")
SCAN_LENGTH_MAX = 8192
DIGITS_MAX = 18


class EpcisResource(EpcisView):
    """Reads with ``epcis:read``, writes with ``epcis:write``."""

    def get_permissions(self) -> list[BasePermission]:
        """Return the permissions of the method."""
        reads = self.request.method in {"GET", "HEAD", "OPTIONS"}
        return [requires_scope(Scope.EPCIS_READ if reads else Scope.EPCIS_WRITE)()]


class EventsView(EpcisResource):
    """Events: recorded one by one, listed in the order of submission."""

    @extend_schema(
        operation_id="epcis_event_list",
        responses={(200, _LD_JSON): EVENTS},
        parameters=[PER_PAGE, NEXT_PAGE],
    )
    def get(self, request: Request) -> HttpResponse:
        """List the events that the caller recorded or is a party to."""
        size, after = page_of(request)
        with acting_as(actor_of(request)):
            found = event_list(after=after or 0, limit=size + 1)
        page = found[:size]
        response = _document([info.document for info in page])
        if len(found) > size:
            response["Link"] = next_page(request, size, page[-1].sequence)
        return response

    @extend_schema(
        operation_id="epcis_event_record",
        request={_LD_JSON: EVENT, "application/json": EVENT, SEALED_MEDIA_TYPE: SealedIn},
        responses={201: None},
        parameters=[IDEMPOTENCY_KEY, PREFER],
    )
    def post(self, request: Request) -> HttpResponse:
        """Record one event: 201, its address in ``Location``, the receipt in a header.

        A sealed event is signed by a key that the organisation itself holds (docs/spec/event.md).
        """
        raw, actor, now = request._request.body, actor_of(request), timezone.now()  # noqa: SLF001 - the body as sent, unparsed
        body = read_write(body=raw, content_type=request.content_type, media_types=MEDIA_TYPES)

        def record() -> Answer:
            done = events_capture(
                actor=actor,
                document=document_of(body.document),
                seeds=os.urandom,
                now=now,
                sealed=body.sealed,
            )
            headers = {"Location": f"/epcis/v2/events/{quote(done.event_ids[0], safe='')}"}
            if done.receipt is not None:
                headers[RECEIPT_HEADER] = done.receipt.header()
            return Answer(status=HTTPStatus.CREATED, headers=headers)

        answer = write_once(request, actor=actor, raw=raw, now=now, answer=record)
        return answer_response(answer)


class EventView(EpcisResource):
    """One event."""

    @extend_schema(operation_id="epcis_event", responses={(200, _LD_JSON): EVENTS})
    def get(self, request: Request, event_id: str) -> HttpResponse:
        """Return the event, and the declaration that it was wrong."""
        with acting_as(actor_of(request)):
            found = event_get(event_id)
        return _document([info.document for info in found])


class NotBuiltView(EpcisResource):
    """Resources of the standard that are not here yet."""

    schema = None

    def get(self, request: Request, rest: str) -> HttpResponse:
        """Refuse."""
        del request, rest
        raise NotBuiltError("this address is not here yet: use /epcis/v2/events")

    post = get
    delete = get


class ScanView(APIView):
    """Whether something may be taken in, sold or given, now."""

    def get_permissions(self) -> list[BasePermission]:
        """Return the permission: to read events."""
        return [requires_scope(Scope.EPCIS_READ)()]

    @extend_schema(operation_id="scan", request=ScanIn, responses={200: VerdictOut})
    def post(self, request: Request) -> Response:
        """Say whether what was scanned may be taken in, sold or given, now."""
        data = request.data
        if not isinstance(data, dict) or set(data) - {"scan", "question"}:
            raise BadInputError("send an object with the members scan and question")
        scan, question = data.get("scan"), data.get("question", Question.CHECK)
        if not isinstance(scan, str) or not 1 <= len(scan) <= SCAN_LENGTH_MAX:
            raise BadInputError(f"scan is a text of 1 to {SCAN_LENGTH_MAX} characters")
        if question not in list(Question):
            raise BadInputError(f"question is one of {', '.join(Question)}")
        found = verdict_for(
            actor=actor_of(request), scan=scan, question=Question(question), now=timezone.now()
        )
        return Response(dataclasses.asdict(found))


def _document(events: list[bytes]) -> HttpResponse:
    body = {
        "@context": "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
        "type": "EPCISQueryDocument",
        "schemaVersion": "2.0",
        "epcisBody": {
            "queryResults": {
                "queryName": "events",
                "resultsBody": {"eventList": [orjson.Fragment(event) for event in events]},
            }
        },
    }
    return HttpResponse(orjson.dumps(body), content_type=_LD_JSON, headers=EpcisView.versions)


def page_of(request: Request) -> tuple[int, int | None]:
    """Return how many are wanted, and behind which; raise ``BadInputError``."""
    size = _number(request, "perPage", str(PAGE_SIZE))
    token = request.query_params.get("nextPageToken")
    if not 1 <= size <= PAGE_SIZE_MAX:
        raise BadInputError(f"perPage is 1 to {PAGE_SIZE_MAX}")
    return size, None if token is None else _number(request, "nextPageToken", token)


def next_page(request: Request, size: int, token: int) -> str:
    """Return the header ``Link`` of a page that is not the last."""
    return f'<{request.path}?perPage={size}&nextPageToken={token}>; rel="next"'


def _number(request: Request, name: str, default: str) -> int:
    text = request.query_params.get(name, default)
    if not (text.isascii() and text.isdigit() and len(text) <= DIGITS_MAX):
        raise BadInputError(f"{name} is a number")
    return int(text)
