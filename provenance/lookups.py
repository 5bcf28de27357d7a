"""The keyed lookup by which a claim line finds a dispensing: nobody reads a prescription from it.

The key is the SHA-256 of an Ed25519 signature over a fixed label: deterministic (RFC 8032), and
only the key provider, which never gives a private key away, can make it.
"""

import hashlib
import hmac
from uuid import UUID

from foundation.key_providers import KeyMissingError, KeyProviderError, key_provider

_LABEL = b"theriac/dispensing-lookup/v1\n"


def dispensing_lookup(organisation_id: UUID, number: str, fill: int) -> bytes:
    """Return the 32-byte lookup of a pharmacy's prescription number and fill."""
    text = f"{len(number)}:{number}:{fill}".encode("utf-8", "surrogatepass")
    return hmac.digest(_key(f"organisation/{organisation_id}/dispensing-lookup"), text, "sha256")


def _key(name: str) -> bytes:
    provider = key_provider()
    try:
        signature = provider.sign(name, _LABEL)
    except KeyMissingError:
        try:
            provider.signing_key_create(name)
        except KeyProviderError:  # somebody else made it just now
            return hashlib.sha256(provider.sign(name, _LABEL)).digest()
        signature = provider.sign(name, _LABEL)
    return hashlib.sha256(signature).digest()
