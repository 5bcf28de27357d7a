"""Endorsements: what policies ask for and nothing else, by the index of the header."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.core.bundle import BundleError, check_bundle, parse_bundle
from ledger.core.canonical import canonical_bytes, parse_canonical
from ledger.core.endorsement import (
    ENDORSEMENTS_MAX,
    Endorsement,
    EndorsementPolicy,
    endorsement_message,
)
from ledger.core.entry import EntryDraft, EntryError, build_entry, endorse_entry, parse_entry
from ledger.core.governance import KEY_ADDED, KINDS, POLICY_SET, Governance, GovernanceError
from ledger.core.merkle import leaf_hash
from tests.ledger.log_builder import (
    DONE,
    OPERATOR,
    PHARMACY,
    WHOLESALER,
    LogBuilder,
    Signer,
    governed_log,
    small_log,
)
from tests.ledger.test_verify import faults_of

NOBODY = UUID(int=7)
PLAIN = build_entry(
    draft=EntryDraft(kind=DONE, id=UUID(int=1), body={"n": 1}),
    log="l/1",
    organisation_id=PHARMACY,
    key_id=bytes(32),
    time=small_log()[0].time(),
)


def endorsement(number: int = 1, **members: Any) -> Endorsement:
    made = Endorsement(
        organisation_id=UUID(int=number),
        key_id=bytes([number]) * 32,
        policy_index=number,
        signature=bytes([number]) * 64,
    )
    return replace(made, **members)


@settings(deadline=None, max_examples=50)
@given(
    st.lists(
        st.builds(
            Endorsement,
            organisation_id=st.uuids(),
            key_id=st.binary(min_size=32, max_size=32),
            policy_index=st.integers(min_value=0, max_value=2**53 - 1),
            signature=st.binary(min_size=64, max_size=64),
        ),
        unique_by=lambda one: one.organisation_id,
        max_size=5,
    )
)
def test_endorsements_read_back_in_order_and_sign_the_entry_without_them(
    endorsements: list[Endorsement],
) -> None:
    data = endorse_entry(PLAIN, endorsements)
    entry = parse_entry(data)
    ordered = sorted(endorsements, key=lambda one: str(one.organisation_id))
    assert list(entry.endorsements) == ordered
    assert entry.endorsed_hash == (leaf_hash(PLAIN) if endorsements else b"")
    assert endorse_entry(data, []) == PLAIN
    assert endorse_entry(data, endorsements[::-1]) == data


@settings(deadline=None)
@given(st.binary(min_size=32, max_size=32), st.integers(min_value=0, max_value=2**53 - 1))
def test_what_is_endorsed_is_one_entry_under_one_policy(digest: bytes, index: int) -> None:
    message = endorsement_message(endorsed_hash=digest, policy_index=index)
    assert message == b"theriac/endorsement/v1\n" + digest + index.to_bytes(8, "big")
    assert len(message) == 23 + 32 + 8


def with_endorsements(value: object) -> bytes:
    parsed: Any = parse_canonical(PLAIN)
    return canonical_bytes({**parsed, "endorsements": value})


ONE = endorsement(1).as_json()
TWO = endorsement(2).as_json()
BAD: list[tuple[object, str]] = [
    ({}, "is not an array"),
    ([1], "is not an object"),
    ([TWO, ONE], "does not follow"),
    ([ONE, ONE], "does not follow"),
    ([{**ONE, "more": 1}], "unknown member"),
    ([{name: ONE[name] for name in ("org", "key", "policy")}], "sig is missing"),
    ([{**ONE, "org": "x"}], "is no UUID"),
    ([{**ONE, "key": "0"}], "64 lower-case"),
    ([{**ONE, "policy": True}], "not an integer"),
    ([{**ONE, "policy": -1}], "not between"),
    ([{**ONE, "policy": "1"}], "not an integer"),
    ([{**ONE, "sig": "AAAA"}], "holds 3 bytes"),
    ([endorsement(n).as_json() for n in range(1, ENDORSEMENTS_MAX + 2)], "at most 64"),
]


@pytest.mark.parametrize(("value", "reason"), BAD)
def test_another_array_is_no_member_of_an_entry(value: object, reason: str) -> None:
    with pytest.raises(EntryError, match=reason):
        parse_entry(with_endorsements(value))


def test_as_many_as_a_policy_may_ask_for_fit() -> None:
    made = [endorsement(number) for number in range(1, ENDORSEMENTS_MAX + 1)]
    assert len(parse_entry(endorse_entry(PLAIN, made)).endorsements) == ENDORSEMENTS_MAX
    with pytest.raises(EntryError, match="does not follow"):
        endorse_entry(PLAIN, [endorsement(1), endorsement(1, policy_index=2)])
    with pytest.raises(EntryError):
        endorse_entry(b"{}", [])


def test_a_governed_log_is_sound_and_each_of_its_bundles_holds() -> None:
    log, _ = governed_log()
    assert faults_of(log) == []
    for index, header in enumerate(log.headers):
        if header != index:
            assert check_bundle(parse_bundle(log.bundle(index)), log.vkey).index == index
    checked = check_bundle(parse_bundle(log.bundle(35)), log.vkey)
    policies = checked.governance.policies
    assert policies[DONE].n == 0
    assert policies[POLICY_SET] == EndorsementPolicy(
        kind=POLICY_SET, n=1, organisations=(OPERATOR,), member_kind="", set_index=31
    )
    assert checked.governance.members[WHOLESALER].left_index == 33
    assert checked.governance.last_index == 35


def test_who_signed_under_a_key_that_was_rotated_and_then_revoked_is_believed_as_of_then() -> None:
    log, cast = governed_log()
    second = Signer("pharmacy 2", PHARMACY)
    governance = check_bundle(parse_bundle(log.bundle(35)), log.vkey).governance
    old, new = governance.keys[cast.pharmacy.key_id], governance.keys[second.key_id]
    assert (old.added_index, old.revoked_index) == (4, 17)
    assert (new.added_index, new.revoked_index) == (17, 23)
    assert (new.label, new.holder) == ("of 2027", old.holder)
    # Entry 19 stands between; the same two keys sign nothing before or after.
    assert parse_entry(log.leaves[19]).key_id == second.key_id
    check_bundle(parse_bundle(log.bundle(19)), log.vkey)
    for signer in (cast.pharmacy, second):
        late, _ = governed_log()
        late.submit(signer, late.draft(DONE, {}))
        with pytest.raises(BundleError, match="was revoked at index"):
            check_bundle(parse_bundle(late.bundle(37)), late.vkey)


Endorsed = Callable[[LogBuilder, bytes], list[Endorsement]]


def by(*signers: Signer, policy: int = 15) -> Endorsed:
    return lambda _, entry: [signer.endorse(entry, policy) for signer in signers]


LOG, CAST = small_log()
PERSON = Signer("person", PHARMACY)
WRONG = Signer("not theirs", WHOLESALER)
REFUSED: list[tuple[Endorsed, str]] = [
    (by(), "0 endorsements of 2"),
    (by(CAST.wholesaler), "1 endorsements of 2"),
    (by(CAST.operator, CAST.wholesaler, CAST.pharmacy), "of none that the policy means"),
    (by(CAST.operator, CAST.wholesaler, policy=14), "the one in force stands at 15"),
    (by(CAST.operator, CAST.wholesaler, policy=16), "the one in force stands at 15"),
    (by(CAST.operator, WRONG), "has no key"),
    (by(CAST.operator, Signer("wholesaler", OPERATOR)), "does not follow"),
    (by(CAST.operator, Signer("wholesaler", NOBODY)), "has no key"),
    (
        lambda _, entry: [
            CAST.operator.endorse(entry, 15),
            replace(CAST.wholesaler.endorse(entry, 15), signature=bytes(64)),
        ],
        "does not hold",
    ),
    (
        lambda log, _: [
            signer.endorse(log.entry(CAST.pharmacy, log.draft(DONE, {"n": 2})), 15)
            for signer in (CAST.operator, CAST.wholesaler)
        ],
        "does not hold",
    ),
]


@pytest.mark.parametrize(("endorsed", "reason"), REFUSED)
def test_too_few_or_others_than_the_policy_means_are_refused(
    endorsed: Endorsed, reason: str
) -> None:
    log, cast = small_log()
    log.submit(cast.operator, log.policy_set(DONE, 2, OPERATOR, WHOLESALER))
    entry = log.entry(cast.pharmacy, log.draft(DONE, {"n": 1}))
    if reason == "does not follow":
        with pytest.raises(EntryError, match=reason):
            endorse_entry(entry, endorsed(log, entry))
        return
    log.append(cast.pharmacy, [endorse_entry(entry, endorsed(log, entry))])
    [fault] = faults_of(log)
    assert fault.index == 17
    assert reason in fault.what
    with pytest.raises(BundleError, match=r"entry 17: .*" + reason):
        check_bundle(parse_bundle(log.bundle(17)), log.vkey)


def test_a_device_does_not_endorse_and_a_person_does() -> None:
    log, cast = small_log()
    log.submit(cast.pharmacy, log.key_added(PERSON, "person"))
    log.submit(cast.operator, log.policy_set(DONE, 1, "pharmacy"))
    log.submit_endorsed(cast.operator, log.draft(DONE, {}), 17, PERSON)
    assert faults_of(log) == []
    log.submit_endorsed(cast.operator, log.draft(DONE, {}), 17, cast.scanner)
    [fault] = faults_of(log)
    assert "a key that a device holds" in fault.what


def test_endorsements_that_nothing_asks_for_are_refused() -> None:
    log, cast = small_log()
    log.submit_endorsed(cast.pharmacy, log.draft(DONE, {}), 15, cast.operator)
    [fault] = faults_of(log)
    assert (fault.index, "no policy in force asks" in fault.what) == (15, True)


def test_a_policy_judges_what_comes_after_its_submission() -> None:
    log, cast = small_log()
    one = log.policy_set(DONE, 1, PHARMACY)
    log.submit(cast.operator, one, log.draft(DONE, {"same": "submission"}))
    assert faults_of(log) == []
    log.submit(cast.operator, log.draft(DONE, {"after": 1}))
    [fault] = faults_of(log)
    assert (fault.index, "0 endorsements of 1" in fault.what) == (18, True)
    # And the other way round: what stands in the submission that ends it still needs them.
    log, cast = small_log()
    log.submit(cast.operator, log.policy_set(DONE, 1, PHARMACY))
    log.submit(cast.operator, log.policy_set(DONE, 0), log.draft(DONE, {}))
    [fault] = faults_of(log)
    assert fault.index == 18


def test_a_policy_for_keys_governs_governance() -> None:
    log, cast = small_log()
    log.submit(cast.operator, log.policy_set(KEY_ADDED, 1, OPERATOR))
    added = log.key_added(PERSON, "person")
    log.submit(cast.pharmacy, added)
    assert [fault.index for fault in faults_of(log)] == [17]
    log, cast = small_log()
    log.submit(cast.operator, log.policy_set(KEY_ADDED, 1, OPERATOR))
    log.submit_endorsed(cast.pharmacy, added, 15, cast.operator)
    log.submit(PERSON, log.draft(DONE, {}))
    assert faults_of(log) == []


POLICIES: list[tuple[dict[str, Any], str]] = [
    ({"n": 4}, "fewer than that could endorse"),
    ({"n": 0}, "is 0 where, and only where"),
    ({"orgs": []}, "is 0 where, and only where"),
    ({"n": -1}, "not between"),
    ({"n": 65}, "not between"),
    ({"n": "1"}, "not an integer"),
    ({"kind": "nothing"}, "body.kind"),
    ({"kind": "ledger.genesis.v1"}, "no kind of governance"),
    ({"kind": "ledger.nothing.set.v1"}, "no kind of governance"),
    ({"orgs": [str(NOBODY)]}, "names no member"),
    ({"orgs": ["x"]}, "names no member"),
    ({"orgs": [1]}, "is not a text"),
    ({"orgs": [str(PHARMACY), str(OPERATOR)]}, "in order"),
    ({"orgs": [str(OPERATOR), str(OPERATOR)]}, "in order"),
    ({"orgs": [f"{n:03}" for n in range(65)]}, "in order"),
    ({"member_kind": "pharmacy"}, "unknown member 'orgs'"),
    ({"more": 1}, "unknown member"),
]


def governance_of(log: LogBuilder) -> Governance:
    governance = Governance(log.vkey)
    for index, leaf in enumerate(log.leaves):
        if log.headers[index] != index:
            governance.apply(parse_entry(leaf), index, header_index=log.headers[index])
    return governance


@pytest.mark.parametrize(("members", "reason"), POLICIES)
def test_a_policy_that_is_none_or_could_not_be_met_is_refused(
    members: dict[str, Any], reason: str
) -> None:
    log, cast = small_log()
    body = {**log.policy_set(DONE, 2, OPERATOR, WHOLESALER, PHARMACY).body, **members}
    governance = governance_of(log)
    entry = parse_entry(log.entry(cast.operator, log.draft(POLICY_SET, body)))
    with pytest.raises(GovernanceError) as caught:
        governance.apply(entry, 15, header_index=14)
    assert reason in str(caught.value)
    assert dict(governance.policies) == {}


@pytest.mark.parametrize(
    ("kind", "n", "reason"),
    [("pharmacy", 2, "fewer than"), ("hospital", 1, "fewer than"), ("pharmacy", 0, "between")],
)
def test_a_policy_for_a_kind_of_member_can_be_met_too(kind: str, n: int, reason: str) -> None:
    log, cast = small_log()
    log.submit(cast.operator, log.policy_set(DONE, n, kind))
    [fault] = faults_of(log)
    assert (fault.index, reason in fault.what) == (15, True)


def test_every_kind_of_governance_but_the_genesis_may_be_endorsed() -> None:
    for kind in KINDS[1:]:
        log, cast = small_log()
        log.submit(cast.operator, log.policy_set(kind, 1, OPERATOR))
        assert faults_of(log) == []


def test_only_the_operator_sets_policies() -> None:
    log, cast = small_log()
    log.submit(cast.pharmacy, log.policy_set(DONE, 1, PHARMACY))
    [fault] = faults_of(log)
    assert "only the operator" in fault.what


def test_who_is_needed_for_a_policy_neither_leaves_nor_loses_the_last_key_that_endorses() -> None:
    log, cast = small_log()
    log.submit(cast.operator, log.policy_set(DONE, 2, WHOLESALER, PHARMACY))
    for draft, signer in (
        (log.member_left(cast.pharmacy), cast.pharmacy),
        (log.member_left(cast.wholesaler), cast.operator),
        (log.key_revoked(cast.pharmacy), cast.operator),  # the scanner's is left
    ):
        governance = governance_of(log)
        entry = parse_entry(log.entry(signer, draft))
        with pytest.raises(GovernanceError, match="is needed: without it fewer than 2"):
            governance.apply(entry, 17, header_index=16)
    log.submit(cast.pharmacy, log.key_added(PERSON, "person"))
    log.submit(cast.operator, log.key_revoked(cast.pharmacy))
    log.submit(cast.operator, log.policy_set(DONE, 1, WHOLESALER, PHARMACY))
    log.submit(cast.wholesaler, log.member_left(cast.wholesaler))
    assert faults_of(log) == []
