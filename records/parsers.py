"""Bodies of FHIR: read as they are, because a record is kept byte for byte."""

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


class FhirParser(_BytesParser):
    """FHIR's JSON under its own name."""

    media_type = "application/fhir+json"


class PlainJsonParser(_BytesParser):
    """FHIR's JSON under the general name, which R4 section 2.21.0.6 allows."""

    media_type = "application/json"


class FormParser(_BytesParser):
    """The parameters of a search that are to stand in no address, and in no log of addresses."""

    media_type = "application/x-www-form-urlencoded"
