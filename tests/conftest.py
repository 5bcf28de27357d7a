"""Fixtures: a real PostgreSQL, a channel, and the people who use it.

Tests commit. They share one database per worker and keep out of each other's way by acting for
fresh organisations; a test that changes what everybody shares takes ``fresh_db``.
"""

import datetime as dt
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from uuid import UUID, uuid4

import hypothesis
import pytest
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application
from django.test import Client
from pytest_django import DjangoDbBlocker

from foundation.core.actor import Actor, ActorKind, Role
from foundation.key_providers import key_provider
from ledger import selectors as ledger_selectors
from ledger.selectors import LogInfo
from ledger.services import Sequencer, channel_create, member_admit
from tests.database import Databases, databases_of
from tests.web.browser import close_browser

# Tests never measure time. In CI hypothesis' own profile says so already, and fixes the seed.
hypothesis.settings.register_profile(
    "theriac", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
if not os.environ.get("CI"):
    hypothesis.settings.load_profile("theriac")

NOW = dt.datetime(2026, 11, 24, 9, 0, tzinfo=dt.UTC)


@dataclass
class Channel:
    """A log with its operator; ``admit`` makes members, ``sequence`` does the sequencer's work."""

    log: LogInfo
    operator: Actor
    sequencer: Sequencer
    now: dt.datetime = NOW
    names: int = field(default=0)

    def sequence(self) -> int:
        """Sequence what waits; return how many leaves were added."""
        return self.sequencer.flush(now=self.now)

    def admit(self, kind: str, *roles: Role) -> Actor:
        """Admit a fresh organisation; return an actor of it."""
        self.names += 1
        organisation_id = uuid4()
        member_admit(
            actor=self.operator,
            organisation_id=organisation_id,
            name=f"{kind} {self.names}",
            kind=kind,
            now=self.now,
        )
        self.sequence()
        return organisation_actor(organisation_id, *roles)


def organisation_actor(organisation_id: UUID, *roles: Role) -> Actor:
    """Return an actor of an organisation, without a person."""
    return Actor(
        kind=ActorKind.ORGANISATION, organisation_id=organisation_id, roles=frozenset(roles)
    )


@pytest.fixture(scope="session")
def databases(worker_id: str, django_db_blocker: DjangoDbBlocker) -> Iterator[Databases]:
    """The server of the test run, with the migrated template and this worker's clone of it."""
    with django_db_blocker.unblock(), databases_of(worker_id) as found:
        yield found


@pytest.fixture(scope="session", autouse=True)
def _static_files_looked_up() -> Iterator[None]:
    """Look static files up when they are asked for, not all of them for each test client.

    A client builds the middleware anew, and WhiteNoise then reads every file's facts: most of the
    time of a test that sends little. What is served is the same.
    """
    from django.conf import settings  # noqa: PLC0415 - a session outlives the fixture `settings`

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "WHITENOISE_AUTOREFRESH", True)
        yield


@pytest.fixture(scope="session", autouse=True)
def _browser_closed() -> Iterator[None]:
    """Close the browser that the pages' tests share, when the last of this worker is done."""
    yield
    close_browser()


@pytest.fixture(autouse=True)
def _keys_apart(request: pytest.FixtureRequest) -> Iterator[None]:
    """Make sure that no test writes keys into a developer's home, nor into another's folder."""
    if "worker_db" in request.fixturenames:
        yield
        return
    settings = request.getfixturevalue("settings")
    settings.THERIAC_KEY_FOLDER = Path(request.getfixturevalue("tmp_path")) / "keys"
    key_provider.cache_clear()
    yield
    # The next test's folder is another one: the provider must not be remembered.
    key_provider.cache_clear()
    assert "worker_db" not in request.fixturenames, "ask for the database among the arguments"


@pytest.fixture(autouse=True)
def _loggers_heard() -> Iterator[None]:
    """Fail the test that silences the loggers on which later tests listen."""
    yield
    assert not logging.getLogger("foundation.problems").disabled, "a test silenced our loggers"


@pytest.fixture(scope="session")
def worker_db(
    databases: Databases,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Channel]:
    """This worker's database with its channel; the keys lie in a folder of the run's."""
    from django.conf import settings  # noqa: PLC0415 - a session outlives the fixture `settings`

    with pytest.MonkeyPatch.context() as patch, django_db_blocker.unblock():
        patch.setattr(settings, "THERIAC_KEY_FOLDER", tmp_path_factory.mktemp("keys") / "keys")
        key_provider.cache_clear()
        databases.use(databases.worker)
        yield _channel()
        databases.close()


@pytest.fixture
def channel(worker_db: Channel) -> Channel:
    """The worker's channel, in which nothing waits from another test."""
    worker_db.sequence()
    return worker_db


@pytest.fixture
def db(worker_db: Channel) -> None:
    """The worker's database."""


@pytest.fixture
def fresh_db(worker_db: Channel, databases: Databases) -> Iterator[Channel]:  # noqa: ARG001
    """A database of the test's own, with a channel of its own."""
    name = databases.clone()
    databases.use(name)
    yield _channel()
    databases.use(databases.worker)
    databases.drop(name)


@pytest.fixture
def anyone() -> Client:
    """A caller without an account."""
    return Client()


@pytest.fixture
def now() -> dt.datetime:
    """The time that tests pass in."""
    return NOW


@pytest.fixture
def admitted(channel: Channel) -> Callable[..., Actor]:
    """Admit organisations: ``admitted("pharmacy")`` returns an actor of a fresh one."""
    return channel.admit


def _channel() -> Channel:
    ledger_selectors.forget_logs()
    operator_id = uuid4()
    log = channel_create(operator_id=operator_id, operator_name="Operator", now=NOW)
    return Channel(log=log, operator=organisation_actor(operator_id), sequencer=Sequencer(log))


@pytest.fixture
def live_pages(worker_db: Channel) -> Iterator[str]:
    """The product's pages over HTTP on this machine, for a browser; the address is yielded."""
    assert worker_db.log.name
    server = ThreadedWSGIServer(("127.0.0.1", 0), WSGIRequestHandler)
    server.set_app(get_wsgi_application())
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()
