"""A prescription outside of a dispensing is refused, however it is spelled and wherever it is."""

from typing import Any

import pytest

from provenance.core.epcis import read_document
from provenance.core.epcis_check import EpcisError
from provenance.core.epcis_each import may_be_personal, read_each
from provenance.core.own_names import NAMESPACE, Names, Owner
from tests.provenance.epcis_samples import COMMISSIONING, CONTEXT, SHIPPING, document

TOLD = {"number": "RX1", "patient": {"system": "urn:mrn", "value": "M-1"}}
STEP = "$.epcisBody.eventList[1]"
FAR = {"theriac": "http://example.com/"}


def of(context: object, event: dict[str, Any]) -> dict[str, Any]:
    return {**document(COMMISSIONING, event), "@context": context}


def faults(value: object) -> list[tuple[int | None, str, str]]:
    with pytest.raises(EpcisError) as caught:
        read_document(value)
    return [(fault.event_index, fault.path, fault.type) for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("context", "name"),
    [
        (CONTEXT, "theriac:prescription"),
        (CONTEXT, "Theriac:Prescription"),
        (CONTEXT, NAMESPACE + "prescription"),
        (CONTEXT, NAMESPACE.upper() + "prescription"),
        (CONTEXT, "forgotten:prescription"),
        ({"rx": NAMESPACE}, "rx:prescription"),
        ({"rx": {"@id": NAMESPACE, "@prefix": True}}, "rx:prescription"),
        ({"a": "urn:theriac:"}, "a:epcis:prescription"),
        ({"a": "urn:theriac:", "rx": "a:epcis:"}, "rx:prescription"),
        ({"rx:it": NAMESPACE + "prescription"}, "rx:it"),
        ({"rx": NAMESPACE + "prescrip"}, "rx:tion"),
        ([{"rx": "http://example.com/"}, {"rx": NAMESPACE}], "rx:prescription"),
        ({"rx": "rx:rx:"}, "rx:prescription"),
    ],
)
def test_the_name_is_found_in_each_spelling(context: object, name: str) -> None:
    event = {key: value for key, value in SHIPPING.items() if key != "example:note"}
    value = of(context, {**event, name: TOLD})
    assert faults(value) == [(1, f"{STEP}.{name}", "combination")]
    assert may_be_personal(value)
    reading = read_each(value)
    assert [one is None for one in reading.events] == [False, True]
    assert [fault.detail for fault in reading.faults] == ["a prescription belongs to a dispensing"]


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"theriac:other": {"prescription": TOLD}}, "theriac:other"),
        ({"theriac:patient": "Jane"}, "theriac:patient"),
        ({"far:list": [{"theriac:prescription": TOLD}]}, "far:list[0].theriac:prescription"),
        ({"sensorElementList": [{"prescription": TOLD}]}, "sensorElementList[0].prescription"),
        ({"readPoint": {"id": "urn:a:1", "prescription": 1}}, "readPoint.prescription"),
        ({"far:a": {"@context": {"rx": NAMESPACE}, "rx:prescription": 1}}, "far:a.rx:prescription"),
        (
            {"far:a": {"@context": {"@vocab": NAMESPACE}, "prescription": 1}},
            "far:a.prescription",
        ),
        ({"far:a": {"@context": {"rx": NAMESPACE + "prescription"}, "rx": 1}}, "far:a.rx"),
        ({"far:a": {"far:b": {"theriac:prescription": 1}}}, "far:a.far:b.theriac:prescription"),
        ({"far:a": {"nil:b": {"x:prescription": 1}}}, "far:a.nil:b.x:prescription"),
    ],
)
def test_the_name_is_found_wherever_it_stands(more: dict[str, Any], path: str) -> None:
    value = of([CONTEXT, {"far": "http://example.com/"}], {**COMMISSIONING, **more})
    assert [each[:2] for each in faults(value)] == [(1, f"{STEP}.{path}")]
    assert may_be_personal(value)


@pytest.mark.parametrize("step", [None, "shipping", "HTTPS://REF.GS1.ORG/cbv/BizStep-dispensing"])
def test_an_event_whose_step_only_resembles_a_dispensing_is_none(step: str | None) -> None:
    event = {**SHIPPING, "bizStep": step, "theriac:prescription": TOLD}
    assert faults(document(SHIPPING, event)) == [(1, f"{STEP}.theriac:prescription", "combination")]


def test_around_the_events_there_is_no_place_either() -> None:
    whole = document(SHIPPING)
    for value, path in (
        ({**whole, "theriac:prescription": TOLD}, "$.theriac:prescription"),
        ({**whole, "epcisHeader": {"prescription": TOLD}}, "$.epcisHeader.prescription"),
        (
            {**whole, "@context": [CONTEXT, {"theriac:prescription": TOLD}]},
            "$.@context[1].theriac:prescription",
        ),
        ({**whole, "@context": {"a": {"prescription": TOLD}}}, "$.@context.a.prescription"),
        ({**whole, "@context": {"prescription": ["Jane"]}}, "$.@context.prescription"),
    ):
        found = faults(value)
        assert (None, path, "combination") in found
        with pytest.raises(EpcisError):
            read_each(value)


def test_what_is_somebody_elses_by_declaration_is_taken() -> None:
    far = {"far": "http://example.com/", "theriac:prescription": {"@id": NAMESPACE + "x"}}
    more = {
        "far:prescription": {"prescription": True},
        "urn:example:prescription": 1,
        "https://example.com/prescription": 1,
    }
    value = of([CONTEXT, far], {**COMMISSIONING, **more})
    assert len(read_document(value)) == 2
    elsewhere = of([CONTEXT, FAR], {**SHIPPING, "theriac:prescription": 1})
    assert len(read_document(elsewhere)) == 2
    assert may_be_personal(elsewhere)  # to be sure


def test_an_events_own_context_does_not_make_ours_anothers() -> None:
    event = {**SHIPPING, "@context": FAR, "theriac:prescription": TOLD}
    assert faults(document(COMMISSIONING, event))[0][1] == f"{STEP}.theriac:prescription"


def test_contexts_of_any_shape_say_what_they_can() -> None:
    names = Names(["https://example.com/", 7, None, {"x": 7, "y": {"@id": None}}], 7)
    assert names.owner("theriac:Thing") == (Owner.OURS, "thing")
    assert names.owner("x:thing") == (Owner.UNKNOWN, "thing")
    assert names.owner("thing") == (Owner.UNKNOWN, "thing")
    assert Names({"far": "http://example.com/"}).owner("far:thing") == (Owner.THEIRS, "")


def test_a_record_time_is_a_time() -> None:
    assert faults(document(SHIPPING, {**SHIPPING, "recordTime": {"name": "Jane"}})) == [
        (1, f"{STEP}.recordTime", "shape")
    ]
