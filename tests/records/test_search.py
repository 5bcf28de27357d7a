"""Searches name one patient; the Bundle that answers holds bytes and nothing about others."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.core.capability import format_capability
from records.core.search import (
    PersonName,
    SearchError,
    format_searchset,
    parse_person,
    parse_search,
)
from tests.records.house import BASE


@pytest.mark.parametrize(
    ("type_", "name", "value", "system", "found"),
    [
        ("Observation", "patient", "p1", None, "p1"),
        ("Observation", "patient", "Patient/p1", None, "p1"),
        ("Observation", "subject", BASE + "Patient/p1", None, "p1"),
        ("Observation", "patient", "urn:mrn|1|2", "urn:mrn", "1|2"),
        ("Observation", "patient.identifier", "urn:mrn|1", "urn:mrn", "1"),
        ("Observation", "patient:identifier", "urn:mrn|1", "urn:mrn", "1"),
        ("Patient", "_id", "p1", None, "p1"),
        ("Patient", "identifier", "urn:mrn|1", "urn:mrn", "1"),
    ],
)
def test_a_patient_is_named_by_id_or_identifier(
    type_: str, name: str, value: str, system: str | None, found: str
) -> None:
    search = parse_search(type_, [(name, value)], base=BASE)
    assert search.person == PersonName(system=system, value=found)
    assert (search.count, search.offset) == (50, 0)


@pytest.mark.parametrize(
    ("type_", "parameters", "path"),
    [
        ("Observation", [], "patient"),
        ("Observation", [("patient", "a"), ("code", "b")], "patient"),
        ("Observation", [("patient", "a"), ("patient", "a")], "patient"),
        ("Observation", [("code", "b")], "code"),
        ("Observation", [("Canary", "b")], "a parameter"),
        ("Observation", [("patient", "")], "patient"),
        ("Observation", [("patient", "|1")], "patient"),
        ("Observation", [("patient.identifier", "1")], "patient.identifier"),
        ("Patient", [("_id", "a|b")], "_id"),
        ("Patient", [("patient", "a")], "patient"),
        ("Patient", [("_id", "a"), ("_count", "0")], "_count"),
        ("Patient", [("_id", "a"), ("_count", "201")], "_count"),
        ("Patient", [("_id", "a"), ("_offset", "-1")], "_offset"),
        ("Patient", [("_id", "a"), ("_offset", "٣")], "_offset"),
        ("Patient", [("_id", "a"), ("_offset", "12345678")], "_offset"),
    ],
)
def test_a_search_of_another_kind_is_refused_by_name(
    type_: str, parameters: list[tuple[str, str]], path: str
) -> None:
    with pytest.raises(SearchError) as caught:
        parse_search(type_, parameters, base=BASE)
    assert caught.value.members["path"] == path
    assert "Canary" not in caught.value.detail


def test_the_bundle_holds_the_bytes_and_says_where_to_go_on() -> None:
    wanted = [("patient", "p1"), ("_count", "2"), ("_offset", "2")]
    search = parse_search("Observation", wanted, base=BASE)
    raw = b'{ "resourceType":"Observation","value":5.00 }'
    shown = [("Observation", "o3", raw), ("Observation", "o4", raw)]
    data = format_searchset(shown, search=search, total=5, base=BASE, type_="Observation")
    assert data.count(raw) == 2
    body = json.loads(data)
    assert body["total"] == 5
    assert [link["relation"] for link in body["link"]] == ["self", "next"]
    assert body["link"][1]["url"] == BASE + "Observation?patient=p1&_count=2&_offset=4"
    last = format_searchset(shown, search=search, total=4, base=BASE, type_="Observation")
    assert [link["relation"] for link in json.loads(last)["link"]] == ["self"]


@given(st.text(), st.text())
def test_no_parameter_makes_it_fall_over(name: str, value: str) -> None:
    try:
        search = parse_search("Observation", [(name, value)], base=BASE)
    except SearchError:
        return
    assert search.person.value


def test_the_capability_statement_names_every_type_that_is_kept() -> None:
    body = json.loads(format_capability(base=BASE))
    types = [each["type"] for each in body["rest"][0]["resource"]]
    assert types == sorted(types)
    assert len(types) == 145
    assert "Bundle" not in types
    assert body["fhirVersion"] == "4.0.1"


def test_a_text_names_a_person_as_a_search_does() -> None:
    assert parse_person("Patient/p1", base=BASE) == PersonName(value="p1")
    assert parse_person("urn:mrn|1", base=BASE) == PersonName(system="urn:mrn", value="1")
    with pytest.raises(SearchError):
        parse_person("|", base=BASE)
