"""The body of a write, plain or sealed: what any interface reads its document from.

A plain body is the document itself. A sealed one (``application/vnd.theriac.sealed+json``)
carries the document together with what the client's own key signed about it; the interface goes
on with the document either way and hands ``sealed`` to its service, which hands it to
``submission_append``.
"""

from collections.abc import Collection
from dataclasses import dataclass

from django.conf import settings
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from foundation.core.json_input import JsonLimits, parse_json
from foundation.core.problem import UnsupportedMediaError
from ledger.core.sealed import MEDIA_TYPE, SealedSubmission, parse_sealed

PREFER = OpenApiParameter(
    "Prefer",
    str,
    OpenApiParameter.HEADER,
    description="wait=N: wait up to N seconds, ten at the most, for the sequenced receipt",
)
SEALED_MEDIA_TYPE = MEDIA_TYPE


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteBody:
    """A document, its bare media type and, where the client signed it, what it signed."""

    document: bytes
    media_type: str
    sealed: SealedSubmission | None = None


def read_write(
    *, body: bytes, content_type: str, media_types: Collection[str], opened: bool = True
) -> WriteBody:
    """Return the document that a write carries, of one of these media types.

    ``opened`` as for ``parse_sealed``.

    Raise ``UnsupportedMediaError`` for another type, outside or sealed in, ``TooLargeError``,
    ``JsonInputError`` or ``SealedError`` for an envelope that cannot be read.
    """
    media_type = _bare(content_type)
    if media_type != SEALED_MEDIA_TYPE:
        _check(media_type, [*media_types, SEALED_MEDIA_TYPE])
        return WriteBody(document=body, media_type=media_type)
    limits = JsonLimits(size_bytes_max=settings.BODY_SIZE_BYTES_MAX)
    sealed = parse_sealed(parse_json(body, limits), opened=opened)
    inner = _bare(sealed.media_type)
    _check(inner, media_types)
    return WriteBody(document=sealed.document, media_type=inner, sealed=sealed)


class SealedIn(serializers.Serializer[SealedSubmission]):
    """A sealed submission (docs/spec/submission.md); everything binary is base64."""

    document = serializers.CharField()
    media_type = serializers.CharField()
    entries = serializers.ListField(child=serializers.CharField())
    openings = serializers.ListField(child=serializers.CharField())
    statement = serializers.CharField()
    signature = serializers.CharField()


def _bare(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _check(media_type: str, known: Collection[str]) -> None:
    if media_type not in known:
        raise UnsupportedMediaError(
            f"{media_type[:80]!a} is not read here: send {', '.join(known)}"
        )
