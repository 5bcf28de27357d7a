"""Erasures under ``/api/v1/erasures``: proposed, approved by two persons, shown with their proof.

Nothing that is answered, and kept for a repeat, says who the person is.
"""

import dataclasses
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from uuid import UUID

import orjson
from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import IsActing, actor_of
from foundation.core.actor import Actor
from foundation.idempotency import Answer
from foundation.tenancy import acting_as
from foundation.writes import IDEMPOTENCY_KEY, answer_response, write_once
from ledger.core.receipt import RECEIPT_HEADER, Receipt
from ledger.selectors import current_log
from vault.api.serializers import ErasureIn, ErasureOut, ErasureSummaryOut
from vault.selectors import ErasureInfo
from vault.services import (
    erasure_approve,
    erasure_propose,
    erasure_show,
    erasures_show,
    subject_find,
)


class _View(APIView):
    """Who may, the service says: a role where a person asks, a scope where a system does."""

    permission_classes = (IsActing,)


class ErasuresView(_View):
    """Proposals."""

    @extend_schema(responses=ErasureSummaryOut(many=True), operation_id="erasure_list")
    def get(self, request: Request) -> Response:
        """List the organisation's erasures, the newest first, at most 200."""
        return Response(
            [dataclasses.asdict(each) for each in erasures_show(actor=actor_of(request))]
        )

    @extend_schema(
        request=ErasureIn,
        responses={201: ErasureOut},
        parameters=[IDEMPOTENCY_KEY],
        operation_id="erasure_propose",
    )
    def post(self, request: Request) -> HttpResponse:
        """Propose to erase a person, or one category; what stands against it is said at once."""
        raw, actor, now = request.body, actor_of(request), timezone.now()
        wanted = ErasureIn(data=request.data).checked()

        def propose() -> Answer:
            info, receipt = erasure_propose(
                actor=actor,
                subject_id=_subject(actor, wanted),
                reason=wanted["reason"],
                category=wanted.get("category"),
                now=now,
            )
            return _answered(info, receipt, HTTPStatus.CREATED)

        return _once(request, raw, propose)


class ErasureView(_View):
    """One erasure."""

    @extend_schema(responses=ErasureOut, operation_id="erasure_get")
    def get(self, request: Request, erasure_id: UUID) -> Response:
        """Show how far it has come, its certificates, and where each entry's proof is."""
        actor = actor_of(request)
        info = erasure_show(actor=actor, erasure_id=erasure_id)
        with acting_as(actor):
            return Response(_shown(info))


class ErasureApproveView(_View):
    """Approvals."""

    @extend_schema(
        request=None,
        responses=ErasureOut,
        parameters=[IDEMPOTENCY_KEY],
        operation_id="erasure_approve",
    )
    def post(self, request: Request, erasure_id: UUID) -> HttpResponse:
        """Approve under one's own key, within five minutes of logging in again.

        The second person's approval carries it out: ``erased`` is the receipt of the entry that
        says so. The certificate follows when the probes have failed; see GET.
        """
        actor, now = actor_of(request), timezone.now()

        def approve() -> Answer:
            made = erasure_approve(actor=actor, erasure_id=erasure_id, now=now)
            erased = {} if made.erased is None else {"erased": made.erased.as_json()}
            return _answered(made.info, made.receipt, HTTPStatus.OK, **erased)

        # Whose approval it is belongs to the request: a second person who sends the first one's
        # Idempotency-Key is refused, not told of an approval that is not theirs.
        return _once(request, f"{actor.person_id}".encode() + request.body, approve)


def _subject(actor: Actor, wanted: dict[str, Any]) -> UUID:
    if "subject_id" in wanted:
        subject_id: UUID = wanted["subject_id"]
        return subject_id
    named = wanted["identifier"]
    return subject_find(actor=actor, system=named["system"], value=named["value"])


def _once(request: Request, raw: bytes, answer: Callable[[], Answer]) -> HttpResponse:
    made = write_once(request, actor=actor_of(request), raw=raw, now=timezone.now(), answer=answer)
    return answer_response(made)


def _answered(info: ErasureInfo, receipt: Receipt, status: HTTPStatus, **members: object) -> Answer:
    body = orjson.dumps({**_shown(info), **receipt.as_json(), **members}, default=str)
    return Answer(status=status, body=body, headers={RECEIPT_HEADER: receipt.header()})


def _shown(info: ErasureInfo) -> dict[str, Any]:
    channel = current_log().name
    entries = [
        {
            "kind": entry.kind,
            "entry_id": entry.entry_id,
            "proof": reverse("log-proof", args=[channel, entry.entry_id]),
        }
        for entry in info.entries
    ]
    return {**dataclasses.asdict(info), "entries": entries}
