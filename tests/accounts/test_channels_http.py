"""Channels over HTTP: opened by the operator, joined by members, and nothing for others."""

import base64
import json
from threading import Timer
from typing import Any
from uuid import uuid4

import pytest
from django.db import connections
from django.test import Client

from foundation.core.actor import SYSTEM, Actor
from foundation.tenancy import acting_as
from ledger.core.checkpoint import parse_checkpoint
from ledger.core.commitment import commit
from ledger.core.entry import parse_entry
from ledger.core.note import parse_note
from ledger.selectors import LogInfo, log_get
from ledger.services import Sequencer
from ledger.services.proofs import proof_bundle
from ledger.services.verification import log_verify
from tests.accounts.conftest import World
from tests.accounts.test_http import bearer, post
from tests.conftest import NOW, Channel

SCOPES = ("ledger:read", "ledger:write", "epcis:write")


class Opened:
    """A channel for members with its operator and a member, each with an API key."""

    def __init__(self, world: World) -> None:
        self.world, self.name = world, f"c{uuid4().hex[:8]}"
        self.operator, self.member, self.other = (
            bearer(world.key(actor, *SCOPES)[0])
            for actor in (world.operator, self.admitted(), world.admit())
        )
        answer = post(self.operator, "channels", {"name": self.name, "entries": "members"})
        assert answer.status_code == 201
        self.shown = answer.json()["channel"]
        world.channel.sequence()
        self.sequencer = Sequencer(self.log())
        assert self.sequencer.flush(now=NOW) == 2
        body = {"org": str(self.inside.organisation)}
        self.join = post(self.operator, f"channels/{self.name}/members", body)
        assert self.sequencer.flush(now=NOW) == 2

    def admitted(self) -> Actor:
        self.inside = self.world.admit()
        return self.inside

    def log(self) -> LogInfo:
        with acting_as(SYSTEM):
            return log_get(self.name)

    def header(self) -> dict[str, str]:
        return {"Theriac-Channel": self.name}


@pytest.fixture
def channel(fresh_db: Channel) -> Channel:
    """A database of the test's own: the worker's has one log, and other tests count on that."""
    return fresh_db


@pytest.fixture
def opened(world: World) -> Opened:
    return Opened(world)


def names(client: Client) -> list[str]:
    return [each["name"] for each in client.get("/api/v1/channels").json()]


def problem(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


def test_members_see_their_channel_and_others_see_nothing(opened: Opened) -> None:
    assert opened.join.status_code == 201
    assert opened.name in names(opened.operator)
    assert opened.name in names(opened.member)
    assert opened.name not in names(opened.other)
    address = f"/log/{opened.name}"
    for client in (opened.member, opened.other, Client()):
        assert client.get(f"{address}/vkey").content.decode().strip() == opened.shown["vkey"]
        assert parse_note(client.get(f"{address}/checkpoint").content).signatures
    entry = opened.join.json()["entry_ids"][0]
    for path in ("tile/entries/000.p/4", "tile/0/000.p/4", f"proof/{entry}"):
        answer = opened.member.get(f"{address}/{path}")
        assert (answer.status_code, answer["Cache-Control"].split(",")[0]) == (200, "private")
        missing = Client().get(f"/log/none-such/{path}")
        for client in (opened.other, Client()):
            refused = client.get(f"{address}/{path}")
            assert (refused.status_code, refused.content) == (404, missing.content)


def test_a_governance_request_is_about_the_channel_that_it_names(opened: Opened) -> None:
    here, there = (
        {key["key_id"] for key in opened.member.get("/api/v1/keys", headers=headers).json()}
        for headers in ({}, opened.header())
    )
    assert (len(here), len(there), here & there) == (1, 1, set())
    made = post(opened.member, "keys", {"holder": "system"}, **opened.header())
    assert made.status_code == 201
    assert made.json()["receipt"]["log"] == opened.shown["origin"]
    assert opened.sequencer.flush(now=NOW) == 2
    assert log_verify(channel=opened.name).faults == ()
    for client, expected in (
        (opened.other, (404, "not-found")),
        (opened.member, (404, "not-found")),
    ):
        wanted = opened.header() if client is opened.other else {"Theriac-Channel": "none-such"}
        assert problem(client.get("/api/v1/keys", headers=wanted)) == expected


def test_who_leaves_and_waits_has_the_promise_though_it_may_not_look_any_more(
    opened: Opened,
) -> None:
    def sequence() -> None:
        Sequencer(log).flush(now=NOW)
        connections.close_all()

    path, log = f"organisations/{opened.inside.organisation}/leave", opened.log()
    timer = Timer(0.2, sequence)
    timer.start()
    left = post(opened.member, path, {"reason": "left"}, Prefer="wait=10", **opened.header())
    timer.join()
    assert left.status_code == 201, left.content
    assert left.json()["receipt"]["log"] == opened.shown["origin"]
    assert "sequenced" not in left.json()
    assert opened.name not in names(opened.member)


def test_a_member_anchors_in_the_channel_that_it_names(opened: Opened) -> None:
    anchor = {"commitments": [uuid4().hex * 2]}
    made = post(opened.member, "anchors", anchor, **opened.header())
    assert (made.status_code, made.json()["receipt"]["log"]) == (201, opened.shown["origin"])
    assert opened.sequencer.flush(now=NOW) == 2
    # The same commitments in the directory are another write, in another log.
    outside = post(opened.member, "anchors", anchor)
    assert outside.json()["receipt"]["log"] == opened.world.channel.log.origin
    opened.world.channel.sequence()
    bundle = f"/log/{opened.name}/proof/{made.json()['entry_ids'][0]}"
    assert opened.member.get(bundle).status_code == 200
    assert opened.other.get(bundle).status_code == 404
    refused = post(opened.other, "anchors", anchor, **opened.header())
    assert problem(refused) == (404, "not-found")
    assert log_verify(channel=opened.name).faults == ()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("post", "/api/v1/organisations"),
        ("post", "/api/v1/credentials"),
        ("post", "/api/v1/api-keys"),
        ("get", "/api/v1/me"),
        ("post", "/graphql/"),
        ("post", "/epcis/v2/capture"),
        ("post", "/epcis/v2/events"),
        ("post", "/fhir/r4/Patient"),
        ("post", "/x12/"),
        ("get", "/"),
    ],
)
def test_what_knows_no_channels_refuses_to_act_in_one(
    opened: Opened, method: str, path: str
) -> None:
    answer = getattr(opened.member, method)(path, headers=opened.header())
    # EPCIS knows no 422.
    assert answer.status_code == (400 if path.startswith("/epcis/") else 422)
    assert b"leave out Theriac-Channel" in answer.content
    directory = {"Theriac-Channel": opened.world.channel.log.name}
    plain = getattr(opened.member, method)(path)
    assert getattr(opened.member, method)(path, headers=directory).status_code == plain.status_code


def test_the_same_write_in_two_channels_is_two_writes(opened: Opened) -> None:
    key = {"Idempotency-Key": uuid4().hex}
    first = post(opened.member, "keys", {"holder": "system"}, **key, **opened.header())
    again = post(opened.member, "keys", {"holder": "system"}, **key, **opened.header())
    assert (first.status_code, again.content) == (201, first.content)
    other = post(opened.member, "keys", {"holder": "system"}, **key)
    assert problem(other) == (422, "idempotency-key-reused")
    assert opened.sequencer.flush(now=NOW) == 2


def test_a_link_shows_a_stranger_that_one_log_knew_anothers_head(opened: Opened) -> None:
    directory = opened.world.channel
    answer = post(opened.member, f"channels/{opened.name}/links", {"channel": directory.log.name})
    assert answer.status_code == 201
    assert opened.sequencer.flush(now=NOW) == 2
    made = answer.json()
    opening = {name: base64.b64decode(text) for name, text in made["opening"].items()}
    bundle = proof_bundle(
        bytes.fromhex(made["entry_ids"][0]), channel=opened.name, actor=opened.inside
    )
    # The stranger: the bundle, the opening and the other log's checkpoint, nothing of ours.
    entry = parse_entry(base64.b64decode(json.loads(bundle)["entry"]["entry"]))
    assert entry.log == opened.shown["origin"]
    assert entry.commitments == (commit(**opening),)
    known, head = (
        json.loads(opening["data"]),
        parse_checkpoint(parse_note(made["checkpoint"].encode()).text),
    )
    assert known == {"origin": head.origin, "root": head.root.hex(), "size": head.size}
    assert head.origin == directory.log.origin
    refused = post(opened.member, f"channels/{opened.name}/links", {"channel": opened.name})
    assert problem(refused) == (422, "self-link")
    for body, expected in (({"channel": "none-such"}, 404), ({}, 400)):
        assert post(opened.member, f"channels/{opened.name}/links", body).status_code == expected


def test_only_the_operator_opens_and_admits(opened: Opened) -> None:
    body = {"name": "mine", "entries": "all"}
    assert problem(post(opened.member, "channels", body)) == (403, "governance-refused")
    admits = {"org": str(opened.world.admit().organisation)}
    path = f"channels/{opened.name}/members"
    assert problem(post(opened.member, path, admits)) == (403, "governance-refused")
    assert problem(post(opened.other, path, admits)) == (404, "not-found")
    assert problem(post(opened.operator, path, {"org": str(uuid4())})) == (404, "not-found")
    again = {"org": str(opened.inside.organisation)}
    once_more = post(opened.operator, path, again, **{"Idempotency-Key": uuid4().hex})
    assert problem(once_more) == (403, "governance-refused")
    same = {"name": opened.name, "entries": "all"}
    assert problem(post(opened.operator, "channels", same)) == (409, "channel-exists")
    bad = {"name": "A_b", "entries": "all"}
    assert problem(post(opened.operator, "channels", bad)) == (400, "bad-channel-name")
    assert problem(post(opened.operator, "channels", {"name": "x"}))[0] == 400
