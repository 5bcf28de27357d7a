"""All writes of the ledger."""

from ledger.services.anchors import anchor_append, anchor_sent
from ledger.services.changes import key_rotate, member_leave
from ledger.services.channels import (
    channel_actor,
    channel_create,
    channel_link,
    channel_open,
)
from ledger.services.governance import (
    key_add,
    key_add_mine,
    key_add_system,
    key_offer,
    key_revoke,
    member_admit,
)
from ledger.services.intake import Sent, submissions_append
from ledger.services.keys import Signer
from ledger.services.policies import policy_list, policy_set
from ledger.services.proposals import (
    proposal_endorse,
    proposal_entry,
    proposal_get,
    proposal_list,
    proposal_make,
    proposal_offer,
    proposal_submit,
    proposal_withdraw,
)
from ledger.services.proposed import ProposalInfo
from ledger.services.sealed import key_head
from ledger.services.sequencing import Sequencer
from ledger.services.submissions import receipt_again, submission_append

__all__ = [
    "ProposalInfo",
    "Sent",
    "Sequencer",
    "Signer",
    "anchor_append",
    "anchor_sent",
    "channel_actor",
    "channel_create",
    "channel_link",
    "channel_open",
    "key_add",
    "key_add_mine",
    "key_add_system",
    "key_head",
    "key_offer",
    "key_revoke",
    "key_rotate",
    "member_admit",
    "member_leave",
    "policy_list",
    "policy_set",
    "proposal_endorse",
    "proposal_entry",
    "proposal_get",
    "proposal_list",
    "proposal_make",
    "proposal_offer",
    "proposal_submit",
    "proposal_withdraw",
    "receipt_again",
    "submission_append",
    "submissions_append",
]
