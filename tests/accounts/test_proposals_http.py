"""Rotations, leaves, policies and proposals over HTTP: by whom, answered once, clear refusals."""

import base64
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client

from accounts.services import operator_project
from foundation.core.actor import Role
from ledger.core.endorsement import endorsement_message
from ledger.core.entry import parse_entry
from ledger.services.verification import log_verify
from tests.accounts.conftest import World
from tests.accounts.test_http import bearer, logged_in, post
from tests.accounts.test_keys_http import CAN, Pair, keys_of, offered
from tests.conftest import Channel

KIND = "guild.notice.given.v1"


@pytest.fixture
def world(fresh_db: Channel) -> World:
    """A channel of its own: policies are everybody's."""
    operator_project(actor=fresh_db.operator)
    return World(channel=fresh_db)


def writer(world: World, organisation: Any) -> Client:
    return bearer(world.key(organisation, *CAN)[0])


def problem(answer: Any) -> str:
    return str(answer.json()["type"]).removeprefix("urn:theriac:problem:")


def policy(world: World, *organisations: Any, kind: str = KIND, n: int = 1) -> Any:
    body = {"kind": kind, "n": n, "orgs": [str(one.organisation) for one in organisations]}
    answer = post(writer(world, world.operator), "policies", body)
    world.channel.sequence()
    return answer


def test_a_proposal_from_beginning_to_end(world: World) -> None:
    author, named = world.admit(), world.admit()
    mine, theirs = writer(world, author), writer(world, named)
    body = {"kind": KIND, "body": {"text": "x"}}
    none = post(mine, "proposals", body)
    assert (none.status_code, problem(none)) == (409, "no-policy")
    assert policy(world, named).status_code == 201
    (listed,) = mine.get("/api/v1/policies").json()
    assert listed == {
        "kind": KIND,
        "n": 1,
        "index": listed["index"],
        "orgs": [str(named.organisation)],
    }
    made = post(mine, "proposals", {**body, "body": {"text": "y"}})
    assert made.status_code == 201, made.content
    value = made.json()
    entry = base64.b64decode(value["entry"])
    assert parse_entry(entry).body == {"text": "y"}
    message = endorsement_message(
        endorsed_hash=bytes.fromhex(value["entry_hash"]), policy_index=listed["index"]
    )
    assert base64.b64decode(value["message"]) == message
    assert post(mine, "proposals", {**body, "body": {"text": "y"}}).content == made.content
    where = f"proposals/{value['id']}"
    early = post(mine, f"{where}/submit", {})
    assert (early.status_code, problem(early)) == (409, "endorsements-missing")
    assert (early.json()["has"], early.json()["n"]) == (0, 1)
    done = post(theirs, f"{where}/endorse", {"signer": "system"})
    assert (done.status_code, done.json()["endorsed"]) == (200, [str(named.organisation)])
    assert theirs.get(f"/api/v1/{where}").json() == done.json()
    assert [one["id"] for one in theirs.get("/api/v1/proposals").json()] == [value["id"]]
    endorsed = mine.get(f"/api/v1/{where}/entry").json()["entry"]
    (given,) = parse_entry(base64.b64decode(endorsed)).endorsements
    assert given.organisation_id == named.organisation
    sent = post(mine, f"{where}/submit", {}, **{"Idempotency-Key": "1"})
    assert sent.status_code == 201
    assert post(mine, f"{where}/submit", {}, **{"Idempotency-Key": "1"}).content == sent.content
    after = mine.get(f"/api/v1/{where}").json()
    assert (after["state"], after["entry_id"]) == ("submitted", sent.json()["entry_ids"][0])
    over = post(mine, f"{where}/withdraw", {})
    assert (over.status_code, problem(over)) == (409, "proposal-over")
    world.channel.sequence()
    assert log_verify().faults == ()


def test_by_a_signature_of_ones_own_and_withdrawn(world: World) -> None:
    author, named, pair = world.admit(), world.admit(), Pair()
    mine, theirs = writer(world, author), writer(world, named)
    assert post(theirs, "keys", offered(world, named, pair, "member")).status_code == 201
    policy(world, named)
    made = post(mine, "proposals", {"kind": KIND, "body": {}}).json()
    where = f"proposals/{made['id']}"
    signature = pair.private.sign(base64.b64decode(made["message"])).signature
    body = {"key_id": pair.key_id, "signature": base64.b64encode(signature).decode()}
    bad = post(
        theirs, f"{where}/endorse", {**body, "signature": base64.b64encode(bytes(64)).decode()}
    )
    assert (bad.status_code, problem(bad)) == (403, "governance-refused")
    assert post(theirs, f"{where}/endorse", body).status_code == 200
    back = post(theirs, f"{where}/withdraw", {})
    assert (back.json()["state"], back.json()["endorsed"]) == ("open", [])
    assert post(mine, f"{where}/withdraw", {}).json()["state"] == "withdrawn"


@pytest.mark.parametrize(
    ("address", "body"),
    [
        ("policies", {"kind": KIND}),
        ("policies", {"kind": KIND, "n": 65, "member_kind": "pharmacy"}),
        ("policies", {"kind": KIND, "n": 1, "orgs": ["x"]}),
        ("policies", {"kind": KIND, "n": 1, "orgs": [], "member_kind": "pharmacy"}),
        ("policies", []),
        ("proposals", {"kind": KIND}),
        ("proposals", {"entry": "AAAA", "kind": KIND, "body": {}}),
        ("proposals", {"entry": "*"}),
        ("proposals", {"kind": KIND, "body": [], "more": 1}),
        (f"proposals/{UUID(int=1)}/endorse", {}),
        (f"proposals/{UUID(int=1)}/endorse", {"signer": "nobody"}),
        (f"proposals/{UUID(int=1)}/endorse", {"key_id": "0" * 64, "signature": "AAAA"}),
        (f"proposals/{UUID(int=1)}/endorse", {"key_id": "0" * 63, "signature": "AAAA"}),
        (f"proposals/{UUID(int=1)}/endorse", {"signer": "system", "key_id": "0" * 64}),
        (f"proposals/{UUID(int=1)}/submit", {"statement": "AAAA"}),
        (f"proposals/{UUID(int=1)}/submit", {"statement": "AAAA", "signature": "AAAA"}),
    ],
)
def test_what_cannot_be_read_is_a_clear_problem(world: World, address: str, body: Any) -> None:
    answer = post(writer(world, world.operator), address, body)
    assert answer.status_code == 400, answer.content
    assert world.channel.sequence() == 0


def test_what_nobody_knows_of_is_not_found(world: World) -> None:
    client = writer(world, world.operator)
    where = f"proposals/{uuid4()}"
    for address in (where, f"{where}/entry"):
        assert client.get(f"/api/v1/{address}").status_code == 404
    for act, body in (("endorse", {"signer": "system"}), ("submit", {}), ("withdraw", {})):
        assert post(client, f"{where}/{act}", body).status_code == 404


def test_only_who_may_govern_does(world: World) -> None:
    member = world.admit()
    body = {"kind": KIND, "n": 1, "orgs": [str(member.organisation)]}
    for client, status in (
        (Client(), 401),
        (bearer(world.key(world.operator, "ledger:read")[0]), 403),
        (logged_in(world.person(world.operator, Role.AUDITOR)), 403),
        (logged_in(world.person(world.operator, Role.OPERATOR)), 403),
        (writer(world, member), 403),
    ):
        assert post(client, "policies", body).status_code == status
    assert world.channel.sequence() == 0
    assert (
        post(logged_in(world.person(world.operator, Role.ADMIN)), "policies", body).status_code
        == 201
    )


def test_a_policy_that_cannot_be_met_or_gathered_is_refused(world: World) -> None:
    member = world.admit()
    over = policy(world, member, n=2)
    assert (over.status_code, problem(over)) == (403, "governance-refused")
    far = policy(world, member, kind="claims.contract.activated.v1")
    assert (far.status_code, problem(far)) == (501, "not-built")
    kind = post(
        writer(world, world.operator), "policies", {"kind": KIND, "n": 1, "member_kind": "hospital"}
    )
    assert (kind.status_code, problem(kind)) == (403, "governance-refused")


def test_policies_under_a_policy_say_that_they_are_to_be_proposed(world: World) -> None:
    member = world.admit()
    assert policy(world, member, kind="ledger.policy.set.v1").status_code == 201
    refused = policy(world, member)
    assert (refused.status_code, problem(refused)) == (422, "endorsements-needed")
    assert refused.json()["orgs"] == [str(member.organisation)]
    assert "propose the entry" in refused.json()["detail"]


def test_the_servers_key_is_rotated_in_one_entry(world: World) -> None:
    organisation = world.admit()
    client = writer(world, organisation)
    ((old, _, _),) = keys_of(organisation)
    made = post(client, f"keys/{old}/rotate", {"label": "of 2027"})
    assert made.status_code == 201, made.content
    new = made.json()["key_id"]
    assert post(client, f"keys/{old}/rotate", {"label": "of 2027"}).content == made.content
    again = post(client, f"keys/{old}/rotate", {})
    assert (again.status_code, problem(again)) == (403, "governance-refused")
    # No moment has neither: the new key signs before it is sequenced.
    assert post(client, "keys", offered(world, organisation, Pair())).status_code == 201
    world.channel.sequence()
    assert keys_of(organisation)[:2] == [(old, "system", False), (new, "system", True)]
    assert client.get("/api/v1/keys").json()[1]["label"] == "of 2027"
    assert log_verify().faults == ()


def test_a_devices_key_is_rotated_by_proof(world: World) -> None:
    organisation, first, second = world.admit(), Pair(), Pair()
    client = writer(world, organisation)
    assert post(client, "keys", offered(world, organisation, first)).status_code == 201
    world.channel.sequence()
    offer = offered(world, organisation, second)
    body = {name: offer[name] for name in ("public_key", "possession")}
    for name, value in body.items():
        answer = post(client, f"keys/{first.key_id}/rotate", {name: value})
        assert answer.status_code == 400
    wrong = {**body, "possession": base64.b64encode(bytes(64)).decode()}
    answer = post(client, f"keys/{first.key_id}/rotate", wrong)
    assert (answer.status_code, problem(answer)) == (400, "bad-signature")
    made = post(client, f"keys/{first.key_id}/rotate", body)
    assert (made.status_code, made.json()["key_id"]) == (201, second.key_id)
    world.channel.sequence()
    assert keys_of(organisation)[1:] == [
        (first.key_id, "device", False),
        (second.key_id, "device", True),
    ]
    other = post(writer(world, world.admit()), f"keys/{second.key_id}/rotate", {})
    assert other.status_code == 403


def test_an_organisation_leaves_for_ever(world: World) -> None:
    organisation, other = world.admit(), world.admit()
    client = writer(world, organisation)
    where = f"organisations/{organisation.organisation}/leave"
    for who in (writer(world, other), bearer(world.key(organisation, "ledger:read")[0])):
        assert post(who, where, {"reason": "closed"}).status_code == 403
    assert post(client, where, {"reason": "Not a word"}).status_code == 400
    assert post(client, where, {"reason": "closed"}).status_code == 201
    late = post(client, "keys", {"holder": "system"})
    assert (late.status_code, problem(late)) == (403, "no-valid-key")
    world.channel.sequence()
    assert [valid for _, _, valid in keys_of(organisation)] == [False]
    own = f"organisations/{world.operator.organisation}/leave"
    assert post(writer(world, world.operator), own, {"reason": "closed"}).status_code == 403
    gone = post(
        writer(world, world.operator),
        f"organisations/{other.organisation}/leave",
        {"reason": "suspended"},
    )
    assert gone.status_code == 201
    world.channel.sequence()
    assert log_verify().faults == ()
