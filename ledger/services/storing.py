"""Signed submissions become rows, a place in the queue and a promise, all or none of them."""

import datetime as dt
from collections.abc import Sequence

from django.conf import settings

from foundation.bulk import ByteaArray, Int4Array, Int8Array, TextArray, UuidArray, bulk_cursor
from foundation.key_providers import key_provider
from foundation.tenancy import current_alias
from ledger.core.receipt import Receipt, receipt_message
from ledger.errors import AlreadySubmittedError
from ledger.selectors import LogInfo, receipt_key_name
from ledger.services.sealed import head_conflict, key_head
from ledger.services.signed import Signed, promise_of

_NO_FORK = "submission_key_no_fork"
_USED_BEFORE = ("submission_once", "entry_uuid_once", "ledger_entry_pkey")
_STORE = f"SELECT theriac_submissions_store({', '.join(['%s'] * 19)})"


def submission_store(*, log: LogInfo, signed: Signed, now: dt.datetime) -> Receipt:
    """Store a signed submission and queue it; return the promise. Part of the frozen call.

    Raise ``AlreadySubmittedError`` where the submission's id, or one of its entries', is there,
    ``KeyHeadConflictError`` where another of the key's took its place just now.
    """
    return submissions_store(log=log, signed=[signed], now=now)[0]


def submissions_store(*, log: LogInfo, signed: Sequence[Signed], now: dt.datetime) -> list[Receipt]:
    """Store submissions of one organisation together; return their promises in the same order.

    Raise as above for the first that is refused; the caller's transaction can go on.
    """
    deadline = now + dt.timedelta(seconds=settings.RECEIPT_DEADLINE_S)
    sign, key_name = key_provider().sign, receipt_key_name(log.origin)
    receipts = []
    for each in signed:
        promise = promise_of(
            log=log, stated=each.parsed, statement=each.statement, time=now, deadline=deadline
        )
        receipts.append(
            Receipt(
                promise=promise,
                signature=sign(key_name, receipt_message(promise)),
                entry_ids=tuple(each.entry_ids),
            )
        )
    refused = _insert(log, signed, receipts)
    if refused in _USED_BEFORE:
        raise AlreadySubmittedError(
            "the submission's id, or one of its entries', was used before: nothing was stored"
        )
    if refused is not None:
        # Two of the key's submissions at once: the other one is the head now.
        assert refused == _NO_FORK, refused
        raise head_conflict(key_head(signed[0].parsed.key_id.hex()))
    return receipts


def truncated(time: dt.datetime) -> dt.datetime:
    """Return the time at the precision that a receipt states: milliseconds."""
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


def _insert(log: LogInfo, signed: Sequence[Signed], receipts: Sequence[Receipt]) -> str | None:
    """Insert all rows in one call; return the constraint that refused."""
    stated = [each.parsed for each in signed]
    promise = receipts[0].promise
    ordinals = [n for n, each in enumerate(signed, start=1) for _ in each.entries]
    with bulk_cursor(current_alias()) as cursor:
        cursor.execute(
            _STORE,
            [
                log.id,
                stated[0].organisation_id,
                truncated(promise.time),
                truncated(promise.deadline),
                UuidArray(one.id for one in stated),
                TextArray(one.key_id.hex() for one in stated),
                Int4Array(one.n for one in stated),
                Int8Array(-1 if one.chain is None else one.chain.first for one in stated),
                ByteaArray(each.statement for each in signed),
                ByteaArray(receipt.promise.statement_hash for receipt in receipts),
                ByteaArray(each.signature for each in signed),
                ByteaArray(receipt.signature for receipt in receipts),
                Int4Array(len(each.statement) + sum(map(len, each.entries)) for each in signed),
                Int4Array(ordinals),
                Int4Array(position for each in signed for position in range(1, each.parsed.n + 1)),
                ByteaArray(entry_id for each in signed for entry_id in each.entry_ids),
                UuidArray(draft.id for each in signed for draft in each.drafts),
                TextArray(draft.kind for each in signed for draft in each.drafts),
                ByteaArray(entry for each in signed for entry in each.entries),
            ],
        )
        found = cursor.fetchone()
    assert found is not None
    refused: str | None = found[0]
    return refused
