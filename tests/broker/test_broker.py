"""Work goes through a real broker: nothing runs that was rolled back, everything else once.

A machine without RabbitMQ skips, with the reason; CI has one.
"""

import datetime as dt
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest
from django.conf import LazySettings
from kombu import Connection, Queue

from foundation.broker import (
    BrokerDownError,
    NoBrokerError,
    broker_app,
    broker_send,
    broker_trouble,
    queue_name,
)
from foundation.core.actor import SYSTEM, Actor
from foundation.models import OutboxMessage
from foundation.outbox import HANDED_ON, QUEUES, outbox_put
from foundation.relay import hand_on, relay_to_broker
from foundation.tenancy import acting_as
from tests.conftest import NOW, Channel, organisation_actor
from tests.database import Databases
from tests.faults.test_failover import ROOT, environment_of
from tests.ops.servers import wait_until

BROKERS = {
    "rabbitmq": os.environ.get("THERIAC_TEST_AMQP_URL", "amqp://guest:guest@127.0.0.1:5672//"),
    "redis": os.environ.get("THERIAC_TEST_REDIS_URL", "redis://127.0.0.1:6379/0"),
}
LATER = dt.datetime.now(dt.UTC)  # noqa: TID251 - workers are programs of their own, with a clock
NOWHERE = "amqp://guest:guest@127.0.0.1:1//"

pytestmark = pytest.mark.enable_socket


class RolledBackError(Exception):
    """Ends a transaction without a trace."""


@pytest.fixture(params=BROKERS)
def broker_url(request: pytest.FixtureRequest, settings: LazySettings) -> Iterator[str]:
    """A broker that answers, with queues of the test's own."""
    url = BROKERS[request.param]
    address = urlsplit(url)
    try:
        socket.create_connection((address.hostname or "", address.port or 0), timeout=5).close()
    except OSError:
        pytest.skip(f"no {request.param} answers at {address.hostname}:{address.port}")
    settings.BROKER_URL = url
    settings.BROKER_QUEUE = f"theriac-test-{uuid4().hex[:12]}"
    yield url
    with Connection(url) as connection:
        for queue in QUEUES:
            Queue(queue_name(queue))(connection.default_channel).delete()


@pytest.fixture
def actor(fresh_db: Channel) -> Actor:
    """An organisation over an outbox of the test's own."""
    return organisation_actor(fresh_db.operator.organisation)


def put(actor: Actor, handler: str = "tests.broker.effect") -> UUID:
    with acting_as(actor):
        return outbox_put(handler=handler, payload={"id": str(uuid4())}, now=NOW)


def put_and_roll_back(actor: Actor) -> None:
    with acting_as(actor):
        put(actor)
        raise RolledBackError


def row(message_id: UUID) -> OutboxMessage:
    with acting_as(SYSTEM):
        return OutboxMessage.objects.get(id=message_id)


def effects() -> int:
    with acting_as(SYSTEM):
        return OutboxMessage.objects.filter(handler="tests.broker.done").count()


def carried(url: str) -> list[tuple[Any, dict[str, str]]]:
    """Take what the broker holds: bodies and headers."""
    found = []
    with Connection(url) as connection:
        queue = connection.SimpleQueue(queue_name("default"))
        while True:
            try:
                message = queue.get(block=False)
            except queue.Empty:
                break
            found.append((message.payload, message.headers))
            message.ack()
        queue.close()
    return found


def test_the_broker_carries_ids_and_nothing_of_what_was_rolled_back(
    broker_url: str, actor: Actor
) -> None:
    with pytest.raises(RolledBackError):
        put_and_roll_back(actor)
    broker = broker_app()
    assert hand_on(broker, NOW, "default") == 0
    kept = [put(actor) for _ in range(3)]
    assert hand_on(broker, NOW, "default") == 3
    assert hand_on(broker, NOW, "default") == 0
    messages = carried(broker_url)
    assert [body[0] for body, _ in messages] == [[str(message_id)] for message_id in kept]
    text = repr(messages)
    assert not any(row(message_id).payload["id"] in text for message_id in kept)


def test_what_the_broker_lost_is_handed_on_again(broker_url: str, actor: Actor) -> None:
    put(actor)
    broker = broker_app()
    assert hand_on(broker, NOW, "default") == 1
    assert len(carried(broker_url)) == 1  # and nobody ran it
    assert hand_on(broker, NOW + HANDED_ON, "default") == 0
    assert hand_on(broker, NOW + HANDED_ON * 1.1, "default") == 1


@pytest.fixture
def worker(
    databases: Databases, settings: LazySettings, tmp_path: Path, broker_url: str, actor: Actor
) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Start workers as ``up`` does; what still runs is killed at the end."""
    started: list[subprocess.Popen[bytes]] = []
    assert actor.organisation_id  # its database is the one in use now
    environment = {
        **environment_of(databases),
        "BROKER_URL": broker_url,
        "BROKER_QUEUE": settings.BROKER_QUEUE,
        "TESTS_BROKER_FOLDER": str(tmp_path),
    }

    def start() -> subprocess.Popen[bytes]:
        command = [
            *(sys.executable, "-W", "ignore", "-m", "celery", "-A", "tests.broker.worker"),
            *("worker", "--concurrency", "2", "--loglevel", "CRITICAL"),
            *("--without-gossip", "--without-mingle", "--without-heartbeat"),
        ]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True)
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()


@pytest.mark.slow
def test_a_worker_killed_amid_its_work_is_replaced_and_the_effect_is_there_once(
    worker: Callable[[], subprocess.Popen[bytes]], actor: Actor, tmp_path: Path
) -> None:
    message_id = put(actor, "tests.broker.held_up")
    broker = broker_app()
    assert hand_on(broker, LATER, "default") == 1
    first = worker()
    wait_until((tmp_path / "begun").exists)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    (tmp_path / "begun").unlink()
    assert effects() == 0  # nothing half done
    worker()
    broker_send(broker, [message_id, message_id], queue="default")  # as brokers do at times
    wait_until((tmp_path / "begun").exists)
    (tmp_path / "go").touch()
    wait_until(lambda: row(message_id).done_at is not None)
    last = put(actor)
    assert hand_on(broker, LATER, "default") == 1
    wait_until(lambda: row(last).done_at is not None)
    assert effects() == 2
    assert row(message_id).attempts >= 2


def test_a_broker_that_is_down_delays_and_loses_nothing(
    broker_url: str, actor: Actor, settings: LazySettings
) -> None:
    settings.BROKER_URL = NOWHERE
    assert broker_trouble() == "cannot be reached"
    message_id = put(actor)
    with pytest.raises(BrokerDownError):
        hand_on(broker_app(), NOW, "default")
    relay_to_broker(broker_app(), lambda: NOW, Event(), once=True)  # trouble is no end
    assert (row(message_id).lease_until, row(message_id).attempts) == (None, 0)
    settings.BROKER_URL = broker_url
    assert broker_trouble() == ""
    relay_to_broker(broker_app(), lambda: NOW, Event(), once=True)
    assert len(carried(broker_url)) == 1


def test_nothing_of_celery_runs_without_a_broker(settings: LazySettings) -> None:
    settings.BROKER_URL = ""
    assert broker_trouble() == ""
    with pytest.raises(NoBrokerError, match="BROKER_URL is not set"):
        broker_app()
