"""The monitor against logs that tell the truth, lie, or break: alarms with evidence, or none."""

import datetime as dt
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import orjson
import pytest

from ledger.core.members import format_base64
from ledger.core.merkle import leaf_hash, tree_root
from ledger.core.note import format_vkey
from ledger.core.policy import Policy, PolicyGroup, PolicyWitness, format_policy
from ledger.core.proof import node_reader, prove_consistency, prove_inclusion
from ledger.core.sequenced import Sequenced
from ledger.core.statement import KeyChain, parse_header, statement_hash
from tests.client.scripted_log import ScriptedLog, Sender, WitnessKey, cosigned, forked, served
from tests.ledger.log_builder import DONE, PHARMACY, Cast, LogBuilder, Signer, small_log
from theriac_client import Web
from theriac_client.errors import StateError
from theriac_client.journal import Journal, arrived
from theriac_client.loghead import NO_POLICY
from theriac_client.logreader import LogReader
from theriac_client.monitor import follow
from theriac_client.monitor.evidence import EvidenceError, Kind, parse_evidence
from theriac_client.monitor.judge import check_evidence
from theriac_client.monitor.look import ALARMED, COULD_NOT_LOOK, QUIET, Look, Monitor
from theriac_client.monitor.member import read_member

pytestmark = pytest.mark.enable_socket

NOW = dt.datetime(2026, 11, 25, tzinfo=dt.UTC)


class World:
    """A small log, the wholesaler's client beside it, and the monitor that watches for it."""

    def __init__(self, scripted: ScriptedLog, folder: Path) -> None:
        self.scripted = scripted
        self.log: LogBuilder
        self.cast: Cast
        self.log, self.cast = small_log()
        self.sender = Sender(self.log, self.cast.wholesaler, folder)
        self.sender.keeps(scripted.address)
        # What the wholesaler sent before the client was watched: its statement of two entries.
        self.sender.keep(self.log.submit(self.cast.wholesaler, self.done()), self.log.leaves[-2])
        self.policy = NO_POLICY
        self.options: dict[str, Any] = {}
        self.now = NOW
        self.show()

    def done(self) -> Any:
        return self.log.draft(DONE, {"step": 8})

    def show(self, log: LogBuilder | None = None) -> None:
        self.scripted.show(log or self.log)

    @property
    def monitor(self) -> Monitor:
        """The monitor as a process that starts now."""
        reader = LogReader(
            web=Web(self.scripted.address, timeout_s=5),
            channel="main",
            vkey=self.log.vkey,
            policy=self.policy,
        )
        return Monitor(
            reader=reader,
            folder=self.sender.folder / "monitor",
            policy=None if self.policy == NO_POLICY else format_policy(self.policy),
            **{
                "member": read_member((self.sender.folder,), server_signs=False),
                **self.options,
            },
        )

    def look(self) -> Look:
        monitor = self.monitor
        look = monitor.look(lambda: self.now)
        monitor.told(look)
        return look

    def quiet(self) -> None:
        look = self.look()
        assert (look.status, look.alarms, look.troubles) == (QUIET, [], [])

    def alarm(self, *kinds: Kind) -> list[str]:
        """Look, expect exactly these alarms, and return what the first one's evidence proves."""
        look = self.look()
        assert ([alarm.kind for alarm in look.alarms], look.status) == (list(kinds), ALARMED)
        proven = [
            check_evidence(parse_evidence(orjson.loads(alarm.evidence.read_bytes())))
            for alarm in look.alarms
        ]
        return proven[0]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with served() as scripted:
        made = World(scripted, tmp_path / "client")
        # The two entries of the small log that the wholesaler did send, before there was a client.
        at = next(at for at, header in enumerate(made.log.headers) if header == at and at > 6)
        earlier = deepcopy(made.log)
        made.sender.keep(rebuilt(earlier, at), earlier.leaves[at])
        yield made


def rebuilt(log: LogBuilder, at: int) -> Any:
    """Return the receipt of the submission whose header stands at ``at``."""
    header = parse_header(log.leaves[at])
    entry_ids = tuple(map(leaf_hash, log.leaves[at + 1 : at + 1 + header.statement.n]))
    digest = statement_hash(header.statement_bytes)
    return log.receipt(header.statement, digest, entry_ids)


def test_an_untouched_log_never_alarms_however_it_grows(world: World) -> None:
    world.quiet()
    sizes = [1, 3, 230, 1, 5, 250, 256, 1, 512]
    for entries in sizes:
        drafts = [world.log.draft(DONE, {"step": step}) for step in range(entries)]
        world.sender.send(*drafts)
        world.log.submit(world.cast.scanner, world.done())
        world.show()
        world.quiet()
        world.quiet()
    assert world.look().head is not None
    state = orjson.loads((world.sender.folder / "monitor" / "state.json").read_bytes())
    assert state["size"] == len(world.log.leaves) > 1024


def test_only_new_leaves_are_read(world: World) -> None:
    world.sender.send(*[world.log.draft(DONE, {"step": step}) for step in range(600)])
    world.show()
    world.quiet()
    world.scripted.asked.clear()
    world.quiet()
    assert world.scripted.asked == ["/log/main/checkpoint"]
    world.sender.send()
    world.show()
    world.quiet()
    bundles = [path for path in world.scripted.asked if "entries" in path]
    assert bundles == ["/log/main/tile/entries/002.p/107"]


def test_a_log_rewritten_at_one_size_is_found(world: World) -> None:
    world.quiet()
    world.show(forked(world.log, len(world.log.leaves) - 2, [world.cast.scanner]))
    for _ in range(2):
        (*_, proven) = world.alarm(Kind.FORKED)
        assert "PROVEN" in proven
        assert "two histories" in proven


def test_a_log_that_went_on_from_another_history_is_found(world: World) -> None:
    world.sender.send(*[world.log.draft(DONE, {"step": step}) for step in range(300)])
    world.show()
    world.quiet()
    for growth in (1, 200, 600):
        other = forked(world.log, 14, [world.cast.scanner] * growth)
        while len(other.leaves) <= len(world.log.leaves):
            other.submit(world.cast.scanner, other.draft(DONE, {"step": 1}))
        world.show(other)
        assert "PROVEN" in world.alarm(Kind.FORKED)[-1]
    # The history that is remembered goes on.
    world.sender.send()
    world.show()
    world.quiet()


def test_a_log_that_was_rolled_back_is_found(world: World) -> None:
    old = deepcopy(world.log)
    world.sender.send()
    world.show()
    world.quiet()
    world.show(old)
    said = world.alarm(Kind.ROLLED_BACK)
    assert said[-1] == f"that {len(old.leaves)} were shown later is the word of who watched"
    # One answer of a cache is no alarm.
    answers = iter([True, False])

    def cached(path: str, data: bytes) -> bytes:
        if path.endswith("/checkpoint") and next(answers, False):
            return dict(old.export())["checkpoint"]
        return data

    world.show()
    world.scripted.spoil = cached
    world.quiet()


def test_a_promise_that_was_dropped_is_found_with_proof(world: World) -> None:
    world.quiet()
    dropped = world.sender.send(into=deepcopy(world.log))
    assert dropped.receipt is not None
    world.now = dropped.receipt.promise.deadline
    world.quiet()  # not due yet
    world.now += dt.timedelta(milliseconds=1)
    assert f"none of the {len(world.log.leaves)} leaves is it" in world.alarm(Kind.MISSING)[-1]
    # It comes late: the promise was broken all the same, and the evidence stays.
    (evidence,) = (world.sender.folder / "monitor" / "evidence").iterdir()
    assert evidence.name.startswith("missing-")


def test_with_a_quorum_its_time_decides_what_is_due(world: World) -> None:
    one, two, rogue = (WitnessKey(f"w{at}.example") for at in range(3))
    world.policy = Policy(
        witnesses=tuple(
            PolicyWitness(name=each.name.encode(), key=each.key) for each in (one, two, rogue)
        ),
        groups=(
            PolicyGroup(
                name=b"most",
                threshold=2,
                members=tuple(each.name.encode() for each in (one, two, rogue)),
            ),
        ),
        quorum=b"most",
    )
    dropped = world.sender.send(into=deepcopy(world.log))
    assert dropped.receipt is not None
    due = int(dropped.receipt.promise.deadline.timestamp())
    world.scripted.show(world.log, one, two, time_s=due)
    # The clock of one witness is ahead by years.
    checkpoint = "/log/main/checkpoint"
    late = cosigned(world.scripted.files[checkpoint], rogue, time_s=due + 10**9)
    world.scripted.files[checkpoint] = late
    world.quiet()
    world.scripted.show(world.log, one, two, time_s=due + 1)
    assert "by the times of the policy's quorum" in world.alarm(Kind.MISSING)[-1]


def test_without_the_quorum_there_is_no_head_and_no_alarm(world: World) -> None:
    witness = WitnessKey("w1.example")
    world.policy = Policy(witnesses=(PolicyWitness(name=b"w", key=witness.key),), quorum=b"w")
    look = world.look()
    assert (look.status, look.troubles) == (
        COULD_NOT_LOOK,
        ["the checkpoint lacks the cosignatures that the policy demands"],
    )


def placed(log: LogBuilder, at: int) -> Sequenced:
    """Return the place of a submission of one entry, proven in a log as it is."""
    read_node, size = node_reader(log.hashes), len(log.leaves)
    return Sequenced(
        header=log.leaves[at],
        header_index=at,
        header_proof=prove_inclusion(index=at, size=size, read_node=read_node),
        last_proof=prove_inclusion(index=at + 1, size=size, read_node=read_node),
        chain_before=bytes(32),
        chain_after=bytes(32),
        checkpoint=log.checkpoint(),
    )


def test_a_sequenced_receipt_of_another_history_is_proof_of_two(world: World) -> None:
    other = deepcopy(world.log)
    other.submit(world.cast.operator, other.draft(DONE, {"step": 1}))
    chain = world.cast.wholesaler.chain
    record = world.sender.send()
    world.cast.wholesaler.chain = chain
    place = placed(other, len(other.leaves) - 2)
    Journal(world.sender.folder).update(arrived(record, place))
    world.show()
    assert "PROVEN" in world.alarm(Kind.FORKED)[-1]
    # An honest one is checked once and never again.
    Journal(world.sender.folder).update(
        arrived(record, placed(world.log, len(world.log.leaves) - 2))
    )
    world.quiet()
    world.scripted.asked.clear()
    world.quiet()
    assert world.scripted.asked == ["/log/main/checkpoint"]


def test_a_sequenced_receipt_beyond_the_head_is_a_rollback(world: World) -> None:
    longer = deepcopy(world.log)
    record = world.sender.send(into=longer)
    place = placed(longer, len(longer.leaves) - 2)
    Journal(world.sender.folder).update(arrived(record, place))
    world.alarm(Kind.MISSING, Kind.ROLLED_BACK)
    world.show(longer)
    world.quiet()


def test_an_entry_that_no_client_sent_is_found(world: World) -> None:
    world.quiet()
    at = len(world.log.leaves)
    world.log.submit(world.cast.wholesaler, world.done())
    world.show()
    said = world.alarm(Kind.UNEXPECTED)
    assert f"at index {at} a submission of 1" in said[2]
    world.quiet()  # told once; the evidence stays


def test_what_the_server_signs_is_expected_only_where_that_is_said(world: World) -> None:
    """The pharmacy watches: the server holds a key for it, a scanner another."""
    world.sender = Sender(world.log, world.cast.scanner, world.sender.folder.parent / "pharmacy")
    world.sender.keeps(world.scripted.address)
    for at, header in enumerate(world.log.headers):
        if header == at and 8 < at < 14 and b'"first"' in world.log.leaves[at]:
            world.sender.keep(rebuilt(world.log, at), world.log.leaves[at])
    world.quiet()  # the entry that adds the scanner's key is the client's, though the server signed
    world.log.submit(world.cast.pharmacy, world.done())
    world.show()
    world.alarm(Kind.UNEXPECTED)
    world.options["member"] = read_member((world.sender.folder,), server_signs=True)
    world.log.submit(world.cast.pharmacy, world.done())
    world.show()
    world.quiet()
    # But never a key that nobody here keeps.
    stranger = Signer("stranger", PHARMACY)
    world.log.submit(world.cast.pharmacy, world.log.key_added(stranger, "member"))
    world.show()
    said = world.alarm(Kind.UNEXPECTED)
    assert "ledger.key.added.v1" in said[3]


def test_what_the_operator_does_to_the_member_is_found_and_to_others_is_news(
    world: World,
) -> None:
    world.quiet()
    world.log.submit(world.cast.operator, world.log.key_revoked(world.cast.scanner, "lost"))
    world.show()
    look = world.look()
    assert (look.status, len(look.news)) == (QUIET, 1)
    assert "ledger.key.revoked.v1" in look.news[0]
    world.log.submit(world.cast.operator, world.log.member_left(world.cast.wholesaler))
    world.show()
    assert "ledger.member.left.v1" in world.alarm(Kind.UNEXPECTED)[3]


def test_a_statement_that_its_key_did_not_sign_is_found(world: World) -> None:
    world.quiet()
    world.log.submit(world.cast.scanner, world.done())
    header = orjson.loads(world.log.leaves[-2])
    header["sig"] = orjson.loads(world.log.leaves[-4])["sig"]
    world.log.leaves[-2] = orjson.dumps(header)
    world.show()
    assert "is not signed by the key it names" in world.alarm(Kind.INVALID)[-1]


def test_a_leaf_that_cannot_be_read_stops_the_reading_and_is_found_each_time(
    world: World,
) -> None:
    world.quiet()
    size = len(world.log.leaves)
    world.log.leaves += [b"junk", b"junk"]
    world.log.headers += [size, size]
    world.show()
    for _ in range(2):
        assert "verifies an export" in world.alarm(Kind.INVALID)[-1]
    state = orjson.loads((world.sender.folder / "monitor" / "state.json").read_bytes())
    assert state["size"] == size


def test_a_head_inside_a_submission_is_found(world: World) -> None:
    world.sender.send(world.done(), world.done())
    cut = deepcopy(world.log)
    del cut.leaves[-1], cut.headers[-1]
    world.show(cut)
    assert world.alarm(Kind.INVALID)[-2].startswith("PROVEN")


@pytest.mark.parametrize("path", ["checkpoint", "tile/0/002", "tile/1/000", "entries/001"])
@pytest.mark.parametrize("fault", ["flipped", "cut", "longer", "closed", "empty"])
def test_a_bad_answer_is_refused_and_is_no_alarm(world: World, path: str, fault: str) -> None:
    world.sender.send(*[world.log.draft(DONE, {"step": step}) for step in range(600)])
    world.show()

    def spoil(asked: str, data: bytes) -> bytes | None:
        if path not in asked:
            return data
        middle = len(data) // 2
        return {
            "flipped": data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :],
            "cut": data[:-7],
            "longer": data * 3,
            "closed": None,
            "empty": b"",
        }[fault]

    world.scripted.spoil = spoil
    look = world.look()
    assert (look.status, look.alarms, len(look.troubles)) == (COULD_NOT_LOOK, [], 1)
    world.scripted.spoil = lambda _, data: data
    world.quiet()


def test_what_was_read_is_kept_when_the_line_breaks(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "BUNDLES_BETWEEN_WRITES", 1)
    world.sender.send(*[world.log.draft(DONE, {"step": step}) for step in range(900)])
    world.show()
    world.scripted.spoil = lambda asked, data: None if "entries/002" in asked else data
    assert world.look().status == COULD_NOT_LOOK
    world.scripted.asked.clear()
    world.scripted.spoil = lambda _, data: data
    world.quiet()
    first = next(path for path in world.scripted.asked if "entries" in path)
    assert first.endswith("entries/002")


def test_nobody_there_is_no_alarm(world: World) -> None:
    world.quiet()
    world.scripted.spoil = lambda *_: None
    assert world.look().status == COULD_NOT_LOOK


def test_an_alarm_that_nobody_was_told_of_is_new_again(world: World) -> None:
    world.quiet()
    world.log.submit(world.cast.wholesaler, world.done())
    world.show()
    # The process dies after the look: nothing was said.
    assert [alarm.is_new for alarm in world.monitor.look(lambda: world.now).alarms] == [True]
    again = world.look()
    assert [(alarm.kind, alarm.is_new) for alarm in again.alarms] == [(Kind.UNEXPECTED, True)]
    world.quiet()


def test_a_log_that_shows_nothing_new_is_stale_where_that_is_asked(world: World) -> None:
    world.options["stale_after"] = dt.timedelta(minutes=10)
    world.quiet()
    world.now += dt.timedelta(minutes=10)
    world.quiet()
    world.now += dt.timedelta(seconds=1)
    assert world.alarm(Kind.STALE)[-1].startswith("the word of who watched")
    world.sender.send()
    world.show()
    world.quiet()


def witnessed(world: World) -> WitnessKey:
    witness = WitnessKey("w1.example")
    url = f"{world.scripted.address}/witness".encode()
    known = PolicyWitness(name=b"w", key=witness.key, url=url)
    world.policy = Policy(witnesses=(known,))
    world.options["ask_witnesses"] = True
    return witness


def test_a_witness_that_saw_another_history_shows_the_split(world: World) -> None:
    witness = witnessed(world)
    world.quiet()  # it cosigned nothing yet
    older = forked(world.log, 14, [world.cast.scanner])
    path = witness.path(world.log)
    world.scripted.files[path] = cosigned(older.checkpoint(), witness, time_s=1)
    assert "PROVEN" in world.alarm(Kind.FORKED)[-1]
    world.scripted.files[path] = cosigned(world.log.checkpoint(), witness, time_s=1)
    world.quiet()
    world.scripted.files[path] = world.log.checkpoint()  # not cosigned
    assert world.look().status == COULD_NOT_LOOK


def test_a_witness_that_is_ahead_for_long_shows_a_rollback(world: World) -> None:
    witness = witnessed(world)
    world.quiet()
    longer = deepcopy(world.log)
    world.sender.send(into=longer)
    world.cast.wholesaler.chain = KeyChain()
    world.options["member"] = None
    path = witness.path(world.log)
    world.scripted.files[path] = cosigned(longer.checkpoint(), witness, time_s=1)
    world.quiet()
    world.now += dt.timedelta(minutes=11)
    assert world.alarm(Kind.ROLLED_BACK)[-2].startswith("PROVEN")
    world.scripted.files |= {f"/log/main/{name}": data for name, data in longer.export()}
    world.quiet()


def test_the_state_of_another_log_is_not_used(world: World) -> None:
    world.quiet()
    state = world.sender.folder / "monitor" / "state.json"
    value = orjson.loads(state.read_bytes())
    state.write_bytes(orjson.dumps({**value, "vkey": value["vkey"].replace("x", "y")}))
    with pytest.raises(StateError, match="another log"):
        world.look()


def proves(value: object) -> bool:
    """Return whether this, taken as evidence, proves anything."""
    try:
        lines = check_evidence(parse_evidence(value))
    except EvidenceError:
        return False
    return any(line.startswith("PROVEN") for line in lines)


def flipped(value: Any) -> Iterator[Any]:
    """Yield the value with each of its texts changed by one character, and each left out."""
    for name, member in value.items():
        if name in ("what", "found_at"):
            continue
        if name not in ("public_key", "entry_ids"):  # which may be left out
            yield {key: other for key, other in value.items() if key != name}
        if isinstance(member, dict):
            yield from ({**value, name: inner} for inner in flipped(member))
        elif isinstance(member, str):
            middle = len(member) // 2
            other = "B" if member[middle] == "A" else "A"
            yield {**value, name: member[:middle] + other + member[middle + 1 :]}
        elif isinstance(member, list):
            yield {**value, name: member[:-1]}
        elif isinstance(member, int):
            yield {**value, name: member + 1}


def test_evidence_that_was_changed_shows_nothing(world: World) -> None:
    world.quiet()
    world.log.submit(world.cast.wholesaler, world.done())
    world.show()
    world.alarm(Kind.UNEXPECTED)
    dropped = world.sender.send(into=deepcopy(world.log))
    assert dropped.receipt is not None
    world.now = dropped.receipt.promise.deadline + dt.timedelta(minutes=1)
    world.alarm(Kind.MISSING)
    world.show(forked(world.log, 14, [world.cast.scanner] * 9))
    world.alarm(Kind.FORKED)
    for path in (world.sender.folder / "monitor" / "evidence").iterdir():
        value = orjson.loads(path.read_bytes())
        assert proves(value)
        for changed in flipped(value):
            assert not proves(changed)


def test_heads_of_one_history_are_no_evidence(world: World) -> None:
    heads = [world.log.checkpoint()]
    world.sender.send()
    heads.append(world.log.checkpoint())
    size = len(world.log.leaves)
    proof = prove_consistency(size1=size - 2, size2=size, read_node=node_reader(world.log.hashes))
    value = {
        "v": 1,
        "kind": "forked",
        "what": "made up",
        "vkey": format_vkey(world.log.vkey),
        "found_at": "2026-11-25T00:00:00.000Z",
        "heads": [format_base64(head) for head in heads],
        "prefix_root": tree_root(world.log.hashes[: size - 2]).hex(),
        "proof": [format_base64(digest) for digest in proof],
    }
    with pytest.raises(EvidenceError, match="one history"):
        check_evidence(parse_evidence(value))
    rolled = {**value, "kind": "rolled_back"}
    del rolled["prefix_root"], rolled["proof"]
    with pytest.raises(EvidenceError, match="not smaller"):
        check_evidence(parse_evidence(rolled))
