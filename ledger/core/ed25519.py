"""Ed25519 signatures, accepted exactly as libsodium accepts them.

Implementations differ on odd keys and signatures; members that mixed them could be made to
disagree. The rule is: S below the group order, A and R in canonical encoding and not of small
order, and the equation without the cofactor. Never verify in batches: batches decide otherwise.
"""

from collections.abc import Sequence
from hashlib import sha256

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from foundation.core.problem import BadInputError

PUBLIC_KEY_SIZE_BYTES = 32
SIGNATURE_SIZE_BYTES = 64


class SignatureError(BadInputError):
    """The signature does not belong to this key and message."""

    slug = "bad-signature"
    title = "The signature does not hold"


def check_signature(public_key: bytes, message: bytes, signature: bytes) -> None:
    """Raise ``SignatureError`` unless ``signature`` is that of ``message`` under the key."""
    if len(public_key) != PUBLIC_KEY_SIZE_BYTES:
        raise SignatureError(f"a public key of {len(public_key)} bytes, not 32")
    if len(signature) != SIGNATURE_SIZE_BYTES:
        raise SignatureError(f"a signature of {len(signature)} bytes, not 64")
    try:
        VerifyKey(public_key).verify(message, signature)
    except BadSignatureError as error:
        raise SignatureError(
            f"the signature does not belong to key {key_id_of(public_key).hex()[:16]}…"
        ) from error


def unsigned(triples: Sequence[tuple[bytes, bytes, bytes]]) -> list[int]:
    """Return which of (public key, message, signature) do not hold, by their place.

    Each is verified alone; this is a list only so that a process gets enough to do.
    """
    bad = []
    for at, (public_key, message, signature) in enumerate(triples):
        try:
            check_signature(public_key, message, signature)
        except SignatureError:
            bad.append(at)
    return bad


def key_id_of(public_key: bytes) -> bytes:
    """Return the key id that entries and statements carry: SHA-256 of the public key."""
    return sha256(public_key).digest()
