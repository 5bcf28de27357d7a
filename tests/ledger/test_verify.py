"""The engine of verification: a sound log passes, and each way to cheat is named at its index."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from ledger.core.canonical import canonical_bytes
from ledger.core.ed25519 import SignatureError, check_signature
from ledger.core.entry import endorse_entry
from ledger.core.merkle import leaf_hash, tree_root
from ledger.core.statement import KeyChain
from ledger.core.verify import (
    Fault,
    LogVerifier,
    SignatureTask,
    StoredCheckpoint,
    StoredLeaf,
)
from tests.ledger.log_builder import (
    DONE,
    PHARMACY,
    WHOLESALER,
    Cast,
    LogBuilder,
    Signer,
    small_log,
)


def faults_of(log: LogBuilder, leaves: list[StoredLeaf] | None = None) -> list[Fault]:
    verifier = LogVerifier(vkey=log.vkey, checkpoints=log.checkpoints)
    return list(verifier.faults(log.stored() if leaves is None else leaves))


def test_a_sound_log_has_no_fault_and_is_counted() -> None:
    log, _ = small_log()
    verifier = LogVerifier(vkey=log.vkey, checkpoints=log.checkpoints)
    assert list(verifier.faults(log.stored())) == []
    assert (verifier.size, verifier.submissions, verifier.entries) == (14, 6, 8)
    assert verifier.root == tree_root(log.hashes)
    assert verifier.chain_hash == log.stored()[-1].chain_hash
    assert len(verifier.governance.members) == 3


def test_an_empty_log_is_sound_and_has_no_receipt_key() -> None:
    log = LogBuilder()
    log.checkpoint()
    assert faults_of(log) == []
    other = LogBuilder()
    receipt = other.submit(other.operator, other.genesis())
    verifier = LogVerifier(vkey=log.vkey, receipts=[receipt])
    assert [fault.index for fault in verifier.faults([])] == [0]


def test_every_leaf_that_is_changed_is_named_first() -> None:
    log, _ = small_log()
    for index, leaf in enumerate(log.stored()):
        spoiled = log.stored()
        spoiled[index] = replace(leaf, data=leaf.data.replace(b'"v":1', b'"v":2'))
        assert faults_of(log, spoiled)[0].index == index


def test_a_change_that_was_hashed_again_is_still_found() -> None:
    log, _ = small_log()
    for index in range(len(log.leaves)):
        spoiled, _ = small_log()
        spoiled.leaves[index] = spoiled.leaves[index].replace(b"2026-11-24", b"2026-11-25")
        found = faults_of(spoiled)
        assert found[0].index in (index, log.headers[index])


def test_a_stored_hash_that_is_wrong_is_named() -> None:
    log, _ = small_log()
    sound = log.stored()[4]
    for spoiled, what in (
        (replace(sound, leaf_hash=bytes(32)), "leaf hash"),
        (replace(sound, chain_hash=bytes(32)), "chain hash"),
    ):
        stored = log.stored()
        stored[4] = spoiled
        [fault] = faults_of(log, stored)
        assert fault.index == 4
        assert what in fault.what


def test_a_gap_a_cut_and_a_bad_start_end_the_reading() -> None:
    log, _ = small_log()
    stored = log.stored()
    assert [fault.index for fault in faults_of(log, stored[:5] + stored[6:])] == [5]
    assert faults_of(log, stored[:-1]) == [
        Fault(index=12, what="the log ends inside this submission"),
        Fault(index=13, what="missing: a checkpoint covers 14 leaves"),
    ]
    bad = StoredLeaf(index=0, data=b"{}")
    assert [fault.index for fault in faults_of(log, [bad, *stored[1:]])] == [0]
    other, cast = LogBuilder(), small_log()[1]
    other.submit(cast.operator, other.draft(DONE, {}))
    assert faults_of(other)[0].index == 1


def other_root(stored: StoredCheckpoint) -> StoredCheckpoint:
    return replace(stored, root=bytes(32))


def test_checkpoints_are_compared_with_the_leaves() -> None:
    log, _ = small_log()
    log.checkpoints[1] = other_root(log.checkpoints[1])
    assert [fault.what for fault in faults_of(log)] == [
        "the checkpoint stored under size 10 says otherwise"
    ]
    log, _ = small_log()
    log.checkpoints[1] = replace(log.checkpoints[1], note=b"")
    assert faults_of(log)[0].what.startswith("checkpoint of size 10: ")
    log, _ = small_log()
    whole, log.leaves = log.leaves, log.leaves[:12]
    log.checkpoint()
    log.leaves = [*whole[:10], *whole[12:]]
    log.checkpoints = [log.checkpoints[-1]]
    assert "the checkpoint of size 12 has another root" in {fault.what for fault in faults_of(log)}
    log, _ = small_log()
    log.leaves, whole = log.leaves[:8], log.leaves
    log.checkpoints.pop()
    log.checkpoints.pop()
    log.checkpoint()
    log.leaves = whole
    [fault] = faults_of(log)
    assert fault == Fault(index=7, what="the checkpoint of size 8 splits a submission")


Cheat = Callable[[LogBuilder, Cast], object]


def foreign_entry(log: LogBuilder, cast: Cast) -> None:
    other, _ = small_log()
    other.submit(cast.pharmacy, other.draft(DONE, {}))
    log.append(cast.operator, [other.leaves[-1]])


def used_id(log: LogBuilder, cast: Cast) -> None:
    draft = log.draft(DONE, {})
    log.submit(cast.pharmacy, draft)
    log.submit(cast.pharmacy, draft)


def forked_chain(log: LogBuilder, cast: Cast) -> None:
    cast.scanner.chain = KeyChain()
    log.submit(cast.scanner, log.draft(DONE, {}))


def unchained(log: LogBuilder, cast: Cast) -> None:
    cast.scanner.chain = None
    log.submit(cast.scanner, log.draft(DONE, {}))


def wrong_key(log: LogBuilder, _: Cast) -> None:
    log.submit(Signer("nobody", PHARMACY), log.draft(DONE, {}))


def revoked(log: LogBuilder, cast: Cast) -> None:
    log.submit(cast.pharmacy, log.key_revoked(cast.scanner))
    log.submit(cast.scanner, log.draft(DONE, {}))


def forged(log: LogBuilder, cast: Cast) -> None:
    log.submit(cast.pharmacy, log.draft(DONE, {}))
    sound, _ = small_log()
    signature = sound.leaves[0][:100]
    log.leaves[14] = signature + log.leaves[14][100:]


def no_entry(log: LogBuilder, cast: Cast) -> None:
    log.append(cast.pharmacy, [b"{}"])


def against_governance(log: LogBuilder, cast: Cast) -> None:
    log.submit(cast.pharmacy, log.admission(Signer("x", PHARMACY), "X", "hospital", "system"))


def unendorsed(log: LogBuilder, cast: Cast) -> None:
    log.submit(cast.operator, log.policy_set(DONE, 1, PHARMACY))
    log.submit(cast.operator, log.draft(DONE, {}))


def endorsed_for_nothing(log: LogBuilder, cast: Cast) -> None:
    log.submit_endorsed(cast.pharmacy, log.draft(DONE, {}), 15, cast.operator)


def endorsed_by_a_device(log: LogBuilder, cast: Cast) -> None:
    log.submit(cast.operator, log.policy_set(DONE, 1, "pharmacy"))
    log.submit_endorsed(cast.operator, log.draft(DONE, {}), 15, cast.scanner)


def endorsed_by_another(log: LogBuilder, cast: Cast) -> None:
    log.submit(cast.operator, log.policy_set(DONE, 1, "pharmacy"))
    log.submit_endorsed(cast.operator, log.draft(DONE, {}), 15, cast.pharmacy, cast.operator)


def endorsed_elsewhere(log: LogBuilder, cast: Cast) -> None:
    log.submit(cast.operator, log.policy_set(DONE, 1, PHARMACY))
    entry = log.entry(cast.operator, log.draft(DONE, {}))
    other = log.entry(cast.operator, log.draft(DONE, {"other": 1}))
    log.append(cast.operator, [endorse_entry(entry, [cast.pharmacy.endorse(other, 15)])])


def endorsed_under_an_old_policy(log: LogBuilder, cast: Cast) -> None:
    log.submit(cast.operator, log.policy_set(DONE, 1, PHARMACY))
    log.submit(cast.operator, log.policy_set(DONE, 1, "pharmacy"))
    log.submit_endorsed(cast.operator, log.draft(DONE, {}), 15, cast.pharmacy)


def endorsed_out_of_order(log: LogBuilder, cast: Cast) -> None:
    log.submit(cast.operator, log.policy_set(DONE, 2, PHARMACY, WHOLESALER))
    log.submit_endorsed(cast.operator, log.draft(DONE, {}), 15, cast.pharmacy, cast.wholesaler)
    value = json.loads(log.leaves[17])
    value["endorsements"].reverse()
    del log.leaves[16:], log.headers[16:]
    log.append(cast.operator, [canonical_bytes(value)])


def policy_that_nobody_meets(log: LogBuilder, cast: Cast) -> None:
    log.submit(cast.operator, log.policy_set(DONE, 2, "pharmacy"))


def rotated_without_proof(log: LogBuilder, cast: Cast) -> None:
    new = Signer("new", PHARMACY)
    log.submit(cast.pharmacy, log.key_rotated(cast.pharmacy, new, "member"))


def rotated_by_a_device(log: LogBuilder, cast: Cast) -> None:
    new = Signer("new", PHARMACY)
    log.submit(cast.scanner, log.key_rotated(cast.pharmacy, new, "system"))


def left(log: LogBuilder, cast: Cast) -> None:
    log.submit(cast.operator, log.member_left(cast.pharmacy))
    log.submit(cast.pharmacy, log.draft(DONE, {}))


def needed(log: LogBuilder, cast: Cast) -> None:
    log.submit(cast.operator, log.policy_set(DONE, 1, PHARMACY))
    log.submit(cast.operator, log.member_left(cast.pharmacy))


CHEATS: list[tuple[Cheat, int, str]] = [
    (foreign_entry, 15, "names another log, organisation or key"),
    (used_id, 17, "the id was used before"),
    (forked_chain, 14, "does not follow the key's statement before"),
    (unchained, 14, "first and prev do not go with"),
    (wrong_key, 14, "has no key"),
    (revoked, 16, "was revoked at index 15"),
    (forged, 14, "does not belong to key"),
    (no_entry, 15, "is missing"),
    (against_governance, 15, "only the operator admits"),
    (unendorsed, 17, "0 endorsements of 1"),
    (endorsed_for_nothing, 15, "no policy in force asks"),
    (endorsed_by_a_device, 17, "a key that a device holds"),
    (endorsed_by_another, 17, "is of none that the policy means"),
    (endorsed_elsewhere, 17, "does not hold"),
    (endorsed_under_an_old_policy, 19, "the one in force stands at 17"),
    (endorsed_out_of_order, 17, "does not follow the one before"),
    (policy_that_nobody_meets, 15, "fewer than that could endorse"),
    (rotated_without_proof, 15, "does not prove that the key is held"),
    (rotated_by_a_device, 15, "rotated under itself"),
    (left, 16, "was revoked at index 15"),
    (needed, 17, "without it fewer than 1 could endorse"),
]


@pytest.mark.parametrize(("cheat", "index", "what"), CHEATS)
def test_each_way_to_cheat_is_named_at_its_index(cheat: Cheat, index: int, what: str) -> None:
    log, cast = small_log()
    cheat(log, cast)
    first = faults_of(log)[0]
    assert first.index == index
    assert what in first.what


def test_a_key_cannot_sign_before_it_is_added_or_in_the_same_submission() -> None:
    log, cast = small_log()
    second = Signer("second", PHARMACY)
    log.submit(second, log.key_added(second, "system"))
    assert faults_of(log)[0].index == 14
    log, cast = small_log()
    log.submit(cast.pharmacy, log.key_added(second, "system"))
    log.submit(second, log.draft(DONE, {}))
    assert faults_of(log) == []


def test_a_statement_for_another_log_is_refused() -> None:
    log, cast = small_log()
    log.append(cast.pharmacy, [log.leaves[13]])
    header = log.leaves[14].replace(b"ledger.example/7f3a9c", b"ledger.example/7f3a9d")
    log.leaves[14] = header
    assert faults_of(log)[0] == Fault(
        index=14, what="a statement for another log: ledger.example/7f3a9d"
    )


def test_a_cut_tail_shows_against_a_receipt() -> None:
    log, cast = small_log()
    receipt = log.submit(cast.pharmacy, log.draft(DONE, {}))
    sound = LogVerifier(vkey=log.vkey, receipts=[receipt])
    assert list(sound.faults(log.stored())) == []
    cut = LogVerifier(vkey=log.vkey, receipts=[receipt])
    [fault] = cut.faults(log.stored()[:14])
    assert fault.index == 14
    assert f"missing: submission {receipt.promise.id}" in fault.what
    forged_receipt = LogVerifier(vkey=log.vkey, receipts=[replace(receipt, signature=bytes(64))])
    [fault] = forged_receipt.faults(log.stored())
    assert "did not sign" in fault.what


def test_signatures_can_be_handed_over_and_ids_kept_elsewhere() -> None:
    log, _ = small_log()
    tasks: list[SignatureTask] = []
    ids: set[object] = set()
    verifier = LogVerifier(vkey=log.vkey, defer=tasks.append, ids=ids)
    assert list(verifier.faults(log.stored())) == []
    assert [task.index for task in tasks] == [0, 2, 5, 7, 10, 12]
    assert len(ids) == verifier.submissions + verifier.entries
    for task in tasks:
        check_signature(task.public_key, task.message, task.signature)
        with pytest.raises(SignatureError):
            check_signature(task.public_key, task.message + b" ", task.signature)
    assert leaf_hash(log.leaves[0]) == log.hashes[0]
