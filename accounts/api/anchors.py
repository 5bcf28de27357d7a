"""Anchors under ``/api/v1/anchors``: what a member's own system commits to, one by one or many.

Here and not in the ledger, because who may write is a matter of scopes.
"""

from http import HTTPStatus
from typing import Any, ClassVar

import orjson
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from accounts.api.views import Permission, View, once, received
from accounts.authentication import actor_of, requires_scope
from accounts.core.scopes import Scope
from accounts.services import organisation_anchor, organisation_anchor_many
from foundation.core.json_input import parse_json
from foundation.core.problem import BadInputError, ProblemError, UnsupportedMediaError
from foundation.idempotency import Answer
from foundation.openapi import ReceiptOut
from foundation.serializers import Strict
from foundation.writes import IDEMPOTENCY_KEY
from ledger.bodies import PREFER, SEALED_MEDIA_TYPE, SealedIn, read_write
from ledger.core.anchor import COMMITMENTS_MAX
from ledger.core.receipt import Receipt
from ledger.core.sealed import parse_sealed
from ledger.services import Sent, anchor_sent

_JSON = "application/json"
SUBMISSIONS_MAX = 2000  # of one request; the size of a body may bound it before


class CommitmentsIn(Strict):
    """What is committed to: HMACs or hashes of 32 bytes, in hex, as the sender likes."""

    commitments = serializers.ListField(
        child=serializers.CharField(help_text="64 hex digits in lower case"),
        min_length=1,
        max_length=COMMITMENTS_MAX,
    )


class ManyIn(Strict):
    """Sealed submissions of one entry each, in the order in which each key signed them."""

    submissions = serializers.ListField(
        child=serializers.DictField(), min_length=1, max_length=SUBMISSIONS_MAX
    )


class OutcomeOut(serializers.Serializer[Any]):
    """A receipt, or the problem for which this one was refused."""

    receipt = serializers.DictField(required=False)
    sig = serializers.CharField(required=False)
    entry_ids = serializers.ListField(child=serializers.CharField(), required=False)
    problem = serializers.DictField(required=False)


class ManyOut(serializers.Serializer[Any]):
    """What became of each, in the order sent."""

    outcomes = OutcomeOut(many=True)


class _View(View):
    in_channels: ClassVar[bool] = True
    writes: ClassVar[Permission] = requires_scope(Scope.LEDGER_WRITE)


class AnchorsView(_View):
    """Commitments of one's own, in one entry."""

    @extend_schema(
        request={_JSON: CommitmentsIn, SEALED_MEDIA_TYPE: SealedIn},
        responses={201: ReceiptOut},
        parameters=[IDEMPOTENCY_KEY, PREFER],
        operation_id="anchor",
    )
    def post(self, request: Request) -> HttpResponse:
        """Put commitments into the log; nobody but the sender knows what they stand for.

        Sealed, `openings` is empty: what opens them stays with the sender.
        """
        body = read_write(
            body=request.body, content_type=request.content_type, media_types=(_JSON,), opened=False
        )
        document, actor, now = parse_json(body.document), actor_of(request), timezone.now()

        def anchor() -> Answer:
            return received(
                organisation_anchor(actor=actor, document=document, now=now, sealed=body.sealed)
            )

        return once(request, request.body, now, anchor)


class ManyAnchorsView(_View):
    """Many anchors, each signed by a key of the organisation's own."""

    @extend_schema(
        request=ManyIn,
        responses={200: ManyOut},
        parameters=[IDEMPOTENCY_KEY],
        operation_id="anchor_many",
    )
    def post(self, request: Request) -> HttpResponse:
        """Put many signed anchors into the log, each applied or refused on its own.

        For a system that signs every act, or a device that was offline: they are verified on all
        cores and stored together, an order of magnitude faster than one by one.
        """
        if (request.content_type or "").partition(";")[0].strip().lower() != _JSON:
            raise UnsupportedMediaError(f"send {_JSON}")
        values = ManyIn(data=parse_json(request.body)).checked()["submissions"]
        sent = [_sent(at, value) for at, value in enumerate(values)]
        actor, now = actor_of(request), timezone.now()

        def anchor() -> Answer:
            outcomes = organisation_anchor_many(actor=actor, sent=sent, now=now)
            shown = [_shown(each) for each in outcomes]
            return Answer(status=HTTPStatus.OK, body=orjson.dumps({"outcomes": shown}))

        return once(request, request.body, now, anchor)


def _sent(at: int, value: object) -> Sent | ProblemError:
    """Return one of many as it is to be appended, or why it cannot be read."""
    try:
        sealed = parse_sealed(value, opened=False)
        if sealed.media_type != _JSON:
            raise BadInputError(f"submissions[{at}].media_type is not {_JSON}")
        return anchor_sent(parse_json(sealed.document), sealed)
    except ProblemError as error:
        return error


def _shown(outcome: Receipt | ProblemError) -> dict[str, object]:
    if isinstance(outcome, ProblemError):
        return {"problem": outcome.as_json()}
    return {**outcome.as_json()}
