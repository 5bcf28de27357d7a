"""Signing keys over HTTP: who may change them, that a key proves itself, and waiting answers."""

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path
from threading import Timer
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from django.db import DatabaseError, connections
from django.test import Client
from django.utils import timezone
from nacl.signing import SigningKey

from accounts.sessions import PROVED_KEY
from foundation.core.actor import PUBLIC, Actor, Role
from foundation.key_providers import FileKeyProvider, key_provider
from foundation.tenancy import acting_as
from ledger import middleware
from ledger.bodies import SEALED_MEDIA_TYPE
from ledger.core.ed25519 import key_id_of
from ledger.core.entry import parse_entry
from ledger.core.members import format_base64
from ledger.core.note import parse_vkey
from ledger.core.possession import possession_message
from ledger.core.receipt import parse_receipt, parse_receipt_header
from ledger.core.sequenced import check_sequenced, parse_sequenced
from ledger.models import Entry
from ledger.selectors import key_list
from ledger.services import Sequencer
from ledger.services.verification import log_verify
from tests.accounts.conftest import Person, World
from tests.accounts.test_http import bearer, logged_in, post
from tests.conftest import NOW, Channel
from tests.example_client import example_client

CAN = ("ledger:read", "ledger:write")


@dataclass(frozen=True)
class Pair:
    """A key pair of a member's own."""

    private: SigningKey = field(default_factory=SigningKey.generate)

    @property
    def public(self) -> bytes:
        return bytes(self.private.verify_key)

    @property
    def key_id(self) -> str:
        return key_id_of(self.public).hex()

    def offer(self, log: str, organisation_id: UUID, holder: str = "device") -> dict[str, Any]:
        message = possession_message(
            log=log, organisation_id=organisation_id, public_key=self.public, holder=holder
        )
        return {
            "holder": holder,
            "public_key": format_base64(self.public),
            "possession": format_base64(self.private.sign(message).signature),
        }


def offered(world: World, organisation: Actor, pair: Pair, holder: str = "device") -> Any:
    return pair.offer(world.channel.log.origin, organisation.organisation, holder)


def keys_of(organisation: Actor) -> list[tuple[str, str, bool]]:
    with acting_as(PUBLIC):
        found = key_list(organisation.organisation)
    return [(key.key_id, key.holder, key.revoked_index is None) for key in found]


def proved(person: Person, minutes_ago: float = 0) -> Client:
    client = logged_in(person)
    session = client.session
    moment = timezone.now() - dt.timedelta(minutes=minutes_ago)  # noqa: TID251 - the views' clock
    session[PROVED_KEY] = moment.isoformat()
    session.save()
    return client


def test_a_device_gets_a_key_and_loses_it(world: World) -> None:
    organisation, pair = world.admit(), Pair()
    client = bearer(world.key(organisation, *CAN)[0])
    body = {**offered(world, organisation, pair), "label": "Scanner 7"}
    made = post(client, "keys", body)
    assert (made.status_code, made.json()["key_id"]) == (201, pair.key_id)
    assert parse_receipt_header(made["Theriac-Receipt"]).promise.n == 1
    assert client.get(f"/api/v1/keys/{pair.key_id}/head").status_code == 404
    world.channel.sequence()
    first, second = client.get("/api/v1/keys").json()
    assert first["holder"] == "system"
    assert second == {
        "key_id": pair.key_id,
        "holder": "device",
        "label": "Scanner 7",
        "public_key": format_base64(pair.public),
        "valid_from_index": second["valid_from_index"],
        "revoked_index": None,
    }
    head = client.get(f"/api/v1/keys/{pair.key_id}/head").json()
    assert head == {"first": 0, "prev": "0" * 64}
    gone = post(client, f"keys/{pair.key_id}/revoke", {"reason": "lost"})
    assert gone.status_code == 201
    assert post(client, f"keys/{pair.key_id}/revoke", {"reason": "lost"}).content == gone.content
    world.channel.sequence()
    assert keys_of(organisation)[1] == (pair.key_id, "device", False)
    again = post(client, f"keys/{pair.key_id}/revoke", {"reason": "stolen"})
    assert (again.status_code, b"governance-refused" in again.content) == (403, True)


def test_the_last_key_stays(world: World) -> None:
    organisation = world.admit()
    client = bearer(world.key(organisation, *CAN)[0])
    ((key_id, _, _),) = keys_of(organisation)
    answer = post(client, f"keys/{key_id}/revoke", {"reason": "lost"})
    assert (answer.status_code, b"last key" in answer.content) == (403, True)
    world.channel.sequence()
    assert keys_of(organisation) == [(key_id, "system", True)]


def test_the_servers_key_is_rotated_over_http(world: World) -> None:
    organisation = world.admit()
    client = bearer(world.key(organisation, *CAN)[0])
    ((old, _, _),) = keys_of(organisation)
    made = post(client, "keys", {"holder": "system", "label": "of 2026"})
    assert made.status_code == 201, made.content
    new = made.json()["key_id"]
    assert post(client, "keys", {"holder": "system", "label": "of 2026"}).content == made.content
    early = post(client, f"keys/{old}/revoke", {"reason": "rotated"}, **{"Idempotency-Key": "1"})
    assert (early.status_code, b"last key" in early.content) == (403, True)
    world.channel.sequence()
    assert keys_of(organisation) == [(old, "system", True), (new, "system", True)]
    # Each of these is signed by the newest key that the server holds.
    assert signs(client, world, organisation) == new
    gone = post(client, f"keys/{old}/revoke", {"reason": "rotated"}, **{"Idempotency-Key": "2"})
    assert gone.status_code == 201
    assert signs(client, world, organisation) == new
    world.channel.sequence()
    assert keys_of(organisation)[:2] == [(old, "system", False), (new, "system", True)]
    assert signs(client, world, organisation) == new
    last = post(client, f"keys/{new}/revoke", {"reason": "lost"})
    assert (last.status_code, b"can add keys" in last.content) == (403, True)
    world.channel.sequence()
    assert log_verify().faults == ()


def signs(client: Client, world: World, organisation: Actor) -> str:
    """Return the id of the key that signs what the organisation writes over HTTP now."""
    answer = post(client, "keys", offered(world, organisation, Pair()))
    assert answer.status_code == 201, answer.content
    entry_id = bytes.fromhex(answer.json()["entry_ids"][0])
    with acting_as(organisation):
        return parse_entry(bytes(Entry.objects.get(entry_id=entry_id).content)).key_id.hex()


def test_the_keys_of_people_and_devices_are_no_way_back(world: World) -> None:
    organisation = world.admit()
    client, pair = bearer(world.key(organisation, *CAN)[0]), Pair()
    ((key_id, _, _),) = keys_of(organisation)
    person = proved(world.person(organisation, Role.ADMIN))
    assert post(person, "keys/mine", {}).status_code == 201
    assert post(client, "keys", offered(world, organisation, pair)).status_code == 201
    world.channel.sequence()
    operator = bearer(world.key(world.operator, *CAN)[0])
    for who in (client, person, operator):
        answer = post(who, f"keys/{key_id}/revoke", {"reason": "lost"})
        assert (answer.status_code, b"can add keys" in answer.content) == (403, True)
    assert world.channel.sequence() == 0
    assert post(person, "keys/mine", {"again": 1}).status_code == 201
    # A lost scanner's key goes as before.
    assert post(client, f"keys/{pair.key_id}/revoke", {"reason": "lost"}).status_code == 201
    world.channel.sequence()
    valid = [(holder, valid) for _, holder, valid in keys_of(organisation)]
    assert valid[:3] == [("system", True), ("person", True), ("device", False)]


def test_who_holds_a_members_key_can_do_without_the_servers(world: World) -> None:
    organisation, pair = world.admit(), Pair()
    client = bearer(world.key(organisation, *CAN)[0])
    ((key_id, _, _),) = keys_of(organisation)
    assert post(client, "keys", offered(world, organisation, pair, "member")).status_code == 201
    world.channel.sequence()
    assert post(client, f"keys/{key_id}/revoke", {"reason": "own"}).status_code == 201
    world.channel.sequence()
    assert keys_of(organisation) == [(key_id, "system", False), (pair.key_id, "member", True)]
    kept = len(key_files())
    refused = post(client, "keys", {"holder": "system"})
    assert (refused.status_code, b"no-valid-key" in refused.content) == (403, True)
    assert len(key_files()) == kept


def key_files() -> list[Path]:
    """Return the files in which the key provider keeps its keys."""
    provider = key_provider()
    assert isinstance(provider, FileKeyProvider)
    return list(provider.folder.rglob("*.key"))


def test_only_who_may_change_keys_has_the_server_make_one(world: World) -> None:
    alice, bob = world.admit(), world.admit()
    body = {"holder": "system"}
    for client, status in (
        (Client(), 401),
        (bearer(world.key(alice, "ledger:read")[0]), 403),
        (logged_in(world.person(alice, Role.AUDITOR)), 403),
    ):
        assert post(client, "keys", body).status_code == status
    assert world.channel.sequence() == 0
    assert post(logged_in(world.person(alice, Role.ADMIN)), "keys", body).status_code == 201
    world.channel.sequence()
    assert [len(keys_of(one)) for one in (alice, bob)] == [2, 1]


def test_a_key_that_the_server_makes_is_not_offered_nor_sealed(world: World) -> None:
    organisation = world.admit()
    client = bearer(world.key(organisation, *CAN)[0])
    offer = offered(world, organisation, Pair())
    for name in ("public_key", "possession"):
        extra = post(client, "keys", {"holder": "system", name: offer[name]})
        assert (extra.status_code, extra.json()["errors"][0]["path"]) == (400, name)
        less = post(client, "keys", {key: offer[key] for key in offer if key != name})
        assert (less.status_code, less.json()["errors"][0]["path"]) == (400, name)
    sealed, _ = example_client().seal(
        [{"eventID": f"urn:uuid:{uuid4()}"}],
        b'{"holder":"system"}',
        private=Pair().private,
        log=world.channel.log.origin,
        org=str(organisation.organisation_id),
        head={"first": 0, "prev": "0" * 64},
    )
    sealed["media_type"] = "application/json"
    answer = client.post("/api/v1/keys", orjson.dumps(sealed), content_type=SEALED_MEDIA_TYPE)
    assert (answer.status_code, b"before it is made" in answer.content) == (400, True)
    assert world.channel.sequence() == 0


@pytest.mark.parametrize("change", ["holder", "organisation", "log", "signature"])
def test_a_key_that_does_not_prove_itself_is_not_added(world: World, change: str) -> None:
    organisation, other, pair = world.admit(), world.admit(), Pair()
    client = bearer(world.key(organisation, *CAN)[0])
    body = offered(world, organisation, pair)
    if change == "holder":
        body["holder"] = "member"
    elif change == "organisation":
        body = offered(world, other, pair)
    elif change == "log":
        body = pair.offer("x.example/other", organisation.organisation)
    else:
        body["possession"] = format_base64(bytes(64))
    answer = post(client, "keys", body)
    assert (answer.status_code, b"bad-signature" in answer.content) == (400, True)
    assert world.channel.sequence() == 0


def test_a_key_is_added_once_whoever_adds_it(fresh_db: Channel) -> None:
    world = World(channel=fresh_db)
    first, second, pair = world.admit(), world.admit(), Pair()
    clients = [bearer(world.key(one, *CAN)[0]) for one in (first, second)]
    assert post(clients[0], "keys", offered(world, first, pair)).status_code == 201
    for body in (offered(world, first, pair, "member"), offered(world, second, pair)):
        client = clients[0] if body["holder"] == "member" else clients[1]
        promised = post(client, "keys", body)
        assert (promised.status_code, b"governance-refused" in promised.content) == (403, True)
    fresh_db.sequence()
    late = post(clients[1], "keys", {**offered(world, second, pair), "label": "late"})
    assert (late.status_code, b"governance-refused" in late.content) == (403, True)
    fresh_db.sequence()
    assert [len(keys_of(one)) for one in (first, second)] == [2, 1]
    assert log_verify().faults == ()


@pytest.mark.parametrize(
    "change",
    [
        {"holder": "system"},
        {"holder": "person"},
        {"public_key": "x"},
        {"public_key": "AAAA"},
        {"possession": "AAAA"},
        {"label": "a\x07b"},
        {"label": ""},
        {"more": 1},
    ],
)
def test_an_offer_that_is_none_is_refused(world: World, change: dict[str, Any]) -> None:
    organisation, pair = world.admit(), Pair()
    client = bearer(world.key(organisation, *CAN)[0])
    answer = post(client, "keys", {**offered(world, organisation, pair), **change})
    assert answer.status_code == 400
    assert world.channel.sequence() == 0


def test_a_reason_is_one_word(world: World) -> None:
    organisation = world.admit()
    client = bearer(world.key(organisation, *CAN)[0])
    ((key_id, _, _),) = keys_of(organisation)
    for reason in ("", "Not one word", "x" * 33):
        assert post(client, f"keys/{key_id}/revoke", {"reason": reason}).status_code == 400
    assert world.channel.sequence() == 0


def test_only_whose_keys_they_are_and_may_changes_them(world: World) -> None:
    alice, bob, pair = world.admit(), world.admit(), Pair()
    ((key_id, _, _),) = keys_of(alice)
    body = offered(world, alice, pair)
    refused = {
        "nobody": (Client(), 401),
        "reader": (bearer(world.key(alice, "ledger:read")[0]), 403),
        "another's": (bearer(world.key(bob, *CAN)[0]), 403),
        "operator": (logged_in(world.person(world.operator, Role.OPERATOR)), 403),
        "auditor": (logged_in(world.person(alice, Role.AUDITOR)), 403),
    }
    for name, (client, status) in refused.items():
        revoked = post(client, f"keys/{key_id}/revoke", {"reason": "lost"})
        assert revoked.status_code == status, name
        if name != "another's":
            assert post(client, "keys", body).status_code == status, name
    for client, status in (
        (Client(), 401),
        (bearer(world.key(alice, "epcis:read")[0]), 403),
        (bearer(world.key(bob, *CAN)[0]), 404),
    ):
        assert client.get(f"/api/v1/keys/{key_id}/head").status_code == status
    assert world.channel.sequence() == 0
    assert keys_of(alice) == [(key_id, "system", True)]
    admin = logged_in(world.person(alice, Role.ADMIN))
    assert post(admin, "keys", body).status_code == 201
    assert admin.get(f"/api/v1/keys/{key_id}/head").status_code == 404
    world.channel.sequence()
    assert [holder for _, holder, _ in keys_of(alice)] == ["system", "device"]


def test_a_person_who_just_proved_it_gets_a_key(world: World) -> None:
    organisation = world.admit()
    person = world.person(organisation, Role.PHARMACIST)
    assert post(proved(person), "keys/mine", {}).status_code == 201
    for client, status in (
        (Client(), 401),
        (proved(person, minutes_ago=6), 403),
        (logged_in(person), 403),
        (bearer(world.key(organisation, *CAN)[0]), 403),
    ):
        assert post(client, "keys/mine", {"again": status}).status_code == status
    world.channel.sequence()
    assert [holder for _, holder, _ in keys_of(organisation)] == ["system", "person"]


def wait_for(world: World, client: Client, body: Any, prefer: str, *, after_s: float = 0.2) -> Any:
    def sequence() -> None:
        Sequencer(world.channel.log).flush(now=NOW)
        connections.close_all()

    timer = Timer(after_s, sequence)
    timer.start()
    answer = post(client, "keys", body, Prefer=prefer)
    timer.join()
    return answer


def test_who_prefers_to_wait_gets_the_sequenced_receipt(world: World) -> None:
    organisation, pair = world.admit(), Pair()
    client = bearer(world.key(organisation, *CAN)[0])
    body = offered(world, organisation, pair)
    answer = wait_for(world, client, body, 'respond-async, WAIT = "60"; x=1')
    assert (answer.status_code, answer["Preference-Applied"]) == (201, "wait=10")
    value = answer.json()
    receipt = parse_receipt({name: value[name] for name in ("receipt", "sig", "entry_ids")})
    found = parse_sequenced(value["sequenced"])
    check_sequenced(receipt, found, parse_vkey(world.channel.log.vkey))
    assert answer["Theriac-Log-Index"] == str(found.header_index)
    # What is kept for a repeat is the promise; who waits again gets the place again.
    plain = post(client, "keys", body)
    assert plain.json().keys() == {"key_id", "receipt", "sig", "entry_ids"}
    assert "Preference-Applied" not in plain
    assert post(client, "keys", body, Prefer="wait=0").json()["sequenced"] == value["sequenced"]


def test_who_waited_in_vain_has_the_promise(world: World) -> None:
    organisation, pair = world.admit(), Pair()
    client = bearer(world.key(organisation, *CAN)[0])
    answer = post(client, "keys", offered(world, organisation, pair), Prefer="wait=0")
    assert (answer.status_code, answer["Preference-Applied"]) == (201, "wait=0")
    assert "sequenced" not in answer.json()
    assert "Theriac-Log-Index" not in answer
    world.channel.sequence()


def test_a_promise_is_not_lost_where_its_place_cannot_be_looked_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: object) -> None:
        raise DatabaseError

    monkeypatch.setattr(middleware, "sequenced_wait", fail)
    organisation, pair = world.admit(), Pair()
    client = bearer(world.key(organisation, *CAN)[0])
    answer = post(client, "keys", offered(world, organisation, pair), Prefer="wait=5")
    assert answer.status_code == 201
    assert orjson.loads(answer.content)["key_id"] == pair.key_id
    world.channel.sequence()


@pytest.mark.parametrize(
    "prefer", ["", "wait", "wait=", "wait=-1", "x-wait=3", "wait=3x", "await=3"]
)
def test_a_wish_that_is_none_is_not_applied(world: World, prefer: str) -> None:
    organisation, pair = world.admit(), Pair()
    client = bearer(world.key(organisation, *CAN)[0])
    answer = post(client, "keys", offered(world, organisation, pair), Prefer=prefer)
    assert answer.status_code == 201
    assert "Preference-Applied" not in answer
    world.channel.sequence()
