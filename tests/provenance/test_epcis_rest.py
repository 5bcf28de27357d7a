"""EPCIS over HTTP: record, read, refuse in the standard's own form; and verdicts."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from django.db import connections
from django.test import Client

from accounts.services import api_key_create
from foundation.tenancy import acting_as
from ledger.core.receipt import parse_receipt_header
from provenance.selectors import event_list
from tests.conftest import NOW, Channel
from tests.provenance.epcis_samples import CONTEXT
from tests.provenance.world import Member, commission, member, packs, ship


@pytest.fixture
def maker(channel: Channel) -> Member:
    return member(channel, "manufacturer")


def caller(who: Member, *scopes: str) -> Client:
    admin = replace(who.actor, scopes=frozenset({*scopes, "accounts:write"}))
    _, text = api_key_create(actor=admin, name="key", scopes=scopes, now=NOW)
    return Client(headers={"Authorization": f"Bearer {text}"})


def post(client: Client, body: bytes, media_type: str = "application/json") -> Any:
    return client.post("/epcis/v2/events", body, content_type=media_type)


def test_an_event_is_recorded_once_and_read_back(channel: Channel, maker: Member) -> None:
    both = caller(maker, "epcis:read", "epcis:write")
    event = {"@context": CONTEXT, **commission(packs(1))}
    made = post(both, orjson.dumps(event))
    assert (made.status_code, made.content, "Content-Type" in made) == (201, b"", False)
    assert parse_receipt_header(made["Theriac-Receipt"]).promise.n == 1
    assert made["Location"] == f"/epcis/v2/events/{quote(event['eventID'], safe='')}"
    again = post(both, orjson.dumps(event))
    assert again["Theriac-Receipt"] == made["Theriac-Receipt"]
    read = both.get(made["Location"])
    assert read["GS1-EPCIS-Version"] == "2.0.0"
    assert orjson.loads(read.content)["epcisBody"]["queryResults"]["resultsBody"] == {
        "eventList": [event]
    }
    stranger = caller(member(channel, "pharmacy"), "epcis:read")
    assert stranger.get(made["Location"]).status_code == 404


def test_a_key_that_came_with_another_body_is_refused_as_everywhere(maker: Member) -> None:
    both = caller(maker, "epcis:read", "epcis:write")
    answers = [
        both.post(
            path,
            orjson.dumps({"@context": CONTEXT, **commission(packs(1))}),
            content_type="application/json",
            headers={"Idempotency-Key": "one"},
        )
        for path in ["/epcis/v2/events"] * 2
    ]
    assert [answer.status_code for answer in answers] == [201, 422]
    assert answers[1].json()["type"] == "epcisException:ValidationException"
    stranger = Client().get("/epcis/v2/events")
    assert (stranger.status_code, "WWW-Authenticate" in stranger) == (401, True)


def test_a_bodiless_answer_says_its_place_in_a_header(channel: Channel, maker: Member) -> None:
    both = caller(maker, "epcis:read", "epcis:write", "ledger:read")
    body = orjson.dumps({"@context": CONTEXT, **commission(packs(1))})

    def record() -> Any:
        return both.post(
            "/epcis/v2/events",
            body,
            content_type="application/json",
            headers={"Prefer": "wait=0"},
        )

    promised = record()
    assert (promised.status_code, promised["Preference-Applied"]) == (201, "wait=0")
    assert "Theriac-Log-Index" not in promised
    channel.sequence()
    placed = record()
    assert (placed.content, placed["Theriac-Receipt"]) == (b"", promised["Theriac-Receipt"])
    id_ = parse_receipt_header(placed["Theriac-Receipt"]).promise.id
    found = both.get(f"/api/v1/ledger/receipts/{id_}").json()
    assert placed["Theriac-Log-Index"] == str(found["sequenced"]["header_index"])


def test_one_event_sent_many_times_at_once_is_recorded_once(maker: Member) -> None:
    both = caller(maker, "epcis:read", "epcis:write")
    body = orjson.dumps({"@context": CONTEXT, **commission(packs(1))})

    def record(number: int) -> int:
        try:
            answer = both.post(
                "/epcis/v2/events",
                body,
                content_type="application/json",
                headers={"Idempotency-Key": f"try-{number}"},
            )
            return int(answer.status_code)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as threads:
        found = list(threads.map(record, range(12)))
    # Who came while another was at it sends again; nobody is told of an error of ours.
    assert set(found) <= {201, 409}
    assert 201 in found
    with acting_as(maker.actor):
        assert len(event_list()) == 1
    assert record(13) == 201


def test_events_come_in_pages(channel: Channel, maker: Member) -> None:
    pharmacy, epcs = member(channel, "pharmacy"), packs(1)
    maker.record(commission(epcs), ship(epcs, pharmacy, 1))
    reader = caller(maker, "epcis:read")
    first = reader.get("/epcis/v2/events?perPage=1")
    address = first["Link"].partition("<")[2].partition(">")[0]
    second = reader.get(address)
    assert "Link" not in second
    steps = [
        orjson.loads(page.content)["epcisBody"]["queryResults"]["resultsBody"]["eventList"][0][
            "bizStep"
        ]
        for page in (first, second)
    ]
    assert steps == ["commissioning", "shipping"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b" ", 400),
        (b"{", 400),
        (b"[" * 5000, 400),
        (b'{"a":1,"a":2}', 400),
        (b'{"a":"\\u0000"}', 400),
        (b'{"a":' + b"9" * 5000 + b"}", 400),
        (b"\xff", 400),
        (b"[]", 400),
        (b'{"@context":1,"eventTime":3}', 400),
    ],
)
def test_bad_events_are_refused_in_the_standards_form(
    maker: Member, body: bytes, status: int
) -> None:
    answer = post(caller(maker, "epcis:write"), body)
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    assert orjson.loads(answer.content)["type"] == "epcisException:ValidationException"
    with acting_as(maker.actor):
        assert event_list() == []


def test_other_refusals_have_that_form_too(maker: Member) -> None:
    reader = caller(maker, "epcis:read", "epcis:write")
    found = {
        path: (answer.status_code, orjson.loads(answer.content)["type"].partition(":")[2])
        for path, answer in {
            "xml": post(reader, b"<a/>", "application/xml"),
            "queries": reader.post("/epcis/v2/queries", b"{}", content_type="application/json"),
            "capture": reader.post("/epcis/v2/capture", b"{}", content_type="application/json"),
            "page": reader.get("/epcis/v2/events?perPage=x"),
            "gone": reader.get("/epcis/v2/events/urn:uuid:none"),
            "scope": post(caller(maker, "epcis:read"), b"{}"),
            "nobody": Client().get("/epcis/v2/events"),
        }.items()
    }
    assert found == {
        "xml": (415, "UnsupportedMediaTypeException"),
        "queries": (501, "ImplementationException"),
        "capture": (400, "ValidationException"),
        "page": (400, "ValidationException"),
        "gone": (404, "NoSuchResourceException"),
        "scope": (403, "SecurityException"),
        "nobody": (401, "SecurityException"),
    }
    assert reader.options("/epcis/v2/events").status_code == 204


def test_a_scan_gets_its_verdict(maker: Member) -> None:
    epcs = packs(1)
    maker.record(commission(epcs))
    reader = caller(maker, "epcis:read")

    def ask(value: object) -> Any:
        return reader.post("/api/v1/scan", orjson.dumps(value), content_type="application/json")

    found = orjson.loads(ask({"scan": epcs[0], "question": "check"}).content)
    assert (found["answer"], found["rule"]) == ("yes", "genuine")
    bad: list[object] = [
        [],
        {"scan": 1},
        {"scan": "x", "question": []},
        {"scan": "(01)1"},
        {"more": 1},
    ]
    for wrong in bad:
        assert ask(wrong).status_code == 400
