"""Receipts over HTTP: to their organisation only, and with the places once there are any."""

from threading import Timer
from uuid import uuid4

import pytest
from django.db import connections
from django.test import Client

from accounts.services import operator_project
from foundation.core.actor import Actor
from ledger.core.entry import EntryDraft
from ledger.core.note import parse_vkey
from ledger.core.receipt import Receipt
from ledger.core.sequenced import check_sequenced, parse_sequenced
from ledger.services import Sequencer, submission_append
from tests.accounts.conftest import World
from tests.conftest import NOW, Channel


def write(actor: Actor, count: int = 2) -> Receipt:
    drafts = [
        EntryDraft(kind="test.thing.done.v1", id=uuid4(), body={"n": number})
        for number in range(count)
    ]
    return submission_append(actor=actor, entries=drafts, now=NOW)


@pytest.fixture
def world(channel: Channel) -> World:
    operator_project(actor=channel.operator)
    return World(channel=channel)


def test_a_receipt_is_repeated_and_gets_its_places(world: World, anyone: Client) -> None:
    member = world.admit()
    key, _ = world.key(member, "epcis:read")
    receipt = write(member)
    path = f"/api/v1/ledger/receipts/{receipt.promise.id}"
    headers = {"Authorization": f"Bearer {key}"}
    assert anyone.get(path, headers=headers).json() == {**receipt.as_json(), "places": []}
    assert anyone.get(path, headers={**headers, "Prefer": "wait=0"}).json()["places"] == []
    world.channel.sequence()
    found = anyone.get(path, headers={**headers, "Prefer": "wait=10"}).json()["places"]
    assert [place["entry_id"] for place in found] == [each.hex() for each in receipt.entry_ids]
    assert found[1]["log_index"] == found[0]["log_index"] + 1
    answer = anyone.get(path, headers=headers)
    check_sequenced(
        receipt, parse_sequenced(answer.json()["sequenced"]), parse_vkey(world.channel.log.vkey)
    )


def test_waiting_ends_when_the_sequencer_has_been(world: World, anyone: Client) -> None:
    member = world.admit()
    key, _ = world.key(member, "epcis:read")
    receipt = write(member)

    def sequence() -> None:
        Sequencer(world.channel.log).flush(now=NOW)
        connections.close_all()

    timer = Timer(0.2, sequence)
    timer.start()
    answer = anyone.get(
        f"/api/v1/ledger/receipts/{receipt.promise.id}",
        headers={"Authorization": f"Bearer {key}", "Prefer": "respond-async, wait=10"},
    )
    timer.join()
    assert len(answer.json()["places"]) == 2
    assert answer["Preference-Applied"] == "wait=10"


def test_others_receipts_and_none_get_one_answer(world: World, anyone: Client) -> None:
    receipt = write(world.admit())
    key, _ = world.key(world.admit(), "epcis:read")
    answers = [
        anyone.get(
            f"/api/v1/ledger/receipts/{id_}", headers={"Authorization": f"Bearer {key}"}
        ).content
        for id_ in (receipt.promise.id, uuid4())
    ]
    assert answers[0] == answers[1]
    assert b"unknown-entry" in answers[0]
    nobody = anyone.get(f"/api/v1/ledger/receipts/{receipt.promise.id}")
    assert nobody.status_code == 401
    world.channel.sequence()
