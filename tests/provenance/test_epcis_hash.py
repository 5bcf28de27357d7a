"""The event hash: everybody's hashes of published events, and each rule of its normal form."""

import json
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.core.event_hash import (
    DEPTH_MAX,
    EventHashError,
    format_pre_hashes,
    hash_document,
    hash_event,
)
from tests.vectors_at import shared_list, shared_vectors

CONTEXT = [{"ex": "urn:ex:"}]
EVENT: dict[str, Any] = {
    "type": "ObjectEvent",
    "eventTime": "2026-11-24T10:00:00Z",
    "eventTimeZoneOffset": "+00:00",
    "action": "ADD",
}
START = "eventType=ObjectEventeventTime=2026-11-24T10:00:00.000ZeventTimeZoneOffset=+00:00"


def pre_hash(**members: object) -> str:
    """Return what an event's further members add to its text."""
    document = {"@context": CONTEXT, "epcisBody": {"eventList": [{**EVENT, **members}]}}
    (text,) = format_pre_hashes(document)
    return text.removeprefix(START)


@pytest.mark.parametrize("path", shared_list("gs1/event-hash/examples", "*.jsonld"))
def test_published_events_have_their_published_hashes(path: Path) -> None:
    value = json.loads(path.read_text("utf-8"), parse_float=Decimal)
    expected = path.with_suffix(".hashes").read_text("utf-8").split()
    assert list(hash_document(value)) == expected


def test_the_published_hashes_are_31() -> None:
    folder = shared_vectors("gs1/event-hash/examples")
    inputs = sorted(folder.glob("*.jsonld"))
    assert len(inputs) == 13
    assert sum(len(p.with_suffix(".hashes").read_text("utf-8").split()) for p in inputs) == 31


def test_an_event_alone_and_in_a_document_has_one_hash() -> None:
    event = {**EVENT, "ex:note": "x"}
    (expected,) = hash_document({"@context": CONTEXT, "epcisBody": {"eventList": [event]}})
    assert hash_event(event, context=CONTEXT) == expected
    assert hash_event({"@context": CONTEXT, **event}) == expected
    text = START + "action=ADD{urn:ex:}note=x"
    assert expected == f"ni:///sha-256;{sha256(text.encode()).hexdigest()}?ver=CBV2.0"


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, "action=ADD"),
        ({"recordTime": "x", "eventID": "urn:uuid:1", "errorDeclaration": {}}, "action=ADD"),
        ({"comment": "x", "rdfs:comment": "y", "bizStep": " "}, "action=ADD"),
        (
            {"ex:b": "2", "ex:a": "1"},
            "action=ADD{urn:ex:}a=1{urn:ex:}b=2",
        ),
        (
            {"ex:a": {"ex:f": 1, "ex:f2": 2}},
            "action=ADD{urn:ex:}a{urn:ex:}f2=2{urn:ex:}f=1",
        ),
        (
            {"ex:a": ["z", "b"]},
            "action=ADD{urn:ex:}a=b{urn:ex:}a=z",
        ),
        ({"urn:x:y": True, "urn:x:z": False}, "action=ADD{urn:x:}y=true{urn:x:}z=false"),
        ({"o:t": "v", "@context": {"o": "urn:o:"}}, "action=ADD{urn:o:}t=v"),
        (
            {"ex:a": {"@context": {"o": "urn:o:"}, "o:t": 1}},
            "action=ADD{urn:ex:}a{urn:o:}t=1",
        ),
        ({"ex:a": None, "ex:b": []}, "action=ADD"),
        (
            {"bizStep": "urn:epcglobal:cbv:bizstep:shipping"},
            "action=ADDbizStep=https://ref.gs1.org/cbv/BizStep-shipping",
        ),
        (
            {"bizStep": "cbv:BizStep-shipping"},
            "action=ADDbizStep=https://ref.gs1.org/cbv/BizStep-shipping",
        ),
        ({"bizStep": "urn:mine:step"}, "action=ADDbizStep=urn:mine:step"),
        (
            {"persistentDisposition": {"unset": ["active"], "set": ["damaged", "expired"]}},
            (
                "action=ADDpersistentDispositionset=https://ref.gs1.org/cbv/Disp-damaged"
                "set=https://ref.gs1.org/cbv/Disp-expiredunset=https://ref.gs1.org/cbv/Disp-active"
            ),
        ),
        ({"persistentDisposition": 5}, "action=ADD"),
        ({"readPoint": 5, "sensorElementList": [5]}, "action=ADD"),
        (
            {"readPoint": {"id": "urn:x:1", "ex:f": 1}},
            "action=ADDreadPointid=urn:x:1{urn:ex:}f=1",
        ),
        ({"epcList": ["b:2", "a:1"]}, "epcListepc=a:1epc=b:2action=ADD"),
        (
            {"certificationInfo": ["b:2", "a:1"]},
            "certificationInfo=a:1certificationInfo=b:2action=ADD",
        ),
        (
            {
                "sensorElementList": [
                    {"sensorReport": [{"type": "Temperature", "value": 2.50}, {}], "ex:f": 1}
                ]
            },
            (
                "action=ADDsensorElementListsensorElementsensorReport"
                "type=https://gs1.org/voc/Temperaturevalue=2.5{urn:ex:}f=1"
            ),
        ),
    ],
)
def test_members_stand_in_their_order_and_normal_form(
    members: dict[str, object], expected: str
) -> None:
    assert pre_hash(**members) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-24T10:00:00.0005+01:00", "2026-11-24T09:00:00.001Z"),
        ("2026-12-31T23:59:59.9995Z", "2027-01-01T00:00:00.000Z"),
        ("2026-11-24T10:00:00.12Z", "2026-11-24T10:00:00.120Z"),
        ("2026-02-30T10:00:00Z", "2026-02-30T10:00:00Z"),
        ("9999-12-31T23:59:59.9999Z", "9999-12-31T23:59:59.9999Z"),
        ("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00+14:00"),
        ("soon", "soon"),
    ],
)
def test_times_are_in_utc_with_milliseconds(text: str, expected: str) -> None:
    assert pre_hash(**{"ex:someTime": text}).endswith(f"someTime={expected}")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, "1"),
        ("+007.50", "7.5"),
        ("-0.0", "0"),
        (Decimal("0.10"), "0.1"),
        ("9007199254740993", "9007199254740992"),
        (1e21, "1000000000000000000000"),
        ("1" * 301, "1" * 301),
        ("1e5", "1e5"),
    ],
)
def test_numbers_say_nothing_twice(value: object, expected: str) -> None:
    assert pre_hash(**{"ex:n": value}).endswith(f"n={expected}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "urn:epc:id:sgtin:4012345.011111.9!876",
            "https://id.gs1.org/01/04012345111118/21/9%21876",
        ),
        ("urn:epc:idpat:sgtin:4012345.011111.*", "https://id.gs1.org/01/04012345111118"),
        (
            "https://x.example/01/04012345111118/22/A/10/B/21/C",
            "https://id.gs1.org/01/04012345111118/21/C",
        ),
        ("https://x.example/01/04012345111118/22/A", "https://id.gs1.org/01/04012345111118"),
        (
            "https://x.example/01/04012345111118/21/a%2Fb",
            "https://x.example/01/04012345111118/21/a%2Fb",
        ),
        ("https://x.example/01/04012345111118/9/9", "https://x.example/01/04012345111118/9/9"),
        (
            "https://x.example/01/04012345111118/10/9/22/8",
            "https://x.example/01/04012345111118/10/9/22/8",
        ),
        ("https://x.example/8013/abc", "https://x.example/8013/abc"),
        ("urn:epc:id:sgtin:bad", "urn:epc:id:sgtin:bad"),
        ("urn:epc:id:gid:1.2.3", "urn:epc:id:gid:1.2.3"),
        ("geo:50.9,6.9", "geo:50.9,6.9"),
    ],
)
def test_identifiers_are_links_of_the_finest_level(text: str, expected: str) -> None:
    assert pre_hash(parentID=text) == f"parentID={expected}action=ADD"


def test_what_a_document_ignores_is_left_out() -> None:
    body = {
        "eventList": [{**EVENT, "ex:a": 1, "ex:b": 2}],
        "https://repository-x.example.com/ignoreFields": ["ex:a"],
    }
    assert format_pre_hashes({"@context": CONTEXT, "epcisBody": body}) == (
        START + "action=ADD{urn:ex:}b=2",
    )


def nested(depth: int) -> object:
    value: object = "x"
    for _ in range(depth):
        value = {"ex:a": value}
    return value


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {"epcisBody": 5},
        {"epcisBody": {"eventList": [5]}},
        {"epcisBody": {"eventList": [{}]}},
        {"epcisBody": {"eventList": [{**EVENT, "ex:a": "\ud800"}]}},
        {"epcisBody": {"eventList": [{**EVENT, "ex:a": 10**400}]}},
        {"epcisBody": {"eventList": [{**EVENT, "ex:a": Decimal("1e400")}]}},
        {"epcisBody": {"eventList": [{**EVENT, "ex:a": Decimal("sNaN")}]}},
        {"epcisBody": {"eventList": [{**EVENT, "ex:a": nested(DEPTH_MAX + 2)}]}},
    ],
)
def test_what_cannot_be_hashed_is_refused(value: object) -> None:
    with pytest.raises(EventHashError):
        hash_document(value)


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.decimals(), st.text()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["ex:a", "type", "@context", "id", "set"]), inner),
    ),
    max_leaves=8,
)
MEMBERS = ["epcList", "quantityList", "sourceList", "readPoint", "ilmd", "sensorElementList"]


@settings(max_examples=100)
@given(st.dictionaries(st.sampled_from([*EVENT, *MEMBERS, "ex:b", "@context"]), json_values))
def test_any_json_is_hashed_or_refused(members: dict[str, object]) -> None:
    try:
        found = hash_event({**EVENT, **members})
    except EventHashError:
        return
    assert len(found) == len("ni:///sha-256;?ver=CBV2.0") + 64


@settings(max_examples=50)
@given(st.permutations([*{**EVENT, "ex:a": 1, "ex:b": 2, "bizStep": "packing"}.items()]))
def test_the_order_of_members_makes_no_difference(items: list[tuple[str, object]]) -> None:
    expected = hash_event({**EVENT, "ex:a": 1, "ex:b": 2, "bizStep": "packing"})
    assert hash_event(dict(items)) == expected
