"""A member's machine: the package against the product over HTTP on loopback."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from accounts.services import api_key_create
from ledger.core.governance import Holder
from ledger.core.note import parse_vkey
from tests.conftest import NOW, Channel
from tests.provenance.epcis_samples import CONTEXT
from tests.provenance.world import Member, commission, member, packs
from theriac_client import Client, Web
from theriac_client.journal import Record
from theriac_client.logreader import LogReader
from theriac_client.sending import Sender
from theriac_client.settings import read_settings

SCOPES = ("epcis:read", "epcis:write", "ledger:read", "ledger:write")


def event(count: int = 1) -> bytes:
    """Return an event that was never sent before, as a member's system writes it."""
    return orjson.dumps({"@context": CONTEXT, **commission(packs(count))})


def document(events: int) -> bytes:
    """Return a document of several events."""
    listed = [commission(packs(1)) for _ in range(events)]
    return orjson.dumps(
        {
            "@context": CONTEXT,
            "type": "EPCISDocument",
            "schemaVersion": "2.0",
            "creationDate": "2026-11-24T09:00:00Z",
            "epcisBody": {"eventList": listed},
        }
    )


@dataclass
class Machine:
    """A member's machine: a state folder, an API key, and the address of the server."""

    channel: Channel
    owner: Member
    address: str
    folder: Path
    api_key: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        admin = replace(self.owner.actor, scopes=frozenset({*SCOPES, "accounts:write"}))
        _, self.api_key = api_key_create(actor=admin, name="key", scopes=SCOPES, now=NOW)

    @property
    def reader(self) -> LogReader:
        """The log as this machine reads it."""
        return LogReader(
            web=Web(self.address), channel="main", vkey=parse_vkey(self.channel.log.vkey)
        )

    def client(self, **changes: Any) -> Client:
        """Return the client of the folder."""
        web = Web(self.address, api_key=self.api_key)
        return Client(
            **{"folder": self.folder, "web": web, "pause_s": 0.0, "key_wait_s": 0, **changes}
        )

    def sender(self, client: Client) -> Sender:
        """Return what asks for the receipts of a client."""
        settings = read_settings(self.folder)
        return Sender(web=client.web, settings=settings, journal=client.journal)

    def registered(self, **changes: Any) -> Client:
        """Return the client with a key that may sign."""
        client = self.client(**changes)
        key = client.key_new(holder=Holder.MEMBER)
        self.register(client, key.key_id)
        self.channel.sequence()
        return client

    def register(self, client: Client, key_id: bytes) -> Record:
        """Register a key without waiting for its place."""
        return client.register(key_id, reader=self.reader)


@pytest.fixture
def new_machine(channel: Channel, live_pages: str, tmp_path: Path) -> Callable[..., Machine]:
    """Make machines of fresh organisations."""

    def make(kind: str = "manufacturer") -> Machine:
        owner = member(channel, kind)
        return Machine(channel, owner, live_pages, tmp_path / str(owner.actor.organisation))

    return make


@pytest.fixture
def machine(new_machine: Callable[..., Machine]) -> Machine:
    """A machine without a key yet."""
    return new_machine()
