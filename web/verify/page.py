"""``/verify/``: check a proof without an account, and the same page as one file for a disk.

The server hands out the page and takes nothing: no file and no key ever comes back to it.
"""

import base64
import hashlib
from functools import cache
from pathlib import Path

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.decorators.http import require_safe

from foundation.core.actor import PUBLIC
from foundation.tenancy import acting_as
from ledger.errors import NoLogError
from ledger.selectors import current_log

STATIC = Path(__file__).parents[1] / "static"
STYLES = ("web/theriac.css", "verify/verify.css")
SCRIPT = "verify/verify.js"


@require_safe
def verify_page(request: HttpRequest) -> HttpResponse:
    """Show the page, with the key that this server states: the reader is told to compare it."""
    with acting_as(PUBLIC):
        try:
            vkey = current_log().vkey
        except NoLogError:
            vkey = ""
    return render(request, "verify/page.html", {"vkey": vkey})


@require_safe
def verify_file(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - Django's
    """Return the page as one file that runs from a disk; the same bytes on every server."""
    response = HttpResponse(standalone(), content_type="text/html; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="theriac-verify.html"'
    return response


@cache
def standalone() -> bytes:
    """Return the one-file page. Its own policy allows its script and style, and no network."""
    style = "".join((STATIC / name).read_text() for name in STYLES)
    script = (STATIC / SCRIPT).read_text()
    context = {
        "style": style,
        "script": script,
        "style_hash": _source_hash(style),
        "script_hash": _source_hash(script),
    }
    return render_to_string("verify/standalone.html", context).encode()


def _source_hash(text: str) -> str:
    """Return the hash by which a content security policy names an inline element."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
