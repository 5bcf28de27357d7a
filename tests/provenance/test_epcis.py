"""EPCIS documents: what an event holds, and every reason to refuse one."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from provenance.core.epc import parse_epc
from provenance.core.epcis import EVENTS_MAX, read_document, read_event
from provenance.core.epcis_check import FAULTS_MAX, EpcisError
from provenance.core.epcis_event import (
    Action,
    BizTransaction,
    EpcisEvent,
    ErrorDeclaration,
    EventType,
    Party,
    Quantity,
)
from tests.provenance.epcis_samples import (
    CASE,
    COMMISSIONING,
    CONTEXT,
    LOT,
    PACK,
    PACKING,
    PARTY,
    PLACE,
    SHIPPING,
    document,
    query_document,
)


def faults(value: object) -> list[tuple[int | None, str, str]]:
    with pytest.raises(EpcisError) as caught:
        read_document(value)
    return [(fault.event_index, fault.path, fault.type) for fault in caught.value.faults]


def faults_of(base: dict[str, Any], **changes: object) -> list[tuple[str, str]]:
    """Return the faults of an event with other members (``...`` takes one away)."""
    event = {**base, **changes}
    event = {name: value for name, value in event.items() if value is not ...}
    return [
        (path.removeprefix("$.epcisBody.eventList[0]"), type_)
        for _, path, type_ in faults(document(event))
    ]


def test_an_object_event_is_read_whole() -> None:
    (event,) = read_document(document(SHIPPING))
    assert event == EpcisEvent(
        type=EventType.OBJECT,
        event_time=datetime(2026, 11, 24, 10, 0, 0, 123456, timezone(timedelta(hours=1))),
        event_time_text="2026-11-24T10:00:00.123456789+01:00",
        event_time_zone_offset="+01:00",
        action=Action.OBSERVE,
        event_id="urn:uuid:5b1a5f5e-0000-4000-8000-000000000001",
        epcs=(parse_epc(PACK),),
        quantities=(
            Quantity(epc_class=parse_epc(LOT), quantity=Decimal("2.5"), uom="KGM"),
            Quantity(epc_class=parse_epc(LOT)),
        ),
        biz_step="shipping",
        disposition="in_transit",
        dispositions_set=("completeness_verified",),
        dispositions_unset=("damaged",),
        read_point=parse_epc(PLACE),
        biz_location=parse_epc(PLACE),
        biz_transactions=(
            BizTransaction(type="po", biz_transaction="https://id.gs1.org/253/03000111111167"),
            BizTransaction(biz_transaction="urn:uuid:1"),
        ),
        sources=(Party(type="owning_party", id=parse_epc(PARTY)),),
        destinations=(Party(type="location", id=parse_epc(PLACE)),),
        error_declaration=ErrorDeclaration(
            declaration_time=datetime(2026, 11, 25, 10, tzinfo=UTC),
            reason="did_not_occur",
            corrective_event_ids=("urn:uuid:2",),
        ),
        extensions={"example:note": {"deep": [1]}},
    )


def test_a_commissioning_gives_lot_expiry_and_content() -> None:
    (event,) = read_document(document(COMMISSIONING))
    assert (event.lot, event.expiry_date, event.content) == ("L1", date(2028, 12, 31), Decimal(100))
    assert event.ilmd == COMMISSIONING["ilmd"]


def test_an_aggregation_gives_parent_and_children() -> None:
    (event,) = read_document(query_document(PACKING))
    assert event.type is EventType.AGGREGATION
    assert event.parent == parse_epc(CASE)
    assert event.child_epcs == (parse_epc(PACK),)
    assert event.child_quantities == (Quantity(epc_class=parse_epc(LOT), quantity=Decimal(3)),)


def test_a_deletion_without_children_takes_all_out() -> None:
    event = {**PACKING, "action": "DELETE", "childEPCs": [], "childQuantityList": []}
    assert read_document(document(event))[0].child_epcs == ()


def test_an_observation_needs_no_parent() -> None:
    event = {**PACKING, "action": "OBSERVE"}
    del event["parentID"]
    assert read_document(document(event))[0].parent is None


@pytest.mark.parametrize("version", ["9", "1.2", "2", "2.1", "", " 2.0", 2, None])
def test_a_version_that_is_not_spoken_is_refused_with_those_that_are(version: object) -> None:
    whole = document(SHIPPING) | {"schemaVersion": version}
    with pytest.raises(EpcisError) as caught:
        read_document(whole)
    (fault,) = caught.value.faults
    assert fault.path.startswith("$")
    assert version is None or "schemaVersion" in fault.path
    if version not in {"", 2, None}:
        assert fault.detail == "this must be one of 2.0, 2.0.0, 2.0.1"


@pytest.mark.parametrize("version", ["2.0", "2.0.0", "2.0.1"])
def test_a_version_that_is_spoken_is_read(version: str) -> None:
    assert len(read_document(document(SHIPPING) | {"schemaVersion": version})) == 1


def test_a_single_event_brings_its_own_context() -> None:
    assert read_event({"@context": CONTEXT, **PACKING}).type is EventType.AGGREGATION
    with pytest.raises(EpcisError, match="@context is missing"):
        read_event(PACKING)


def test_sensor_data_alone_make_an_object_event() -> None:
    event = {**SHIPPING, "sensorElementList": [{}]}
    del event["epcList"], event["quantityList"]
    assert read_document(document(event))[0].epcs == ()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"eventTime": ...}, [("", "missing")]),
        ({"eventTime": "22-07-2026"}, [(".eventTime", "time")]),
        ({"eventTime": "2026-07-22T10:00:00"}, [(".eventTime", "time")]),
        ({"eventTime": "2026-02-30T10:00:00Z"}, [(".eventTime", "time")]),
        # No UTC before the first hours of the calendar, nor after its last; nor any row so wide.
        ({"eventTime": "0001-01-01T00:00:00+14:00"}, [(".eventTime", "time")]),
        ({"eventTime": "9999-12-31T23:59:59-14:00"}, [(".eventTime", "time")]),
        ({"bizStep": "urn:example:" + "x" * 489}, [(".bizStep", "word")]),
        ({"eventID": "urn:example:" + "x" * 489}, [(".eventID", "uri")]),
        ({"eventTime": 5}, [(".eventTime", "shape")]),
        ({"eventTimeZoneOffset": "+15:00"}, [(".eventTimeZoneOffset", "time")]),
        ({"eventTimeZoneOffset": ...}, [("", "missing")]),
        ({"action": "CREATE"}, [(".action", "value")]),
        ({"action": ...}, [("", "missing")]),
        ({"bizStep": "transforming"}, [(".bizStep", "word")]),
        ({"bizStep": ""}, [(".bizStep", "shape")]),
        ({"bizStep": "a\x00"}, [(".bizStep", "value")]),
        ({"bizStep": "a" * 5000}, [(".bizStep", "value")]),
        ({"disposition": ["active"]}, [(".disposition", "shape")]),
        ({"epcList": [PACK, "urn:epc:id:sgtin:030001.0012345.11"]}, [(".epcList[1]", "duplicate")]),
        ({"epcList": [PACK[:-1] + "\ud800"]}, [(".epcList[0]", "value")]),
        ({"epcList": [LOT]}, [(".epcList[0]", "class_identifier")]),
        ({"epcList": "x"}, [(".epcList", "shape")]),
        ({"epcList": ["no uri", "also none"]}, [(".epcList[0]", "uri"), (".epcList[1]", "uri")]),
        ({"epcList": [PACK.replace("455", "456")]}, [(".epcList[0]", "check_digit")]),
        ({"epcList": ..., "quantityList": ...}, [("", "missing")]),
        ({"quantityList": [7]}, [(".quantityList[0]", "shape")]),
        ({"quantityList": [{}]}, [(".quantityList[0]", "missing")]),
        (
            {"quantityList": [{"epcClass": PACK}]},
            [(".quantityList[0].epcClass", "instance_identifier")],
        ),
        ({"quantityList": [{"epcClass": LOT, "x": 1}]}, [(".quantityList[0]", "unknown_field")]),
        ({"quantityList": [{"epcClass": LOT, "uom": "kg"}]}, [(".quantityList[0].uom", "value")]),
        ({"readPoint": "x"}, [(".readPoint", "shape")]),
        ({"readPoint": {}}, [(".readPoint", "missing")]),
        ({"bizTransactionList": [{}]}, [(".bizTransactionList[0]", "missing")]),
        ({"bizTransactionList": [1]}, [(".bizTransactionList[0]", "shape")]),
        ({"sourceList": [{}]}, [(".sourceList[0]", "missing")] * 2),
        ({"sourceList": [1]}, [(".sourceList[0]", "shape")]),
        ({"persistentDisposition": {}}, [(".persistentDisposition", "missing")]),
        ({"persistentDisposition": 1}, [(".persistentDisposition", "shape")]),
        ({"persistentDisposition": {"set": []}}, [(".persistentDisposition.set", "shape")]),
        (
            {"persistentDisposition": {"set": ["active"], "unset": ["active"]}},
            [(".persistentDisposition", "combination")],
        ),
        ({"errorDeclaration": {}}, [(".errorDeclaration", "missing")]),
        ({"errorDeclaration": 1}, [(".errorDeclaration", "shape")]),
        ({"ilmd": {}}, [(".ilmd", "combination")]),
        ({"note": 1}, [("", "unknown_field")]),
        ({"parentID": PACK}, [("", "unknown_field")]),
        ({"type": "TransactionEvent"}, [(".type", "not_built")]),
        ({"type": "example:Event"}, [(".type", "not_built")]),
        ({"type": "ObjectEventInvalid"}, [(".type", "event_type")]),
        ({"type": 1}, [(".type", "shape")]),
        ({"type": ...}, [("", "missing")]),
    ],
)
def test_an_object_event_is_refused_with_every_place(
    changes: dict[str, object], expected: list[tuple[str, str]]
) -> None:
    assert faults_of(SHIPPING, **changes) == expected


@pytest.mark.parametrize(
    ("quantity", "type_"),
    [
        (0, "quantity"),
        (-1, "quantity"),
        (True, "shape"),
        ("1", "shape"),
        (10**15, "quantity"),
        (10**14, "quantity"),
        (10**4000, "quantity"),
        (1e300, "quantity"),
        (float("nan"), "quantity"),
        (Decimal("Infinity"), "quantity"),
        (Decimal("1e999999"), "quantity"),
        (Decimal("1e-10"), "quantity"),
    ],
)
def test_a_quantity_is_a_number_above_zero_of_a_sane_size(quantity: object, type_: str) -> None:
    changes = {"quantityList": [{"epcClass": LOT, "quantity": quantity}]}
    assert faults_of(SHIPPING, **changes) == [(".quantityList[0].quantity", type_)]


@pytest.mark.parametrize("quantity", [1, 10**14 - 1, 0.1, Decimal("0.000000001")])
def test_a_quantity_is_kept_exactly(quantity: float | Decimal) -> None:
    event = {**SHIPPING, "quantityList": [{"epcClass": LOT, "quantity": quantity}]}
    assert read_document(document(event))[0].quantities[0].quantity == Decimal(str(quantity))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"parentID": ...}, [("", "missing")]),
        ({"childEPCs": ..., "childQuantityList": ...}, [("", "missing")]),
        ({"childEPCs": [CASE]}, [("", "combination")]),
        ({"ilmd": {}}, [("", "unknown_field")]),
        ({"parentID": LOT}, [(".parentID", "class_identifier")]),
    ],
)
def test_an_aggregation_event_is_refused_with_every_place(
    changes: dict[str, object], expected: list[tuple[str, str]]
) -> None:
    assert faults_of(PACKING, **changes) == expected


@pytest.mark.parametrize(
    ("ilmd", "expected"),
    [
        (1, [(".ilmd", "shape")]),
        ({"lotNumber": "L"}, [(".ilmd", "unknown_field")]),
        ({"a:lotNumber": 1}, [(".ilmd.a:lotNumber", "shape")]),
        ({"a:itemExpirationDate": "2028-13-01"}, [(".ilmd.a:itemExpirationDate", "time")]),
        ({"a:contentQuantity": 0}, [(".ilmd.a:contentQuantity", "quantity")]),
    ],
)
def test_master_data_are_checked_where_we_use_them(
    ilmd: object, expected: list[tuple[str, str]]
) -> None:
    assert faults_of(COMMISSIONING, ilmd=ilmd) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, [(None, "$", "shape")]),
        ([], [(None, "$", "shape")]),
        ({}, [(None, "$", "missing")] * 3),
        ({**document(), "@context": 5}, [(None, "$.@context", "shape")]),
        ({**document(), "type": "Other"}, [(None, "$.type", "value")]),
        ({**document(), "epcisBody": []}, [(None, "$.epcisBody", "shape")]),
        (
            {**document(), "epcisBody": {"eventList": {}}},
            [(None, "$.epcisBody.eventList", "shape")],
        ),
        ({**document(), "extra": 1}, [(None, "$", "unknown_field")]),
        (
            {"@context": CONTEXT, "type": "EPCISDocument", "epcisBody": {"eventList": []}},
            [(None, "$", "missing")] * 2,
        ),
        (
            {"@context": CONTEXT, "type": "EPCISQueryDocument", "epcisBody": {}},
            [(None, "$.epcisBody", "missing")],
        ),
        (
            {"@context": CONTEXT, "type": "EPCISQueryDocument", "epcisBody": {"queryResults": 1}},
            [(None, "$.epcisBody.queryResults", "shape")],
        ),
        (
            {"@context": CONTEXT, "type": "EPCISQueryDocument", "epcisBody": 1},
            [(None, "$.epcisBody", "shape")],
        ),
        (document("x"), [(0, "$.epcisBody.eventList[0]", "shape")]),
        (document(PACKING, "x"), [(1, "$.epcisBody.eventList[1]", "shape")]),
        (document(*["x"] * (EVENTS_MAX + 1)), [(None, "$.epcisBody.eventList", "too_many")]),
    ],
)
def test_a_document_is_refused_with_every_place(
    value: object, expected: list[tuple[int | None, str, str]]
) -> None:
    assert faults(value) == expected


def test_a_hundred_faults_are_enough() -> None:
    assert len(faults(document(*[{}] * 1000))) == FAULTS_MAX


def test_an_error_lists_its_faults_as_a_problem_document() -> None:
    with pytest.raises(EpcisError) as caught:
        read_document(document({**PACKING, "action": "X"}, 5))
    problem = caught.value.as_json()
    assert problem["fault"] == "value"
    assert problem["detail"] == (
        "$.epcisBody.eventList[0].action: this must be one of ADD, DELETE, OBSERVE (and 1 more)"
    )
    assert problem["faults"] == [
        {
            "event_index": 0,
            "path": "$.epcisBody.eventList[0].action",
            "type": "value",
            "detail": "this must be one of ADD, DELETE, OBSERVE",
        },
        {
            "event_index": 1,
            "path": "$.epcisBody.eventList[1]",
            "type": "shape",
            "detail": "this must be an object",
        },
    ]
