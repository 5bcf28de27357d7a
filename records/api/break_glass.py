"""Breaking the glass, explaining and reviewing it, as JSON under ``/api/v1/break-glass``.

Answers that are kept for a repeat hold ids, steps and times only.
"""

import dataclasses
import datetime as dt
import hashlib
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from uuid import UUID

import orjson
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import actor_of, requires_scope
from accounts.core.scopes import Scope
from foundation.core.actor import Actor
from foundation.idempotency import Answer
from foundation.serializers import Strict
from foundation.tenancy import acting_as
from foundation.writes import IDEMPOTENCY_KEY, answer_response, write_once
from ledger.core.receipt import RECEIPT_HEADER, Receipt
from records.api.fhir_views import seeds
from records.core.break_glass import BreakGlassReason, BreakGlassVerdict, check_reviewer
from records.core.search import parse_person
from records.selectors import reviews_open
from records.services import (
    breaking_check,
    glass_break,
    glass_explain,
    glass_read,
    glass_review,
)
from records.services.deciding import base_url

EXPLANATION_LENGTH_MAX = 4000


class BreakGlassRequest(Strict):
    """For whom, whose records, why; ``opened`` is the running first step."""

    patient = serializers.CharField(max_length=300)
    custodian = serializers.UUIDField(required=False)
    reason = serializers.ChoiceField([each.value for each in BreakGlassReason])
    opened = serializers.UUIDField(required=False)


class ExplanationRequest(Strict):
    """Why, in words."""

    custodian = serializers.UUIDField(required=False)
    explanation = serializers.CharField(max_length=EXPLANATION_LENGTH_MAX)


class ReviewRequest(Strict):
    """What the review comes to."""

    verdict = serializers.ChoiceField([each.value for each in BreakGlassVerdict])


class _View(APIView):
    def get_permissions(self) -> list[BasePermission]:
        """Return the permission: to read records."""
        return [requires_scope(Scope.RECORDS_READ)()]


class GlassesView(_View):
    """Openings."""

    @extend_schema(operation_id="break_glass_list", responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request) -> Response:
        """List the openings of this organisation's records that nobody has reviewed yet."""
        actor, now = actor_of(request), timezone.now()
        check_reviewer(actor.roles)
        with acting_as(actor):
            found = reviews_open(now=now)
        return Response({"reviews": [dataclasses.asdict(each) for each in found]})

    @extend_schema(
        operation_id="break_glass",
        request=BreakGlassRequest,
        responses={201: OpenApiTypes.OBJECT},
        parameters=[IDEMPOTENCY_KEY],
    )
    def post(self, request: Request) -> HttpResponse:
        """Break the glass, within five minutes of logging in again."""
        raw, given = request.body, BreakGlassRequest(data=request.data).checked()
        actor, now = actor_of(request), timezone.now()
        holder_id = given.get("custodian") or actor.organisation
        breaking_check(actor=actor, holder_id=holder_id)
        person = parse_person(given["patient"], base=base_url())

        def opening() -> Answer:
            glass, receipt = glass_break(
                actor=actor,
                holder_id=holder_id,
                person=person,
                reason=BreakGlassReason(given["reason"]),
                opened=given.get("opened"),
                seeds=seeds,
                now=now,
            )
            return _answer(dataclasses.asdict(glass), receipt)

        return _once(request, raw, holder=actor.acting_for(holder_id), now=now, answer=opening)


class GlassView(_View):
    """One opening."""

    @extend_schema(operation_id="break_glass_get", responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request, glass_id: UUID) -> HttpResponse:
        """Show reason and explanation to the privacy officer; the reading is an entry."""
        detail, receipt = glass_read(
            actor=actor_of(request), glass_id=glass_id, seeds=seeds, now=timezone.now()
        )
        shown = dataclasses.asdict(detail)
        body = orjson.dumps({**shown.pop("glass"), **shown})
        headers = {RECEIPT_HEADER: receipt.header(), "Cache-Control": "no-store"}
        return HttpResponse(body, content_type="application/json", headers=headers)


class ExplanationView(_View):
    """Why a glass was broken."""

    @extend_schema(
        operation_id="break_glass_explain",
        request=ExplanationRequest,
        responses={201: OpenApiTypes.OBJECT},
        parameters=[IDEMPOTENCY_KEY],
    )
    def post(self, request: Request, glass_id: UUID) -> HttpResponse:
        """Explain in words, once; the review stays open until then."""
        raw, given = request.body, ExplanationRequest(data=request.data).checked()
        actor, now = actor_of(request), timezone.now()
        holder_id = given.get("custodian") or actor.organisation
        breaking_check(actor=actor, holder_id=holder_id)

        def explain() -> Answer:
            receipt = glass_explain(
                actor=actor,
                holder_id=holder_id,
                glass_id=glass_id,
                explanation=given["explanation"],
                seeds=seeds,
                now=now,
            )
            return _answer({}, receipt)

        return _once(request, raw, holder=actor.acting_for(holder_id), now=now, answer=explain)


class ReviewView(_View):
    """What a review comes to."""

    @extend_schema(
        operation_id="break_glass_review",
        request=ReviewRequest,
        responses={201: OpenApiTypes.OBJECT},
        parameters=[IDEMPOTENCY_KEY],
    )
    def post(self, request: Request, glass_id: UUID) -> HttpResponse:
        """Close the review under the reviewer's personal key."""
        raw, given = request.body, ReviewRequest(data=request.data).checked()
        actor, now = actor_of(request), timezone.now()

        def review() -> Answer:
            receipt = glass_review(
                actor=actor,
                glass_id=glass_id,
                verdict=BreakGlassVerdict(given["verdict"]),
                seeds=seeds,
                now=now,
            )
            return _answer({}, receipt)

        return _once(request, raw, holder=actor, now=now, answer=review)


def _once(
    request: Request,
    raw: bytes,
    *,
    holder: Actor,
    now: dt.datetime,
    answer: Callable[[], Answer],
) -> HttpResponse:
    """Answer once, per person and log-in: the same words a week later are another emergency."""
    actor = actor_of(request)
    whose = f"{actor.organisation_id}/{actor.person_id}"
    made = write_once(
        request,
        actor=holder,
        raw=raw,
        now=now,
        answer=answer,
        about=f" by {whose} since {actor.reauthenticated_at}",
        # A person's own, and of one length: the longest key that is allowed fits with its person.
        key_of=lambda key: hashlib.sha256(f"{whose}/{key}".encode()).hexdigest(),
    )
    return answer_response(made)


def _answer(value: dict[str, Any], receipt: Receipt) -> Answer:
    body = orjson.dumps({**value, **receipt.as_json()}, default=str)
    headers = {RECEIPT_HEADER: receipt.header()}
    return Answer(status=HTTPStatus.CREATED, body=body, headers=headers)
