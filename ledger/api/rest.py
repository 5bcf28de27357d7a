"""Receipts over HTTP: the promise again, to the byte, and with ``Prefer: wait`` the places."""

import re
import time
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from foundation.core.actor import Actor
from foundation.core.problem import UnauthenticatedError
from foundation.tenancy import acting_as
from ledger.selectors import current_log, places
from ledger.services import receipt_again

WAIT_S_MAX = 10
_POLL_S = 0.05
_WAIT = re.compile(r"\bwait=([0-9]{1,3})\b")


class ReceiptView(APIView):
    """The receipt of one's own submission."""

    @extend_schema(operation_id="receipt_get", responses={200: dict})
    def get(self, request: Request, submission_id: UUID) -> Response:
        """Return the stored receipt and, once sequenced, where each entry stands in the log.

        ``Prefer: wait=N`` (RFC 7240) waits up to N seconds, ten at the most, for the places.
        """
        actor = request.auth
        if not isinstance(actor, Actor):
            raise UnauthenticatedError("a receipt is given to the organisation that submitted")
        receipt = receipt_again(actor=actor, submission_id=submission_id)
        wanted = _WAIT.search(request.headers.get("Prefer", ""))
        end = time.monotonic() + min(int(wanted[1]) if wanted else 0, WAIT_S_MAX)
        while True:
            found = _places(actor, receipt.entry_ids)
            if found or time.monotonic() >= end:
                return Response({**receipt.as_json(), "places": found})
            time.sleep(_POLL_S)


def _places(actor: Actor, entry_ids: tuple[bytes, ...]) -> list[dict[str, Any]]:
    with acting_as(actor):
        found = places(current_log(), entry_ids)
    return [
        {"entry_id": entry_id.hex(), "log_index": found[entry_id].log_index}
        for entry_id in entry_ids
        if entry_id in found
    ]
