from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claims.core import x12
from claims.core.x12 import (
    Delimiters,
    X12Error,
    X12TextError,
    format_interchange,
    format_number,
    parse_interchanges,
    parse_number,
)
from tests.claims.x12_files import ENVELOPE, file_bytes, one

VISITS = file_bytes("visits.837")
ISA = VISITS[:106]


def test_the_envelope_is_read_by_its_fixed_places() -> None:
    interchange = one(VISITS)
    assert interchange.delimiters == Delimiters()
    (group,) = interchange.groups
    assert (group.header.element(1), group.codes, group.declared_count) == ("HC", (), "1")
    (transaction_set,) = group.sets
    assert transaction_set.codes == ()
    assert transaction_set.header.position == 3
    assert transaction_set.header.element(9) == ""


def test_the_letter_u_means_that_nothing_repeats() -> None:
    data = VISITS.replace(b"*^*00501", b"*U*00501")
    assert one(data).delimiters.repetition is None


@pytest.mark.parametrize("between", [b"", b"\r\n", b"\n\n\n"])
def test_line_ends_and_blank_lines_change_nothing(between: bytes) -> None:
    again = VISITS.replace(b"\n", between)
    assert one(again) == one(VISITS)
    assert [each.groups for each in parse_interchanges(between + again + VISITS)] == [
        one(VISITS).groups
    ] * 2


@pytest.mark.parametrize("terminator", [b"\n", b"\\", b"'"])
def test_other_terminators_and_separators_are_read(terminator: bytes) -> None:
    data = VISITS.replace(b"\n", b"").replace(b":", b"<").replace(b"~", terminator)
    interchange = one(data.replace(b"*", b"|"))
    assert interchange.delimiters.terminator == terminator.decode()
    assert len(interchange.groups[0].sets[0].segments) == 43


def test_utf_8_is_read_in_elements() -> None:
    text = one(VISITS.replace(b"POLO", "PÖLO".encode())).groups[0].sets[0].segments
    assert any(segment.element(3) == "PÖLO" for segment in text)


def test_an_acknowledgement_segment_between_envelopes_is_passed_over() -> None:
    data = VISITS.replace(b"~\nGS", b"~\nTA1*000000101*260310*0915*A*000~\nGS", 1)
    assert len(one(data).groups) == 1


def spoilt(old: str, new: str) -> bytes:
    assert old.encode() in VISITS
    return VISITS.replace(old.encode(), new.encode(), 1)


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", "no ISA"),
        (b"\n", "no ISA"),
        (VISITS[107:], "no ISA"),
        (ISA[:50], "no ISA"),
        (ISA, "ends without IEA"),
        (VISITS + b"x", "no ISA"),
        (b"\xff" + VISITS, "byte 0 is no UTF-8"),
        (spoilt("CLINIC         ", "CLINIC        "), "fixed lengths"),
        (spoilt("*T*:~", "*T***"), "four different signs"),
        (spoilt("*T*:~", "*T*~~"), "four different signs"),
        (spoilt("*T*:~", "*T*A~"), "four different signs"),
        (spoilt("*^*", "*:*"), "four different signs"),
        (spoilt("00501", "00401"), "ISA12 is not 00501"),
        (spoilt("IEA*1*000000101", "IEA*1*000000102"), "IEA02 is not ISA13"),
        (spoilt("IEA*1", "IEA*2"), "IEA01 is not 1"),
        (spoilt("IEA*1", "IEA*x"), "IEA01 is not 1"),
        (spoilt("GS*HC", "XX*HC"), "XX outside GS"),
        (spoilt("ST*837", "XX*837"), "XX outside ST"),
        (spoilt("~\nBHT", "~~BHT"), "without a name"),
        (spoilt("~\nBHT", "~bht*1~BHT"), "without a name"),
        (spoilt("*OFFICE*", "*" * 120), "without a name, or too long"),
        (spoilt("OFFICE", "X" * 10_001), "more than 10000 characters"),
        (spoilt("OFFICE", "OFF\x00CE"), "control character in PER"),
        (spoilt("OFFICE", "OF\nFICE"), "control character in PER"),
    ],
)
def test_a_broken_envelope_is_refused_with_its_place(data: bytes, fault: str) -> None:
    with pytest.raises(X12Error, match=fault) as caught:
        parse_interchanges(data)
    assert isinstance(caught.value.members["position"], int)


@pytest.mark.parametrize(
    ("old", "new", "group_codes", "set_codes"),
    [
        ("SE*43", "SE*41", (), ("4",)),
        ("SE*43", "SE*" + "9" * 11, (), ("4",)),
        ("*0001~\nGE", "*0002~\nGE", (), ("3",)),
        ("SE*43*0001~\n", "", (), ("2",)),
        ("GE*1*101~\n", "", ("3",), ()),
        ("GE*1*101", "GE*1*102", ("4",), ()),
        ("GE*1*101", "GE*2*101", ("5",), ()),
    ],
)
def test_a_broken_group_or_set_keeps_the_codes_of_its_faults(
    old: str, new: str, group_codes: tuple[str, ...], set_codes: tuple[str, ...]
) -> None:
    (group,) = one(spoilt(old, new)).groups
    assert (group.codes, group.sets[0].codes) == (group_codes, set_codes)


def test_a_set_and_a_group_may_begin_before_the_last_has_ended() -> None:
    data = spoilt("SE*43*0001~\n", "ST*837*0002*005010X222A1~\nSE*2*0002~\n")
    (group,) = one(data).groups
    assert [each.codes for each in group.sets] == [("2",), ()]
    assert group.codes == ("5",)


def test_limits_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(x12, "SEGMENTS_MAX", 10)
    with pytest.raises(X12Error, match="more than 10 segments"):
        parse_interchanges(VISITS)
    monkeypatch.setattr(x12, "SIZE_MAX", 10)
    with pytest.raises(X12Error, match="more than 10 bytes"):
        parse_interchanges(VISITS)


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=2))
@settings(max_examples=100)
def test_a_number_is_written_and_read(number: Decimal) -> None:
    text = format_number(number)
    assert parse_number(text) == number
    assert "." not in text or text[-1] not in "0."


@pytest.mark.parametrize("text", ["", "1e3", "+1", "1,0", "--1", "1.23456", "12345678901", "."])
def test_what_is_no_number_is_none(text: str) -> None:
    assert parse_number(text) is None


def test_what_is_written_is_read_back() -> None:
    drafts = [("ST", "999", "0001", "V"), ("AK1", ("A", "", "B", ""), "", "C", "")]
    data = format_interchange(ENVELOPE, functional_id="FA", version="V", sets=[drafts])
    assert data.decode().split("~")[2:5] == ["ST*999*0001*V", "AK1*A::B**C", "SE*3*0001"]
    assert one(data).groups[0].codes == one(data).groups[0].sets[0].codes == ()


@pytest.mark.parametrize("text", ["a*b", "a~b", "a:b", "a^b", "a\nb"])
def test_a_value_with_a_delimiter_cannot_be_written(text: str) -> None:
    with pytest.raises(X12TextError):
        format_interchange(
            ENVELOPE, functional_id="FA", version="V", sets=[[("ST", "999", "0001", text)]]
        )


def test_an_id_too_long_for_the_envelope_cannot_be_written() -> None:
    long = replace(ENVELOPE, sender=("ZZ", "X" * 16, "X"))
    with pytest.raises(X12TextError, match="too long"):
        format_interchange(long, functional_id="FA", version="V", sets=[])
    with pytest.raises(X12TextError, match="delimiter"):
        format_interchange(
            replace(ENVELOPE, sender=("ZZ", "A*B", "X")), functional_id="FA", version="V", sets=[]
        )
