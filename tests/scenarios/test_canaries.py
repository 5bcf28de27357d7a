"""Personal data is sent to every address that takes anything, well-formed and not; afterwards it
is in no byte of the ledger, no log line, no task, no session, no refusal and nobody else's answer.
"""

import base64
import datetime as dt
import hashlib
import json
import logging
from collections.abc import Callable, Iterator
from datetime import date
from io import StringIO
from pathlib import Path
from urllib.parse import quote
from uuid import UUID, uuid4

import orjson
import pytest
from celery import Celery
from django.conf import LazySettings
from django.contrib.sessions.backends.db import SessionStore
from django.core.management import call_command
from django.http import HttpResponse

from accounts.core.credential import CredentialFacts, CredentialType
from accounts.core.scopes import Scope
from accounts.services import credential_verify, operator_project
from foundation import relay
from foundation.broker import broker_app, queue_name
from foundation.core.actor import SYSTEM
from foundation.logs import JsonFormatter
from foundation.models import IdempotencyRecord, OutboxMessage
from foundation.outbox import QUEUES
from foundation.relay import hand_on, relay_once
from foundation.tenancy import acting_as
from ledger.core.entry import EntryDraft
from ledger.services import submission_append
from tests.accounts.conftest import World
from tests.conftest import NOW, Channel
from tests.database import Databases
from tests.scenarios.acts import act
from tests.scenarios.campaign import (
    PATIENT,
    Campaign,
    act_as_people,
    erase,
    send_records,
    send_to_every_address,
    send_what_is_taken,
)
from tests.scenarios.canaries import CODED_SIZE_MIN, database_places, look_for

LATER = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)  # noqa: TID251 - after what the views wrote


class Lines(logging.Handler):
    """Every log line of the run, as the product writes it."""

    def __init__(self) -> None:
        super().__init__(level=logging.DEBUG)
        self.setFormatter(JsonFormatter())
        self.lines: list[bytes] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record).encode())


@pytest.fixture
def lines() -> Iterator[list[bytes]]:
    """Listen to all loggers, down to DEBUG."""
    handler, root = Lines(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler.lines
    root.setLevel(level)
    root.removeHandler(handler)


@pytest.fixture
def campaign(fresh_db: Channel, settings: LazySettings, tmp_path: Path) -> Campaign:
    """Six organisations on a database of the test's own."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.STATIC_ROOT = tmp_path
    operator_project(actor=fresh_db.operator)
    made = Campaign(world=World(channel=fresh_db))
    for kind in ("manufacturer", "pharmacy", "hospital", "insurer", "wholesaler"):
        made.join(kind)
    npi = CredentialFacts(
        holder_id=made.actors["pharmacy"].organisation,
        type=CredentialType.NPI,
        value=made.npi,
        evidence="register",
        valid_from=date(2026, 1, 1),
    )
    credential_verify(actor=fresh_db.operator, facts=npi, now=NOW)
    key, _ = made.world.key(fresh_db.operator, *Scope)
    made.callers["operator"] = {"Authorization": f"Bearer {key}"}
    return made


def carried(settings: LazySettings) -> Iterator[tuple[str, bytes]]:
    """Yield what a broker is given for everything that waits; it waits on."""
    settings.BROKER_URL = "memory://"
    broker = broker_app()
    for queue in QUEUES:
        hand_on(broker, LATER, queue)
        with broker.connection_for_read() as connection:
            holder = connection.SimpleQueue(queue_name(queue))
            while holder.qsize():
                message = holder.get(block=False)
                yield f"broker {queue}", repr((message.body, message.headers)).encode()
                message.ack()
    settings.BROKER_URL = ""
    with acting_as(SYSTEM):
        OutboxMessage.objects.filter(done_at=None).update(lease_until=None)


def exported(folder: Path) -> Iterator[tuple[str, bytes]]:
    call_command("ledger_export", str(folder), stdout=StringIO())
    for path in folder.rglob("*"):
        if path.is_file():
            yield f"export {path.relative_to(folder)}", path.read_bytes()


def everywhere(
    campaign: Campaign, databases: Databases, settings: LazySettings, folder: Path
) -> list[tuple[str, bytes]]:
    """Return every place where a canary must not be."""
    campaign.world.channel.sequence()
    return [
        *database_places(databases),
        *carried(settings),
        *exported(folder),
        *campaign.answers,
    ]


def test_no_canary_is_seen_where_it_must_not_be(
    campaign: Campaign,
    databases: Databases,
    settings: LazySettings,
    tmp_path: Path,
    lines: list[bytes],
) -> None:
    insurer = campaign.insurer()
    send_what_is_taken(campaign, insurer)
    send_records(campaign)
    act(campaign, insurer)
    erase(campaign)
    send_to_every_address(campaign)
    act_as_people(campaign)
    assert [line for line in campaign.statuses if line[1] == 500] == []
    places = list(carried(settings))
    relay_once(lambda: LATER)  # as the relay does without a broker
    places += everywhere(campaign, databases, settings, tmp_path / "export")
    places += [("a log line", line) for line in lines]
    assert len(lines) > 100
    refused = {what for what, _ in campaign.answers}
    seen = {
        f"{each.canary} in {each.where}: {each.around}"
        for each in look_for(PATIENT.values(), places)
        # A refusal may repeat to its sender what a member was called, never what it held.
        if not (each.canary == "member_name" and each.where in refused)
    }
    assert not seen, "\n".join(sorted(seen))


def test_the_search_sees_a_canary_wherever_one_is_planted(
    campaign: Campaign,
    databases: Databases,
    settings: LazySettings,
    tmp_path: Path,
    lines: list[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    operator, name = campaign.world.channel.operator, PATIENT.family
    draft = EntryDraft(kind="test.thing.done.v1", id=uuid4(), body={"name": name})
    submission_append(actor=operator, entries=[draft], now=NOW)
    with acting_as(SYSTEM):
        OutboxMessage.objects.create(
            queue="default", handler=name, payload={"id": name}, created_at=NOW, not_before=NOW
        )
    with acting_as(operator):
        IdempotencyRecord.objects.create(
            scope_id=operator.organisation,
            key="k",
            body_mac=bytes(32),
            status=200,
            media_type="text/plain",
            headers={},
            body=b"before " + name.lower().encode(),
            created_at=NOW,
        )
    session = SessionStore()
    session["seen"] = name
    session.save()
    logging.getLogger("tests").warning(name)
    monkeypatch.setattr(relay, "broker_send", send_with_names)
    campaign.note("an answer", HttpResponse(f"<p>{name}</p>", status=404))
    places = everywhere(campaign, databases, settings, tmp_path / "export")
    places += [("a log line", line) for line in lines]
    seen = {each.where.partition("/")[0] for each in look_for(PATIENT.values(), places)}
    assert seen == {
        "table ledger_entry.content",
        "export tile",
        "table foundation_outboxmessage.payload",
        "table foundation_outboxmessage.handler",
        "broker default",
        "table foundation_idempotencyrecord.body",
        "table django_session.session_data",
        "session",
        "a log line",
        "an answer",
    }


def send_with_names(broker: Celery, message_ids: list[UUID], *, queue: str) -> None:
    """Hand on more than ids: the planted fault."""
    for message_id in message_ids:
        broker.send_task(
            "tests", [str(message_id)], {"name": PATIENT.family}, queue=queue_name(queue)
        )


DISGUISES: dict[str, Callable[[bytes], bytes]] = {
    "text": lambda raw: raw.decode().title().encode(),
    "utf-16": lambda raw: raw.decode().encode("utf-16-le"),
    "hex": lambda raw: b"x" + raw.hex().encode(),
    "base64 at 0": lambda raw: base64.b64encode(raw + b"yz"),
    "base64 at 1": lambda raw: base64.b64encode(b"x" + raw + b"y"),
    "base64 at 2": lambda raw: base64.b64encode(b"xy" + raw + b"y"),
    "address": lambda raw: quote(raw).encode(),
    "json": lambda raw: orjson.dumps(raw.decode()),
    "escaped json": lambda raw: json.dumps(raw.decode()).encode(),
    "hash": lambda raw: hashlib.sha256(raw).hexdigest().encode(),
}


@pytest.mark.parametrize("disguise", DISGUISES)
def test_a_canary_is_seen_in_every_disguise(disguise: str) -> None:
    values = PATIENT.values()
    for name, value in values.items():
        raw = value.encode()
        if disguise.startswith(("hex", "base64")) and len(raw) < CODED_SIZE_MIN:
            continue
        hidden = b"<" + DISGUISES[disguise](raw) + b">"
        assert name in {each.canary for each in look_for(values, [("here", hidden)])}, name


def test_what_merely_resembles_a_canary_is_none() -> None:
    text = b"2194103170 a19410317f Zephyr Canary-Wharf " + bytes(range(256))
    assert look_for(PATIENT.values(), [("here", text)]) == []
