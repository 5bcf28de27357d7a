"""The capture interface of EPCIS 2.0 (section 12): documents in, and what became of them."""

import os
from http import HTTPStatus
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.authentication import actor_of
from foundation.core.problem import BadInputError, NotFoundError
from foundation.idempotency import Answer
from foundation.tenancy import acting_as
from foundation.writes import IDEMPOTENCY_KEY, answer_response, write_once
from ledger.bodies import PREFER, SEALED_MEDIA_TYPE, SealedIn, read_write
from ledger.core.members import format_base64, format_time
from ledger.core.receipt import RECEIPT_HEADER
from ledger.services import receipt_again
from provenance.api.epcis_problems import EpcisView, exception_name
from provenance.api.rest import MEDIA_TYPES, EpcisResource, next_page, page_of
from provenance.selectors import CaptureInfo, capture_get, capture_list
from provenance.services.capture import DOCUMENT_SIZE_BYTES_MAX, HEADER
from provenance.services.capture_jobs import (
    CAPTURE_LIMIT,
    Behaviour,
    capture_read,
    capture_receive,
)

BEHAVIOUR_HEADER = "GS1-Capture-Error-Behaviour"
_BEHAVIOUR = OpenApiParameter(
    BEHAVIOUR_HEADER,
    str,
    OpenApiParameter.HEADER,
    enum=[behaviour.value for behaviour in Behaviour],
    description="rollback: all or nothing, the default. proceed: the events that pass",
)


class CaptureJobOut(serializers.Serializer[Any]):
    """A capture job in the standard's form; the members with a prefix are ours."""

    captureID = serializers.UUIDField()  # noqa: N815 - the standard's name
    createdAt = serializers.DateTimeField()  # noqa: N815 - as above
    finishedAt = serializers.DateTimeField(required=False)  # noqa: N815 - as above
    running = serializers.BooleanField()
    success = serializers.BooleanField()
    captureErrorBehaviour = serializers.ChoiceField(list(Behaviour))  # noqa: N815 - as above
    errors = serializers.ListField(child=serializers.DictField())  # type: ignore[assignment] # as above

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Return the members, with those whose names are no Python."""
        return {
            **super().get_fields(),
            "theriac:eventIDs": serializers.ListField(
                child=serializers.CharField(), required=False
            ),
            "theriac:receipt": serializers.DictField(required=False),
            "theriac:opening": serializers.DictField(required=False),
        }


class CaptureView(EpcisResource):
    """Documents to capture, and the organisation's jobs."""

    @extend_schema(
        operation_id="epcis_capture",
        request={"application/ld+json": dict, SEALED_MEDIA_TYPE: SealedIn},
        responses={202: None},
        parameters=[IDEMPOTENCY_KEY, _BEHAVIOUR, PREFER],
    )
    def post(self, request: Request) -> HttpResponse:
        """Take a document in: 202, its job in ``Location``, the receipt in a header.

        The receipt says that the document was received; that of the events stands in the job. A
        sealed document is captured at once, and its receipt is the events'.
        """
        raw, actor, now = request._request.body, actor_of(request), timezone.now()  # noqa: SLF001 - the body as sent, unparsed
        behaviour = _behaviour(request)
        body = read_write(body=raw, content_type=request.content_type, media_types=MEDIA_TYPES)
        intake = capture_read(body.document, behaviour=behaviour, sealed=body.sealed)

        def receive() -> Answer:
            taken = capture_receive(actor=actor, intake=intake, seeds=os.urandom, now=now)
            headers = {
                **EpcisView.versions,
                BEHAVIOUR_HEADER: behaviour.value,
                "Location": f"/epcis/v2/capture/{taken.capture_id}",
            }
            if taken.receipt is not None:
                headers[RECEIPT_HEADER] = taken.receipt.header()
            return Answer(status=HTTPStatus.ACCEPTED, headers=headers)

        answer = write_once(
            request, actor=actor, raw=raw, now=now, answer=receive, about=f" {behaviour.value}"
        )
        return answer_response(answer)

    @extend_schema(operation_id="epcis_capture_list", responses={200: CaptureJobOut(many=True)})
    def get(self, request: Request) -> HttpResponse:
        """List the organisation's capture jobs, the newest first."""
        size, before = page_of(request)
        actor = actor_of(request)
        with acting_as(actor):
            found = capture_list(before=before, limit=size + 1)
            page = [_job(info) for info in found[:size]]
        response = _json(page)
        if len(found) > size:
            response["Link"] = next_page(request, size, found[size - 1].sequence)
        return response

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        """Answer what is understood here, and how much at once."""
        response = super().options(request, *args, **kwargs)
        for name, value in {**_limits(), **_DISCOVERY}.items():
            response[name] = value
        return response

    def handle_exception(self, exc: Exception) -> Any:
        """Return the refusal; of what is too large, with the limits."""
        response = super().handle_exception(exc)
        if response.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            for name, value in _limits().items():
                response[name] = value
        return response


class CaptureJobView(EpcisResource):
    """One capture job."""

    @extend_schema(operation_id="epcis_capture_job", responses={200: CaptureJobOut})
    def get(self, request: Request, capture_id: str) -> HttpResponse:
        """Return what became of a document; once its events are recorded, with their receipt."""
        actor = actor_of(request)
        with acting_as(actor):
            info = capture_get(_uuid(capture_id))
            job = _job(info) | _opening(info) | {"theriac:eventIDs": info.event_ids}
            if info.submission_id is None:
                return _json(job)
            receipt = receipt_again(actor=actor, submission_id=info.submission_id)
        response = _json(job | {"theriac:receipt": receipt.as_json()})
        response[RECEIPT_HEADER] = receipt.header()
        return response


_DISCOVERY = {
    "GS1-EPCIS-Min": "2.0.0",
    "GS1-EPCIS-Max": "2.0.0",
    "GS1-CBV-Min": "2.0.0",
    "GS1-CBV-Max": "2.0.0",
    BEHAVIOUR_HEADER: "all",
}


def _limits() -> dict[str, str]:
    size = min(settings.BODY_SIZE_BYTES_MAX, DOCUMENT_SIZE_BYTES_MAX)
    return {
        "GS1-EPCIS-Capture-Limit": str(CAPTURE_LIMIT),
        "GS1-EPCIS-Capture-File-Size-Limit": str(size),
    }


def _behaviour(request: Request) -> Behaviour:
    text = request.headers.get(BEHAVIOUR_HEADER, Behaviour.ROLLBACK.value)
    if text not in tuple(Behaviour):
        raise BadInputError(f"{BEHAVIOUR_HEADER} is one of {', '.join(Behaviour)}")
    return Behaviour(text)


def _job(info: CaptureInfo) -> dict[str, object]:
    """Return a job in the standard's form."""
    finished = info.finished_at
    return {
        "captureID": info.capture_id,
        "createdAt": format_time(info.created_at),
        **({} if finished is None else {"finishedAt": format_time(finished)}),
        "running": finished is None,
        "success": not info.errors,
        "captureErrorBehaviour": info.behaviour,
        "errors": [{"type": exception_name(_status(each)), **each} for each in info.errors],
    }


def _opening(info: CaptureInfo) -> dict[str, object]:
    """Return what opens the commitment of the entry that the document was received."""
    if info.opening_key is None:
        return {}
    opening = {"key": format_base64(info.opening_key), "header": format_base64(HEADER)}
    return {"theriac:opening": opening}


def _status(problem: object) -> int:
    assert isinstance(problem, dict)
    return int(problem["status"])


def _json(value: object) -> HttpResponse:
    return HttpResponse(
        orjson.dumps(value), content_type="application/json", headers=EpcisView.versions
    )


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise NotFoundError("your organisation has no capture job of this id") from error
