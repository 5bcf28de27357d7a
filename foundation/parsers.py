"""Bodies in and out: strict JSON in, canonical-looking JSON out."""

from collections.abc import Mapping
from typing import IO, Any

import orjson
from django.conf import settings
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from foundation.core.json_input import JsonLimits, parse_json
from foundation.core.problem import TooLargeError


def read_limited(stream: IO[bytes], size_bytes_max: int) -> bytes:
    """Return the whole body; raise ``TooLargeError`` after one byte too many."""
    data = stream.read(size_bytes_max + 1)
    if len(data) > size_bytes_max:
        raise TooLargeError(f"at most {size_bytes_max} bytes are read here", limit=size_bytes_max)
    return data


class BytesParser(BaseParser):
    """The body, byte for byte: what is hashed, signed or kept is never written anew."""

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,  # noqa: ARG002 - the framework's
        parser_context: Mapping[str, Any] | None = None,  # noqa: ARG002 - the framework's
    ) -> Any:
        """Return what the body is; raise ``TooLargeError``."""
        return self.read(stream)

    def read(self, stream: IO[bytes]) -> Any:
        """Return the bytes; raise ``TooLargeError``."""
        return read_limited(stream, settings.BODY_SIZE_BYTES_MAX)


def body_of(request: Request) -> bytes:
    """Return the body as a parser of bytes read it; raise what the framework raises."""
    data: Any = request.data
    return bytes(data)


class StrictJSONParser(BytesParser):
    """JSON under ``foundation.core.json_input``'s rules."""

    media_type = "application/json"

    def limits(self) -> JsonLimits:
        """Return how much is read at all."""
        return JsonLimits(size_bytes_max=settings.BODY_SIZE_BYTES_MAX)

    def read(self, stream: IO[bytes]) -> Any:
        """Return the value; raise a ``BadInputError``."""
        limits = self.limits()
        return parse_json(read_limited(stream, limits.size_bytes_max), limits)


class OrjsonRenderer(BaseRenderer):
    """JSON by orjson: dates in ISO 8601, decimals as strings."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,  # noqa: ARG002 - the framework's
        renderer_context: Mapping[str, Any] | None = None,  # noqa: ARG002 - the framework's
    ) -> bytes:
        """Return the bytes; nothing at all for no data."""
        return b"" if data is None else orjson.dumps(data, default=str)
