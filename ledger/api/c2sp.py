"""The log as C2SP clients read it: checkpoint, tiles, entry bundles, vkey.

Public, cacheable, without an account (C2SP tlog-tiles 0.1.0; the channel is not private).
"""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from foundation.core.actor import PUBLIC
from foundation.core.problem import NotFoundError
from foundation.tenancy import acting_as
from ledger.core.tiles import TILE_WIDTH, TileError, encode_bundle, parse_tile_path
from ledger.published import head_published
from ledger.selectors import Head, LogInfo, NodeReader, leaf_data, log_get
from ledger.services.proofs import proof_bundle, tlog_proof

TEXT = "text/plain; charset=utf-8"
BYTES = "application/octet-stream"
_IMMUTABLE = "public, max-age=31536000, immutable"


@require_safe
def checkpoint(request: HttpRequest, channel: str) -> HttpResponse:  # noqa: ARG001 - Django's
    """Return the newest published checkpoint, a signed note with its cosignatures."""
    with acting_as(PUBLIC):
        _, head = _log_and_head(channel)
    response = HttpResponse(head.note, content_type=TEXT)
    response["Cache-Control"] = "public, max-age=1"
    return response


@require_safe
def vkey(request: HttpRequest, channel: str) -> HttpResponse:  # noqa: ARG001 - Django's
    """Return the verifier key: the one thing to be trusted, so compare it elsewhere."""
    with acting_as(PUBLIC):
        log, _ = _log_and_head(channel)
    return HttpResponse(f"{log.vkey}\n", content_type=TEXT)


@require_safe
def tile(request: HttpRequest, channel: str, path: str) -> HttpResponse:  # noqa: ARG001 - Django's
    """Return a tile of hashes or a bundle of entries; 404 for what is not published yet."""
    try:
        wanted = parse_tile_path(f"tile/{path}")
    except TileError as error:
        raise NotFoundError(error.detail) from error
    with acting_as(PUBLIC):
        log, head = _log_and_head(channel)
        first = wanted.index * TILE_WIDTH
        if first + wanted.width > head.size >> (8 * (wanted.level or 0)):
            raise NotFoundError("the published log does not reach this tile yet")
        if wanted.level is None:
            data = encode_bundle(leaf_data(log, first, first + wanted.width))
        else:
            hashes = NodeReader(log, head.size).tile(wanted.level, wanted.index)
            data = b"".join(hashes[: wanted.width])
    response = HttpResponse(data, content_type=BYTES)
    response["Cache-Control"] = _IMMUTABLE
    return response


@require_safe
def proof(request: HttpRequest, channel: str, entry_id: str) -> HttpResponse:
    """Return the one-file proof of an entry: a JSON bundle, or C2SP's with Accept: text/plain."""
    wanted = bytes.fromhex(entry_id)
    if request.headers.get("Accept", "").startswith("text/plain"):
        return HttpResponse(tlog_proof(wanted, channel=channel), content_type=TEXT)
    response = HttpResponse(proof_bundle(wanted, channel=channel), content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="{entry_id[:16]}.theriac.json"'
    return response


@require_safe
def proof_file(request: HttpRequest, channel: str, entry_id: str) -> HttpResponse:  # noqa: ARG001
    """Return C2SP's one-file proof at an address of its own, for whoever cannot send headers."""
    wanted = bytes.fromhex(entry_id)
    response = HttpResponse(tlog_proof(wanted, channel=channel), content_type=TEXT)
    response["Content-Disposition"] = f'attachment; filename="{entry_id[:16]}.tlog-proof"'
    return response


def _log_and_head(channel: str) -> tuple[LogInfo, Head]:
    log = log_get(channel)
    return log, head_published(log)
