"""Bodies that claims read as they are: X12 interchanges and contracts' canonical JSON."""

from foundation.parsers import BytesParser


class X12Parser(BytesParser):
    """An interchange, by its registered media type (RFC 1767)."""

    media_type = "application/edi-x12"


class ContractParser(BytesParser):
    """A contract: its bytes are hashed, so they are never written anew."""

    media_type = "application/json"
