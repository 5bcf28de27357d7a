"""``POST /x12/``: an interchange of claims in, its 999 out.

The 999 names every set and group, what is taken and what is not. What is taken is one submission
of the insurer's; a file of which nothing is taken writes nothing.
"""

import datetime as dt

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from accounts.authentication import actor_of
from claims.api.renderers import X12Renderer
from claims.api.views import ClaimsView, once, seeds
from claims.core.model import latest_service_date
from claims.core.x12 import Envelope, Interchange, X12Error, parse_interchanges
from claims.core.x12_999 import format_999
from claims.core.x12_intake import Intake, read_interchange
from claims.parsers import X12Parser
from claims.services import claim_submit, claims_receiver
from foundation.idempotency import Answer
from foundation.parsers import OrjsonRenderer, body_of
from foundation.writes import IDEMPOTENCY_KEY
from ledger.core.receipt import RECEIPT_HEADER

CONTROL_NUMBERS = 10**9


class X12View(ClaimsView):
    """Interchanges of claims."""

    parser_classes = (X12Parser,)
    renderer_classes = (OrjsonRenderer, X12Renderer)

    @extend_schema(
        request={"application/edi-x12": OpenApiTypes.BINARY},
        responses={(200, "application/edi-x12"): OpenApiTypes.BINARY},
        parameters=[IDEMPOTENCY_KEY],
        operation_id="x12_submit",
    )
    def post(self, request: Request) -> HttpResponse:
        """Take the 837P claims of one interchange; answer with the 999."""
        raw, caller, now = body_of(request), actor_of(request), timezone.now()
        interchange = _only(parse_interchanges(raw))
        intake = read_interchange(interchange, latest=latest_service_date(now))
        acknowledgement = _acknowledgement(interchange, intake, now)
        if not intake.documents:
            return HttpResponse(acknowledgement, content_type=X12Renderer.media_type)
        actor = claims_receiver(actor=caller, documents=intake.documents)

        def submit() -> Answer:
            taken = claim_submit(
                actor=actor,
                submitter_id=caller.organisation,
                documents=intake.documents,
                seeds=seeds,
                now=now,
            )
            return Answer(
                status=200,
                body=acknowledgement,
                media_type=X12Renderer.media_type,
                headers={RECEIPT_HEADER: taken.receipt.header()},
            )

        return once(request, raw=raw, now=now, answer=submit, actor=actor)


def _only(interchanges: tuple[Interchange, ...]) -> Interchange:
    if len(interchanges) > 1:
        raise X12Error("more than one interchange; send each by itself", position=1)
    return interchanges[0]


def _acknowledgement(interchange: Interchange, intake: Intake, now: dt.datetime) -> bytes:
    """Return the 999, addressed back to where the interchange came from."""
    isa = interchange.header
    group = interchange.groups[0].header if interchange.groups else None
    number = int.from_bytes(seeds()[:8], "big") % CONTROL_NUMBERS
    codes = (group.element(3), group.element(2)) if group else ("", "")
    envelope = Envelope(
        sender=(isa.element(7), isa.element(8).rstrip(), codes[0]),
        receiver=(isa.element(5), isa.element(6).rstrip(), codes[1]),
        interchange_number=number,
        group_number=number,
        sent_at=now,
        usage=isa.element(15),
    )
    return format_999(intake.groups, envelope)
