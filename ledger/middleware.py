"""Writes that wait: the one place where ``Prefer: wait=…`` turns a promise into a proof.

Every write answers with its receipt in the header ``Theriac-Receipt``. Where the caller prefers
to wait, this layer looks, after the write has committed, until the submission has its place: the
answer then says ``Theriac-Log-Index``, and a body of ours holds the member ``sequenced`` beside
the receipt. Where time runs out, the promise stands as it was.
"""

import logging
from collections.abc import Callable
from http import HTTPStatus

import orjson
from django.db import DatabaseError
from django.http import HttpRequest
from django.http.response import HttpResponse, HttpResponseBase

from foundation.core.problem import NotFoundError
from ledger.core.receipt import RECEIPT_HEADER, parse_receipt_header
from ledger.core.sequenced import Sequenced
from ledger.waiting import sequenced_wait, wait_wanted

INDEX_HEADER = "Theriac-Log-Index"
APPLIED_HEADER = "Preference-Applied"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

logger = logging.getLogger(__name__)


class PreferWaitMiddleware:
    """Waits with the answer to a write until its submission is sequenced, if that is preferred."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        """Keep the next layer."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Return the answer of the layers below, with its place in the log where wanted."""
        response = self.get_response(request)
        wait_s = wait_wanted(request.headers.get("Prefer", ""))
        if (
            wait_s is None
            or request.method in _SAFE
            or not isinstance(response, HttpResponse)
            or RECEIPT_HEADER not in response
            or response.status_code >= HTTPStatus.BAD_REQUEST
        ):
            return response
        promise = parse_receipt_header(response[RECEIPT_HEADER]).promise
        try:
            found = sequenced_wait(
                origin=promise.log,
                organisation_id=promise.organisation_id,
                submission_id=promise.id,
                wait_s=wait_s,
            )
        except (DatabaseError, NotFoundError) as error:
            # The write is done and promised; that nobody can look now must not hide it, nor that
            # who left a channel for members does not see it any more.
            logger.warning("a receipt's place cannot be looked up", exc_info=error)
            return response
        response[APPLIED_HEADER] = f"wait={wait_s}"
        if found is not None:
            _tell(response, found)
        return response


def _tell(response: HttpResponse, found: Sequenced) -> None:
    response[INDEX_HEADER] = str(found.header_index)
    if response.headers.get("Content-Type", "") != "application/json" or not response.content:
        return  # the body belongs to a standard: the receipt's address has the proof
    body = orjson.loads(response.content)
    if isinstance(body, dict) and {"receipt", "sig", "entry_ids"} <= body.keys():
        response.content = orjson.dumps({**body, "sequenced": found.as_json()})
        if "Content-Length" in response:
            response["Content-Length"] = str(len(response.content))
