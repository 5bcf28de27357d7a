"""The bytes of a bundle's resources are found as they stand in the text."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.core.bundle_bytes import resource_bytes
from tests.vectors_at import shared_list

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=12,
)
NAMES = st.sampled_from(["resource", "entry", "fullUrl", '"}', "\\", "a"])
ENTRIES = st.lists(st.dictionaries(NAMES, VALUES, max_size=4), max_size=4)
SPACES = st.sampled_from([None, 0, 3])


@given(entries=ENTRIES, others=st.dictionaries(st.text(max_size=5), VALUES), indent=SPACES)
def test_each_resource_is_the_text_that_parses_to_it(
    entries: list[dict[str, Any]], others: dict[str, Any], indent: int | None
) -> None:
    value = {**others, "entry": entries}
    data = f" {json.dumps(value, indent=indent)}\n".encode()
    wanted = [entry["resource"] for entry in entries if "resource" in entry]
    assert [json.loads(found) for found in resource_bytes(data)] == wanted


def test_not_a_byte_is_changed() -> None:
    resource = b'{ "a" : 5.00, "b\\u0062":"\\u00e9 \xc3\xa9" , "c": [ ] }'
    data = b'{"entry" :[ {"res\\u006furce":' + resource + b' ,"x":1}, {} ]}'
    assert resource_bytes(data) == [resource]


@pytest.mark.parametrize("data", [b"[]", b"1", b'{"entry":{}}', b'{"entry":[1,[]]}', b"{}"])
def test_what_is_no_bundle_holds_no_resource(data: bytes) -> None:
    assert resource_bytes(data) == []


@pytest.mark.parametrize("path", shared_list("fhir/synthea-r4", "*.json"))
def test_the_resources_of_others_bundles_are_cut_out(path: Path) -> None:
    data = path.read_bytes()
    wanted = [entry["resource"] for entry in json.loads(data)["entry"]]
    found = resource_bytes(data)
    assert [json.loads(each) for each in found] == wanted
    assert all(each in data for each in found)
