"""Sequenced receipts: they read back, hold for their own submission, and for nothing else."""

from collections.abc import Callable
from dataclasses import replace
from uuid import uuid4

import pytest

from foundation.core.actor import PUBLIC
from foundation.tenancy import acting_as
from ledger.core.entry import EntryDraft
from ledger.core.note import parse_vkey
from ledger.core.receipt import Receipt, ReceiptError
from ledger.core.sequenced import Sequenced, check_sequenced, parse_sequenced
from ledger.selectors import log_of_origin
from ledger.services import submission_append
from ledger.services.proofs import sequenced_of
from tests.conftest import NOW, Channel


def write(channel: Channel, count: int) -> Receipt:
    drafts = [
        EntryDraft(kind="test.thing.done.v1", id=uuid4(), body={"n": number})
        for number in range(count)
    ]
    return submission_append(actor=channel.operator, entries=drafts, now=NOW)


def sequenced(channel: Channel, receipt: Receipt) -> Sequenced | None:
    with acting_as(PUBLIC):
        return sequenced_of(
            log_of_origin(receipt.promise.log),
            channel.operator.organisation,
            receipt.promise.id,
        )


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_promise_becomes_a_proof(channel: Channel, count: int) -> None:
    vkey = parse_vkey(channel.log.vkey)
    receipt = write(channel, count)
    assert sequenced(channel, receipt) is None
    channel.sequence()
    later = write(channel, 3)
    channel.sequence()
    for each in (receipt, later):
        found = sequenced(channel, each)
        assert found is not None
        check_sequenced(each, found, vkey)
        assert parse_sequenced(found.as_json()) == found


def test_the_first_submission_of_a_log_chains_from_nothing(fresh_db: Channel) -> None:
    genesis = write(fresh_db, 1)
    fresh_db.sequence()
    found = sequenced(fresh_db, genesis)
    assert found is not None
    assert found.chain_before != bytes(32)
    assert found.header_index == 2


def spoiled() -> dict[str, Callable[[Receipt, Sequenced], tuple[Receipt, Sequenced]]]:
    return {
        "another index": lambda r, s: (r, replace(s, header_index=s.header_index + 1)),
        "no header": lambda r, s: (r, replace(s, header=b"{}")),
        "another checkpoint": lambda r, s: (r, replace(s, checkpoint=b"x")),
        "another proof": lambda r, s: (r, replace(s, last_proof=s.last_proof[1:])),
        "another chain": lambda r, s: (r, replace(s, chain_before=bytes(31) + b"\x01")),
        "another promise": lambda r, s: (
            replace(r, promise=replace(r.promise, statement_hash=bytes(32))),
            s,
        ),
        "no entries": lambda r, s: (replace(r, entry_ids=()), s),
    }


@pytest.mark.parametrize("name", spoiled())
def test_what_does_not_fit_is_refused(channel: Channel, name: str) -> None:
    receipt = write(channel, 2)
    channel.sequence()
    found = sequenced(channel, receipt)
    assert found is not None
    with pytest.raises(ReceiptError):
        check_sequenced(*spoiled()[name](receipt, found), parse_vkey(channel.log.vkey))


@pytest.mark.parametrize("value", [None, {}, {"header": "x"}])
def test_what_is_none_is_refused(value: object) -> None:
    with pytest.raises(ReceiptError):
        parse_sequenced(value)
