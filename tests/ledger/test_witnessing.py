"""Our own log before its witnesses: what is published, what is provisional, what stops the log."""

import datetime as dt
import logging
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connections
from django.test import Client
from pytest_django.fixtures import Settings

from accounts.services import operator_project
from foundation.core.actor import PUBLIC, SYSTEM, Role
from foundation.tenancy import SYSTEM_ALIAS, acting_as
from ledger import health
from ledger.core.checkpoint import open_checkpoint
from ledger.core.entry import EntryDraft
from ledger.core.note import check_note, parse_note, parse_vkey
from ledger.core.policy import Policy, PolicyError, PolicyGroup, PolicyLog
from ledger.core.receipt import Receipt
from ledger.core.witness import AddCheckpoint, CosignedHead
from ledger.errors import FrozenError, NotSequencedError, ProvisionalError
from ledger.management.commands import sequencer as sequencer_command
from ledger.management.commands import witness as command
from ledger.models import Checkpoint, Cosignature, LogFreeze
from ledger.published import checkpoint_published, checkpoint_signed, head_published
from ledger.selectors import Head
from ledger.services import submission_append, witnessing
from ledger.services.asking import Question
from ledger.services.proofs import proof_bundle
from ledger.services.verification import log_verify
from ledger.services.witnessing import Witnessing
from tests.accounts.conftest import World
from tests.conftest import NOW, Channel
from tests.ledger.scripted_witness import Reply, ScriptedWitness
from tests.ledger.test_admin import browser_of

pytestmark = pytest.mark.enable_socket
LATER = NOW + dt.timedelta(minutes=5)
Serve = Callable[..., ScriptedWitness]


def write(channel: Channel) -> Receipt:
    draft = EntryDraft(kind="test.thing.done.v1", id=uuid4(), body={})
    receipt = submission_append(actor=channel.operator, entries=[draft], now=NOW)
    channel.sequence()
    return receipt


@pytest.fixture
def serve(fresh_db: Channel) -> Iterator[Serve]:
    """Start witnesses of the test's own log: ``serve("a")``."""
    with ExitStack() as stack:

        def start(name: str) -> ScriptedWitness:
            witness = ScriptedWitness(name=f"{name}.example", log_vkey=fresh_db.log.vkey)
            return stack.enter_context(witness.serving())

        yield start


def policy_of(*witnesses: ScriptedWitness, threshold: int = 0) -> Policy:
    """Return a policy: ``threshold`` of the witnesses, or ``quorum none``."""
    names = tuple(witness.entry.name for witness in witnesses)
    group = PolicyGroup(name=b"quorum", threshold=threshold, members=names)
    return Policy(
        witnesses=tuple(witness.entry for witness in witnesses),
        groups=(group,) if threshold else (),
        quorum=b"quorum" if threshold else None,
    )


def asking(channel: Channel, settings: Settings, policy: Policy) -> Witnessing:
    settings.WITNESS_POLICY = policy
    return Witnessing(channel.log, policy, timeout_s=5)


def published(channel: Channel) -> Head | None:
    with acting_as(PUBLIC):
        return checkpoint_published(channel.log)


def cosigners(note: str, *witnesses: ScriptedWitness) -> set[str]:
    keys = [witness.key for witness in witnesses]
    return {signed.key.name for signed in check_note(parse_note(note.encode()), keys)}


# --- quorum ----------------------------------------------------------------------------------


def test_the_newest_head_with_its_quorum_is_published(
    fresh_db: Channel, serve: Serve, settings: Settings, anyone: Client
) -> None:
    a, b, c = serve("a"), serve("b"), serve("c")
    rounds = asking(fresh_db, settings, policy_of(a, b, c, threshold=2))
    answer = anyone.get("/log/main/checkpoint")
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert answer.json()["type"] == "urn:theriac:problem:provisional"
    assert rounds.round(now=NOW) == 3
    assert rounds.round(now=NOW) == 0  # nobody is asked about a head that it cosigned
    assert [witness.asked for witness in (a, b, c)] == [[0], [0], [0]]
    note = anyone.get("/log/main/checkpoint").content
    checkpoint = open_checkpoint(note, parse_vkey(fresh_db.log.vkey))
    assert checkpoint.size == 2
    assert cosigners(note.decode(), a, b, c) == {"a.example", "b.example", "c.example"}
    # Two heads later the witnesses are asked for the newest only, each from what it has.
    write(fresh_db)
    write(fresh_db)
    assert anyone.get("/log/main/checkpoint").content == note
    c.script = lambda _: (503, "text/plain", b"")
    assert rounds.round(now=NOW) == 2
    assert [witness.asked for witness in (a, b, c)] == [[0, 2]] * 3
    head = published(fresh_db)
    assert head is not None
    assert head.size == 6
    assert cosigners(head.note, a, b, c) == {"a.example", "b.example"}
    with acting_as(SYSTEM):
        assert set(Cosignature.objects.values_list("size", flat=True)) == {2, 6}
    assert log_verify().faults == ()


def test_below_the_quorum_everything_says_provisional(
    fresh_db: Channel, serve: Serve, settings: Settings, anyone: Client
) -> None:
    a, b = serve("a"), serve("b")
    operator_project(actor=fresh_db.operator)
    world = World(channel=fresh_db)
    member = world.admit()
    key, _ = world.key(member, "epcis:read")
    rounds = asking(fresh_db, settings, policy_of(a, b, threshold=2))
    rounds.round(now=NOW)
    old = published(fresh_db)
    assert old is not None
    draft = EntryDraft(kind="test.thing.done.v1", id=uuid4(), body={})
    receipt = submission_append(actor=member, entries=[draft], now=NOW)
    fresh_db.sequence()
    b.script = lambda _: (500, "text/plain", b"")
    assert rounds.round(now=NOW) == 1
    assert published(fresh_db) == old
    entry_id = receipt.entry_ids[0].hex()
    for accept in ("application/json", "text/plain"):
        answer = anyone.get(f"/log/main/proof/{entry_id}", headers={"Accept": accept})
        assert answer.json()["type"] == "urn:theriac:problem:provisional"
    with pytest.raises(ProvisionalError):
        proof_bundle(receipt.entry_ids[0])
    address = f"/api/v1/ledger/receipts/{receipt.promise.id}"
    headers = {"Authorization": f"Bearer {key}"}
    answer = anyone.get(address, headers=headers)
    place = {"entry_id": entry_id, "log_index": old.size + 1, "provisional": True}
    assert answer.json() == {**receipt.as_json(), "places": [place]}
    assert anyone.get(f"/log/main/tile/0/000.p/{old.size + 1}").status_code == 404
    assert anyone.get(f"/log/main/tile/0/000.p/{old.size}").status_code == 200
    asked = {"query": "{checkpoint{size provisional} signedCheckpoint{size provisional note}}"}
    answer = anyone.post(
        "/graphql/", asked, content_type="application/json", headers=headers
    ).json()
    assert answer["data"]["checkpoint"] == {"size": old.size, "provisional": False}
    assert answer["data"]["signedCheckpoint"]["size"] == old.size + 2
    assert answer["data"]["signedCheckpoint"]["provisional"] is True
    assert cosigners(answer["data"]["signedCheckpoint"]["note"], a) == {"a.example"}
    # Once the witness is back, all of it is proven.
    b.script = None
    assert rounds.round(now=LATER) == 1
    assert anyone.get(f"/log/main/proof/{entry_id}").status_code == 200
    answer = anyone.get(address, headers=headers).json()
    assert answer["places"] == [{"entry_id": entry_id, "log_index": old.size + 1}]
    assert "sequenced" in answer


def test_the_admin_shows_which_heads_are_provisional(
    fresh_db: Channel, serve: Serve, settings: Settings
) -> None:
    a = serve("a")
    operator_project(actor=fresh_db.operator)
    world = World(channel=fresh_db)
    staff = browser_of(world.person(world.operator, Role.OPERATOR, is_staff=True).id)
    rounds = asking(fresh_db, settings, policy_of(a, threshold=1))

    def states() -> list[str]:
        page = staff.get("/admin/ledger/checkpoint/").content.decode()
        return re.findall(r'<td class="field-state">(\w+)</td>', page)

    assert states() == ["provisional"]
    rounds.round(now=NOW)
    write(fresh_db)
    assert states() == ["provisional", "published"]
    with acting_as(SYSTEM):
        pk = Checkpoint.objects.get(size=2).pk
    page = staff.get(f"/admin/ledger/checkpoint/{pk}/change/").content.decode()
    assert "— a.example" in page
    rounds.round(now=NOW)
    assert states() == ["published", "published"]
    settings.CHANNEL_NAME = "none-yet"  # its own log decides, whichever is first
    assert states() == ["published", "published"]


def test_without_a_quorum_all_is_published_and_cosignatures_come_along(
    fresh_db: Channel, serve: Serve, settings: Settings
) -> None:
    a = serve("a")
    rounds = asking(fresh_db, settings, policy_of(a))
    write(fresh_db)
    head = published(fresh_db)
    assert head is not None
    assert (head.size, head.note.count("—")) == (4, 1)
    rounds.round(now=NOW)
    head = published(fresh_db)
    assert head is not None
    assert cosigners(head.note, a) == {"a.example"}
    with acting_as(PUBLIC):
        assert checkpoint_signed(fresh_db.log) == head


def test_a_head_is_found_behind_hundreds_that_lack_the_quorum(
    fresh_db: Channel, serve: Serve, settings: Settings
) -> None:
    """Of three, two are demanded and one of them by name: counting alone does not find it."""
    a, b, c = serve("a"), serve("b"), serve("c")
    policy = policy_of(a, b, c, threshold=2)
    both = PolicyGroup(name=b"both", threshold=2, members=(b"a.example", b"b.example"))
    demanding = Policy(witnesses=policy.witnesses, groups=(both,), quorum=b"both")
    asking(fresh_db, settings, demanding).round(now=NOW)
    with acting_as(SYSTEM):
        stored = {row.vkey: row for row in Cosignature.objects.all()}
        for witness in (a, c):
            row = stored[next(vkey for vkey in stored if vkey.startswith(witness.name))]
            Cosignature.objects.bulk_create(
                Cosignature(
                    log_id=fresh_db.log.id,
                    size=size,
                    vkey=row.vkey,
                    line=row.line,
                    timestamp_s=row.timestamp_s,
                    received_at=NOW,
                )
                for size in range(3, 303)
            )
    head = published(fresh_db)
    assert head is not None
    assert head.size == 2


def test_before_its_first_head_nothing_is_published(fresh_db: Channel, settings: Settings) -> None:
    nothing = replace(fresh_db.log, id=10**6)
    with acting_as(PUBLIC):
        assert checkpoint_published(nothing) is None
        assert checkpoint_signed(nothing) is None
        with pytest.raises(NotSequencedError, match="no checkpoint yet"):
            head_published(nothing)
    assert Witnessing(nothing, settings.WITNESS_POLICY, timeout_s=1).round(now=NOW) == 0


# --- witnesses that are slow, gone, or worse -------------------------------------------------


def test_a_silent_witness_holds_up_nobody_and_is_left_alone_for_a_while(
    fresh_db: Channel, serve: Serve, settings: Settings
) -> None:
    a, b, silent = serve("a"), serve("b"), serve("silent")

    def hang(_: AddCheckpoint) -> Reply:
        silent.gone.wait()
        return 200, "text/plain", b""

    silent.script = hang
    policy = policy_of(a, b, silent, threshold=2)
    settings.WITNESS_POLICY = policy
    rounds = Witnessing(fresh_db.log, policy, timeout_s=0.5)
    assert rounds.round(now=NOW) == 2
    head = published(fresh_db)
    assert head is not None
    write(fresh_db)
    assert rounds.round(now=NOW) == 2
    assert silent.asked == [0]
    silent.script = None
    write(fresh_db)
    assert rounds.round(now=NOW + dt.timedelta(seconds=1)) == 3
    assert silent.asked == [0, 0]


def test_pauses_grow_and_end(fresh_db: Channel, serve: Serve, settings: Settings) -> None:
    a = serve("a")
    a.script = lambda _: (500, "text/plain", b"")
    rounds = asking(fresh_db, settings, policy_of(a))
    asked = []
    for second in range(100):
        before = len(a.asked)
        rounds.round(now=NOW + dt.timedelta(seconds=second))
        if len(a.asked) > before:
            asked.append(second)
    assert asked == [0, 1, 3, 7, 15, 31, 61, 91]


def test_a_witness_that_is_gone_is_no_error_of_ours(
    fresh_db: Channel, serve: Serve, settings: Settings
) -> None:
    a = serve("a")
    rounds = asking(fresh_db, settings, policy_of(a))
    rounds._addresses[a.key] = "http://127.0.0.1:1"  # noqa: SLF001 - nobody listens there
    assert rounds.round(now=NOW) == 0
    Question(address="http://127.0.0.1:1", body=b"").give_up()  # before anybody answered


def hostile(witness: ScriptedWitness, other: ScriptedWitness) -> list[Callable[..., Reply]]:
    """Return answers that hold no cosignature of ours by ``witness``."""

    def of(make: Callable[[str], bytes], status: int = 200) -> Callable[..., Reply]:
        return lambda request: (status, "text/plain", make(request.note.text))

    def flipped(text: str) -> bytes:
        return witness.line(text).replace(b"AAAAAGVT8QA", b"AAAAAGVT8QB")

    return [
        of(lambda _: b""),
        of(lambda _: b"\xff" * 100),
        of(lambda _: "— ".encode() * 50_000),
        of(lambda text: witness.line(text)[:-1]),
        of(lambda text: witness.line(text + "more\n")),
        of(lambda text: witness.line(text, 0)),
        of(other.line),
        of(lambda text: other.line(text) + flipped(text)[:40]),
        of(lambda text: b"\n" + witness.line(text)),
        of(lambda text: b"x\n\n" + witness.line(text + "\nx\n")),
        of(witness.line, 302),
        of(witness.line, 201),
        lambda _: (409, "text/plain", b"1\n"),
        lambda _: (409, "text/x.tlog.size", b"1"),
        lambda _: (409, "text/x.tlog.size", b"18446744073709551615\n"),
    ]


def test_what_is_no_cosignature_is_not_stored(
    fresh_db: Channel, serve: Serve, settings: Settings
) -> None:
    a, b = serve("a"), serve("b")
    for number, script in enumerate(hostile(a, b)):
        a.script = script
        rounds = asking(fresh_db, settings, policy_of(a, threshold=1))
        assert rounds.round(now=NOW) == 0, number
    with acting_as(SYSTEM):
        assert Cosignature.objects.count() == 0
        assert not LogFreeze.objects.exists()
    # Others' lines beside a good one are ignored, and not passed on.
    a.script = lambda request: (
        200,
        "text/plain",
        b.line(request.note.text) + a.line(request.note.text),
    )
    assert asking(fresh_db, settings, policy_of(a, threshold=1)).round(now=NOW) == 1
    head = published(fresh_db)
    assert head is not None
    assert "b.example" not in head.note


def test_a_witness_that_has_less_or_more_than_we_thought_is_asked_again_at_once(
    fresh_db: Channel, serve: Serve, settings: Settings
) -> None:
    a = serve("a")
    policy = policy_of(a, threshold=1)
    assert asking(fresh_db, settings, policy).round(now=NOW) == 1
    two = a.head
    write(fresh_db)
    # A second program knows from the table what the first was told.
    second = asking(fresh_db, settings, policy)
    assert second.round(now=NOW) == 1
    assert a.asked == [0, 2]
    write(fresh_db)
    a.head = two  # it lost its newest head
    assert second.round(now=NOW) == 1
    write(fresh_db)
    a.head = CosignedHead()  # it lost everything
    assert second.round(now=NOW) == 1
    assert a.asked == [0, 2, 4, 2, 6, 0]
    assert log_verify().faults == ()


def test_a_witness_that_saw_another_history_is_an_alarm(
    fresh_db: Channel, serve: Serve, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    a = serve("a")
    a.head = CosignedHead(size=2, root=bytes(32))
    rounds = asking(fresh_db, settings, policy_of(a, threshold=1))
    assert rounds.round(now=NOW) == 0
    assert a.asked == [0, 2]
    record = caplog.records[-1]
    assert (record.levelno, record.message) == (logging.CRITICAL, "a witness did not cosign")
    assert (vars(record)["witness"], vars(record)["problem"]) == ("a.example", "status 422")


# --- rolled back -----------------------------------------------------------------------------


def test_a_witness_with_a_larger_log_freezes_ours(
    fresh_db: Channel, serve: Serve, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    a, b = serve("a"), serve("b")
    a.head = CosignedHead(size=100, root=bytes(32))
    rounds = asking(fresh_db, settings, policy_of(a, b, threshold=2))
    with pytest.raises(FrozenError, match=r"a\.example cosigned 100 leaves, here are 2"):
        rounds.round(now=NOW)
    assert "the log is frozen" in [
        record.message for record in caplog.records if record.levelno == logging.CRITICAL
    ]
    with acting_as(SYSTEM):
        assert "was rolled back" in LogFreeze.objects.get().reason
    with pytest.raises(FrozenError):
        write(fresh_db)
    with pytest.raises(FrozenError):
        fresh_db.sequence()
    assert "rolled back" in health.sequencer()
    # A frozen log asks nobody.
    assert rounds.round(now=LATER) == 0
    assert (a.asked, b.asked) == ([0], [0])


def test_a_restored_copy_is_found_before_anything_is_signed(
    fresh_db: Channel, serve: Serve, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copy holds its head's cosignature, so nothing seems to be missing."""
    a = serve("a")
    asking(fresh_db, settings, policy_of(a, threshold=1)).round(now=NOW)
    draft = EntryDraft(kind="test.thing.done.v1", id=uuid4(), body={})
    submission_append(actor=fresh_db.operator, entries=[draft], now=NOW)
    a.head = CosignedHead(size=9, root=bytes(32))  # what the log was before it was restored
    running = sequencer_command.Command()

    def nap(_: float) -> None:
        running.stopping = True

    monkeypatch.setattr(time, "sleep", nap)
    call_command(running)
    connections[SYSTEM_ALIAS].close()
    with acting_as(SYSTEM):
        assert "a.example cosigned 9 leaves, here are 2" in LogFreeze.objects.get().reason
        assert Checkpoint.objects.count() == 1


def test_a_sequencer_goes_on_where_witnesses_agree_or_are_silent(
    fresh_db: Channel, serve: Serve, settings: Settings
) -> None:
    a, b = serve("a"), serve("b")
    b.script = lambda _: (503, "text/plain", b"")
    settings.WITNESS_POLICY = policy_of(a, b, threshold=2)
    for size in (4, 6):
        draft = EntryDraft(kind="test.thing.done.v1", id=uuid4(), body={})
        submission_append(actor=fresh_db.operator, entries=[draft], now=NOW)
        call_command("sequencer", "--once")
        connections[SYSTEM_ALIAS].close()
        with acting_as(SYSTEM):
            assert Checkpoint.objects.order_by("-size")[0].size == size
    assert a.asked == [0, 2]


def test_a_log_that_grew_while_it_asked_was_not_rolled_back(
    fresh_db: Channel, serve: Serve, settings: Settings
) -> None:
    """Another program had the newer head cosigned between our reading and our asking."""
    a = serve("a")
    rounds = asking(fresh_db, settings, policy_of(a, threshold=1))

    def grow(_: AddCheckpoint) -> Reply:
        try:
            write(fresh_db)
        finally:
            connections.close_all()
        return 409, "text/x.tlog.size", b"4\n"

    a.script = grow
    assert rounds.round(now=NOW) == 0
    with acting_as(SYSTEM):
        assert not LogFreeze.objects.exists()


# --- programs and probes ---------------------------------------------------------------------


def test_a_policy_for_other_logs_is_refused(
    fresh_db: Channel, serve: Serve, settings: Settings
) -> None:
    policy = policy_of(serve("a"))
    own = PolicyLog(key=parse_vkey(fresh_db.log.vkey))
    other = PolicyLog(key=replace(own.key, public_key=bytes(32)))
    with pytest.raises(PolicyError, match="names other logs"):
        asking(fresh_db, settings, Policy(logs=(other,), witnesses=policy.witnesses))
    settings.WITNESS_POLICY = Policy(logs=(other,), witnesses=policy.witnesses)
    with pytest.raises(CommandError, match="names other logs"):
        call_command("witness", "ask", "--once")
    both = Policy(logs=(other, own), witnesses=policy.witnesses)
    assert asking(fresh_db, settings, both).round(now=NOW) == 1


def test_a_late_quorum_is_told_before_promises_break(
    fresh_db: Channel, serve: Serve, settings: Settings
) -> None:
    a = serve("a")
    assert health.witnesses_trouble(now=LATER) == ""
    rounds = asking(fresh_db, settings, policy_of(a, threshold=1))
    assert health.witnesses_trouble(now=NOW + dt.timedelta(seconds=29)) == ""
    said = health.witnesses_trouble(now=NOW + dt.timedelta(seconds=30))
    assert said == "no quorum of witnesses for 30 s: newer heads are provisional"
    assert health.witnesses()
    gauges = {gauge.name: gauge.value for gauge in health.gauges()}
    assert (gauges["theriac_log_size"], gauges["theriac_log_published"]) == (2, 0)
    rounds.round(now=NOW)
    assert health.witnesses_trouble(now=LATER) == ""
    gauges = {gauge.name: gauge.value for gauge in health.gauges()}
    assert gauges["theriac_log_published"] == 2


def test_the_command_asks_once(
    fresh_db: Channel, serve: Serve, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.WITNESS_POLICY = policy_of(serve("a"), serve("b"), threshold=2)
    call_command("witness", "ask", "--once")
    assert capsys.readouterr().out == "2 cosignatures\n"
    with acting_as(PUBLIC):
        assert head_published(fresh_db.log).size == 2


def test_the_command_goes_on_until_it_is_stopped_and_waits_out_trouble(
    fresh_db: Channel, serve: Serve, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    a = serve("a")
    settings.WITNESS_POLICY = policy_of(a, threshold=1)
    naps: list[float] = []
    running = command.Command()
    rounds = Witnessing.round

    def nap(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 4:
            running._stop()  # noqa: SLF001 - as the signal would

    def troubled(self: Witnessing, *, now: dt.datetime) -> int:
        if not naps:
            raise DatabaseError("the connection is gone")
        if len(naps) == 1:
            raise FrozenError("another froze it")
        return rounds(self, now=now)

    monkeypatch.setattr(time, "sleep", nap)
    monkeypatch.setattr(witnessing.Witnessing, "round", troubled)
    call_command(running, "ask")
    assert naps == [command.TROUBLE_S, command.ROUND_S, command.ROUND_S, command.ROUND_S]
    assert published(fresh_db) is not None
    with pytest.raises(CommandError, match="no channel 'none'"):
        call_command("witness", "ask", "--once", "--channel", "none")
