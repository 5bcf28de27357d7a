from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claims.core.codec import CodecError
from claims.core.json_claim import parse_json_claim
from claims.core.model import ClaimError, check_served, latest_service_date
from tests.claims import world
from tests.claims.world import NDC


def written() -> dict[str, Any]:
    return {
        "claim_id": "RX-1",
        "bin": "999999",
        "pcn": "LION",
        "group": "G100",
        "cardholder_id": "M1",
        "pharmacy_npi": "1234567893",
        "patient": {
            "family_name": "Polo",
            "given_name": "Marina",
            "birth_date": "1970-01-02",
        },
        "lines": [
            {
                "prescription_number": "RX1",
                "fill_number": 0,
                "date_of_service": "2026-03-02",
                "ndc": NDC,
                "quantity_dispensed": "30",
                "unit": "UN",
                "days_supply": 30,
                "ingredient_cost": "42.00",
                "dispensing_fee": "3.50",
                "gross_amount_due": "45.50",
            }
        ],
    }


def test_a_pharmacys_claim_becomes_a_claim_and_a_person_apart() -> None:
    document = parse_json_claim(written())
    claim, (line,) = document.claim, document.claim.lines
    assert (claim.payer_id, claim.member_id, claim.group_number) == ("999999/LION", "M1", "G100")
    assert (line.product_code, line.charge_amount) == (NDC, Decimal("45.50"))
    assert (line.prescription_number, line.fill_number, line.days_supply) == ("RX1", 0, 30)
    assert line.drug is not None
    assert (line.drug.quantity, line.drug.unit) == (Decimal(30), "UN")
    assert document.personal.family_name == "Polo"
    assert "Polo" not in repr(claim)


def test_a_claim_and_a_line_name_the_record_that_supports_them() -> None:
    value = written()
    value["attachment_control_number"] = "REC1"
    value["lines"][0]["attachment_control_number"] = "REC2"
    claim = parse_json_claim(value).claim
    assert claim.attachment_control_number == "REC1"
    assert claim.lines[0].attachment_control_number == "REC2"


def test_a_bin_alone_names_the_payer() -> None:
    value = written()
    del value["pcn"]
    assert parse_json_claim(value).claim.payer_id == "999999"


@pytest.mark.parametrize(
    ("member", "to", "fault"),
    [
        ("bin", "99999", r"\$\.bin: not six digits"),
        ("usual_and_customary", "1.00", r"\$\.usual_and_customary: no such member"),
        ("lines", {}, r"\$\.lines: not an array"),
        ("patient", None, r"\$\.patient: not an object"),
    ],
)
def test_a_fault_of_form_is_named_with_its_path(member: str, to: object, fault: str) -> None:
    with pytest.raises(CodecError, match=fault):
        parse_json_claim({**written(), member: to})


@pytest.mark.parametrize(
    ("member", "to", "fault"),
    [
        ("gross_amount_due", "45.51", r"line 1: gross_amount_due 45\.51 is not 45\.50"),
        ("ingredient_cost", "999999999999.99", "line 1: gross_amount_due"),
        ("quantity_dispensed", "0", "line 1: a quantity of nothing"),
        ("fill_number", -1, "line 1: a negative fill number"),
    ],
)
def test_a_line_that_contradicts_itself_is_refused(member: str, to: object, fault: str) -> None:
    value = written()
    value["lines"][0][member] = to
    with pytest.raises(ClaimError, match=fault):
        parse_json_claim(value)


def test_a_claim_without_lines_is_refused() -> None:
    with pytest.raises(ClaimError):
        parse_json_claim({**written(), "lines": []})


@given(
    st.sampled_from([*written(), *written()["lines"][0]]),
    st.recursive(st.none() | st.text() | st.integers(), st.lists, max_leaves=3),
)
@settings(max_examples=100)
def test_junk_in_any_member_is_refused_by_name(member: str, junk: object) -> None:
    value = written()
    if member in value:
        value[member] = junk
    else:
        value["lines"][0][member] = junk
    try:
        assert parse_json_claim(value).claim.lines
    except (CodecError, ClaimError) as error:
        assert error.detail  # noqa: PT017 - either outcome is right


def test_the_latest_date_of_service_is_the_day_that_has_come_anywhere() -> None:
    received = datetime(2026, 3, 2, 9, 59, 59, tzinfo=UTC)
    assert latest_service_date(received) == date(2026, 3, 2)
    assert latest_service_date(received + timedelta(seconds=1)) == date(2026, 3, 3)
    eastern = timezone(timedelta(hours=-5))
    assert latest_service_date(received.astimezone(eastern)) == date(2026, 3, 2)
    claim = world.claim(world.line(), world.line(2, service_date=date(2026, 3, 4)))
    check_served(claim, date(2026, 3, 4))
    with pytest.raises(ClaimError, match="line 2: the date of service 2026-03-04 is after") as at:
        check_served(claim, date(2026, 3, 3))
    assert at.value.members["line"] == 2
