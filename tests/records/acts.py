"""What tests of records do over and over: send, ask, look at the entries."""

import json
from typing import Any
from uuid import UUID

from foundation.core.actor import Actor
from foundation.tenancy import acting_as
from ledger.core.entry import parse_entry
from ledger.models import Entry
from records.core.intake import Incoming, read_bundle
from records.core.search import PersonName
from records.services import (
    Asking,
    Shown,
    record_read,
    record_search,
    records_submit,
)
from tests.conftest import NOW
from tests.records.conftest import House
from tests.records.house import (
    BASE,
    SEEDS,
    Json,
    bundle,
    consent,
    purpose,
    recipient,
)


def incoming(*resources: Json) -> tuple[Incoming, ...]:
    value = bundle(*resources)
    return read_bundle(value, json.dumps(value).encode(), base=BASE)


def submit(house: House, *resources: Json) -> list[UUID]:
    done = records_submit(actor=house.actor, incoming=incoming(*resources), seeds=SEEDS, now=NOW)
    return [each.record_id for each in done.versions]


def asking(reader: Actor, holder: House, code: str = "TREAT") -> Asking:
    return Asking(reader=reader, holder_id=holder.actor.organisation, purpose=code, now=NOW)


def listed(reader: Actor, holder: House, code: str = "TREAT", person: str = "p1") -> list[str]:
    shown = record_search(
        asking=asking(reader, holder, code),
        type_="Observation",
        person=PersonName(value=person),
        page=slice(0, 100),
        seeds=SEEDS,
    )
    assert shown.total == len(shown.records)
    return [each.id for each in shown.records]


def read(reader: Actor, holder: House, code: str = "TREAT", id_: str = "o1") -> Shown:
    return record_read(
        asking=asking(reader, holder, code), type_="Observation", id_=id_, seeds=SEEDS
    )


def permit(clinic: House, code: str = "TREAT", **provision: Any) -> Json:
    return consent(
        base="OPTOUT", actor=[recipient(clinic.reference)], purpose=[purpose(code)], **provision
    )


def entries(house: House) -> list[tuple[str, Json]]:
    with acting_as(house.actor):
        rows = Entry.objects.filter(organisation_id=house.actor.organisation).order_by(
            "submission_id", "position"
        )
        parsed = [parse_entry(bytes(row.content)) for row in rows]
    return [(entry.kind, dict(entry.body)) for entry in parsed if entry.kind.startswith("records.")]
