"""Dispensings of pharmacies' systems under ``/api/v1/dispensings``: a scan and a prescription."""

import os
from http import HTTPStatus
from uuid import uuid4

import orjson
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.authentication import actor_of, requires_scope
from accounts.core.scopes import Scope
from foundation.core.json_input import parse_json
from foundation.core.problem import UnsupportedMediaError
from foundation.idempotency import Answer
from foundation.writes import IDEMPOTENCY_KEY, answer_response, write_once
from ledger.core.receipt import RECEIPT_HEADER
from provenance.core.custody_exception import EXCEPTION_GUIDE
from provenance.core.dispensing_document import Zoned, dispensing_document, dispensing_error
from provenance.core.epcis_check import EpcisError
from provenance.core.event_bytes import event_bytes
from provenance.services import Captured, events_capture


class DispensingsView(APIView):
    """What was given to patients."""

    def get_permissions(self) -> list[BasePermission]:
        """Return the permission: to record events."""
        return [requires_scope(Scope.EPCIS_WRITE)()]

    @extend_schema(
        operation_id="dispensing_record",
        parameters=[IDEMPOTENCY_KEY],
        request=dict,
        responses={201: dict},
    )
    def post(self, request: Request) -> HttpResponse:
        """Record what was given of a pack for a prescription.

        What breaks a rule of custody is recorded all the same, and named in ``exceptions``.
        """
        if request.content_type.partition(";")[0].strip() != "application/json":
            raise UnsupportedMediaError("send application/json")
        raw, actor, now = request._request.body, actor_of(request), timezone.now()  # noqa: SLF001 - the body as sent, unparsed

        def record() -> Answer:
            document = dispensing_document(
                parse_json(raw),
                moment=Zoned(time=now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), offset="+00:00"),
                event_id=f"urn:uuid:{uuid4()}",
                now=now,
            )
            try:
                done = events_capture(
                    actor=actor, document=event_bytes(document), seeds=os.urandom, now=now
                )
            except EpcisError as error:
                raise dispensing_error(error) from error
            return _answer(done)

        answer = write_once(request, actor=actor, raw=raw, now=now, answer=record)
        return answer_response(answer)


def _answer(done: Captured) -> Answer:
    """Return what is answered: nothing of it is about the patient."""
    value: dict[str, object] = {
        "event_id": done.event_ids[0],
        "exceptions": [
            {
                "class": one.exception.class_.value,
                "detail": one.exception.detail,
                "next_step": EXCEPTION_GUIDE[one.exception.class_][1],
            }
            for one in done.broken
        ],
    }
    if done.receipt is None:
        return Answer(status=HTTPStatus.OK, body=orjson.dumps(value))
    body = orjson.dumps({**value, **done.receipt.as_json()})
    headers = {RECEIPT_HEADER: done.receipt.header()}
    return Answer(status=HTTPStatus.CREATED, body=body, headers=headers)
