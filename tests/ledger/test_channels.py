"""Several logs on one deployment: each with its own members, keys, policies, head and trouble."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from django.contrib.admin import site
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connections
from django.http import HttpRequest
from nacl.signing import SigningKey as PrivateKey

from foundation.core.actor import PUBLIC, SYSTEM, Actor
from foundation.core.problem import ForbiddenError, NotFoundError
from foundation.tenancy import APP_ALIAS, SYSTEM_ALIAS, acting_as
from ledger import selectors
from ledger.admin.tables import CheckpointAdmin
from ledger.core.canonical import canonical_bytes
from ledger.core.channels import ChannelNameError
from ledger.core.commitment import check_commitment
from ledger.core.entry import EntryDraft, parse_entry
from ledger.errors import (
    ChannelExistsError,
    FrozenError,
    GovernanceRefusedError,
    NoKeyError,
    NotAMemberError,
)
from ledger.models import Checkpoint, KeyHolder, Log, LogFreeze
from ledger.services import (
    Sequencer,
    channel_actor,
    channel_open,
    key_add,
    key_revoke,
    member_admit,
    member_leave,
    policy_list,
    policy_set,
    receipt_again,
    submission_append,
)
from ledger.services.export import log_export
from ledger.services.verification import log_verify
from tests.conftest import NOW, Channel
from tests.database import Databases
from tests.ledger.test_theriac_verify import VERIFIER


def opened(channel: Channel, *, members_only: bool) -> Channel:
    """Open a further channel of the deployment, and sequence its genesis."""
    log, _ = channel_open(
        actor=channel.operator, name=f"c{uuid4().hex[:8]}", members_only=members_only, now=NOW
    )
    channel.sequence()
    operator = replace(channel.operator, channel=log.name)
    made = Channel(log=log, operator=operator, sequencer=Sequencer(log))
    assert made.sequence() == 2
    return made


def joined(further: Channel, actor: Actor, kind: str = "pharmacy") -> Actor:
    """Admit an organisation of the deployment to a further channel; return it as it acts there."""
    member_admit(
        actor=further.operator,
        organisation_id=actor.organisation,
        name="A member",
        kind=kind,
        now=NOW,
    )
    further.sequence()
    return channel_actor(actor, further.log.name)


def write(actor: Actor) -> bytes:
    draft = EntryDraft(kind="test.thing.done.v1", id=uuid4(), body={})
    return submission_append(actor=actor, entries=[draft], now=NOW).entry_ids[0]


def keys_of(actor: Actor) -> list[str]:
    with acting_as(actor):
        return [key.key_id for key in selectors.key_list(actor.organisation)]


@pytest.fixture
def channel(fresh_db: Channel) -> Channel:
    """A database of the test's own: the worker's has one log, and other tests count on that."""
    return fresh_db


@pytest.fixture
def private(channel: Channel) -> Channel:
    return opened(channel, members_only=True)


@pytest.fixture
def public(channel: Channel) -> Channel:
    return opened(channel, members_only=False)


def test_a_member_writes_into_two_logs_under_two_keys(channel: Channel, private: Channel) -> None:
    member = channel.admit("pharmacy")
    inside = joined(private, member)
    assert not set(keys_of(member)) & set(keys_of(inside))
    ours, theirs = write(member), write(inside)
    assert (channel.sequence(), private.sequence()) == (2, 2)
    with acting_as(member):
        here, there = selectors.entry_get(ours), selectors.entry_get(theirs)
    assert parse_entry(here.content).log == channel.log.origin
    assert parse_entry(there.content).log == private.log.origin
    assert (here.log_id, there.log_id) == (channel.log.id, private.log.id)
    assert here.place is not None
    assert there.place is not None
    for name in (None, private.log.name):
        assert log_verify(channel=name).faults == ()


def test_the_directory_names_a_public_channel_and_commits_to_a_private_one(
    channel: Channel,
) -> None:
    for members_only in (False, True):
        log, receipt = channel_open(
            actor=channel.operator, name=f"d{uuid4().hex[:8]}", members_only=members_only, now=NOW
        )
        channel.sequence()
        with acting_as(SYSTEM):
            entry = parse_entry(selectors.entry_get(receipt.entry_ids[0], channel.log).content)
            row = Log.objects.get(pk=log.id)
        assert bytes(row.announced_id or b"") == receipt.entry_ids[0]
        if not members_only:
            assert (entry.body, entry.commitments) == ({"origin": log.origin, "vkey": log.vkey}, ())
            assert row.opening_key is None
            continue
        assert entry.body == {}
        check_commitment(
            commitment=entry.commitments[0],
            key=bytes(row.opening_key or b""),
            header=canonical_bytes({"kind": entry.kind, "log": channel.log.origin}),
            data=canonical_bytes({"origin": log.origin, "vkey": log.vkey}),
        )


def test_only_the_deployments_operator_opens_a_channel_and_a_name_once(
    channel: Channel, public: Channel
) -> None:
    member = channel.admit("wholesaler")
    for actor in (member, joined(public, member), public.operator):
        with pytest.raises(GovernanceRefusedError, match="operator of the deployment"):
            channel_open(actor=actor, name="x", members_only=False, now=NOW)
    with pytest.raises(ChannelExistsError):
        channel_open(actor=channel.operator, name=public.log.name, members_only=True, now=NOW)
    for name in ("", "Main", "1x", "a/b", "a" * 41):
        with pytest.raises(ChannelNameError):
            channel_open(actor=channel.operator, name=name, members_only=True, now=NOW)


def test_the_database_lets_nobody_else_open_a_log(channel: Channel) -> None:
    member = channel.admit("wholesaler")
    call = "SELECT system_fn.ledger_log_open('x', 'x', 'x', 'x', '', false, '', null, now())"
    for actor in (member, PUBLIC):
        with (
            pytest.raises(DatabaseError, match="only the operator of the deployment"),
            acting_as(actor),
            connections[APP_ALIAS].cursor() as cursor,
        ):
            cursor.execute(call)


def test_members_keys_and_policies_of_one_log_say_nothing_in_another(
    channel: Channel, private: Channel
) -> None:
    member, other = channel.admit("pharmacy"), channel.admit("pharmacy")
    inside = joined(private, member)
    policy_set(
        actor=private.operator, kind="test.thing.done.v1", n=1, member_kind="operator", now=NOW
    )
    private.sequence()
    assert [policy.kind for policy in policy_list(inside)] == ["test.thing.done.v1"]
    assert policy_list(member) == []
    write(member)  # the directory asks for no endorsement
    (key,) = keys_of(inside)
    with pytest.raises(GovernanceRefusedError, match="no such key"):
        key_revoke(actor=member, key_id=key, reason="lost", now=NOW)
    with pytest.raises(GovernanceRefusedError, match="last key"):
        key_revoke(actor=inside, key_id=key, reason="lost", now=NOW)
    with pytest.raises(NotFoundError, match="no channel of this name"):
        channel_actor(other, private.log.name)
    with pytest.raises(NotFoundError):
        write(replace(other, channel=private.log.name))
    member_leave(actor=inside, organisation_id=member.organisation, reason="moved", now=NOW)
    private.sequence()
    with pytest.raises(NotFoundError):
        write(inside)
    write(member)
    channel.sequence()
    assert log_verify().faults == log_verify(channel=private.log.name).faults == ()


def test_a_public_channel_is_known_and_written_by_members_only(
    channel: Channel, public: Channel
) -> None:
    other = channel.admit("pharmacy")
    with pytest.raises(NotAMemberError):
        channel_actor(other, public.log.name)
    with pytest.raises(ForbiddenError):
        channel_actor(PUBLIC, public.log.name)
    with pytest.raises(NoKeyError):
        write(replace(other, channel=public.log.name))
    assert channel_actor(other, channel.log.name) == other


def test_one_key_is_for_one_log(channel: Channel, private: Channel, public: Channel) -> None:
    member = channel.admit("pharmacy")
    inside, there = joined(private, member), joined(public, member)
    mine = bytes(PrivateKey.generate().verify_key)
    key_add(actor=inside, holder=KeyHolder.MEMBER, public_key=mine, now=NOW)
    for actor in (there, member):
        with pytest.raises(GovernanceRefusedError, match="another log"):
            key_add(actor=actor, holder=KeyHolder.MEMBER, public_key=mine, now=NOW)
    private.sequence()
    with acting_as(SYSTEM):
        genesis = selectors.key_list(channel.operator.organisation)[0]
    with pytest.raises(GovernanceRefusedError, match="another log"):
        key_add(actor=there, holder=KeyHolder.MEMBER, public_key=genesis.public_key, now=NOW)
    assert public.sequence() == 0


def test_a_receipt_is_found_in_its_own_log(channel: Channel, private: Channel) -> None:
    inside = joined(private, channel.admit("pharmacy"))
    draft = EntryDraft(kind="test.thing.done.v1", id=uuid4(), body={})
    receipt = submission_append(actor=inside, entries=[draft], now=NOW)
    assert receipt.promise.log == private.log.origin
    assert receipt_again(actor=inside, submission_id=receipt.promise.id) == receipt
    with pytest.raises(NotFoundError):
        receipt_again(actor=replace(inside, channel=""), submission_id=receipt.promise.id)


TABLES = ("submission", "entry", "leaf", "checkpoint", "tile", "member", "signingkey")


def test_without_any_filter_of_ours_the_database_shows_a_private_log_to_members_only(
    channel: Channel, private: Channel
) -> None:
    member, other = channel.admit("pharmacy"), channel.admit("pharmacy")
    inside = joined(private, member)
    for _ in range(130):  # past the first full tile
        write(inside)
    private.sequence()

    def seen(actor: Actor) -> dict[str, int]:
        found = {}
        with acting_as(actor), connections[APP_ALIAS].cursor() as cursor:
            for table in (*TABLES, "keyaddition", "policychange", "keyrevocation"):
                cursor.execute(
                    f"SELECT count(*) FROM ledger_{table} WHERE log_id = %s", [private.log.id]
                )
                found[table] = cursor.fetchone()[0]
            cursor.execute("SELECT count(*) FROM ledger_log WHERE id = %s", [private.log.id])
            found["log"] = cursor.fetchone()[0]
        return found

    for actor in (member, inside, channel.operator):
        assert all(seen(actor)[table] > 0 for table in (*TABLES, "log"))
    for actor in (other, PUBLIC):
        assert set(seen(actor).values()) == {0}
    member_leave(actor=inside, organisation_id=member.organisation, reason="moved", now=NOW)
    private.sequence()
    assert set(seen(member).values()) == {0}


@pytest.fixture
def sequencers(fresh_db: Channel) -> Iterator[tuple[Channel, Channel, Channel]]:
    yield (
        fresh_db,
        opened(fresh_db, members_only=False),
        opened(fresh_db, members_only=True),
    )
    connections[SYSTEM_ALIAS].close()  # and with it the lead that the command had


def test_the_sequencer_serves_all_channels_and_a_frozen_one_stops_no_other(
    sequencers: tuple[Channel, Channel, Channel],
) -> None:
    directory, public, private = sequencers
    inside = joined(private, directory.admit("pharmacy"))
    for actor in (directory.operator, public.operator, inside):
        write(actor)
    with acting_as(SYSTEM):
        LogFreeze.objects.create(log_id=public.log.id, reason="a test", frozen_at=NOW)
    with pytest.raises(FrozenError):
        write(public.operator)
    call_command("sequencer", "--once")
    assert directory.sequence() == private.sequence() == 0
    with acting_as(SYSTEM):
        heads = [selectors.checkpoint_latest(one.log) for one in (directory, public, private)]
    assert [head.size for head in heads if head] == [10, 2, 6]


def test_commands_take_a_channel(
    sequencers: tuple[Channel, Channel, Channel],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    directory, public, private = sequencers
    call_command("ledger_verify", "--all", "--json")
    found = json.loads(capsys.readouterr().out)
    assert found["sound"] is True
    assert set(found["channels"]) == {public.log.name, private.log.name}
    call_command("ledger_verify", "--all")
    assert f"{private.log.name}: sound: 2 leaves" in capsys.readouterr().out
    with pytest.raises(CommandError, match="no channel"):
        call_command("ledger_verify", "--channel", "none")
    with pytest.raises(CommandError, match="one channel's"):
        call_command("ledger_verify", "--all", "--vkey", "x")
    with pytest.raises(CommandError, match="one channel's"):
        call_command("ledger_verify", "--channel", "main", "--export", str(tmp_path))
    for channel in (directory, private):
        folder = tmp_path / channel.log.name
        call_command("ledger_export", str(folder), "--channel", channel.log.name)
        assert VERIFIER.main(["--export", str(folder), "--vkey", channel.log.vkey]) == 0
    with pytest.raises(NotFoundError):
        log_export(tmp_path / "none", actor=replace(PUBLIC, channel=private.log.name))
    call_command(
        "key_rotate",
        "--organisation",
        str(private.operator.organisation),
        "--channel",
        private.log.name,
    )
    assert (directory.sequence(), private.sequence()) == (0, 2)
    call_command("channel_create", "third", "--members-only")
    assert "origin" in capsys.readouterr().out
    for wrong in ([], ["x", "--operator", "O"], ["--operator", "O", "--members-only"]):
        with pytest.raises(CommandError, match="give --operator"):
            call_command("channel_create", *wrong)
    with pytest.raises(CommandError, match="its log already"):
        call_command("channel_create", "third")


@pytest.mark.parametrize(
    ("table", "where"),
    [
        ("entry", "log_id = %(of)s"),
        ("submission", "log_id = %(of)s"),
        ("leaf", "log_id = %(of)s AND log_index = 3"),
        ("checkpoint", "log_id = %(of)s AND size = 4"),
        ("signingkey", "log_id = %(of)s"),
    ],
)
def test_what_a_superuser_moves_into_another_log_is_found(
    sequencers: tuple[Channel, Channel, Channel], databases: Databases, table: str, where: str
) -> None:
    directory, public, private = sequencers
    write(public.operator)
    public.sequence()
    names = [one.log.name for one in sequencers]
    assert [log_verify(channel=name).faults for name in names] == [(), (), ()]
    values = {"to": directory.log.id, "of": public.log.id}
    with databases.superuser() as superuser:
        superuser.execute("SET session_replication_role = replica")
        superuser.execute(f"ALTER TABLE ledger_{table} DISABLE TRIGGER USER")
        if table in ("leaf", "checkpoint"):  # where the directory has none of this number
            values["to"] = private.log.id
        superuser.execute(f"UPDATE ledger_{table} SET log_id = %(to)s WHERE {where}", values)
    assert not log_verify(channel=public.log.name).sound


def test_the_admin_shows_each_head_by_its_own_log_and_leads_to_its_own_proof(
    sequencers: tuple[Channel, Channel, Channel],
) -> None:
    directory, _, private = sequencers
    other = directory.admit("pharmacy")
    inside = joined(private, directory.admit("pharmacy"))
    with acting_as(inside):
        heads = {
            head.log_id: CheckpointAdmin(Checkpoint, site).state(head)
            for head in CheckpointAdmin(Checkpoint, site).get_queryset(HttpRequest())
        }
    assert set(heads.values()) == {"published"}
    assert private.log.id in heads
    with acting_as(other):
        shown = CheckpointAdmin(Checkpoint, site).get_queryset(HttpRequest())
        assert private.log.id not in {head.log_id for head in shown}
