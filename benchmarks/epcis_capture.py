"""How fast one process captures EPCIS events, from the request to the states of their items.

    .venv/bin/python -m benchmarks.epcis_capture [EVENTS]

One document of commissioning events with a serial each, over the embedded PostgreSQL with the
profile `safe`: POSTed to `/epcis/v2/capture`, then worked off as the relay does (read again,
hashed, committed to, signed, stored, folded), all checks on. In one process: what is measured is
the path, not how many of them fit beside each other.
"""

import json
import sys
import time
from http import HTTPStatus
from uuid import UUID, uuid4

from benchmarks.harness import Measured, now, own_database, report

EVENTS = 10_000
GLN, GTIN = "0300011111116", "00300010123455"
CONTEXT = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"


def main() -> None:
    """Measure, print, and write the result."""
    events = int(sys.argv[1]) if sys.argv[1:] else EVENTS
    with own_database():
        measured = _measure(events)
    report("epcis_capture", measured, events=events)


def _measure(events: int) -> list[Measured]:
    """Return the seconds of the request and of the relay, and the processor's of this process."""
    from django.test import Client  # noqa: PLC0415 - Django is set up

    from accounts.core.scopes import Scope  # noqa: PLC0415
    from accounts.services import (  # noqa: PLC0415
        api_key_create,
        operator_project,
        organisation_admit,
    )
    from foundation.core.actor import Actor, ActorKind, Role  # noqa: PLC0415
    from foundation.outbox import outbox_claim, outbox_run  # noqa: PLC0415
    from ledger.services import Sequencer, channel_create  # noqa: PLC0415

    operator_id, maker_id = uuid4(), uuid4()
    log = channel_create(operator_id=operator_id, operator_name="Bench", now=now())

    def organisation(id_: UUID, *roles: Role) -> Actor:
        return Actor(kind=ActorKind.ORGANISATION, organisation_id=id_, roles=frozenset(roles))

    operator = organisation(operator_id, Role.OPERATOR, Role.ADMIN)
    operator_project(actor=operator)
    sequencer = Sequencer(log)
    organisation_admit(
        actor=operator,
        organisation_id=maker_id,
        name="Maker",
        kind="manufacturer",
        gln=GLN,
        now=now(),
    )
    sequencer.flush(now=now())
    maker = organisation(maker_id, Role.ADMIN)
    _, key = api_key_create(actor=maker, name="bench", scopes=sorted(Scope), now=now())
    client = Client(headers={"Authorization": f"Bearer {key}"})
    raw = _document(events)

    started, processor = time.perf_counter(), time.process_time()
    answer = client.post("/epcis/v2/capture", raw, content_type="application/ld+json")
    received = time.perf_counter()
    if answer.status_code != HTTPStatus.ACCEPTED:
        raise SystemExit(f"refused: {answer.content[:300]!r}")
    claimed = outbox_claim(now=now())
    done = [outbox_run(message_id, now=now()) for message_id in claimed]
    worked = time.perf_counter()
    used = time.process_time() - processor
    job = client.get(answer.headers["Location"]).json()
    if done != [True] or not job["success"] or len(job["theriac:eventIDs"]) != events:
        raise SystemExit("the job did not record every event")
    sequencer.flush(now=now())
    return [
        Measured("request", received - started, "s"),
        Measured("relay", worked - received, "s"),
        Measured("this process's processor", used, "s"),
        Measured("together", events / (worked - started), "events/s"),
    ]


def _document(events: int) -> bytes:
    made = [
        {
            "type": "ObjectEvent",
            "eventID": f"urn:uuid:{uuid4()}",
            "eventTime": "2026-03-02T09:00:00Z",
            "eventTimeZoneOffset": "+00:00",
            "action": "ADD",
            "bizStep": "commissioning",
            "disposition": "active",
            "readPoint": {"id": f"https://id.gs1.org/414/{GLN}"},
            "epcList": [f"https://id.gs1.org/01/{GTIN}/21/B{number}"],
            "ilmd": {"cbvmda:lotNumber": "L1", "cbvmda:itemExpirationDate": "2028-01-31"},
        }
        for number in range(events)
    ]
    whole = {
        "@context": CONTEXT,
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-03-02T09:00:00Z",
        "epcisBody": {"eventList": made},
    }
    return json.dumps(whole).encode()


if __name__ == "__main__":
    main()
