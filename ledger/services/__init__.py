"""All writes of the ledger."""

from ledger.services.governance import (
    channel_create,
    key_add,
    key_add_mine,
    key_add_system,
    key_offer,
    key_revoke,
    member_admit,
)
from ledger.services.keys import Signer
from ledger.services.sealed import key_head
from ledger.services.sequencing import Sequencer
from ledger.services.submissions import receipt_again, submission_append

__all__ = [
    "Sequencer",
    "Signer",
    "channel_create",
    "key_add",
    "key_add_mine",
    "key_add_system",
    "key_head",
    "key_offer",
    "key_revoke",
    "member_admit",
    "receipt_again",
    "submission_append",
]
