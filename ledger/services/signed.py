"""A submission ready to be stored."""

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.core.entry import EntryDraft
from ledger.core.statement import Statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A submission whose statement is signed and whose entries are built."""

    statement: bytes
    parsed: Statement
    signature: bytes
    entries: Sequence[bytes]
    entry_ids: Sequence[bytes]
    drafts: Sequence[EntryDraft]
