"""Receipts over HTTP: the promise again, to the byte, and with ``Prefer: wait`` the places."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from foundation.core.actor import Actor
from foundation.core.problem import UnauthenticatedError
from ledger.core.receipt import RECEIPT_HEADER, Receipt
from ledger.core.sequenced import Sequenced
from ledger.services import receipt_again
from ledger.services.proofs import provisional_index
from ledger.waiting import sequenced_wait, wait_wanted


class ReceiptView(APIView):
    """The receipt of one's own submission."""

    in_channels: ClassVar[bool] = True

    @extend_schema(operation_id="receipt_get", responses={200: dict})
    def get(self, request: Request, submission_id: UUID) -> Response:
        """Return the stored receipt and, once sequenced, where each entry stands, with proof.

        ``Prefer: wait=N`` (RFC 7240) waits up to N seconds, ten at the most, for that. While the
        log signed it and the quorum of witnesses is missing, the places are ``provisional``.
        """
        actor = request.auth
        if not isinstance(actor, Actor):
            raise UnauthenticatedError("a receipt is given to the organisation that submitted")
        receipt = receipt_again(actor=actor, submission_id=submission_id)
        wait_s = wait_wanted(request.headers.get("Prefer", ""))
        found = sequenced_wait(
            origin=receipt.promise.log,
            organisation_id=receipt.promise.organisation_id,
            submission_id=submission_id,
            wait_s=wait_s or 0,
        )
        headers = {RECEIPT_HEADER: receipt.header()}
        if wait_s is not None:
            headers["Preference-Applied"] = f"wait={wait_s}"
        body: dict[str, Any] = {**receipt.as_json(), "places": _places(receipt, found)}
        if found is not None:
            body["sequenced"] = found.as_json()
        return Response(body, headers=headers)


def _places(receipt: Receipt, found: Sequenced | None) -> list[dict[str, Any]]:
    """Return where the entries stand, or will stand once the quorum of witnesses has cosigned."""
    header = provisional_index(receipt) if found is None else found.header_index
    if header is None:
        return []
    mark = {"provisional": True} if found is None else {}
    return [
        {"entry_id": entry_id.hex(), "log_index": index, **mark}
        for index, entry_id in enumerate(receipt.entry_ids, start=header + 1)
    ]
