"""Callers of ``/graphql/``: systems with keys, and persons who are logged in."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from django.db import connections
from django.test import Client
from pytest_django.fixtures import Settings

from accounts.models import User
from accounts.services import operator_project
from foundation.core.actor import AUTHENTICATION, Actor, Role
from foundation.tenancy import acting_as
from tests.accounts.conftest import World
from tests.claims.conftest import new_insurer  # noqa: F401 - a fixture
from tests.conftest import Channel

JSON = "application/json"


@dataclass
class Asker:
    """Somebody who sends queries."""

    client: Client
    actor: Actor | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def post(self, body: object, media: str = JSON, **headers: str) -> Any:
        data = body if isinstance(body, bytes) else orjson.dumps(body)
        return self.client.post(
            "/graphql/", data, content_type=media, headers={**self.headers, **headers}
        )

    def ask(self, query: str, **variables: Any) -> Any:
        return self.post({"query": query, "variables": variables}).json()

    def data(self, query: str, **variables: Any) -> Any:
        found = self.ask(query, **variables)
        assert "errors" not in found, found
        return found["data"]

    def code(self, query: str, **variables: Any) -> str:
        """Return the code that all errors have."""
        errors = self.ask(query, **variables)["errors"]
        (code,) = {error["extensions"]["code"] for error in errors}
        return str(code)


def system(world: World, organisation: Actor, *scopes: str) -> Asker:
    """Return an organisation's system with a key of these scopes."""
    text, actor = world.key(organisation, *(scopes or ("epcis:read", "claims:read")))
    return Asker(Client(headers={"Authorization": f"Bearer {text}"}), actor)


def person(world: World, organisation: Actor, role: Role, *, is_staff: bool = False) -> Asker:
    """Return a person who is logged in, with the token that a page would have."""
    who = world.person(organisation, role, is_staff=is_staff)
    client = Client(enforce_csrf_checks=True)
    with acting_as(AUTHENTICATION):
        user = User.objects.get(id=who.id)
    client.force_login(user, backend="accounts.backends.EmailBackend")
    token = "c" * 32
    client.cookies["csrftoken"] = token
    return Asker(client, who.actor, {"X-CSRFToken": token})


@contextmanager
def counted() -> Iterator[list[str]]:
    """Yield the list of statements that are sent to the database meanwhile."""
    sent: list[str] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001 - Django's
        sent.append(sql)
        return execute(sql, params, many, context)

    with ExitStack() as stack:
        for alias in ("default", "system"):
            stack.enter_context(connections[alias].execute_wrapper(note))
        yield sent


@pytest.fixture
def world(channel: Channel, settings: Settings) -> World:
    """The worker's channel, with the operator's row."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    operator_project(actor=channel.operator)
    return World(channel=channel)
