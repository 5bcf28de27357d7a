"""Sealed events over HTTP, by the example client: taken as signed, or refused with the place."""

import base64
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import orjson
import pytest
from django.db import connections
from django.test import Client
from nacl.signing import SigningKey

from foundation.core.actor import PUBLIC
from foundation.tenancy import acting_as
from ledger.core.entry import parse_entry
from ledger.core.receipt import parse_receipt_header
from ledger.core.sealed import MEDIA_TYPE
from ledger.models import KeyHolder
from ledger.selectors import entry_get, key_list
from ledger.services import key_add
from ledger.services.verification import log_verify
from provenance.selectors import event_list
from tests.conftest import Channel
from tests.example_client import example_client
from tests.provenance.epcis_samples import CONTEXT
from tests.provenance.test_epcis_rest import caller
from tests.provenance.world import Member, commission, member, packs

SCOPES = ("epcis:read", "epcis:write", "ledger:read", "ledger:write")
example = example_client()


@dataclass
class Scanner:
    """A device with a key of its own, that knows the example client and HTTP."""

    channel: Channel
    owner: Member
    private: SigningKey = field(default_factory=SigningKey.generate)
    client: Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = caller(self.owner, *SCOPES)
        body = example.possession(self.private, self.channel.log.origin, self.org)
        assert self.send("/api/v1/keys", body, "application/json").status_code == 201
        self.channel.sequence()

    @property
    def org(self) -> str:
        return str(self.owner.actor.organisation)

    @property
    def key_id(self) -> str:
        return str(example.key_id(self.private))

    def head(self) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get(f"/api/v1/keys/{self.key_id}/head").json()
        return found

    def seal(
        self, event: dict[str, Any], head: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        made: tuple[dict[str, Any], dict[str, Any]] = example.seal(
            [event],
            example.canonical(event),
            private=self.private,
            log=self.channel.log.origin,
            org=self.org,
            head=head or self.head(),
        )
        return made

    def send(self, path: str, body: object, media_type: str = MEDIA_TYPE) -> Any:
        return self.client.post(path, orjson.dumps(body), content_type=media_type)

    def record(self, sealed: object) -> Any:
        return self.send("/epcis/v2/events", sealed)


def scan() -> dict[str, Any]:
    return {"@context": CONTEXT, **commission(packs(1))}


@pytest.fixture
def scanner(channel: Channel) -> Scanner:
    return Scanner(channel, member(channel, "manufacturer"))


def recorded(scanner: Scanner) -> list[str]:
    with acting_as(scanner.owner.actor):
        return [info.event_id for info in event_list()]


def test_two_sealed_scans_chain_and_a_fork_is_told_the_head(fresh_db: Channel) -> None:
    scanner = Scanner(fresh_db, member(fresh_db, "manufacturer"))
    one, two, other = scan(), scan(), scan()
    start = scanner.head()
    assert start == {"first": 0, "prev": "0" * 64}
    sealed, after = scanner.seal(one, start)
    made = scanner.record(sealed)
    assert made.status_code == 201
    receipt = parse_receipt_header(made["Theriac-Receipt"])
    fork = scanner.record(scanner.seal(other, start)[0])
    assert fork.status_code == 409
    problem = orjson.loads(fork.content)
    assert {"first": problem["first"], "prev": problem["prev"]} == after == scanner.head()
    second, end = scanner.seal(two, after)
    answer = scanner.record(second)
    assert answer.status_code == 201
    # A lost answer is asked for again with the same bytes, whatever came in between.
    again = scanner.record(sealed)
    assert again["Theriac-Receipt"] == made["Theriac-Receipt"]
    assert scanner.head() == end == {"first": 2, "prev": end["prev"]}
    assert receipt.promise.statement_hash.hex() == after["prev"]
    assert recorded(scanner) == [one["eventID"], two["eventID"]]
    fresh_db.sequence()
    assert log_verify().faults == ()


def test_of_two_at_once_one_is_taken_and_the_other_told_the_head(scanner: Scanner) -> None:
    start = scanner.head()
    sealed = [scanner.seal(scan(), start) for _ in range(6)]

    def record(one: dict[str, Any]) -> Any:
        try:
            return scanner.record(one)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(record, [one for one, _ in sealed]))
    taken = [at for at, answer in enumerate(answers) if answer.status_code == 201]
    assert len(taken) == 1
    head = sealed[taken[0]][1]
    assert scanner.head() == head
    for at, answer in enumerate(answers):
        if at not in taken:
            problem = orjson.loads(answer.content)
            assert answer.status_code == 409
            assert {"first": problem["first"], "prev": problem["prev"]} == head
    assert len(recorded(scanner)) == 1


def test_the_entry_is_what_the_client_made(scanner: Scanner) -> None:
    event = scan()
    sealed, _ = scanner.seal(event)
    scanner.record(sealed)
    (data,) = (base64.b64decode(entry) for entry in sealed["entries"])
    with acting_as(scanner.owner.actor):
        (info,) = event_list()
        assert entry_get(info.entry_id).content == data
    assert info.document == example.canonical(event)
    assert parse_entry(data).key_id.hex() == scanner.key_id


def unseal(sealed: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**sealed, **changes}


def text64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def another_document(sealed: dict[str, Any]) -> dict[str, Any]:
    return unseal(sealed, document=text64(example.canonical(scan())))


def flipped(sealed: dict[str, Any], name: str) -> dict[str, Any]:
    data = bytearray(base64.b64decode(sealed[name]))
    data[-1] ^= 1
    return unseal(sealed, **{name: text64(bytes(data))})


Spoil = Callable[[dict[str, Any]], dict[str, Any]]
SPOILED: dict[str, tuple[Spoil, int, dict[str, Any]]] = {
    "another document": (another_document, 400, {"line": 0, "member": "commitments"}),
    "another opening": (
        lambda s: unseal(s, openings=[text64(bytes(32))]),
        400,
        {"line": 0, "member": "commitments"},
    ),
    "another signature": (lambda s: flipped(s, "signature"), 400, {}),
    "another statement": (lambda s: flipped(s, "statement"), 400, {"path": "sealed.statement"}),
    "no entries": (lambda s: unseal(s, entries=[]), 400, {"path": "sealed.entries"}),
    "an entry too many": (
        lambda s: unseal(s, entries=s["entries"] * 2),
        400,
        {"path": "sealed.entries"},
    ),
    "no opening": (lambda s: unseal(s, openings=[]), 400, {"path": "sealed.openings"}),
    "a short opening": (
        lambda s: unseal(s, openings=["AAAA"]),
        400,
        {"path": "sealed.openings[0]"},
    ),
    "no entry": (lambda s: unseal(s, entries=["AAAA"]), 400, {"path": "sealed.entries[0]"}),
    "no base64": (lambda s: unseal(s, document="*"), 400, {"path": "sealed.document"}),
    "another type inside": (lambda s: unseal(s, media_type="text/plain"), 415, {}),
    "sealed inside": (lambda s: unseal(s, media_type=MEDIA_TYPE), 415, {}),
    "more": (lambda s: unseal(s, more=1), 400, {"path": "sealed"}),
    "less": (lambda s: {"document": s["document"]}, 400, {"path": "sealed.media_type"}),
    "no event": (lambda s: unseal(s, document=text64(b"[]")), 400, {}),
    "no JSON": (lambda s: unseal(s, document=text64(b"{")), 400, {"position": 1}),
}


@pytest.mark.parametrize("name", SPOILED)
def test_what_does_not_fit_is_refused_with_its_place(scanner: Scanner, name: str) -> None:
    spoil, status, place = SPOILED[name]
    sealed, _ = scanner.seal(scan())
    answer = scanner.record(spoil(sealed))
    problem = orjson.loads(answer.content)
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    assert problem["type"].startswith("epcisException:")
    assert {key: problem.get(key) for key in place} == place
    assert recorded(scanner) == []
    assert scanner.head()["first"] == 0
    assert scanner.record(sealed).status_code == 201


@pytest.mark.parametrize("event_id", [None, "urn:epc:id:sgtin:030001.0012345.11"])
def test_an_event_is_named_as_it_is_kept(scanner: Scanner, event_id: str | None) -> None:
    event = scan()
    del event["eventID"]
    if event_id is not None:
        event["eventID"] = event_id
    answer = scanner.record(scanner.seal(event)[0])
    problem = orjson.loads(answer.content)
    assert (answer.status_code, problem["line"], problem["member"]) == (400, 0, "eventID")
    assert recorded(scanner) == []


def test_an_event_that_came_before_is_not_sealed_again(scanner: Scanner) -> None:
    event = scan()
    assert scanner.record(scanner.seal(event)[0]).status_code == 201
    answer = scanner.record(scanner.seal(event)[0])
    assert (answer.status_code, scanner.head()["first"]) == (409, 1)


def test_two_commitments_are_none_of_an_event(scanner: Scanner) -> None:
    event = scan()
    sealed, _ = scanner.seal(event)
    entry = orjson.loads(base64.b64decode(sealed["entries"][0]))
    entry["commitments"] *= 2
    data = example.canonical(entry)
    statement = orjson.loads(base64.b64decode(sealed["statement"]))
    statement["root"] = example.hashlib.sha256(b"\x00" + data).hexdigest()
    signed = example.canonical(statement)
    answer = scanner.record(
        unseal(
            sealed,
            entries=[text64(data)],
            openings=sealed["openings"] * 2,
            statement=text64(signed),
            signature=text64(scanner.private.sign(b"theriac/submission/v1\n" + signed).signature),
        )
    )
    problem = orjson.loads(answer.content)
    assert (answer.status_code, problem["line"], problem["member"]) == (400, 0, "commitments")


def test_another_members_seal_is_nothing_to_us(channel: Channel, scanner: Scanner) -> None:
    other = Scanner(channel, member(channel, "wholesaler"))
    sealed, _ = scanner.seal(scan())
    answer = other.record(sealed)
    assert (answer.status_code, b"SecurityException" in answer.content) == (403, True)
    reader = caller(scanner.owner, "epcis:read")
    refused = reader.post("/epcis/v2/events", orjson.dumps(sealed), content_type=MEDIA_TYPE)
    assert refused.status_code == 403
    assert (recorded(other), recorded(scanner)) == ([], [])


def test_a_member_with_its_own_key_only_is_never_signed_for(scanner: Scanner) -> None:
    """The server's key goes, by a revocation that a key of the member's own signs."""
    # A device's key alone would not do: under it nobody could add another.
    key_add(
        actor=scanner.owner.actor,
        holder=KeyHolder.MEMBER,
        public_key=bytes(SigningKey.generate().verify_key),
        now=scanner.channel.now,
    )
    scanner.channel.sequence()
    with acting_as(PUBLIC):
        first = key_list(scanner.owner.actor.organisation)[0]
    path, body = f"/api/v1/keys/{first.key_id}/revoke", {"reason": "own_keys"}
    sealed = seal_kind(
        scanner, "ledger.key.revoked.v1", {"key": first.key_id, "reason": "own_keys"}, body
    )
    assert scanner.send(path, sealed).status_code == 201
    # The promise alone is enough, and what is sequenced stays so.
    for _ in range(2):
        plain = scanner.send("/epcis/v2/events", scan(), "application/json")
        assert (plain.status_code, b"SecurityException" in plain.content) == (403, True)
        assert b"no key" in plain.content
        scanner.channel.sequence()
    assert recorded(scanner) == []
    more = example.possession(key := SigningKey.generate(), scanner.channel.log.origin, scanner.org)
    assert scanner.send("/api/v1/keys", more, "application/json").status_code == 403
    added = {
        "key": example.key_id(key),
        "public_key": more["public_key"],
        "holder": "device",
    }
    assert (
        scanner.send(
            "/api/v1/keys", seal_kind(scanner, "ledger.key.added.v1", added, more)
        ).status_code
        == 201
    )
    assert scanner.record(scanner.seal(scan())[0]).status_code == 201
    scanner.channel.sequence()
    with acting_as(PUBLIC):
        found = [key.holder for key in key_list(scanner.owner.actor.organisation)]
    assert found == ["system", "device", "member", "device"]
    # A key's change and its next event came in one flush: they stand in the order of the chain.
    assert log_verify().faults == ()


def seal_kind(
    scanner: Scanner, kind: str, body: dict[str, Any], document: object
) -> dict[str, Any]:
    """Seal one entry of another kind, without commitments, as the specification says."""
    common = {
        "v": 1,
        "log": scanner.channel.log.origin,
        "org": scanner.org,
        "key": scanner.key_id,
        "time": "2026-11-24T09:00:00.000Z",
    }
    entry = example.canonical(
        {
            **common,
            "kind": kind,
            "id": str(uuid4()),
            "body": body,
            "commitments": [],
            "endorsements": [],
        }
    )
    root = example.tree_root([example.hashlib.sha256(b"\x00" + entry).digest()]).hex()
    statement = example.canonical(
        {**common, **scanner.head(), "id": str(uuid4()), "n": 1, "root": root}
    )
    message = b"theriac/submission/v1\n" + statement
    return {
        "document": text64(orjson.dumps(document)),
        "media_type": "application/json",
        "entries": [text64(entry)],
        "openings": [],
        "statement": text64(statement),
        "signature": text64(scanner.private.sign(message).signature),
    }
