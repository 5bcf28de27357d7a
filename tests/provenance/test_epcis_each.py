"""A document read event by event: the good ones come through, the others say why not."""

import pytest

from provenance.core.epcis_check import EpcisError
from provenance.core.epcis_each import (
    check_all,
    may_be_personal,
    raw_events,
    read_each,
    with_events,
)
from tests.provenance.epcis_samples import (
    COMMISSIONING,
    PACKING,
    SHIPPING,
    document,
    query_document,
)

HOPELESS = {**COMMISSIONING, **{f"unknown{number}": 1 for number in range(150)}}


def test_good_events_are_read_beside_bad_ones() -> None:
    reading = read_each(document(SHIPPING, HOPELESS, 7, PACKING))
    assert [event is None for event in reading.events] == [False, True, True, False]
    assert [fault.event_index for fault in reading.faults] == [1, 1, 1, 2]
    with pytest.raises(EpcisError):
        check_all(reading)
    check_all(read_each(document(SHIPPING)))


@pytest.mark.parametrize("value", [None, [], {}, {"@context": 1}, document() | {"epcisBody": 1}])
def test_a_document_that_is_none_has_no_events_to_tell_apart(value: object) -> None:
    with pytest.raises(EpcisError):
        read_each(value)


@pytest.mark.parametrize("header", [None, 1, {}, {"epcisMasterData": {}}])
def test_a_header_without_master_data_loses_nothing(header: object) -> None:
    assert read_each(document(SHIPPING) | {"epcisHeader": header}).faults == ()


@pytest.mark.parametrize("make", [document, query_document])
def test_what_is_left_is_a_document_of_the_same_kind(make: object) -> None:
    assert callable(make)
    value = make(SHIPPING, COMMISSIONING, PACKING)
    left = with_events(value, {0, 2})
    assert raw_events(left) == [SHIPPING, PACKING]
    assert read_each(left).events == read_each(make(SHIPPING, PACKING)).events
    assert raw_events(value) == [SHIPPING, COMMISSIONING, PACKING]


@pytest.mark.parametrize(
    ("event", "personal"),
    [
        (SHIPPING, False),
        (7, False),
        ({**SHIPPING, "bizStep": "dispensing"}, True),
        ({"bizStep": ["https://ref.gs1.org/cbv/BizStep-retail_selling"]}, True),
        ({"theriac:prescription": {}}, True),
    ],
)
def test_what_may_name_a_person_is_told_of_bad_events_too(event: object, personal: object) -> None:
    assert may_be_personal(document(SHIPPING, event)) is personal
