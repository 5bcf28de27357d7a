"""The witness over HTTP: it remembers before it answers, and never cosigns two histories."""

import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from threading import Barrier
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connections
from django.test import Client
from pytest_django.fixtures import Settings

from foundation.core.actor import PUBLIC, SYSTEM
from foundation.core.problem import NotFoundError
from foundation.tenancy import acting_as
from ledger.core.checkpoint import format_checkpoint
from ledger.core.merkle import EMPTY_ROOT, tree_root
from ledger.core.note import (
    KeyType,
    Signed,
    VerifierKey,
    check_note,
    format_note,
    format_signature_line,
    format_vkey,
    parse_note,
    parse_vkey,
)
from ledger.core.proof import node_reader, prove_consistency
from ledger.core.witness import ADD_CHECKPOINT_SIZE_BYTES_MAX, format_add_checkpoint
from ledger.errors import NoWitnessKeyError, WitnessedLogRefusedError
from ledger.health import witness_gauges
from ledger.models import WitnessConflict, WitnessedLog
from ledger.services import witness
from ledger.services.witness import (
    checkpoint_cosign,
    witness_vkey,
    witness_vkey_make,
    witnessed_log_add,
    witnessed_log_drop,
    witnessed_log_list,
)
from tests.conftest import NOW, Channel
from tests.database import Databases
from tests.ledger.other_log import OtherLog

ADDRESS = "/witness/add-checkpoint"


@pytest.fixture
def other(channel: Channel) -> OtherLog:
    """A log that is witnessed."""
    assert channel.log.name
    log = OtherLog()
    witnessed_log_add(vkey=format_vkey(log.key), now=NOW)
    return log


@pytest.fixture
def alarms() -> Iterator[list[logging.LogRecord]]:
    """What the witness says to its operator."""
    keeper = Keeper()
    witness.logger.addHandler(keeper)
    yield keeper.records
    witness.logger.removeHandler(keeper)


class Keeper(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


def post(anyone: Client, body: bytes) -> tuple[int, bytes]:
    answer = anyone.post(ADDRESS, body, content_type="application/octet-stream")
    return answer.status_code, bytes(answer.content)


def cosigned(note: bytes, line: bytes) -> Signed:
    (found,) = check_note(parse_note(note + line), [witness_vkey()])
    return found


def row_of(log: OtherLog) -> WitnessedLog:
    with acting_as(SYSTEM):
        return WitnessedLog.objects.get(origin=log.origin)


def conflicts_of(log: OtherLog) -> list[WitnessConflict]:
    with acting_as(SYSTEM):
        return list(WitnessConflict.objects.filter(log__origin=log.origin).order_by("id"))


# --- what is cosigned ------------------------------------------------------------------------


def test_a_growing_log_is_cosigned_step_by_step(other: OtherLog, anyone: Client) -> None:
    old = 0
    for size in (0, 1, 2, 5, 8, 8, 9, 300):
        leaves = other.leaves(size)
        answer = anyone.post(ADDRESS, other.request(leaves, old), content_type="text/plain")
        assert answer.status_code == 200, answer.content
        assert answer["Content-Type"] == "text/plain; charset=utf-8"
        assert not answer.cookies
        found = cosigned(other.note(leaves), bytes(answer.content))
        assert found.timestamp_s is not None
        assert found.timestamp_s > 1_700_000_000
        row = row_of(other)
        assert (row.size, bytes(row.root_hash)) == (size, tree_root(leaves))
        assert answer.content.decode() == f"{row.cosignature}\n"
        assert row.cosigned_s == found.timestamp_s
        old = size
    assert conflicts_of(other) == []


def test_the_last_cosigned_checkpoint_is_there_for_everybody(
    other: OtherLog, anyone: Client
) -> None:
    address = f"/witness/{sha256(other.origin.encode()).hexdigest()}/checkpoint"
    assert anyone.get(address).status_code == 404
    leaves = other.leaves(5)
    stranger = format_signature_line("stranger.example", b"\0\0\0\0", bytes(64))
    body = other.request(leaves) + f"{stranger}\n".encode()
    status, line = post(anyone, body)
    assert status == 200
    answer = anyone.get(address)
    assert (answer.status_code, answer["Cache-Control"]) == (200, "public, max-age=1")
    # What a stranger signed was not looked at, so it is not passed on.
    assert answer.content == other.note(leaves) + line
    signed = check_note(parse_note(bytes(answer.content)), [other.key, witness_vkey()])
    assert [each.key for each in signed] == [other.key, witness_vkey()]
    assert anyone.get(f"/witness/{'0' * 64}/checkpoint").status_code == 404
    assert anyone.get(f"/witness/{'A' * 64}/checkpoint").status_code == 404
    assert anyone.post(address).status_code == 405


def test_every_refusal_has_its_status_and_leaves_everything_as_it_was(
    other: OtherLog, anyone: Client
) -> None:
    five, nine = other.leaves(5), other.leaves(9)
    assert post(anyone, other.request(five))[0] == 200
    before = row_of(other)
    unknown = OtherLog()
    forged = OtherLog(origin=other.origin)
    cases: list[tuple[bytes, int, str]] = [
        (b"", 400, "bad-add-checkpoint"),
        (b"old 5\n\n", 400, "bad-add-checkpoint"),
        (other.request(nine, 5).replace(b"\n", b"\r\n"), 400, "bad-add-checkpoint"),
        (b"old 18446744073709551615\n\n" + other.note(nine), 400, "bad-add-checkpoint"),
        (b"old 9223372036854775807\n\n" + other.note(nine), 400, "bad-input"),
        (b"old 5\n\n" + other.note(other.leaves(3)), 400, "bad-input"),
        (unknown.request(five), 404, "not-found"),
        (forged.request(nine, 5), 403, "checkpoint-unsigned"),
        (b"old 5\n\n" + other.note(nine), 422, "checkpoint-inconsistent"),
    ]
    for body, status, slug in cases:
        answer = anyone.post(ADDRESS, body, content_type="text/plain")
        assert (answer.status_code, answer.json()["type"]) == (
            status,
            f"urn:theriac:problem:{slug}",
        ), body
    for old in (0, 4, 6, 9):
        answer = anyone.post(ADDRESS, other.request(nine, old), content_type="text/plain")
        assert (answer.status_code, answer.content) == (409, b"5\n")
        assert answer["Content-Type"] == "text/x.tlog.size"
    for answer in (anyone.get(ADDRESS), anyone.put(ADDRESS)):
        assert answer.status_code == 405
    after = row_of(other)
    assert [getattr(after, field.attname) for field in WitnessedLog._meta.fields] == [
        getattr(before, field.attname) for field in WitnessedLog._meta.fields
    ]


def test_a_body_is_refused_by_its_announced_size(anyone: Client, channel: Channel) -> None:
    assert channel.log.name
    answer = anyone.post(
        ADDRESS, b"o" * (ADD_CHECKPOINT_SIZE_BYTES_MAX + 1), content_type="text/plain"
    )
    assert answer.status_code == 413
    assert answer.json()["limit"] == ADD_CHECKPOINT_SIZE_BYTES_MAX


def test_another_site_cannot_be_in_the_way_and_a_session_is_not_asked_for(
    other: OtherLog,
) -> None:
    strict = Client(enforce_csrf_checks=True)
    assert post(strict, other.request(other.leaves(2)))[0] == 200


# --- evidence --------------------------------------------------------------------------------


def test_a_fork_is_refused_kept_once_and_told(
    other: OtherLog, anyone: Client, alarms: list[logging.LogRecord]
) -> None:
    leaves, forked = other.leaves(5), other.leaves(5, "forked", common=4)
    status, line = post(anyone, other.request(leaves))
    assert status == 200
    for _ in range(3):
        assert post(anyone, other.request(forked, 5))[0] == 422
    (kept,) = conflicts_of(other)
    assert (kept.kind, kept.size, kept.cosigned_size) == ("fork", 5, 5)
    assert kept.note.encode() == other.note(forked)
    assert kept.cosigned_note.encode() == other.note(leaves) + line
    for note in (kept.note, kept.cosigned_note):
        check_note(parse_note(note.encode()), [other.key])
    (alarm,) = alarms
    assert alarm.levelname == "CRITICAL"
    assert (alarm.origin, alarm.kind) == (other.origin, "fork")  # type: ignore[attr-defined]
    # The cosigned history goes on all the same.
    assert post(anyone, other.request(other.leaves(7), 5))[0] == 200


def test_a_history_that_parted_earlier_is_refused_and_kept_with_its_proof(
    other: OtherLog, anyone: Client, alarms: list[logging.LogRecord]
) -> None:
    assert post(anyone, other.request(other.leaves(5)))[0] == 200
    forked = other.leaves(9, "forked", common=3)
    assert post(anyone, other.request(forked, 5))[0] == 422
    (kept,) = conflicts_of(other)
    proof = prove_consistency(size1=5, size2=9, read_node=node_reader(forked))
    assert (kept.kind, kept.size, kept.cosigned_size) == ("inconsistent", 9, 5)
    assert bytes(kept.proof) == b"".join(proof)
    assert [alarm.levelname for alarm in alarms] == ["CRITICAL"]
    gauges = {gauge.labels: gauge.value for gauge in witness_gauges()}
    assert gauges[(("kind", "inconsistent"),)] >= 1


def test_a_stranger_who_spoils_a_proof_does_not_hide_the_forks_evidence(
    other: OtherLog, anyone: Client
) -> None:
    assert post(anyone, other.request(other.leaves(5)))[0] == 200
    forked = other.leaves(9, "forked", common=5)
    spoilt = format_add_checkpoint(old_size=5, proof=[bytes(32)], note=other.note(forked))
    assert post(anyone, spoilt)[0] == 422
    assert post(anyone, other.request(other.leaves(9), 5))[0] == 200
    assert post(anyone, other.request(forked, 9))[0] == 422
    assert [kept.kind for kept in conflicts_of(other)] == ["inconsistent", "fork"]


def test_a_rolled_back_log_learns_the_size_that_it_once_had(
    other: OtherLog, anyone: Client
) -> None:
    assert post(anyone, other.request(other.leaves(9)))[0] == 200
    for leaves in (other.leaves(5), other.leaves(5, "rewritten")):
        assert post(anyone, other.request(leaves)) == (409, b"9\n")
    assert row_of(other).size == 9


# --- what the database refuses ---------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        "size = size - 1",
        "root_hash = sha256('x')",
        "cosigned_s = cosigned_s - 1",
        "origin = 'other.example/new'",
        "origin_hash = 'x'",
    ],
)
def test_what_was_cosigned_is_never_taken_back(
    other: OtherLog, anyone: Client, change: str
) -> None:
    assert post(anyone, other.request(other.leaves(5)))[0] == 200
    with pytest.raises(DatabaseError, match="never taken back"), acting_as(SYSTEM):
        execute(f"UPDATE ledger_witnessedlog SET {change} WHERE origin = %s", other.origin)
    with pytest.raises(DatabaseError, match="permission denied"), acting_as(SYSTEM):
        execute("DELETE FROM ledger_witnessedlog WHERE origin = %s", other.origin)


@pytest.mark.parametrize("what", ["DELETE FROM {}", "TRUNCATE {} CASCADE"])
@pytest.mark.parametrize("table", ["ledger_witnessedlog", "ledger_witnessconflict"])
def test_rows_of_the_witness_stay(
    fresh_db: Channel, databases: Databases, table: str, what: str
) -> None:
    assert fresh_db.log.name
    log = OtherLog()
    witnessed_log_add(vkey=format_vkey(log.key), now=NOW)
    with databases.superuser() as superuser:
        superuser.execute("SET session_replication_role = replica")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="insert-only"):
            superuser.execute(what.format(table))


def execute(sql: str, *values: str) -> None:
    with connections["system"].cursor() as cursor:
        cursor.execute(sql, list(values))


# --- concurrency -----------------------------------------------------------------------------


def race(bodies: list[bytes]) -> list[tuple[int, str]]:
    """Send all requests at once, each on a connection of its own; return status and line."""
    start = Barrier(len(bodies))

    def ask(body: bytes) -> tuple[int, str]:
        start.wait()
        try:
            answer = checkpoint_cosign(data=body, now=NOW)
        finally:
            connections.close_all()
        return int(answer.outcome.status), answer.line

    with ThreadPoolExecutor(len(bodies)) as threads:
        return list(threads.map(ask, bodies))


COMPARED = {"size", "root_hash"}


def first(log: OtherLog) -> None:
    """Have the head of 5 leaves cosigned."""
    answer = checkpoint_cosign(data=log.request(log.leaves(5)), now=NOW)
    assert answer.outcome.status == 200


def forks(log: OtherLog) -> list[bytes]:
    """Return 32 requests that all extend the head of 5 leaves, to 32 histories."""
    return [
        log.request(log.leaves(6 + number, f"history {number}", common=5), 5)
        for number in range(32)
    ]


def test_of_32_histories_at_once_one_is_cosigned(other: OtherLog) -> None:
    first(other)
    answers = race(forks(other))
    assert sorted(status for status, _ in answers) == [200] + [409] * 31
    (winner,) = [at for at, (status, _) in enumerate(answers) if status == 200]
    row = row_of(other)
    assert (row.size, row.cosignature) == (6 + winner, answers[winner][1])


def test_of_32_sizes_of_one_history_none_is_cosigned_behind_another(
    other: OtherLog,
) -> None:
    first(other)
    answers = race([other.request(other.leaves(6 + number), 5) for number in range(32)])
    assert sorted(status for status, _ in answers) == [200] + [409] * 31


def test_a_witness_without_its_lock_would_be_caught_by_these_races(
    fresh_db: Channel, databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: without row lock, comparison and trigger, two histories are cosigned."""
    assert fresh_db.log.name
    other = OtherLog()
    witnessed_log_add(vkey=format_vkey(other.key), now=NOW)
    first(other)
    with databases.superuser() as superuser:
        superuser.execute("ALTER TABLE ledger_witnessedlog DISABLE TRIGGER witness_goes_on")
    decided = Barrier(2)
    sign = vars(witness)["_cosign"]

    def late(*args: object) -> str:
        decided.wait()  # both have decided before either writes
        return str(sign(*args))

    rows = type(WitnessedLog.objects.all())
    filtered = rows.filter

    def compare_nothing(rows: Any, **wanted: object) -> Any:
        kept = {name: value for name, value in wanted.items() if name not in COMPARED}
        return filtered(rows, **kept)

    monkeypatch.setattr(rows, "select_for_update", lambda rows: rows)
    monkeypatch.setattr(rows, "filter", compare_nothing)
    monkeypatch.setattr(witness, "_cosign", late)
    assert [status for status, _ in race(forks(other)[:2])] == [200, 200]


def test_nothing_is_answered_that_was_not_stored(
    other: OtherLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit that fails takes the signature with it: the caller hears of no cosignature."""

    def fail(_self: object) -> None:
        raise DatabaseError("the connection is gone")

    with monkeypatch.context() as patch:
        patch.setattr(type(connections["system"]), "_commit", fail)
        with pytest.raises(DatabaseError):
            checkpoint_cosign(data=other.request(other.leaves(5)), now=NOW)
    row = row_of(other)
    assert (row.size, row.note, row.cosignature) == (0, "", "")


# --- keys and clocks -------------------------------------------------------------------------


def test_the_witness_key_is_no_other_roles(channel: Channel, settings: Settings) -> None:
    key = witness_vkey_make()
    assert key == witness_vkey_make()
    assert key.name == "theriac.example/witness"
    assert key.public_key != parse_vkey(channel.log.vkey).public_key
    assert key.public_key != channel.log.receipt_public_key
    settings.WITNESS_NAME = "theriac.example/second"
    with pytest.raises(NoWitnessKeyError):
        witness_vkey()
    assert witness_vkey_make().public_key != key.public_key


def test_a_lost_key_refuses_for_now_and_keeps_the_head(
    other: OtherLog, anyone: Client, settings: Settings
) -> None:
    settings.WITNESS_NAME = f"theriac.example/{uuid4().hex}"
    answer = anyone.post(ADDRESS, other.request(other.leaves(5)), content_type="text/plain")
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert answer.json()["type"] == "urn:theriac:problem:no-witness-key"
    assert row_of(other).size == 0


def test_a_clock_far_behind_signs_nothing(
    other: OtherLog, anyone: Client, alarms: list[logging.LogRecord]
) -> None:
    assert post(anyone, other.request(other.leaves(5)))[0] == 200
    with acting_as(SYSTEM):
        execute(
            "UPDATE ledger_witnessedlog SET cosigned_s = cosigned_s + 3600 WHERE origin = %s",
            other.origin,
        )
    answer = anyone.post(ADDRESS, other.request(other.leaves(6), 5), content_type="text/plain")
    assert answer.json()["type"] == "urn:theriac:problem:witness-clock"
    assert row_of(other).size == 5
    assert [alarm.levelname for alarm in alarms] == ["CRITICAL"]


def test_a_second_key_of_a_log_is_trusted_beside_the_first_and_a_dropped_log_unknown(
    other: OtherLog, anyone: Client
) -> None:
    rotated = OtherLog(origin=other.origin)
    assert witnessed_log_add(vkey=format_vkey(rotated.key), now=NOW) == other.origin
    witnessed_log_add(vkey=format_vkey(rotated.key), now=NOW)
    assert post(anyone, other.request(other.leaves(5)))[0] == 200
    assert post(anyone, rotated.request(rotated.leaves(6), 5))[0] == 200
    (info,) = [each for each in witnessed_log_list() if each.origin == other.origin]
    assert info.vkeys == (format_vkey(other.key), format_vkey(rotated.key))
    assert (info.size, info.root_hash) == (6, tree_root(other.leaves(6)))
    witnessed_log_drop(origin=other.origin)
    assert post(anyone, rotated.request(rotated.leaves(7), 6))[0] == 404
    with pytest.raises(NotFoundError):
        witnessed_log_drop(origin=other.origin)
    # Who comes back goes on where the witness stopped, and nowhere else.
    witnessed_log_add(vkey=format_vkey(other.key), now=NOW)
    assert post(anyone, other.request(other.leaves(7))) == (409, b"6\n")


def test_a_log_may_have_a_key_of_another_name(channel: Channel, anyone: Client) -> None:
    assert channel.log.name
    log = OtherLog()
    key = VerifierKey(name="key.example", key_type=KeyType.ED25519, public_key=log.key.public_key)
    assert witnessed_log_add(vkey=format_vkey(key), origin=log.origin, now=NOW) == log.origin
    assert post(anyone, log.request(log.leaves(1)))[0] == 403
    leaves = log.leaves(1)
    text = format_checkpoint(origin=log.origin, size=1, root=tree_root(leaves))
    line = format_signature_line(key.name, key.key_hash, log.seed.sign(text.encode()).signature)
    body = format_add_checkpoint(old_size=0, proof=[], note=format_note(text, [line]))
    assert post(anyone, body)[0] == 200


def test_keys_and_origins_that_no_log_has_are_refused(channel: Channel) -> None:
    assert channel.log.name
    own = witness_vkey_make()
    before = witnessed_log_list()
    as_log = VerifierKey(name="x", key_type=KeyType.ED25519, public_key=own.public_key)
    for vkey, origin in (
        (format_vkey(own), None),
        (format_vkey(as_log), None),
        (format_vkey(OtherLog().key), "two words"),
        (format_vkey(OtherLog().key), "x" * 256),
        (format_vkey(OtherLog().key), ""),
    ):
        with pytest.raises(WitnessedLogRefusedError):
            witnessed_log_add(vkey=vkey, origin=origin, now=NOW)
    assert witnessed_log_list() == before


# --- the command -----------------------------------------------------------------------------


def test_the_command_sets_the_witness_up(
    channel: Channel, anyone: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    assert channel.log.name
    log = OtherLog()

    def say(*words: str) -> str:
        call_command("witness", *words)
        return capsys.readouterr().out

    assert say("vkey") == f"{format_vkey(witness_vkey())}\n"
    assert say("add", format_vkey(log.key)) == f"witnessing {log.origin}\n"
    assert post(anyone, log.request(log.leaves(5)))[0] == 200
    assert post(anyone, log.request(log.leaves(5, "forked"), 5))[0] == 422
    assert f"watched             5  {log.origin}  1 CONFLICTS\n" in say("list")
    (entry,) = [each for each in json.loads(say("list", "--json")) if each["origin"] == log.origin]
    assert entry["vkeys"] == [format_vkey(log.key)]
    assert (entry["size"], entry["root"]) == (5, tree_root(log.leaves(5)).hex())
    told = say("conflicts")
    assert f"UTC  {log.origin}\ncosigned:\n{log.note(log.leaves(5)).decode()}— theriac.ex" in told
    assert f"refused:\n{log.note(log.leaves(5, 'forked')).decode()}" in told
    evidence = [
        each for each in json.loads(say("conflicts", "--json")) if each["origin"] == log.origin
    ]
    assert [(each["kind"], each["proof"]) for each in evidence] == [("fork", [])]
    assert evidence[0]["refused"].encode() == log.note(log.leaves(5, "forked"))
    assert say("drop", log.origin).startswith("nothing more of it is cosigned")
    assert f"dropped             5  {log.origin}  1 CONFLICTS\n" in say("list")
    for words in (
        ("add", "no key"),
        ("drop", "nobody.example"),
        ("add", format_vkey(witness_vkey())),
    ):
        with pytest.raises(CommandError):
            call_command("witness", *words)


def test_the_public_reads_and_does_not_write(other: OtherLog) -> None:
    with acting_as(PUBLIC):
        row = WitnessedLog.objects.get(origin=other.origin)
        assert bytes(row.root_hash) == EMPTY_ROOT
    with pytest.raises(DatabaseError, match="permission denied"), acting_as(PUBLIC):
        row.save()
