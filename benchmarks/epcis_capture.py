"""How fast one process captures EPCIS events, from the request to the states of their items.

    .venv/bin/python -m benchmarks.epcis_capture [EVENTS]

One document of commissioning events with a serial each, over the embedded PostgreSQL with the
profile `safe`: POSTed to `/epcis/v2/capture`, then worked off as the relay does (read again,
hashed, committed to, signed, stored, folded), all checks on. In one process: what is measured is
the path, not how many of them fit beside each other.
"""

import datetime as dt
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from http import HTTPStatus
from pathlib import Path
from uuid import UUID, uuid4

from ops.environment import ROOT, database_environment, without_database

EVENTS = 10_000
GLN, GTIN = "0300011111116", "00300010123455"
CONTEXT = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"


def main() -> None:
    """Measure, print, and write the result."""
    events = int(sys.argv[1]) if sys.argv[1:] else EVENTS
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        home.chmod(0o755)
        with database_environment(without_database(os.environ), home) as environment:
            os.environ.update(environment, DJANGO_SETTINGS_MODULE="config.settings")
            migrate = [sys.executable, str(ROOT / "manage.py"), "migrate", "--verbosity", "0"]
            subprocess.run(migrate, check=True)  # noqa: S603 - our own program
            seconds = _measure(events)
    result = {
        "benchmark": "epcis_capture",
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {sys.version.split()[0]}",
        "load_before": round(load, 1),
        "events": events,
        "seconds": {name: round(value, 2) for name, value in seconds.items()},
        "events_per_s": round(events / (seconds["request"] + seconds["relay"])),
    }
    for name, value in seconds.items():
        print(f"{name:<28}{value:>12,.2f} s")
    print(f"{'together':<28}{result['events_per_s']:>12,} events/s")
    path = ROOT / "benchmarks" / "results" / "epcis_capture.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n")


def _measure(events: int) -> dict[str, float]:
    """Return the seconds of the request and of the relay, and the processor's of this process."""
    import django  # noqa: PLC0415 - settings read the environment that was made just now

    django.setup()
    from django.test import Client  # noqa: PLC0415 - as above

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
    log = channel_create(operator_id=operator_id, operator_name="Bench", now=_now())

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
        now=_now(),
    )
    sequencer.flush(now=_now())
    maker = organisation(maker_id, Role.ADMIN)
    _, key = api_key_create(actor=maker, name="bench", scopes=sorted(Scope), now=_now())
    client = Client(headers={"Authorization": f"Bearer {key}"})
    raw = _document(events)

    started, processor = time.perf_counter(), time.process_time()
    answer = client.post("/epcis/v2/capture", raw, content_type="application/ld+json")
    received = time.perf_counter()
    if answer.status_code != HTTPStatus.ACCEPTED:
        raise SystemExit(f"refused: {answer.content[:300]!r}")
    claimed = outbox_claim(now=_now())
    done = [outbox_run(message_id, now=_now()) for message_id in claimed]
    worked = time.perf_counter()
    seconds = {
        "request": received - started,
        "relay": worked - received,
        "this process's processor": time.process_time() - processor,
    }
    job = client.get(answer.headers["Location"]).json()
    if done != [True] or not job["success"] or len(job["theriac:eventIDs"]) != events:
        raise SystemExit("the job did not record every event")
    sequencer.flush(now=_now())
    return seconds


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


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


if __name__ == "__main__":
    main()
