"""Others' documents through the capture interface: taken whole, or refused for a reason."""

import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from ledger.core.receipt import parse_receipt
from tests.conftest import Channel
from tests.provenance.test_capture_http import (
    PROCEED,
    job_of,
    recorded,
    rows,
    send,
    state,
    work_off,
)
from tests.provenance.test_epcis_vectors import READ_HERE, REASONS, RESOURCES, event_types
from tests.provenance.world import Member, member
from tests.vectors_at import shared_list

FOLDERS = [
    *shared_list("gs1/epcis2-json", "**/*.json"),
    *shared_list("gs1/epcis2-json", "**/*.jsonld"),
    *shared_list(RESOURCES, "**/2.0/EPCIS/JSON/**/*.json"),
]
# No JSON that two readers would read alike.
UNREADABLE = {"AssociationEvent-h"}


@pytest.fixture
def maker(channel: Channel) -> Member:
    return member(channel, "manufacturer")


def is_document(path: Path) -> bool:
    value = json.loads(path.read_text("utf-8"))
    return isinstance(value, dict) and "epcisBody" in value


def reasons(answer: Any) -> list[str]:
    problem = orjson.loads(answer.content)
    assert answer["Content-Type"] == "application/problem+json"
    assert problem["type"] == "epcisException:ValidationException"
    return [fault["type"] for fault in problem.get("faults", [])]


@pytest.mark.parametrize("path", FOLDERS)
def test_every_document_is_taken_whole_or_refused(maker: Member, path: Path) -> None:
    answer = send(maker, path.read_bytes())
    work_off()
    if path.parent.name == "Invalid":
        assert (answer.status_code, rows(maker)) == (400, [])
        assert REASONS[path.stem] in reasons(answer)
        return
    if not is_document(path):
        assert (answer.status_code, rows(maker)) == (400, [])
        return
    types = event_types(path)
    if not set(types) <= READ_HERE:
        assert (answer.status_code, rows(maker), recorded(maker)) == (400, [], [])
        assert "not_built" in reasons(answer) or path.stem in UNREADABLE
        return
    job = job_of(maker, answer)
    assert (answer.status_code, state(job), job["errors"]) == (202, (False, True), [])
    assert parse_receipt(job["theriac:receipt"]).promise.n == len(types)
    assert recorded(maker) == job["theriac:eventIDs"]
    assert len(set(recorded(maker))) == len(types)


@pytest.mark.parametrize("path", FOLDERS)
def test_of_every_document_goes_on_what_can(maker: Member, path: Path) -> None:
    answer = send(maker, path.read_bytes(), **PROCEED)
    work_off()
    if answer.status_code == 400:
        # Nothing in it can be told apart, or it is no document at all.
        unread = path.parent.name == "Invalid" or path.stem in UNREADABLE
        assert unread or not is_document(path)
        assert (rows(maker), recorded(maker)) == ([], [])
        return
    job = job_of(maker, answer)
    assert (answer.status_code, job["running"]) == (202, False)
    named = {error["event_index"] for error in job["errors"]}
    types = event_types(path)
    wrong = {index for index, name in enumerate(types) if name not in READ_HERE}
    assert wrong <= named
    assert len(recorded(maker)) == len(types) - len(named)
    assert job["success"] == (not named)
    if path.parent.name == "Invalid":
        assert named


@pytest.mark.parametrize("path", shared_list(RESOURCES, "**/Capture/Events/*.json"))
def test_single_events_are_taken_or_refused(maker: Member, path: Path) -> None:
    answer = send(maker, path.read_bytes(), "/epcis/v2/events")
    known = json.loads(path.read_text("utf-8"))["type"] in READ_HERE
    assert answer.status_code == (201 if known else 400)
    assert len(recorded(maker)) == known
