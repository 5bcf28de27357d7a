"""The ledger in Django's admin: everything is read, nothing is added, changed or deleted."""

from ledger.admin.entries import EntryAdmin
from ledger.admin.tables import (
    CheckpointAdmin,
    LogAdmin,
    MemberAdmin,
    SigningKeyAdmin,
    SubmissionAdmin,
)
from ledger.admin.witness import WitnessConflictAdmin, WitnessedLogAdmin

__all__ = [
    "CheckpointAdmin",
    "EntryAdmin",
    "LogAdmin",
    "MemberAdmin",
    "SigningKeyAdmin",
    "SubmissionAdmin",
    "WitnessConflictAdmin",
    "WitnessedLogAdmin",
]
