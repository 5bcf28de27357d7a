"""Commitments: what the ledger holds in place of personal data.

HMAC-SHA256 under 32 random bytes of its own, over a header and the bytes. While the key lives,
whoever has it and the bytes can show that they are the ones; when both are destroyed, nothing on
the ledger says anything about them. WebCrypto can check it.
"""

import hmac
from hashlib import sha256

from foundation.core.problem import BadInputError

KEY_SIZE_BYTES = 32
LABEL = b"theriac/commitment/v1\n"
_LENGTH_SIZE_BYTES = 8


class CommitmentError(BadInputError):
    """The key is no commitment key, or the commitment was made over something else."""

    slug = "bad-commitment"
    title = "This does not open the commitment"


def commit(*, key: bytes, header: bytes, data: bytes) -> bytes:
    """Return the commitment: 32 bytes.

    The message is the label, then header and data, each after its length as u64 big-endian, so
    that no bytes can move from one to the other. Raise ``CommitmentError`` for a key that is not
    32 bytes.
    """
    if len(key) != KEY_SIZE_BYTES:
        raise CommitmentError(f"a commitment key of {len(key)} bytes, not 32")
    mac = hmac.new(key, LABEL, sha256)
    for part in (header, data):
        mac.update(len(part).to_bytes(_LENGTH_SIZE_BYTES, "big"))
        mac.update(part)
    return mac.digest()


def check_commitment(*, commitment: bytes, key: bytes, header: bytes, data: bytes) -> None:
    """Raise ``CommitmentError`` unless key, header and data open the commitment."""
    if not hmac.compare_digest(commit(key=key, header=header, data=data), commitment):
        raise CommitmentError("key, header and data do not open this commitment")
