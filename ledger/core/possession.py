"""Proof that whoever offers a public key holds its private half (docs/spec/governance.md).

Without it an organisation could add another's key as its own and claim what that key signed.
The message names log, organisation and holder, so that a proof is of use nowhere else.
"""

from uuid import UUID

from ledger.core.canonical import canonical_bytes
from ledger.core.ed25519 import check_signature, key_id_of

LABEL = b"theriac/key-possession/v1\n"


def possession_message(*, log: str, organisation_id: UUID, public_key: bytes, holder: str) -> bytes:
    """Return what the offered key signs: the label, then canonical JSON."""
    value = {
        "v": 1,
        "log": log,
        "org": str(organisation_id),
        "key": key_id_of(public_key).hex(),
        "holder": holder,
    }
    return LABEL + canonical_bytes(value)


def check_possession(
    *, log: str, organisation_id: UUID, public_key: bytes, holder: str, signature: bytes
) -> None:
    """Raise ``SignatureError`` unless the key signed that the organisation may add it."""
    message = possession_message(
        log=log, organisation_id=organisation_id, public_key=public_key, holder=holder
    )
    check_signature(public_key, message, signature)
