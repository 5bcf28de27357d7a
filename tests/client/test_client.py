"""The client against the product: what it signs is taken, kept, and found again in the log."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest

from foundation.tenancy import acting_as
from ledger.core.governance import Holder
from ledger.core.statement import KeyChain
from ledger.services.verification import log_verify
from provenance.selectors import event_list
from tests.client.conftest import Machine, document, event
from theriac_client import Client, Web
from theriac_client.arrival import State, arrivals
from theriac_client.errors import (
    DocumentError,
    PendingError,
    PromiseError,
    RefusedError,
    StateError,
    UnreachableError,
)
from theriac_client.journal import KeyState, Record
from theriac_client.loghead import NO_POLICY
from theriac_client.settings import read_settings
from theriac_client.web import AddressError, Answer

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket]

LATER = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
BEFORE = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def recorded(machine: Machine) -> int:
    """Return how many events the server has of the machine's organisation."""
    with acting_as(machine.owner.actor):
        return len(event_list())


def key_state(client: Client) -> KeyState:
    return client.journal.key_state(read_settings(client.folder).key_id)


def test_what_is_submitted_is_kept_and_arrives(machine: Machine) -> None:
    client = machine.registered()
    one, many = client.submit(event()), client.submit(document(3))
    assert one.own is not None
    assert many.own is not None
    assert (one.own.after.first, many.own.after.first) == (1, 4)
    assert key_state(client) == KeyState(chain=many.own.after)
    states = {
        arrival.record.id: arrival.state
        for arrival in arrivals(machine.sender(client), policy=NO_POLICY, now=BEFORE)
    }
    assert (states.pop(one.id), states.pop(many.id)) == (State.WAITING, State.WAITING)
    assert list(states.values()) == [State.ARRIVED]  # the key's registration
    late = list(arrivals(machine.sender(client), policy=NO_POLICY, now=LATER))
    assert sorted(each.state for each in late) == [State.ARRIVED, State.OVERDUE, State.OVERDUE]
    machine.channel.sequence()
    assert {
        arrival.state for arrival in arrivals(machine.sender(client), policy=NO_POLICY, now=LATER)
    } == {State.ARRIVED}
    assert {record.sequenced is None for record in client.receipts()} == {False}
    assert recorded(machine) == 4


def test_the_same_document_is_one_submission(machine: Machine) -> None:
    client, data = machine.registered(), event()
    first = client.submit(data)
    assert machine.client().submit(data).id == first.id
    assert recorded(machine) == 1


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"{", "cannot be read"),
        (b"[]", "no EPCIS event"),
        (b'{"type": "ObjectEvent"}', "no EPCIS event"),
        (b'{"@context": "c", "type": "EPCISDocument"}', "no eventList"),
        (b'{"@context": "c", "type": "ObjectEvent"}', "event 0 needs an eventID"),
        (
            b'{"@context": "c", "type": "EPCISDocument", "epcisBody": {"eventList": [1]}}',
            "event 0 needs an eventID",
        ),
    ],
)
def test_what_cannot_be_sealed_is_said_before_anything_is_sent(
    machine: Machine, data: bytes, said: str
) -> None:
    client = machine.registered()
    with pytest.raises(DocumentError, match=said):
        client.submit(data)
    assert key_state(client) == KeyState(chain=KeyChain())


def test_what_the_server_refuses_leaves_no_trace_in_the_chain(machine: Machine) -> None:
    client = machine.registered()
    bad = orjson.dumps({**orjson.loads(event()), "action": "NONE"})
    with pytest.raises(RefusedError, match="refused \\(400\\)"):
        client.submit(bad)
    assert key_state(client) == KeyState(chain=KeyChain())
    assert [record.own for record in client.journal.records()] == [None]
    assert client.submit(event()).own is not None


def without_answers(monkeypatch: pytest.MonkeyPatch, lost: int) -> list[bytes]:
    """Lose the answers to the next writes, though the server has them; return what was sent."""
    sent: list[bytes] = []
    post = Web.post

    def losing(self: Web, path: str, body: bytes, headers: Any) -> Answer:
        answer = post(self, path, body, headers)
        sent.append(body)
        if len(sent) <= lost:
            raise UnreachableError("the line was cut")
        return answer

    monkeypatch.setattr(Web, "post", losing)
    return sent


def test_a_lost_answer_is_asked_for_again_with_the_same_bytes(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = machine.registered()
    sent = without_answers(monkeypatch, 3)
    record = client.submit(event())
    assert (len(sent), len(set(sent)), recorded(machine)) == (4, 1, 1)
    assert key_state(client).pending is None
    assert record.receipt is not None


def test_what_stayed_without_an_answer_is_finished_later(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, data, other = machine.registered(attempts=2), event(), event()
    sent = without_answers(monkeypatch, 2)
    with pytest.raises(PendingError, match="nothing is lost"):
        client.submit(data)
    assert key_state(client).pending is not None
    # Another process, later: the pending one goes first, then the new one follows it.
    again = machine.client()
    record = again.submit(other)
    assert record.own is not None
    assert (len(set(sent)), record.own.after.first, recorded(machine)) == (2, 2, 2)
    assert again.submit(data).id != record.id
    assert again.resume() is None
    machine.channel.sequence()
    assert log_verify().faults == ()


def test_a_refusal_after_a_lost_answer_is_no_refusal_if_the_server_has_it(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The idempotency row is gone: the repeated bytes collide with themselves."""
    client = machine.registered(attempts=1)
    sent = without_answers(monkeypatch, 1)
    with pytest.raises(PendingError):
        client.submit(event())
    monkeypatch.undo()
    post = Web.post

    def under_another_key(self: Web, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        return post(self, path, body, {**headers, "Idempotency-Key": str(uuid4())})

    monkeypatch.setattr(Web, "post", under_another_key)
    record = machine.client().resume()
    assert record is not None
    assert record.receipt is not None
    assert (len(sent), recorded(machine)) == (1, 1)
    assert key_state(client).chain.first == 1


def copied(machine: Machine, folder: Path) -> Client:
    """Return the client of a copy of the state folder: a backup, or another machine."""
    for path in sorted(machine.folder.rglob("*")):
        target = folder / path.relative_to(machine.folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file():
            target.write_bytes(path.read_bytes())
    return machine.client(folder=folder)


def test_behind_the_servers_head_the_client_goes_on_from_there(
    machine: Machine, tmp_path: Path
) -> None:
    client = machine.registered()
    told: list[str] = []
    backup = replace(copied(machine, tmp_path / "copy"), told=told.append)
    client.submit(document(2))
    record = backup.submit(event())
    assert record.own is not None
    assert record.own.after.first == 3
    assert told == ["the key signed elsewhere too: going on after entry 2, not 0"]
    machine.channel.sequence()
    assert log_verify().faults == ()


def test_a_server_that_forgot_what_it_promised_gets_no_more_signatures(machine: Machine) -> None:
    client = machine.registered()
    client.submit(event())
    state = key_state(client)
    ahead = KeyChain(first=state.chain.first + 5, prev=bytes(31) + b"\1")
    key_id = read_settings(client.folder).key_id
    client.journal.key_move(key_id, KeyState(chain=ahead))
    with pytest.raises(PromiseError, match="forgot what it promised"):
        client.submit(event())
    assert recorded(machine) == 1


def test_two_processes_with_one_key_take_turns(machine: Machine) -> None:
    machine.registered()
    with ThreadPoolExecutor(4) as threads:
        records: list[Record] = list(
            threads.map(lambda data: machine.client().submit(data), [event() for _ in range(6)])
        )
    firsts = sorted(record.own.after.first for record in records if record.own)
    assert firsts == [1, 2, 3, 4, 5, 6]
    machine.channel.sequence()
    assert log_verify().faults == ()


def test_a_rotated_key_signs_no_more_and_its_successor_does(machine: Machine) -> None:
    client = machine.registered()
    client.submit(event())
    old = read_settings(client.folder).key_id
    rotated = client.rotate()
    new = read_settings(client.folder).key_id
    assert (rotated.activates, new == old) == (new, False)
    machine.channel.sequence()
    record = client.submit(event())
    assert record.own is not None
    assert record.own.after.first == 1  # a chain of its own
    machine.channel.sequence()
    assert log_verify().faults == ()


def test_registering_twice_is_registering_once(machine: Machine) -> None:
    client = machine.client()
    key = client.key_new(holder=Holder.DEVICE, label="scanner 7")
    first = machine.register(client, key.key_id)
    assert machine.register(machine.client(), key.key_id) == first


def test_without_a_registered_key_nothing_is_submitted(machine: Machine) -> None:
    client = machine.client()
    with pytest.raises(StateError, match="knows no log yet"):
        client.submit(event())


def test_an_api_key_goes_over_https_only() -> None:
    with pytest.raises(AddressError, match="https only"):
        Web("http://theriac.example", api_key="thk_secret")
    for bad in ("theriac.example", "ftp://a", "http://u@h", "http://h:0", "http://h/?q", "http://"):
        with pytest.raises(AddressError):
            Web(bad)
