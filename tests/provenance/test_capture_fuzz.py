"""Whatever is sent to be captured: an answer of the standard's, all or nothing, and no 5xx."""

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foundation.core.actor import SYSTEM
from foundation.models import OutboxMessage
from foundation.tenancy import acting_as
from ledger.core.receipt import parse_receipt
from tests.conftest import Channel
from tests.provenance.epcis_samples import CONTEXT, document
from tests.provenance.test_capture_http import job_of, recorded, send, work_off
from tests.provenance.world import Member, commission, dispense, event, member, packs, ship

LONG = "urn:example:" + "x" * 490
VALUES: list[object] = [
    None,
    True,
    -1,
    10**29,
    -(10**25),
    10**14 - 1,
    10**14,
    0.000000001,
    1e15,
    "",
    "\x00",
    "\ud800",
    "é\u2028\U0001f600",
    "x" * 5000,
    LONG,
    LONG[:500],
    "urn:uuid:1",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59.999999999-14:00",
    "0001-01-01T00:00:00Z",
    "2026-02-30T00:00:00Z",
    "+14:00",
    "dispensing",
    "retail_selling",
    "https://id.gs1.org/01/00300010123455/21/" + "A" * 20,
    "https://id.gs1.org/01/00300010123455/10/L",
    "urn:epc:id:sgtin:030001.0012345.%2F%2F",
    "urn:epc:idpat:sgtin:030001.0012345.*",
    [],
    {},
    [[]],
    [None],
    {"id": LONG},
    {"a:b": [10**25, 1.5]},
    {"type": "owning_party", "source": "urn:x:y"},
]
NAMES = [
    "action",
    "bizStep",
    "disposition",
    "epcList",
    "quantityList",
    "eventID",
    "eventTime",
    "eventTimeZoneOffset",
    "ilmd",
    "errorDeclaration",
    "readPoint",
    "sourceList",
    "bizTransactionList",
    "persistentDisposition",
    "parentID",
    "childEPCs",
    "type",
    "example:own",
    "theriac:prescription",
    "unknown",
    "",
]


def documents(other: Member) -> list[dict[str, Any]]:
    epcs = packs(2)
    aggregation = {
        **event("packing", [], 2, action="ADD", parentID=packs(1)[0], childEPCs=epcs),
        "type": "AggregationEvent",
    }
    del aggregation["epcList"]
    return [
        document(commission(epcs, 100), ship(epcs, other, 1), aggregation),
        document(commission(packs(1)), dispense(epcs[0], 3, 30), dispense(epcs[1], 4)),
    ]


def places(value: Any) -> list[tuple[Any, Any]]:
    """Return every container below ``value``, with each key in it."""
    keys = (
        list(value)
        if isinstance(value, dict)
        else range(len(value))
        if isinstance(value, list)
        else []
    )
    return [(value, key) for key in keys] + [place for key in keys for place in places(value[key])]


def mutated(data: st.DataObject, value: Any) -> Any:
    value = copy.deepcopy(value)
    for _ in range(data.draw(st.integers(1, 3))):
        found = places(value)
        container, key = found[data.draw(st.integers(0, len(found) - 1))]
        fresh = copy.deepcopy(data.draw(st.sampled_from(VALUES)))
        change = data.draw(st.sampled_from(["replace", "remove", "add", "swap"]))
        if change == "remove":
            del container[key]
        elif change == "add" and isinstance(container, dict):
            container[data.draw(st.sampled_from(NAMES))] = fresh
        elif change == "swap" and isinstance(container[key], list):
            container[key] = container[key] * 2
        else:
            container[key] = fresh
        if not places(value):
            break
    return value


def spoiled(data: st.DataObject, body: bytes) -> bytes:
    """Return the bytes with one of them changed, doubled or the rest cut off; or as they are."""
    how = data.draw(st.sampled_from(["keep", "keep", "keep", "change", "cut", "double"]))
    at = data.draw(st.integers(1, len(body)))  # of no body the client tells no type
    if how == "change":
        return body[:at] + bytes([data.draw(st.integers(0, 255))]) + body[at + 1 :]
    if how == "cut":
        return body[:at]
    return body[:at] + body[at : at + 40] + body[at:] if how == "double" else body


@pytest.fixture(scope="module")
def sender(worker_db: Channel) -> Member:
    worker_db.sequence()
    return member(worker_db, "pharmacy")


@settings(max_examples=80, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_is_sent_is_answered_and_recorded_whole_or_not(
    sender: Member, data: st.DataObject
) -> None:
    value = mutated(data, data.draw(st.sampled_from(documents(sender))))
    body = spoiled(data, json.dumps(value).encode())
    headers = data.draw(
        st.sampled_from([{}, {"GS1-Capture-Error-Behaviour": "proceed"}]),
    )
    before = len(recorded(sender))
    answer = send(sender, body, **headers)
    assert answer.status_code in {202, 400, 409, 413, 501}, answer.content
    if answer.status_code != 202:
        assert answer["Content-Type"] == "application/problem+json"
        assert answer.content.startswith(b"{")
        assert len(recorded(sender)) == before
        return
    work_off()
    job = job_of(sender, answer)
    assert not job["running"], failures()
    receipt = job.get("theriac:receipt")
    new = 0 if receipt is None else parse_receipt(receipt).promise.n
    assert len(recorded(sender)) == before + new
    if not headers and job["errors"]:
        assert new == 0


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_event_is_sent_alone_is_recorded_or_refused(
    sender: Member, data: st.DataObject
) -> None:
    (first, *_), (_, second, _) = (one["epcisBody"]["eventList"] for one in documents(sender))
    value = mutated(data, {"@context": CONTEXT, **data.draw(st.sampled_from([first, second]))})
    before = len(recorded(sender))
    answer = send(sender, spoiled(data, json.dumps(value).encode()), "/epcis/v2/events")
    assert answer.status_code in {201, 400, 409, 501}, answer.content
    new = answer.status_code == 201 and "Theriac-Receipt" in answer
    assert len(recorded(sender)) == before + new


def failures() -> list[str]:
    with acting_as(SYSTEM):
        found = OutboxMessage.objects.filter(handler="provenance.capture").exclude(last_error="")
        return list(found.values_list("last_error", flat=True))
