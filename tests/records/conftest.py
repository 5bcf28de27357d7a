"""A hospital with a system of its own, and another organisation that reads."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from accounts.core.scopes import Scope
from accounts.services import operator_project
from foundation.core.actor import Actor
from tests.accounts.conftest import World
from tests.conftest import Channel
from tests.records.house import Caller

KEY_SCOPES = (Scope.RECORDS_READ, Scope.RECORDS_WRITE, Scope.LEDGER_READ)


@dataclass(frozen=True, kw_only=True)
class House:
    """An organisation and its system."""

    world: World
    actor: Actor
    system: Caller

    @property
    def reference(self) -> str:
        """How consents name it."""
        return f"Organization/{self.actor.organisation_id}"


@pytest.fixture
def world(channel: Channel, settings: Settings) -> World:
    """The worker's channel, with the operator's row and records' addresses."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.ROOT_URLCONF = "tests.records.urls"
    operator_project(actor=channel.operator)
    return World(channel=channel)


@pytest.fixture
def new_house(world: World) -> Callable[[str], House]:
    """Make an organisation of a kind, with an API key for its system."""

    def make(kind: str) -> House:
        actor = world.admit(kind)
        key, _ = world.key(actor, *KEY_SCOPES)
        return House(world=world, actor=actor, system=Caller(key=key, client=Client()))

    return make


@pytest.fixture
def hospital(new_house: Callable[[str], House]) -> House:
    """A hospital that keeps records."""
    return new_house("hospital")


@pytest.fixture
def clinic(new_house: Callable[[str], House]) -> House:
    """Another hospital, which reads."""
    return new_house("hospital")
