"""Anchors over HTTP: plain, sealed, and many that were signed one by one."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

import orjson
import pytest

from foundation.core.actor import PUBLIC, Actor
from foundation.tenancy import acting_as
from ledger.bodies import SEALED_MEDIA_TYPE
from ledger.core.anchor import ANCHORED, anchor_draft
from ledger.core.entry import parse_entry
from ledger.core.members import format_base64
from ledger.core.receipt import check_receipt, parse_receipt
from ledger.core.sealed import SealedSubmission
from ledger.core.statement import KeyChain, statement_hash
from ledger.models import Entry
from ledger.services.verification import log_verify
from tests.accounts.conftest import World
from tests.accounts.test_http import bearer, post
from tests.ledger.devices import Device

SCOPE = "ledger:write"
ONE = {"commitments": ["ab" * 32]}


def anchored(organisation: Actor) -> list[tuple[bytes, ...]]:
    with acting_as(PUBLIC):
        rows = Entry.objects.filter(
            kind=ANCHORED, organisation_id=organisation.organisation
        ).order_by("submission_id")
        entries = [parse_entry(bytes(row.content)) for row in rows]
    assert all(entry.body == {} for entry in entries)
    return [entry.commitments for entry in entries]


def sealed_json(sealed: SealedSubmission, **members: Any) -> dict[str, Any]:
    return {
        "document": format_base64(sealed.document),
        "media_type": sealed.media_type,
        "entries": [format_base64(entry) for entry in sealed.entries],
        "openings": [],
        "statement": format_base64(sealed.statement),
        "signature": format_base64(sealed.signature),
        **members,
    }


def seal(device: Device, chain: KeyChain, document: dict[str, Any]) -> SealedSubmission:
    sealed = device.seal([anchor_draft(document, entry_id=uuid4())], chain=chain)
    return replace(sealed, document=orjson.dumps(document))


def chain_of(device: Device, count: int) -> list[SealedSubmission]:
    head, made = device.head(), []
    for number in range(count):
        sealed = seal(device, head, {"commitments": [f"{number:064x}"]})
        head = KeyChain(first=head.first + 1, prev=statement_hash(sealed.statement))
        made.append(sealed)
    return made


@pytest.fixture
def organisation(world: World) -> Actor:
    return world.admit()


def test_commitments_are_anchored_plainly_and_once(world: World, organisation: Actor) -> None:
    client = bearer(world.key(organisation, SCOPE)[0])
    answer = post(client, "anchors", ONE)
    assert answer.status_code == 201
    check_receipt(parse_receipt(answer.json()), world.channel.log.receipt_public_key)
    assert post(client, "anchors", ONE).content == answer.content
    world.channel.sequence()
    assert anchored(organisation) == [(b"\xab" * 32,)]


def test_a_key_of_ones_own_anchors_without_telling_what_opens_it(
    world: World, organisation: Actor
) -> None:
    client, device = bearer(world.key(organisation, SCOPE)[0]), Device(world.channel, organisation)
    sealed = seal(device, device.head(), ONE)
    told = sealed_json(sealed, openings=[format_base64(bytes(32))])
    for body, status in ((told, 400), (sealed_json(sealed), 201)):
        answer = client.post("/api/v1/anchors", orjson.dumps(body), content_type=SEALED_MEDIA_TYPE)
        assert answer.status_code == status, answer.content
    world.channel.sequence()
    assert anchored(organisation) == [(b"\xab" * 32,)]


def test_many_are_anchored_each_for_itself(world: World, organisation: Actor) -> None:
    client = bearer(world.key(organisation, SCOPE)[0])
    good, bad = Device(world.channel, organisation), Device(world.channel, organisation)
    taken, spoiled = chain_of(good, 3), chain_of(bad, 2)
    two = bad.seal([anchor_draft(ONE, entry_id=uuid4()) for _ in range(2)])
    sent = [
        sealed_json(taken[0]),
        sealed_json(spoiled[0], signature=format_base64(bytes(64))),
        sealed_json(taken[1]),
        {"no": "submission"},
        sealed_json(spoiled[1], media_type="text/plain"),
        sealed_json(replace(two, document=orjson.dumps(ONE))),
        sealed_json(replace(spoiled[1], document=b"no JSON")),
        sealed_json(replace(spoiled[1], document=orjson.dumps(ONE))),
        sealed_json(taken[2]),
    ]
    answer = post(client, "anchors/many", {"submissions": sent})
    assert answer.status_code == 200, answer.content
    outcomes = answer.json()["outcomes"]
    slugs = [each.get("problem", {"type": ""})["type"].rpartition(":")[2] for each in outcomes]
    assert slugs == [
        "",
        "signature-refused",
        "",
        "bad-sealed-submission",
        "bad-input",
        "bad-anchor",
        "malformed-json",
        "key-head-conflict",
        "",
    ]
    for sealed, outcome in zip(taken, (outcomes[0], outcomes[2], outcomes[8]), strict=True):
        receipt = parse_receipt(outcome)
        check_receipt(receipt, world.channel.log.receipt_public_key)
        assert receipt.promise.statement_hash == statement_hash(sealed.statement)
    # A lost answer is given again, word for word, and nothing is written twice.
    assert post(client, "anchors/many", {"submissions": sent}).content == answer.content
    world.channel.sequence()
    assert anchored(organisation) == [(number.to_bytes(32),) for number in range(3)]
    assert log_verify().faults == ()


@pytest.mark.parametrize(
    "body", [{}, {"submissions": []}, {"submissions": [1]}, {"submissions": [{}] * 2001}]
)
def test_what_is_no_list_of_submissions_is_refused_whole(
    world: World, organisation: Actor, body: dict[str, Any]
) -> None:
    answer = post(bearer(world.key(organisation, SCOPE)[0]), "anchors/many", body)
    assert answer.status_code == 400


def test_bad_wishes_are_refused(world: World, organisation: Actor) -> None:
    client = bearer(world.key(organisation, SCOPE)[0])
    assert post(client, "anchors", {"commitments": ["x"]}).status_code == 400
    answer = client.post("/api/v1/anchors/many", b"{}", content_type="text/plain")
    assert answer.status_code == 415
    reader = bearer(world.key(organisation, "ledger:read")[0])
    for address, body in (("anchors", ONE), ("anchors/many", {"submissions": [{}]})):
        assert post(reader, address, body).status_code == 403
    assert anchored(organisation) == []
