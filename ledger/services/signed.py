"""A submission ready to be stored, and what is promised about it."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from ledger.core.entry import EntryDraft
from ledger.core.receipt import Promise
from ledger.core.statement import Statement, statement_hash
from ledger.selectors import LogInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A submission whose statement is signed and whose entries are built."""

    statement: bytes
    parsed: Statement
    signature: bytes
    entries: Sequence[bytes]
    entry_ids: Sequence[bytes]
    drafts: Sequence[EntryDraft]


def promise_of(
    *, log: LogInfo, stated: Statement, statement: bytes, time: dt.datetime, deadline: dt.datetime
) -> Promise:
    """Return what the log promises about a submission: its receipt signs exactly this."""
    return Promise(
        log=log.origin,
        organisation_id=stated.organisation_id,
        id=stated.id,
        n=stated.n,
        root=stated.root,
        statement_hash=statement_hash(statement),
        key_id=bytes.fromhex(log.receipt_key_id),
        time=time,
        deadline=deadline,
    )
