"""The ledger's tables: insert-only, but for the queue and the projections.

Who may do what is in ``sql/ledger.pg.sql``. Every column here is hashed, recomputed by
``ledger_verify``, or listed as transient in ``core/columns.py``; a test fails on any other.
"""

from ledger.models.governance import (
    KeyAddition,
    KeyHolder,
    KeyRevocation,
    Member,
    PolicyChange,
    Proposal,
    ProposalEndorsement,
    ServerKey,
    SigningKey,
)
from ledger.models.log import (
    Checkpoint,
    Cosignature,
    Entry,
    Leaf,
    Log,
    LogFreeze,
    Pending,
    Submission,
    Tile,
)
from ledger.models.witness import WitnessConflict, WitnessedLog

__all__ = [
    "Checkpoint",
    "Cosignature",
    "Entry",
    "KeyAddition",
    "KeyHolder",
    "KeyRevocation",
    "Leaf",
    "Log",
    "LogFreeze",
    "Member",
    "Pending",
    "PolicyChange",
    "Proposal",
    "ProposalEndorsement",
    "ServerKey",
    "SigningKey",
    "Submission",
    "Tile",
    "WitnessConflict",
    "WitnessedLog",
]
