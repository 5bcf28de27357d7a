"""Organisations with people and API keys, made by the services themselves."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from pytest_django.fixtures import Settings

from accounts.selectors import actor_for
from accounts.services import (
    api_key_actor,
    api_key_create,
    membership_grant,
    operator_project,
    organisation_admit,
    user_create,
)
from foundation.core.actor import SYSTEM, Actor, Role
from tests.conftest import NOW, Channel, organisation_actor

PASSWORD = "correct horse battery"
_NUMBERS = itertools.count(1)


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody who can log in, and who they are as an actor."""

    id: UUID
    email: str
    actor: Actor


@dataclass(frozen=True, kw_only=True)
class World:
    """A channel whose organisations accounts knows."""

    channel: Channel

    @property
    def operator(self) -> Actor:
        return self.channel.operator

    def admit(self, kind: str = "pharmacy", gln: str | None = None) -> Actor:
        organisation_id = uuid4()
        organisation_admit(
            actor=self.operator,
            organisation_id=organisation_id,
            name=f"{kind} {next(_NUMBERS)}",
            kind=kind,
            gln=gln,
            now=NOW,
        )
        self.channel.sequence()
        return organisation_actor(organisation_id)

    def person(self, organisation: Actor, *roles: Role, is_staff: bool = False) -> Person:
        email = f"person{next(_NUMBERS)}.{uuid4().hex[:8]}@example.org"
        user_id = user_create(
            actor=SYSTEM, email=email, password=PASSWORD, is_staff=is_staff, now=NOW
        )
        membership_grant(
            actor=SYSTEM,
            user_id=user_id,
            organisation_id=organisation.organisation,
            roles=roles,
            now=NOW,
        )
        return Person(
            id=user_id, email=email, actor=actor_for(user_id, organisation.organisation_id)
        )

    def key(self, organisation: Actor, *scopes: str) -> tuple[str, Actor]:
        _, text = api_key_create(actor=organisation, name="key", scopes=scopes, now=NOW)
        return text, api_key_actor(text, ip="192.0.2.1", now=NOW)


@pytest.fixture(autouse=True)
def _quick_hasher_and_no_static_files(settings: Settings, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def world(channel: Channel) -> World:
    """The worker's channel, with the operator's row."""
    operator_project(actor=channel.operator)
    return World(channel=channel)


@pytest.fixture
def gln() -> Callable[[], str]:
    """Return a GLN that nobody has: random digits and their check digit."""

    def fresh() -> str:
        body = str(uuid4().int)[:12]
        return body + next(d for d in "0123456789" if _adds_up(body + d))

    return fresh


def _adds_up(gln: str) -> bool:
    return sum(int(digit) * (1, 3)[at % 2] for at, digit in enumerate(gln)) % 10 == 0
