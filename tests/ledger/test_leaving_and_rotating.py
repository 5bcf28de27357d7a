"""Members that leave, and keys that follow one another: by whom, and from where on."""

from collections.abc import Callable
from uuid import UUID

import pytest

from ledger.core.canonical import Json
from ledger.core.entry import EntryDraft, parse_entry
from ledger.core.governance import GovernanceError, Holder
from ledger.core.members import format_base64
from ledger.core.statement import KeyChain
from tests.ledger.log_builder import (
    DONE,
    OPERATOR,
    PHARMACY,
    LogBuilder,
    Signer,
    small_log,
)
from tests.ledger.test_endorsement import governance_of
from tests.ledger.test_verify import faults_of

LOG, CAST = small_log()
NEW = Signer("new", PHARMACY)
FOREIGN = Signer("foreign", OPERATOR)


def rotated(**members: Json) -> EntryDraft:
    draft = LOG.key_rotated(CAST.pharmacy, NEW, "system")
    return LOG.draft(draft.kind, {**draft.body, **members})


Make = Callable[[], tuple[EntryDraft, Signer]]
REFUSED: list[tuple[Make, str]] = [
    (lambda: (rotated(old="0" * 64), CAST.pharmacy), "no key of this organisation"),
    (lambda: (rotated(), CAST.operator), "no key of this organisation"),
    (lambda: (rotated(), CAST.scanner), "rotated under itself"),
    (lambda: (rotated(), Signer("unknown", PHARMACY)), "rotated under itself"),
    (lambda: (rotated(**CAST.scanner.key_json()), CAST.pharmacy), "is or was a key"),
    (lambda: (rotated(key="0" * 64), CAST.pharmacy), "is not the SHA-256"),
    (lambda: (rotated(possession=format_base64(bytes(64))), CAST.pharmacy), "does not prove"),
    (
        lambda: (rotated(possession=format_base64(NEW.possession("member"))), CAST.pharmacy),
        "does not prove",
    ),
    (lambda: (rotated(possession="AAAA"), CAST.pharmacy), "holds 3 bytes"),
    (lambda: (rotated(label=""), CAST.pharmacy), "body.label"),
    (lambda: (rotated(holder="system"), CAST.pharmacy), "unknown member"),
    (lambda: (LOG.member_left(CAST.wholesaler), CAST.pharmacy), "may take out"),
    (lambda: (LOG.member_left(Signer("x", UUID(int=9))), CAST.operator), "may take out"),
    (lambda: (LOG.member_left(CAST.operator), CAST.operator), "is the operator"),
    (lambda: (LOG.member_left(CAST.pharmacy, "Not a word"), CAST.operator), "body.reason"),
]


@pytest.mark.parametrize(("make", "reason"), REFUSED)
def test_what_breaks_a_rule_is_refused_and_changes_nothing(make: Make, reason: str) -> None:
    governance = governance_of(LOG)
    draft, signer = make()
    before = (dict(governance.members), dict(governance.keys))
    with pytest.raises(GovernanceError) as caught:
        governance.apply(parse_entry(LOG.entry(signer, draft)), 15, header_index=14)
    assert reason in str(caught.value)
    assert (dict(governance.members), dict(governance.keys)) == before


def test_one_key_follows_another_without_a_gap_between_submissions() -> None:
    log, cast = small_log()
    log.submit(cast.pharmacy, log.draft(DONE, {}))
    log.submit(cast.pharmacy, log.key_rotated(cast.pharmacy, NEW, "system"))
    log.submit(NEW, log.draft(DONE, {}))
    assert faults_of(log) == []
    log.submit(cast.pharmacy, log.draft(DONE, {}))
    [fault] = faults_of(log)
    assert "was revoked at index 17" in fault.what
    again = log.key_rotated(cast.pharmacy, Signer("third", PHARMACY), "system")
    with pytest.raises(GovernanceError, match="ended at index 17 already"):
        governance_of(log).apply(parse_entry(log.entry(NEW, again)), 22, header_index=21)


def test_a_key_that_manages_rotates_the_others_and_the_holder_stays() -> None:
    log, cast = small_log()
    scanner = Signer("scanner 2", PHARMACY)
    log.submit(cast.pharmacy, log.key_rotated(cast.scanner, scanner, "device"))
    governance = governance_of(log)
    assert governance.keys[scanner.key_id].holder is Holder.DEVICE
    assert governance.keys[cast.scanner.key_id].revoked_index == 15
    # A device's key rotates itself, and starts a chain of its own.
    third = Signer("scanner 3", PHARMACY)
    scanner.chain, third.chain = KeyChain(), KeyChain()
    log.submit(scanner, log.key_rotated(scanner, third, "device"))
    log.submit(third, log.draft(DONE, {}))
    assert faults_of(log) == []


def test_who_leaves_takes_its_keys_along_and_does_not_return() -> None:
    log, cast = small_log()
    log.submit(cast.pharmacy, log.member_left(cast.pharmacy))
    governance = governance_of(log)
    ends = {governance.keys[one.key_id].revoked_index for one in (cast.pharmacy, cast.scanner)}
    assert (ends, governance.members[PHARMACY].left_index) == ({15}, 15)
    for draft, signer, reason in (
        (log.member_left(cast.pharmacy), cast.operator, "left at index 15 already"),
        (log.admission(NEW, "Again", "pharmacy", "system"), cast.operator, "is, or was, a member"),
        (log.key_added(NEW, "system"), cast.pharmacy, "no member of the log"),
        (log.key_revoked(cast.pharmacy), cast.operator, "was revoked at index 15 already"),
    ):
        with pytest.raises(GovernanceError, match=reason):
            governance.apply(parse_entry(log.entry(signer, draft)), 17, header_index=16)
    log.submit(cast.pharmacy, log.draft(DONE, {}))
    assert [fault.index for fault in faults_of(log)] == [16]


def test_who_left_does_nothing_more_in_the_same_submission() -> None:
    log, cast = small_log()
    log.submit(cast.pharmacy, log.member_left(cast.pharmacy), log.key_added(NEW, "system"))
    [fault] = faults_of(log)
    assert (fault.index, "no member" in fault.what) == (16, True)


def test_the_operator_takes_a_member_out() -> None:
    log: LogBuilder
    log, cast = small_log()
    log.submit(cast.operator, log.member_left(cast.wholesaler, "suspended"))
    assert faults_of(log) == []
    log.submit(cast.wholesaler, log.draft(DONE, {}))
    assert [fault.index for fault in faults_of(log)] == [16]
