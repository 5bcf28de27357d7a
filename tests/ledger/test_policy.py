"""Witness policies: every rule of the format, and every small policy against its definition."""

import itertools
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.note import KeyType, VerifierKey, format_vkey
from ledger.core.policy import (
    GROUPS_MAX,
    LOGS_MAX,
    POLICY_SIZE_BYTES_MAX,
    WITNESSES_MAX,
    Policy,
    PolicyError,
    PolicyGroup,
    PolicyLog,
    PolicyWitness,
    cosigners_min,
    format_policy,
    has_quorum,
    parse_policy,
    witness_addresses,
)


def log_key(number: int) -> VerifierKey:
    return VerifierKey(
        name=f"log{number}.example",
        key_type=KeyType.ED25519,
        public_key=number.to_bytes(32, "big"),
    )


def witness_key(number: int) -> VerifierKey:
    return VerifierKey(
        name=f"w{number}.example",
        key_type=KeyType.COSIGNATURE,
        public_key=(1000 + number).to_bytes(32, "big"),
    )


LOG = format_vkey(log_key(1))
W1, W2, W3, W4 = (format_vkey(witness_key(number)) for number in range(1, 5))
WITNESSES = f"witness a {W1}\nwitness b {W2}\nwitness c {W3}\n"


def parse(text: str) -> Policy:
    return parse_policy(text.encode())


def test_a_policy_of_every_kind_of_line_is_read() -> None:
    text = (
        f"# two of three, and the auditor\n\n \t# comment\nlog {LOG} https://log.example/main\n"
        f"log {format_vkey(log_key(2))}\n"
        f"\twitness  a\t{W1}  https://a.example/witness \n{WITNESSES.partition(chr(10))[2]}"
        f"witness \xe9 {W4}\ngroup g 2 a b c\ngroup all-of all g \xe9\nquorum all-of\n"
    )
    policy = parse_policy(text.encode("latin-1"))
    assert policy == Policy(
        logs=(
            PolicyLog(key=log_key(1), url=b"https://log.example/main"),
            PolicyLog(key=log_key(2)),
        ),
        witnesses=(
            PolicyWitness(name=b"a", key=witness_key(1), url=b"https://a.example/witness"),
            PolicyWitness(name=b"b", key=witness_key(2)),
            PolicyWitness(name=b"c", key=witness_key(3)),
            PolicyWitness(name=b"\xe9", key=witness_key(4)),  # opaque: this is no UTF-8
        ),
        groups=(
            PolicyGroup(name=b"g", threshold=2, members=(b"a", b"b", b"c")),
            PolicyGroup(name=b"all-of", threshold=2, members=(b"g", b"\xe9")),
        ),
        quorum=b"all-of",
    )
    assert policy.witness_keys == tuple(witness_key(number) for number in range(1, 5))
    assert parse_policy(format_policy(policy)) == policy
    assert cosigners_min(policy) == 3


def test_no_quorum_demands_nothing_and_needs_no_witness() -> None:
    policy = parse("quorum none\n")
    assert policy == Policy()
    assert has_quorum(policy, [])
    assert cosigners_min(policy) == 0
    assert format_policy(policy) == b"quorum none\n"


BROKEN: list[tuple[str, int | None, str]] = [
    ("", None, "no newline"),
    ("quorum none", None, "no newline"),
    ("\n", None, "no quorum line"),
    (WITNESSES, None, "no quorum line"),
    ("quorum none\r\n", 1, "0x0d"),
    ("quorum none\n#\x7f\n", 2, "0x7f"),
    ("quorum none\n\n\x00", 3, "0x00"),
    ("quorum none\n\x0b\n", 2, "0x0b"),
    ("quorum none\nquorum none\n", 2, "second quorum"),
    (f"{WITNESSES}quorum a\nquorum none\n", 5, "second quorum"),
    ("quorum\n", 1, "a quorum is"),
    ("quorum none none\n", 1, "a quorum is"),
    ("quorum a\n", 1, "on no line before"),
    (f"quorum a\nwitness a {W1}\n", 1, "on no line before"),
    ("Quorum none\n", 1, "begins no line"),
    ("quorum none # really\n", 1, "a quorum is"),
    ("log\nquorum none\n", 1, "a log is"),
    (f"log {LOG} u v\nquorum none\n", 1, "a log is"),
    (f"log {LOG}x\nquorum none\n", 1, "no verifier key"),
    (f"log {W1}\nquorum none\n", 1, "type 0x04, not 0x01"),
    (f"log {LOG}\nlog {LOG} u\nquorum none\n", 2, "on a line before"),
    ("witness a\nquorum none\n", 1, "a witness is"),
    (f"witness a {W1} u v\nquorum none\n", 1, "a witness is"),
    (f"witness a {LOG}\nquorum none\n", 1, "type 0x01, not 0x04"),
    (f"witness none {W1}\nquorum none\n", 1, "`none` is the quorum"),
    (f"witness a {W1}\nwitness a {W2}\nquorum none\n", 2, "defined twice"),
    (f"witness a {W1}\nwitness b {W1}\nquorum none\n", 2, "on a line before"),
    (f"{WITNESSES}group g all\nquorum none\n", 4, "a group is"),
    ("group g\nquorum none\n", 1, "a group is"),
    (f"{WITNESSES}group a any b\nquorum none\n", 4, "defined twice"),
    (f"{WITNESSES}group none any b\nquorum none\n", 4, "`none` is the quorum"),
    (f"{WITNESSES}group g any none\nquorum none\n", 4, "on no line before"),
    (f"{WITNESSES}group g any g\nquorum none\n", 4, "on no line before"),
    (f"{WITNESSES}group g any d\nwitness d {W4}\nquorum none\n", 4, "on no line before"),
    (f"{WITNESSES}group g any a a\nquorum none\n", 4, "a member already"),
    (f"{WITNESSES}group g any a\ngroup h any a b\nquorum none\n", 5, "a member already"),
    *(
        (f"{WITNESSES}group g {how} a b\nquorum none\n", 4, "a number from 1 to 2")
        for how in ("0", "3", "01", "-1", "+1", "1.0", "ALL", "none", "9" * 40, "²")
    ),
]


@pytest.mark.parametrize(("text", "line", "reason"), BROKEN)
def test_what_breaks_a_rule_is_refused_with_its_line(
    text: str, line: int | None, reason: str
) -> None:
    with pytest.raises(PolicyError, match=reason) as caught:
        parse(text)
    assert caught.value.members == ({} if line is None else {"line": line})


def test_the_same_public_key_is_refused_under_another_name_and_in_another_role() -> None:
    for again in (
        replace(witness_key(1), name="other.example"),
        replace(log_key(1), name="other.example", key_type=KeyType.COSIGNATURE),
    ):
        text = f"log {LOG}\nwitness a {W1}\nwitness b {format_vkey(again)}\nquorum none\n"
        with pytest.raises(PolicyError, match=r"line 3: the public key of other\.example"):
            parse(text)


def test_a_key_that_is_no_utf_8_is_refused() -> None:
    with pytest.raises(PolicyError, match=r"line 1: .*no verifier key"):
        parse_policy(b"log \xff+00000000+AA==\nquorum none\n")


def test_names_that_only_look_alike_are_others() -> None:
    text = f"witness K {W1}\nwitness \u212a {W2}\ngroup g 2 K \u212a\nquorum g\n"
    policy = parse(text)
    assert not has_quorum(policy, [witness_key(1)])
    assert has_quorum(policy, [witness_key(1), witness_key(2)])


def test_limits_are_at_least_those_of_the_specification_and_hold() -> None:
    assert min(LOGS_MAX, WITNESSES_MAX, GROUPS_MAX) >= 32
    logs = [f"log {format_vkey(log_key(number))}\n" for number in range(LOGS_MAX + 1)]
    witnesses = [
        f"witness n{number} {format_vkey(witness_key(number))}\n"
        for number in range(WITNESSES_MAX + 1)
    ]
    groups = [f"group g{number} any n{number}\n" for number in range(GROUPS_MAX)]
    full = "".join([*logs[:-1], *witnesses[:-1], *groups])
    policy = parse(f"{full}quorum g0\n")
    assert [len(policy.logs), len(policy.witnesses), len(policy.groups)] == [
        LOGS_MAX,
        WITNESSES_MAX,
        GROUPS_MAX,
    ]
    for line, what in (
        (logs[-1], "logs"),
        (witnesses[-1], "witnesses"),
        ("group h any g1\n", "groups"),
    ):
        with pytest.raises(PolicyError, match=f"more than 64 {what}"):
            parse(f"{full}{line}quorum none\n")
    end = "quorum none\n"
    assert parse("#" * (POLICY_SIZE_BYTES_MAX - len(end) - 1) + f"\n{end}") == Policy()
    with pytest.raises(PolicyError, match="at most 65536 are read"):
        parse("#" * (POLICY_SIZE_BYTES_MAX - len(end)) + f"\n{end}")


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        (Policy(quorum=b"a"), "on no line before"),
        (Policy(quorum=b"none"), "no order"),
        (Policy(quorum=b"two words"), "cannot stand"),
        (Policy(quorum=b""), "cannot stand"),
        (Policy(logs=(PolicyLog(key=log_key(1), url=b"a\nb"),)), "cannot stand"),
        (Policy(logs=(PolicyLog(key=replace(log_key(1), name="")),)), "no key name"),
    ],
)
def test_what_no_file_could_say_is_not_written(policy: Policy, reason: str) -> None:
    with pytest.raises(PolicyError, match=reason):
        format_policy(policy)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://w.example/witness", "https://w.example/witness"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000"),
        ("https://[::1]:8443", "https://[::1]:8443"),
    ],
)
def test_witnesses_are_asked_at_their_addresses(url: str, address: str) -> None:
    policy = parse(f"witness a {W1} {url}\nwitness b {W2}\nquorum a\n")
    assert witness_addresses(policy) == {witness_key(1): address}


@pytest.mark.parametrize(
    "url",
    [
        *(
            "w.example",
            "ftp://w.example",
            "file:///etc/passwd",
            "https:",
            "https:///x",
            "//w.example",
        ),
        *("https://u:p@w.example", "https://w.example?x", "https://w.example#x"),
        *("https://w.example:0", "https://w.example:65536", "https://w.example:x", "https://[::1"),
        "https://w\xe9.example",
    ],
)
def test_what_is_no_address_of_a_witness_is_refused(url: str) -> None:
    with pytest.raises(PolicyError, match="the address of 'a' is"):
        witness_addresses(parse(f"witness a {W1} {url}\nquorum none\n"))


def test_a_quorum_that_nobody_can_be_asked_for_is_refused() -> None:
    reachable = f"witness a {W1} https://w.example\nwitness b {W2}\n"
    for quorum in ("quorum b", "group g all a b\nquorum g"):
        with pytest.raises(PolicyError, match="never be reached"):
            witness_addresses(parse(f"{reachable}{quorum}\n"))
    assert len(witness_addresses(parse(f"{reachable}group g any a b\nquorum g\n"))) == 1


# --- every small policy ---------------------------------------------------------------------


def groups_of(free: tuple[bytes, ...], count: int) -> Iterator[tuple[PolicyGroup, ...]]:
    """Yield every sequence of at most ``count`` groups over names that are in no group yet."""
    yield ()
    if count == 0:
        return
    name = b"g%d" % count
    for size in range(1, len(free) + 1):
        for members in itertools.combinations(free, size):
            left = (*(each for each in free if each not in members), name)
            for threshold in range(1, size + 1):
                group = PolicyGroup(name=name, threshold=threshold, members=members)
                for rest in groups_of(left, count - 1):
                    yield (group, *rest)


def worlds() -> Iterator[Policy]:
    """Yield every policy of few witnesses and few groups: what is deeper repeats these."""
    for count, depth in ((1, 3), (2, 3), (3, 2), (4, 1)):
        witnesses = tuple(
            PolicyWitness(name=b"w%d" % number, key=witness_key(number))
            for number in range(1, count + 1)
        )
        names = tuple(witness.name for witness in witnesses)
        for groups in groups_of(names, depth):
            for quorum in (None, *names, *(group.name for group in groups)):
                yield Policy(witnesses=witnesses, groups=groups, quorum=quorum)


def enough(policy: Policy, name: bytes) -> set[frozenset[bytes]]:
    """Return the definition, spelled out: all sets of witnesses that make ``name`` cosigned."""
    everyone = [witness.name for witness in policy.witnesses]
    subsets = {
        frozenset(chosen)
        for size in range(len(everyone) + 1)
        for chosen in itertools.combinations(everyone, size)
    }
    if name in everyone:
        return {chosen for chosen in subsets if name in chosen}
    (group,) = [group for group in policy.groups if group.name == name]
    found: set[frozenset[bytes]] = set()
    for members in itertools.combinations(group.members, group.threshold):
        found |= set.intersection(*(enough(policy, member) for member in members))
    return found


def test_every_small_policy_is_decided_as_it_is_defined_and_read_as_it_is_written() -> None:
    seen = 0
    for policy in worlds():
        data = format_policy(policy)
        assert parse_policy(data) == policy
        quorum = None if policy.quorum is None else enough(policy, policy.quorum)
        sizes = set()
        for size in range(len(policy.witnesses) + 1):
            for chosen in itertools.combinations(policy.witnesses, size):
                names = frozenset(witness.name for witness in chosen)
                expected = quorum is None or names in quorum
                keys = [witness.key for witness in chosen]
                assert has_quorum(policy, keys) is expected, (data, names)
                # A stranger's cosignature, and one under the log's key, add nothing.
                assert has_quorum(policy, [*keys, witness_key(9), log_key(1)]) is expected
                if expected:
                    sizes.add(size)
        assert cosigners_min(policy) == min(sizes)
        seen += 1
    assert seen == 854


@given(st.binary(max_size=200))
def test_any_octets_are_a_policy_or_refused(data: bytes) -> None:
    try:
        policy = parse_policy(data)
    except PolicyError:
        return
    assert parse_policy(format_policy(policy)) == policy


_WORDS = st.sampled_from(
    [
        "log",
        "witness",
        "group",
        "quorum",
        "a",
        "b",
        "g",
        "all",
        "any",
        "1",
        "2",
        "none",
        LOG,
        W1,
        W2,
    ]
)


@given(st.lists(st.lists(_WORDS, min_size=1, max_size=5), max_size=6))
def test_any_words_are_a_policy_or_refused(lines: list[list[str]]) -> None:
    text = "".join(" ".join(words) + "\n" for words in lines)
    try:
        policy = parse(text)
    except PolicyError:
        return
    assert parse_policy(format_policy(policy)) == policy
