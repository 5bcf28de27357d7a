"""Whatever JSON comes in: it is read, or refused with its faults, and nothing else happens."""

import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.core.epcis import read_document, read_event
from provenance.core.epcis_check import EpcisError
from tests.provenance.epcis_samples import (
    CASE,
    COMMISSIONING,
    LOT,
    PACK,
    PACKING,
    SHIPPING,
    document,
)

json_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.decimals(),
        st.text(),
        st.sampled_from([PACK, LOT, CASE, "ADD", "shipping", "\x00", "\ud800"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from([*SHIPPING, *PACKING, "id", "set"]), inner, max_size=4),
    ),
    max_leaves=8,
)


@settings(max_examples=100)
@given(json_values)
def test_any_json_is_read_or_refused(value: object) -> None:
    for read in (read_document, read_event):
        with pytest.raises(EpcisError):
            read(value)


@settings(max_examples=100)
@given(st.data())
def test_any_change_of_a_good_event_is_read_or_refused(data: st.DataObject) -> None:
    event = copy.deepcopy(data.draw(st.sampled_from([SHIPPING, COMMISSIONING, PACKING])))
    for _ in range(data.draw(st.integers(1, 3))):
        name = data.draw(st.sampled_from([*event, *SHIPPING, *PACKING]))
        event[name] = data.draw(json_values)
    try:
        found = read_document(document(event))
    except EpcisError as error:
        found = ()
        kinds = {fault.event_index for fault in error.faults}
    else:
        kinds = {0}
    assert kinds == {0}
    assert len(found) <= 1
