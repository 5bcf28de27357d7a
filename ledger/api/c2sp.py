"""The logs as C2SP clients read them: checkpoint, tiles, entry bundles, vkey.

Public, cacheable, without an account (C2SP tlog-tiles 0.1.0). Of a channel whose entries are for
its members, checkpoint and vkey are public too; tiles, bundles and proofs are for a member's API
key or session, and to everybody else the channel is one that is not there.
"""

from dataclasses import replace

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from foundation.core.actor import PUBLIC, Actor
from foundation.core.problem import NotFoundError
from foundation.tenancy import acting_as
from ledger.core.tiles import TILE_WIDTH, TileError, encode_bundle, parse_tile_path
from ledger.published import head_published
from ledger.selectors import NodeReader, leaf_data, log_get
from ledger.services.proofs import proof_bundle, public_head, tlog_proof

TEXT = "text/plain; charset=utf-8"
BYTES = "application/octet-stream"
_IMMUTABLE = "public, max-age=31536000, immutable"
_MEMBERS_IMMUTABLE = "private, max-age=31536000, immutable"
# Accounts, above this app, gives roles and API keys this scope.
_LEDGER_READ = "ledger:read"


@require_safe
def checkpoint(request: HttpRequest, channel: str) -> HttpResponse:  # noqa: ARG001 - Django's
    """Return the newest published checkpoint, a signed note with its cosignatures."""
    _, head = public_head(channel)
    response = HttpResponse(head.note, content_type=TEXT)
    response["Cache-Control"] = "public, max-age=1"
    return response


@require_safe
def vkey(request: HttpRequest, channel: str) -> HttpResponse:  # noqa: ARG001 - Django's
    """Return the verifier key: the one thing to be trusted, so compare it elsewhere."""
    log, _ = public_head(channel)
    return HttpResponse(f"{log.vkey}\n", content_type=TEXT)


@require_safe
def tile(request: HttpRequest, channel: str, path: str) -> HttpResponse:
    """Return a tile of hashes or a bundle of entries; 404 for what is not published yet."""
    try:
        wanted = parse_tile_path(f"tile/{path}")
    except TileError as error:
        raise NotFoundError(error.detail) from error
    with acting_as(_reader(request)):
        log = log_get(channel)
        head = head_published(log)
        first = wanted.index * TILE_WIDTH
        if first + wanted.width > head.size >> (8 * (wanted.level or 0)):
            raise NotFoundError("the published log does not reach this tile yet")
        if wanted.level is None:
            data = encode_bundle(leaf_data(log, first, first + wanted.width))
        else:
            hashes = NodeReader(log, head.size).tile(wanted.level, wanted.index)
            data = b"".join(hashes[: wanted.width])
    response = HttpResponse(data, content_type=BYTES)
    response["Cache-Control"] = _IMMUTABLE if not log.members_only else _MEMBERS_IMMUTABLE
    return response


@require_safe
def proof(request: HttpRequest, channel: str, entry_id: str) -> HttpResponse:
    """Return the one-file proof of an entry: a JSON bundle, or C2SP's with Accept: text/plain."""
    wanted, reader = bytes.fromhex(entry_id), _reader(request)
    if request.headers.get("Accept", "").startswith("text/plain"):
        text = tlog_proof(wanted, channel=channel, actor=reader)
        return _for(reader, HttpResponse(text, content_type=TEXT))
    bundle = proof_bundle(wanted, channel=channel, actor=reader)
    response = HttpResponse(bundle, content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="{entry_id[:16]}.theriac.json"'
    return _for(reader, response)


@require_safe
def proof_file(request: HttpRequest, channel: str, entry_id: str) -> HttpResponse:
    """Return C2SP's one-file proof at an address of its own, for whoever cannot send headers."""
    wanted, reader = bytes.fromhex(entry_id), _reader(request)
    text = tlog_proof(wanted, channel=channel, actor=reader)
    response = HttpResponse(text, content_type=TEXT)
    response["Content-Disposition"] = f'attachment; filename="{entry_id[:16]}.tlog-proof"'
    return _for(reader, response)


def _reader(request: HttpRequest) -> Actor:
    """Return as whom entries are read: the organisation that asks, where it may, or anybody."""
    actor = getattr(request, "actor", None)
    if isinstance(actor, Actor) and _LEDGER_READ in actor.scopes:
        return replace(actor, channel="")
    return PUBLIC


def _for(reader: Actor, response: HttpResponse) -> HttpResponse:
    """Return the answer, kept by nobody on the way where somebody in particular asked for it."""
    if reader != PUBLIC:
        response["Cache-Control"] = "private"
    return response
