"""Bodies of FHIR: read as they are, because a record is kept byte for byte."""

from foundation.parsers import BytesParser


class FhirParser(BytesParser):
    """FHIR's JSON under its own name."""

    media_type = "application/fhir+json"


class PlainJsonParser(BytesParser):
    """FHIR's JSON under the general name, which R4 section 2.21.0.6 allows."""

    media_type = "application/json"


class FormParser(BytesParser):
    """The parameters of a search that are to stand in no address, and in no log of addresses."""

    media_type = "application/x-www-form-urlencoded"
