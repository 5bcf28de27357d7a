"""The FHIR checker: others' resources, faults with their place, hostile shapes."""

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from records.core.fhir import parse_bundle, parse_resource
from records.core.fhir_json import (
    TIME_MAX,
    Coding,
    DateRange,
    FhirError,
    IssueType,
    fhir_object,
    parse_date_time,
    parse_reference,
)
from tests.records.consents import BASE, read_json
from tests.vectors_at import shared_list, shared_vectors

OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "id": "o1",
    "meta": {"security": [{"system": "urn:s", "code": "N"}, {"display": "x"}]},
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "2339-0"}]},
    "subject": {"reference": "Patient/p"},
    "encounter": {"reference": "Encounter/e/_history/3"},
    "performer": [{"reference": "Practitioner/d"}, {"display": "Dr D"}],
    "effectiveDateTime": "2020-12-04T23:50:50-05:00",
    "valueQuantity": {"value": Decimal("5.00")},
    "issued": None,
}


@pytest.mark.parametrize("path", shared_list("fhir/hl7-r4-examples", "*.json"))
def test_every_example_of_hl7_is_indexed(path: Path) -> None:
    index = parse_resource(read_json(path.read_bytes()), base=BASE)
    assert path.name == f"{index.type}-{index.id}.json"
    assert index.is_opaque == (index.type not in ("Patient", "Consent"))


@pytest.mark.parametrize("path", shared_list("fhir/ihe-pcf", "[A-Z]*.json"))
def test_every_example_of_ihe_is_indexed_and_its_faults_are_noted(path: Path) -> None:
    index = parse_resource(read_json(path.read_bytes()), base=BASE)
    is_faulty = path.stem in ("Observation-ex-bloodPressure", "Observation-ex-weight-2")
    assert [note.split(":")[0] for note in index.notes] == [
        "Observation.code.coding[0]" for _ in range(is_faulty)
    ]
    assert len(index.codes) == (
        index.type in ("Observation", "Consent") or path.stem.endswith("ex-documentreference")
    )


@pytest.mark.parametrize(("name", "count"), [("Fletcher", 1111), ("Jacob", 107), ("pract", 102)])
def test_every_bundle_of_synthea_is_split(name: str, count: int) -> None:
    (path,) = shared_vectors("fhir/synthea-r4").glob(f"{name}*.json")
    entries = parse_bundle(read_json(path.read_bytes()), base=BASE, holder=BASE + "Organization/h")
    assert len(entries) == count
    patients = {each.index.reference for each in entries if each.index.type == "Patient"}
    subjects = {each.index.subject for each in entries if each.index.subject}
    assert subjects == patients
    links = {link for each in entries for link in each.index.references}
    urls = {each.full_url for each in entries}
    assert not links & urls


def test_an_index_says_what_is_known() -> None:
    index = parse_resource(OBSERVATION, base=BASE, holder=BASE + "Organization/h")
    start = dt.datetime(2020, 12, 5, 4, 50, 50, tzinfo=dt.UTC)
    assert index.reference == BASE + "Observation/o1"
    assert index.subject == BASE + "Patient/p"
    assert index.dates == (DateRange(start=start, end=start + dt.timedelta(seconds=1)),)
    assert index.codes == {Coding(system="http://loinc.org", code="2339-0")}
    assert index.labels == {Coding(system="urn:s", code="N")}
    assert index.authors == {BASE + "Practitioner/d"}
    assert index.custodians == {BASE + "Organization/h"}
    assert index.references == {
        BASE + name for name in ("Patient/p", "Encounter/e", "Practitioner/d")
    }
    assert (index.referenced_by, index.is_opaque, index.notes) == (None, False, ())


def test_a_document_has_media_types_and_a_custodian_and_a_patient_is_its_own_subject() -> None:
    document = {
        "resourceType": "DocumentReference",
        "id": "d",
        "status": "current",
        "custodian": {"reference": "Organization/o"},
        "content": [
            {"attachment": {"contentType": "application/pdf"}},
            {"attachment": {"id": "x"}},
        ],
    }
    index = parse_resource(document, base=BASE)
    assert Coding(system="urn:ietf:bcp:13", code="application/pdf") in index.classes
    assert index.custodians == {BASE + "Organization/o"}
    patient = parse_resource({"resourceType": "Patient", "id": "p"}, base=BASE)
    assert patient.subject == patient.reference == BASE + "Patient/p"


def test_a_type_that_is_not_indexed_is_opaque() -> None:
    index = parse_resource({"resourceType": "Novelty", "status": "odd"}, base=BASE)
    assert (index.type, index.is_opaque, index.reference) == ("Novelty", True, None)


def without(*names: str) -> dict[str, Any]:
    return {name: value for name, value in OBSERVATION.items() if name not in names}


DEEP: Any = {"x": 1}
for _ in range(5000):
    DEEP = {"x": [DEEP]}


@pytest.mark.parametrize(
    ("resource", "path", "issue_type"),
    [
        (None, "Resource", IssueType.STRUCTURE),
        ({}, "Resource", IssueType.STRUCTURE),
        ({1: 2}, "Resource", IssueType.STRUCTURE),
        ({"id": "x"}, "Resource.resourceType", IssueType.REQUIRED),
        ({"resourceType": 7}, "Resource.resourceType", IssueType.STRUCTURE),
        ({"resourceType": "a\0b"}, "Resource.resourceType", IssueType.VALUE),
        ({"resourceType": "\ud800"}, "Resource.resourceType", IssueType.VALUE),
        ({"resourceType": "x" * 5000}, "Resource.resourceType", IssueType.VALUE),
        (without("id"), "Observation.id", IssueType.REQUIRED),
        (OBSERVATION | {"id": "a b"}, "Observation.id", IssueType.VALUE),
        (without("status"), "Observation.status", IssueType.REQUIRED),
        (OBSERVATION | {"status": "bogus"}, "Observation.status", IssueType.CODE_INVALID),
        (OBSERVATION | {"status": 1}, "Observation.status", IssueType.STRUCTURE),
        (OBSERVATION | {"subject": {"id": "x"}}, "Observation.subject", IssueType.VALUE),
        (
            OBSERVATION | {"subject": {"reference": "p"}},
            "Observation.subject.reference",
            IssueType.VALUE,
        ),
        (OBSERVATION | {"performer": {}}, "Observation.performer", IssueType.STRUCTURE),
        (OBSERVATION | {"code": {"coding": {}}}, "Observation.code.coding", IssueType.STRUCTURE),
        (
            OBSERVATION | {"effectiveDateTime": "2020-13-01"},
            "Observation.effectiveDateTime",
            IssueType.VALUE,
        ),
        (OBSERVATION | {"valueInteger": 1.5}, "Observation.valueInteger", IssueType.VALUE),
        (
            OBSERVATION | {"valueInteger": Decimal("NaN")},
            "Observation.valueInteger",
            IssueType.VALUE,
        ),
        (OBSERVATION | {"valueInteger": b"1"}, "Observation.valueInteger", IssueType.STRUCTURE),
    ],
)
def test_a_fault_has_its_place_and_kind(resource: object, path: str, issue_type: IssueType) -> None:
    with pytest.raises(FhirError) as caught:
        parse_resource(resource, base=BASE)
    assert (caught.value.path, caught.value.issue_type) == (path, issue_type)
    assert caught.value.as_json()["path"] == path


def test_deep_nesting_is_refused_without_exhausting_the_stack() -> None:
    with pytest.raises(FhirError, match="nested too deeply"):
        parse_resource(OBSERVATION | {"extension": [DEEP]}, base=BASE)


def test_a_required_code_may_stand_in_a_concept_or_either_of_two_elements() -> None:
    condition: dict[str, Any] = {
        "resourceType": "Condition",
        "id": "c",
        "subject": {"reference": "Patient/p"},
        "onsetPeriod": {"start": "2020"},
    }
    good = {"clinicalStatus": {"coding": [{"code": "active"}]}}
    assert parse_resource(condition | good, base=BASE).dates[0].end == TIME_MAX
    with pytest.raises(FhirError, match=r"Condition\.clinicalStatus: is no such code"):
        parse_resource(condition | {"clinicalStatus": {"coding": [{"code": "bogus"}]}}, base=BASE)
    request: dict[str, Any] = {"resourceType": "MedicationRequest", "intent": "order"}
    subject: dict[str, Any] = {"status": "active", "id": "m", "subject": {"reference": "Patient/p"}}
    medicine = {"medicationReference": {"reference": "Medication/m"}}
    assert parse_resource(request | subject | medicine, base=BASE).codes == frozenset()
    with pytest.raises(FhirError, match=r"medicationCodeableConcept\|medicationReference"):
        parse_resource(request | subject, base=BASE)


def test_a_bundle_keeps_paths_and_follows_its_own_links() -> None:
    patient = {"resourceType": "Patient", "id": "p"}
    linked: dict[str, Any] = OBSERVATION | {"subject": {"reference": "urn:uuid:" + "0" * 36}}
    bundle: dict[str, Any] = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"request": {"method": "DELETE", "url": "Patient/q"}},
            {"fullUrl": "urn:uuid:" + "0" * 36, "resource": patient},
            {"resource": linked},
        ],
    }
    first, second = parse_bundle(bundle, base=BASE)
    assert (first.path, second.path) == ("Bundle.entry[1].resource", "Bundle.entry[2].resource")
    assert (first.full_url, second.full_url) == ("urn:uuid:" + "0" * 36, None)
    assert second.index.subject == BASE + "Patient/p"
    assert parse_resource(bundle, base=BASE).type == "Bundle"
    faults: list[tuple[dict[str, Any], str]] = [
        ({"resourceType": "Patient"}, "Bundle.resourceType"),
        ({"type": "pile"}, "Bundle.type"),
        ({"entry": [{"resource": linked | {"status": "x"}}]}, "Bundle.entry[0].resource.status"),
    ]
    for changes, path in faults:
        with pytest.raises(FhirError) as caught:
            parse_bundle(bundle | changes, base=BASE)
        assert caught.value.path == path


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2020", "2020-01-01", "2021-01-01"),
        ("2020-12", "2020-12-01", "2021-01-01"),
        ("2020-02", "2020-02-01", "2020-03-01"),
        ("2020-02-29", "2020-02-29", "2020-03-01"),
        ("2020-01-01T00:00:60Z", "2020-01-01T00:01", "2020-01-01T00:01:01"),
        ("2020-01-01T00:00:00.5+01:30", "2019-12-31T22:30:00.5", "2019-12-31T22:30:00.500001"),
        ("9999-12-31", "9999-12-31", "9999-12-31T23:59:59.999999"),
        ("9999", "9999-01-01", "9999-12-31T23:59:59.999999"),
    ],
)
def test_a_time_means_all_its_moments(text: str, start: str, end: str) -> None:
    found = parse_date_time(text, "x")
    assert found.start == dt.datetime.fromisoformat(start).replace(tzinfo=dt.UTC)
    assert found.end == dt.datetime.fromisoformat(end).replace(tzinfo=dt.UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "20",
        "0000",
        "2020-00",
        "2020-02-30",
        "2020-01-01T10:00:00",
        "2020-01-01T24:00:00Z",
        "2020-01-01T10:00:61Z",
        "2020-01-01T10:00:00+01:60",
        "0001-01-01T00:00:00+01:00",
        "٢٠٢٠",
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(FhirError, match="x: is no date or time"):
        parse_date_time(text, "x")


@settings(max_examples=100)
@given(st.datetimes(timezones=st.just(dt.UTC)))
def test_every_moment_comes_back(moment: dt.datetime) -> None:
    text = moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
    assert parse_date_time(text, "x").start == moment


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Patient/p", BASE + "Patient/p"),
        ("Patient/p/_history/2", BASE + "Patient/p"),
        ("https://x.example/fhir/Patient/p/_history/2", "https://x.example/fhir/Patient/p"),
        ("urn:oid:1.2.3", "urn:oid:1.2.3"),
        ("#", None),
        ("Patient?identifier=1", None),
    ],
)
def test_a_reference_is_absolute_and_without_its_version(text: str, expected: str | None) -> None:
    assert parse_reference(text, base=BASE, path="x") == expected


def test_an_array_may_stand_for_one_object_where_a_table_says_so() -> None:
    value = fhir_object({"a": [{"b": {"c": "1"}}, {"b": [{"c": "2"}]}], "d": {"e": "3"}}, "x")
    assert [each.path for each in value.every("a.b")] == ["x.a[0].b", "x.a[1].b[0]"]
    assert [each.path for each in value.every("d")] == ["x.d"]
    assert value.every("z") == ()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.decimals(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*OBSERVATION, "reference", "coding"]), inner)
    ),
    max_leaves=8,
)


@settings(max_examples=100)
@given(st.sampled_from([name for name in OBSERVATION if name != "resourceType"]), JSON)
def test_any_spoiled_element_is_read_or_refused(name: str, value: Any) -> None:
    path = "Observation"
    try:
        path = parse_resource(OBSERVATION | {name: value}, base=BASE).type
    except FhirError as error:
        path = error.path
    assert path.startswith("Observation")
