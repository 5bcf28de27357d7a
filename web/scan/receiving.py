"""``/scan/receive/``: one button takes in what was scanned, and shows the receipt."""

import datetime as dt
import os
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts.authentication import actor_of
from accounts.core.scopes import Scope, check_scope
from foundation.core.problem import BadInputError
from foundation.idempotency import Answer
from foundation.writes import write_once
from provenance.selectors import scan_fault
from provenance.services import UNREADABLE, Received, packs_receive
from web.scan.page import SCAN_LENGTH_MAX


@require_POST
def receive_packs(request: HttpRequest) -> HttpResponse:
    """Receive each ``scan`` of the form, once per ``Idempotency-Key``; answer a piece of the page.

    What goes wrong is answered as problem details.
    """
    actor = actor_of(request)
    check_scope(actor, Scope.EPCIS_WRITE)
    scans = [scan.strip() for scan in request.POST.getlist("scan")]
    if any(len(scan) > SCAN_LENGTH_MAX for scan in scans):
        raise BadInputError(f"a scan has at most {SCAN_LENGTH_MAX} characters")
    now = timezone.now()  # noqa: TID251 - an interface: the clock enters here

    def record() -> Answer:
        done = packs_receive(actor=actor, scans=scans, seeds=os.urandom, now=now)
        return Answer(status=200, body=orjson.dumps(_as_json(done, scans)))

    answer = write_once(request, actor=actor, raw=orjson.dumps(scans), now=now, answer=record)
    shown = _shown(orjson.loads(answer.body), scans, now)
    return render(request, "scan/received.html", shown)


def _as_json(done: Received, scans: list[str]) -> dict[str, object]:
    """Return what is kept for a repeat: what was scanned may be a person's, and stays out."""
    return {
        "epcs": done.epcs,
        "receipt": done.receipt and done.receipt.promise.as_json(),
        "signed": done.receipt and done.receipt.header(),
        "refused": [
            {
                "index": scans.index(one.scan),
                "text": None if one.rule == UNREADABLE else one.text,
                "next_step": one.next_step,
            }
            for one in done.refused
        ],
        "broken": [{"epc": one.epc, "kind": one.exception.class_.value} for one in done.broken],
    }


def _shown(kept: dict[str, Any], scans: list[str], now: dt.datetime) -> dict[str, Any]:
    """Return what the page shows: each refusal with its scan, which the request brings again."""
    refused = []
    for one in kept["refused"]:
        scan = scans[one["index"]]
        text = one["text"] or scan_fault(scan, now=now) or "The scan could not be read."
        refused.append({**one, "scan": scan.replace("\x1d", " "), "text": text})
    return {**kept, "refused": refused}
