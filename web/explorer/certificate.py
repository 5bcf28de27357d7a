"""``…/certificate/``: one page to print, with the proof of an entry in its codes.

HTML and not PDF: it shows names in every script with the reader's own fonts, is read aloud as any
page, and any browser prints it; sizes are in millimetres, and fit A4 and Letter.
"""

import json
from typing import Any

import segno
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from segno import consts

from foundation.tenancy import acting_as
from ledger.core.entry import format_time
from ledger.errors import NotSequencedError, ProvisionalError
from ledger.exploring import entry_seen
from ledger.services.qr_proofs import qr_proof
from web.explorer.visit import Visit, cosigners_of, explored, named

# Where several codes have to find room, fewer lines of the entry do.
_BODY_LINES_MAX = (4, 9, 4, 3, 3)
_LINE_LENGTH_MAX = 96


def _certificate(visit: Visit, entry_id: str) -> HttpResponse:
    """Show the page, or the entry's own while nothing proves it yet."""
    log, wanted = visit.log, bytes.fromhex(entry_id)
    try:
        proof = qr_proof(wanted, channel=log.name, actor=visit.actor)
    except (NotSequencedError, ProvisionalError):
        return redirect("explorer-entry", log.name, entry_id)
    with acting_as(visit.actor):
        seen = entry_seen(log, wanted)
        name = named(log, {seen.info.organisation_id})
    place = seen.info.place
    assert place is not None  # it is proven
    context: dict[str, Any] = {
        "id": entry_id,
        "index": place.log_index,
        "entry": seen.entry,
        "key": seen.submission.key_id,
        "organisation": name(seen.info.organisation_id),
        "time": format_time(seen.entry.time),
        "body": _short(json.loads(seen.info.content)["body"], _BODY_LINES_MAX[len(proof.texts)]),
        "head": proof.head,
        "root": proof.head.root_hash.hex(),
        "cosigners": cosigners_of(proof.head.note),
        "codes": [code_svg(visit.request, text) for text in proof.texts],
        "trouble": proof.trouble,
        "verify_address": visit.request.build_absolute_uri(reverse("verify-page")),
    }
    return visit.page("certificate", **context)


def code_address(request: HttpRequest, text: str) -> tuple[str, str]:
    """Return what a code says: an address that opens the page, and the digits that end it."""
    words, digits = text.rsplit(".", 1)
    address = request.build_absolute_uri(reverse("verify-page"))
    return f"{address}#{words}.", digits


def code_svg(request: HttpRequest, text: str) -> SafeString:
    """Return a QR code as a picture: digits take 3⅓ bits each, the address eight a letter."""
    address, digits = code_address(request, text)
    parts = [(address, consts.MODE_BYTE), (digits, consts.MODE_NUMERIC)]
    # A list of parts, each in a mode of its own, which its stub leaves out.
    code = segno.make(parts, error="l", boost_error=True, micro=False)  # type: ignore[arg-type]
    drawn = code.svg_inline(border=4, dark="#000", light="#fff", omitsize=True, svgclass="code")
    return mark_safe(drawn)  # noqa: S308 - drawn here, of an address and digits


def _short(body: object, most: int) -> list[str]:
    """Return a body for a page with room for a few lines; the last one says where it was cut."""
    lines = json.dumps(body, indent=1, ensure_ascii=False).split("\n")
    shown = [
        f"{line[:_LINE_LENGTH_MAX]} …" if len(line) > _LINE_LENGTH_MAX else line
        for line in lines[:most]
    ]
    if len(lines) > most:
        shown.append(f"… {len(lines) - most} more lines, in the proof itself")
    return shown


certificate = explored(_certificate)
