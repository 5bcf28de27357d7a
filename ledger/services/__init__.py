"""All writes of the ledger."""

from ledger.services.governance import channel_create, key_add, key_revoke, member_admit
from ledger.services.keys import Signer
from ledger.services.sequencing import Sequencer
from ledger.services.submissions import receipt_again, submission_append

__all__ = [
    "Sequencer",
    "Signer",
    "channel_create",
    "key_add",
    "key_revoke",
    "member_admit",
    "receipt_again",
    "submission_append",
]
