"""What a submission holds, and every fault of it with its place."""

import json
from typing import Any

import pytest

from records.core import intake
from records.core.fhir_json import IssueType, fhir_object
from records.core.intake import (
    Incoming,
    index_kept,
    patient_identifiers,
    read_bundle,
    read_single,
    relink,
)
from records.core.outcome import SubmissionError, format_outcome
from tests.records.house import BASE, bundle, consent, observation, patient


def single(resource: Any, type_: str = "Observation", id_: str | None = None) -> Incoming:
    return read_single(resource, json.dumps(resource).encode(), base=BASE, type_=type_, id_=id_)


def several(value: Any) -> tuple[Incoming, ...]:
    return read_bundle(value, json.dumps(value).encode(), base=BASE)


def fault(error: SubmissionError) -> list[tuple[str, str]]:
    return [(issue.path, issue.code.value) for issue in error.issues]


def test_a_resource_is_about_its_patient() -> None:
    one = single(observation())
    assert one.name == ("Observation", "o1")
    assert one.about == {BASE + "Patient/p1"}
    assert one.is_create
    assert json.loads(one.data) == observation()
    assert not single(observation(), id_="o1").is_create


def test_a_patient_is_about_itself_under_all_its_identifiers() -> None:
    one = single(
        patient(
            "p1",
            ("urn:mrn", "1"),
            ("urn:ssn", "2"),
            identifier=[
                {"system": "urn:mrn", "value": "1"},
                {"value": "9"},
                {"system": "urn:x"},
            ],
        ),
        "Patient",
    )
    assert one.about == {BASE + "Patient/p1"}
    assert one.identifiers == (("urn:mrn", "1"),)


@pytest.mark.parametrize(
    ("resource", "type_", "id_", "path", "code"),
    [
        ([], "Observation", None, "Observation", "structure"),
        ({}, "Observation", None, "Observation", "structure"),
        ({"id": "x"}, "Observation", None, "Observation.resourceType", "required"),
        (observation(), "Patient", None, "Patient.resourceType", "invalid"),
        (observation(), "Observation", "o2", "Observation.id", "invalid"),
        (observation("a b"), "Observation", None, "Observation.id", "value"),
        (observation(of="Group/g"), "Observation", None, "Observation.subject", "required"),
        (observation(of="#p"), "Observation", None, "Observation.subject", "required"),
        (observation(of="urn:x y"), "Observation", None, "Observation.subject.reference", "value"),
        (observation(status="bogus"), "Observation", None, "Observation.status", "code-invalid"),
        ({"resourceType": "Foo", "id": "f"}, "Foo", None, "Foo.resourceType", "invalid"),
        (bundle(patient()), "Bundle", None, "Bundle", "not-supported"),
        ({"resourceType": "Binary", "id": "b"}, "Binary", None, "Binary", "required"),
        ({"resourceType": "Location"}, "Location", None, "Location.id", "required"),
        ({"resourceType": "Consent", "id": "c"}, "Consent", None, "Consent.patient", "required"),
        ({**consent("a b"), "status": "?"}, "Consent", None, "Consent.id", "value"),
        (
            {"resourceType": "Consent", "id": "c", "patient": {"display": "x"}},
            "Consent",
            None,
            "Consent.patient",
            "required",
        ),
    ],
)
def test_what_cannot_be_taken_says_where_and_what_kind(
    resource: Any, type_: str, id_: str | None, path: str, code: str
) -> None:
    with pytest.raises(SubmissionError) as caught:
        single(resource, type_, id_)
    assert fault(caught.value) == [(path, code)]


@pytest.mark.parametrize(
    ("members", "about"),
    [
        ({"patient": {"reference": "Patient/p1"}}, ["p1"]),
        (
            {"beneficiary": {"reference": BASE + "Patient/p1"}, "x": {"reference": "Patient/q"}},
            ["p1"],
        ),
        ({"for": {"reference": "Patient/p1"}}, ["p1"]),
        ({"x": [{"y": {"reference": "Patient/p1"}}]}, ["p1"]),
        ({"subject": [{"reference": "Patient/p1"}]}, ["p1"]),
        ({"patient": {"display": "x"}, "x": {"reference": "Patient/p1"}}, ["p1"]),
        ({"x": {"reference": "Patient/p1"}, "y": {"reference": "Patient/p2"}}, ["p1", "p2"]),
        ({}, []),
    ],
)
def test_a_type_that_is_not_indexed_is_never_about_nobody_while_it_names_somebody(
    members: dict[str, Any], about: list[str]
) -> None:
    device = {"resourceType": "Device", "id": "d", **members}
    assert single(device, "Device").about == {f"{BASE}Patient/{each}" for each in about}


def test_references_inside_a_bundle_mean_its_entries() -> None:
    urls = {"p1": "urn:uuid:" + "1" * 8 + "-1111-1111-1111-" + "1" * 12, "c1": "urn:uuid:x"}
    value = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [
            {"fullUrl": urls["p1"], "resource": patient()},
            {"resource": consent(of=urls["p1"])},
            {"fullUrl": 7, "resource": observation(of=urls["p1"])},
            {
                "resource": {
                    "resourceType": "Claim",
                    "id": "k",
                    "patient": {"reference": urls["p1"]},
                }
            },
        ],
    }
    found = several(value)
    assert {one.about for one in found} == {frozenset({BASE + "Patient/p1"})}
    assert found[0].links == ()
    assert found[1].links == ((urls["p1"], BASE + "Patient/p1"),)
    assert found[1].fault is None
    assert not any(one.is_create for one in found)
    again = relink(json.loads(found[2].data), dict(found[2].links))
    assert index_kept(again, base=BASE, holder="urn:h").subject == BASE + "Patient/p1"


def test_every_bad_entry_of_a_bundle_is_named() -> None:
    value = bundle(
        patient(),
        observation("o1", status="bogus"),
        observation("o2"),
        observation("o2"),
        observation("o3", of="Device/d"),
        observation("o4"),
        observation("o5"),
        observation("o6"),
    )
    value["entry"][5]["request"]["method"] = "DELETE"
    value["entry"][6]["request"]["url"] = "Observation"
    value["entry"][7]["request"] = {"method": "POST", "url": "Observation", "ifNoneExist": "a=b"}
    with pytest.raises(SubmissionError) as caught:
        several(value)
    assert fault(caught.value) == [
        ("Bundle.entry[1].resource.status", "code-invalid"),
        ("Bundle.entry[4].resource.subject", "required"),
        ("Bundle.entry[5].request.method", "not-supported"),
        ("Bundle.entry[6].request.url", "invalid"),
        ("Bundle.entry[7].request.method", "not-supported"),
        ("Bundle.entry[3].resource", "duplicate"),
    ]


def test_a_post_in_a_bundle_demands_a_new_id() -> None:
    value = bundle(patient(), observation())
    value["entry"][1]["request"] = {"method": "POST", "url": "Observation"}
    assert [one.is_create for one in several(value)] == [False, True]


@pytest.mark.parametrize(
    ("value", "path", "code"),
    [
        (7, "Bundle", "structure"),
        (patient(), "Bundle.resourceType", "invalid"),
        ({"resourceType": "Bundle"}, "Bundle.type", "required"),
        (bundle(patient(), kind="history"), "Bundle.type", "not-supported"),
        ({"resourceType": "Bundle", "type": "batch"}, "Bundle.entry", "required"),
        (
            {"resourceType": "Bundle", "type": "batch", "entry": [{"fullUrl": "urn:x"}]},
            "Bundle.entry[0].resource",
            "required",
        ),
    ],
)
def test_what_is_no_bundle_of_resources_is_refused(value: Any, path: str, code: str) -> None:
    with pytest.raises(SubmissionError) as caught:
        several(value)
    assert fault(caught.value) == [(path, code)]


def test_a_bundle_of_too_many_entries_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "ENTRIES_MAX", 1)
    with pytest.raises(SubmissionError) as caught:
        several(bundle(patient(), observation()))
    assert fault(caught.value) == [("Bundle.entry", "too-costly")]


@pytest.mark.parametrize(
    ("change", "place"),
    [({"status": "bogus"}, "Consent.status"), ({"policyRule": {"text": "x"}}, "Consent.provision")],
)
def test_a_malformed_consent_is_taken_with_its_fault(change: dict[str, Any], place: str) -> None:
    one = single({**consent(), **change}, "Consent")
    assert one.fault is not None
    assert one.fault.startswith(place)
    assert one.about == {BASE + "Patient/p1"}
    kept = index_kept(json.loads(one.data), base=BASE, holder="urn:h")
    assert (kept.reference, kept.subject) == (BASE + "Consent/c1", BASE + "Patient/p1")


def test_only_a_consent_is_kept_with_a_fault() -> None:
    with pytest.raises(Exception, match="Observation"):
        index_kept(observation(status="bogus"), base=BASE, holder="urn:h")


def test_identifiers_without_a_system_or_a_value_name_nobody() -> None:
    resource = fhir_object(
        {"identifier": [{"system": "a"}, {"value": "b"}, {"system": "a", "value": "b"}]}, "Patient"
    )
    assert patient_identifiers(resource) == (("a", "b"),)


def test_an_outcome_names_kind_place_and_problem() -> None:
    with pytest.raises(SubmissionError) as caught:
        single(observation(status="bogus"))
    body = json.loads(format_outcome(caught.value.issues, slug=caught.value.slug))
    assert body == {
        "resourceType": "OperationOutcome",
        "issue": [
            {
                "severity": "error",
                "code": IssueType.CODE_INVALID,
                "details": {"coding": [{"system": "urn:theriac:problem", "code": "bad-fhir"}]},
                "diagnostics": "is no such code",
                "expression": ["Observation.status"],
            }
        ],
    }
