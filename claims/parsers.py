"""Bodies that claims read as they are: X12 interchanges and contracts' canonical JSON."""

from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.parsers import BaseParser

from foundation.parsers import read_limited


class _BytesParser(BaseParser):
    """The body, byte for byte."""

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,  # noqa: ARG002 - the framework's
        parser_context: Mapping[str, Any] | None = None,  # noqa: ARG002 - the framework's
    ) -> Any:
        """Return the bytes; raise ``TooLargeError``."""
        return read_limited(stream, settings.BODY_SIZE_BYTES_MAX)


class X12Parser(_BytesParser):
    """An interchange, by its registered media type (RFC 1767)."""

    media_type = "application/edi-x12"


class ContractParser(_BytesParser):
    """A contract: its bytes are hashed, so they are never written anew."""

    media_type = "application/json"
