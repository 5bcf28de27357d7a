"""What a dispensing says of its prescription, in which spellings, and what stays in clear."""

import datetime as dt
from typing import Any

import pytest

from provenance.core.epcis import read_document
from provenance.core.epcis_check import EpcisError, Faults
from provenance.core.own_names import NAMESPACE
from provenance.core.prescription import (
    Prescription,
    impersonal,
    local_date,
    read_prescription,
)
from tests.provenance.epcis_samples import CONTEXT, PLACE
from tests.provenance.world import GTIN, fill, packs


def read(event: dict[str, Any], context: object = CONTEXT) -> Prescription | None:
    document = {
        "@context": context,
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-11-24T10:00:00Z",
        "epcisBody": {"eventList": [event]},
    }
    faults = Faults()
    found = read_prescription(read_document(document)[0], context=context, index=0, faults=faults)
    if faults.found:
        faults.stop()
    return found


def said(event: dict[str, Any], **changes: Any) -> dict[str, Any]:
    told = {**event["theriac:prescription"], **changes}
    return {**event, "theriac:prescription": told}


EVENT = fill(packs(1)[0], 1)


def test_a_prescription_is_read_whole() -> None:
    found = read(said(EVENT, fill=2))
    assert found is not None
    assert (found.number, found.fill, found.ndc.eleven) == ("RX1", 2, "00001012345")
    assert (found.unit, found.patient) == ("UN", ("urn:mrn", "M-1"))
    assert "M-1" not in repr(found)
    assert "RX1" not in repr(found)


def test_the_namespace_counts_and_not_the_prefix() -> None:
    told = EVENT["theriac:prescription"]
    bare = {name: value for name, value in EVENT.items() if name != "theriac:prescription"}
    mine = [CONTEXT, {"rx": NAMESPACE}]
    assert read({**bare, "rx:prescription": told}, mine) is not None
    assert read({**bare, NAMESPACE + "prescription": told}) is not None
    assert read({**bare, "rx:prescription": told}) is None
    other = {"theriac": "http://example.com/"}
    assert read(EVENT, [CONTEXT, other]) is None
    assert read(bare) is None


@pytest.mark.parametrize(
    ("uom", "unit"),
    [("EA", "UN"), ("C62", "UN"), ("MLT", "ML"), ("GRM", "GR"), ("MGM", "ME"), ("NIU", "F2")],
)
def test_units_are_those_of_drug_claims(uom: str, unit: str) -> None:
    amount = {"epcClass": f"https://id.gs1.org/01/{GTIN}", "quantity": 3, "uom": uom}
    found = read({**EVENT, "quantityList": [amount]})
    assert found is not None
    assert found.unit == unit


@pytest.mark.parametrize(
    ("changes", "fault", "where"),
    [
        ({"number": ""}, "shape", "number"),
        ({"number": "é"}, "value", "number"),
        ({"number": "1" * 81}, "value", "number"),
        ({"number": None}, "missing", ""),
        ({"fill": -1}, "value", "fill"),
        ({"fill": True}, "value", "fill"),
        ({"fill": None}, "missing", ""),
        ({"ndc": "00001012345"}, "ndc", "ndc"),
        ({"ndc": "0001-0123-46"}, "ndc", "ndc"),
        ({"ndc": None}, "missing", ""),
        ({"ndc": 7}, "shape", "ndc"),
        ({"patient": "M-1"}, "shape", "patient"),
        ({"patient": None}, "missing", ""),
        ({"patient": {"system": "urn:mrn"}}, "missing", "patient"),
        ({"patient": {"system": "u" * 256, "value": "1"}}, "value", "patient.system"),
        ({"patient": {"system": "s", "value": "v", "name": "x"}}, "unknown_field", "patient"),
        ({"drug": "x"}, "unknown_field", ""),
    ],
)
def test_what_is_wrong_is_named_with_its_place(
    changes: dict[str, Any], fault: str, where: str
) -> None:
    with pytest.raises(EpcisError) as caught:
        read(said(EVENT, **changes))
    (found,) = caught.value.faults
    path = f"$.epcisBody.eventList[0].theriac:prescription.{where}".rstrip(".")
    assert (found.type, found.path, found.event_index) == (fault, path, 0)


def test_a_prescription_is_an_object_about_serialised_packs_in_one_known_unit() -> None:
    lot = f"https://id.gs1.org/01/{GTIN}/10/L1"
    for broken in (
        {**EVENT, "theriac:prescription": "RX1"},
        {**EVENT, "epcList": [], "quantityList": [{"epcClass": lot, "quantity": 1}]},
        {**EVENT, "epcList": ["https://id.gs1.org/00/403000112345678901"]},
        {**EVENT, "quantityList": [{"epcClass": lot, "quantity": 1, "uom": "KGM"}]},
        {
            **EVENT,
            "quantityList": [
                {"epcClass": lot, "quantity": 1, "uom": "MLT"},
                {"epcClass": lot, "quantity": 1, "uom": "GRM"},
            ],
        },
    ):
        with pytest.raises(EpcisError):
            read(broken)


def test_only_things_places_and_times_stay_in_clear() -> None:
    loud = {
        **EVENT,
        "readPoint": {"id": PLACE, "example:who": "x"},
        "quantityList": [{"epcClass": GTIN, "quantity": 1, "example:who": "x"}],
        "bizTransactionList": [{"bizTransaction": "urn:x"}],
        "sourceList": [],
        "example:who": "x",
    }
    quiet = impersonal(loud)
    assert "x" not in str(quiet).replace("epcClass", "").replace("next", "").split("'")
    assert quiet["readPoint"] == {"id": PLACE}
    assert quiet["quantityList"] == [{"epcClass": GTIN, "quantity": 1}]
    assert set(quiet) == {*EVENT, "readPoint", "quantityList"} - {"theriac:prescription"}


@pytest.mark.parametrize(
    ("context", "left"),
    [
        (CONTEXT, CONTEXT),
        ("https://example.com/jane", []),
        ({"jane": "https://example.com/"}, []),
        (["https://example.com/jane", CONTEXT, {"jane": CONTEXT}], [CONTEXT]),
    ],
)
def test_of_the_contexts_only_the_standards_own_stay(context: object, left: object) -> None:
    assert impersonal({**EVENT, "@context": context})["@context"] == left


@pytest.mark.parametrize(
    ("time", "offset", "date"),
    [
        ("2026-11-25T03:00:00Z", "-05:00", dt.date(2026, 11, 24)),
        ("2026-11-24T23:30:00Z", "+01:00", dt.date(2026, 11, 25)),
        ("0001-01-01T00:00:00Z", "-05:00", dt.date(1, 1, 1)),
    ],
)
def test_the_day_is_that_of_the_pharmacy(time: str, offset: str, date: dt.date) -> None:
    event = {**EVENT, "eventTime": time, "eventTimeZoneOffset": offset}
    document = {
        "@context": CONTEXT,
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-11-24T10:00:00Z",
        "epcisBody": {"eventList": [event]},
    }
    assert local_date(read_document(document)[0]) == date
