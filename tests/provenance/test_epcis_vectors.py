"""Documents that others published: the invalid are refused, the valid are read."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from provenance.core.epcis import read_document, read_event
from provenance.core.epcis_check import EpcisError
from provenance.core.epcis_event import EpcisEvent, EventType
from tests.vectors_at import shared_list

RESOURCES = "gs1/openepcis-test-resources"
READ_HERE = {"ObjectEvent", "AggregationEvent"}
# What each invalid document is refused for.
REASONS = {
    "EPCISDocument_without_context": "missing",
    "ObjectEvent_with_invalid_action": "value",
    "ObjectEvent_with_invalid_eventTime_format": "time",
    "ObjectEvent_with_non_standard_bizStep_in_second_event": "word",
    "ObjectEvent_without_action_and_eventTime": "missing",
    "ObjectEvent_without_identifier_list": "missing",
    "QueryDocument_with_invalid_action": "value",
    "QueryDocument_with_invalid_eventType": "event_type",
    "Query_with_unknown_parameter": "unknown_field",
}


def read(path: Path) -> tuple[EpcisEvent, ...]:
    value = json.loads(path.read_text("utf-8"), parse_float=Decimal)
    return read_document(value) if "epcisBody" in value else (read_event(value),)


def event_types(path: Path) -> list[str]:
    value = json.loads(path.read_text("utf-8"))
    if "epcisBody" not in value:
        return [value["type"]]
    body = value["epcisBody"]
    body = body if "eventList" in body else body["queryResults"]["resultsBody"]
    return [event["type"] for event in body["eventList"]]


@pytest.mark.parametrize("path", shared_list(RESOURCES, "**/Invalid/*.json"))
def test_every_invalid_document_is_refused_for_its_reason(path: Path) -> None:
    value = json.loads(path.read_text("utf-8"), parse_float=Decimal)
    with pytest.raises(EpcisError) as caught:
        read_document(value)
    assert caught.value.type == REASONS[path.stem]


@pytest.mark.parametrize(
    "path",
    [
        *shared_list(RESOURCES, "**/*.json"),
        *shared_list("gs1/epcis2-json/JSON", "**/*.jsonld"),
        *shared_list("gs1/event-hash/examples", "*.jsonld"),
    ],
)
def test_every_valid_document_of_our_event_types_is_read(path: Path) -> None:
    if path.parent.name == "Invalid":
        with pytest.raises(EpcisError):
            read(path)
        return
    types = event_types(path)
    if set(types) <= READ_HERE:
        assert [event.type for event in read(path)] == [EventType(name) for name in types]
        return
    # Transaction, transformation and association events are not read yet, and it says so.
    with pytest.raises(EpcisError) as caught:
        read(path)
    refused = {fault.event_index for fault in caught.value.faults if fault.type == "not_built"}
    assert refused == {i for i, name in enumerate(types) if name not in READ_HERE}
