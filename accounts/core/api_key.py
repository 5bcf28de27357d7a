"""API keys: ``thk_<prefix>_<secret>``, shown once and kept as a hash.

The prefix (12 hex digits) finds the row and tells people which key it is; the secret is 32
random bytes in base64url without padding (RFC 4648 section 5). A secret of full entropy needs
no slow hash: SHA-256 is enough. ``thk_`` lets secret scanners recognise a leaked key.
"""

import base64
import hashlib
import re
from dataclasses import dataclass, field

from foundation.core.problem import BadInputError

SECRET_SIZE_BYTES = 32
PREFIX_SIZE_BYTES = 6
_KEY = re.compile("thk_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")


class ApiKeyFormatError(BadInputError):
    """The text is no API key; the message leaves it out, as it may be one with a typing error."""

    slug = "bad-api-key"
    title = "This is not an API key"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyText:
    """An API key as its holder sends it. The secret is in no representation."""

    prefix: str
    secret: bytes = field(repr=False)


def format_api_key(*, prefix: bytes, secret: bytes) -> str:
    """Return the text that is shown once; raise ``ApiKeyFormatError`` for wrong sizes."""
    if (len(prefix), len(secret)) != (PREFIX_SIZE_BYTES, SECRET_SIZE_BYTES):
        raise ApiKeyFormatError(
            f"an API key is made of {PREFIX_SIZE_BYTES} and {SECRET_SIZE_BYTES} bytes"
        )
    return f"thk_{prefix.hex()}_{_base64url(secret)}"


def parse_api_key(text: str) -> ApiKeyText:
    """Return prefix and secret; raise ``ApiKeyFormatError`` for any other spelling."""
    match = _KEY.fullmatch(text)
    if match is None:
        raise ApiKeyFormatError("an API key reads thk_<12 hex digits>_<43 characters>")
    prefix, encoded = match.groups()
    secret = base64.urlsafe_b64decode(encoded + "=")
    # The last character carries 4 bits: the other 2 may be set, which is a second spelling.
    if _base64url(secret) != encoded:
        raise ApiKeyFormatError("the API key is another spelling of its bytes")
    return ApiKeyText(prefix=prefix, secret=secret)


def hash_secret(secret: bytes) -> bytes:
    """Return what is stored of a secret."""
    return hashlib.sha256(secret).digest()


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")
