"""Element strings: what is read, what is refused and where, and that nothing is guessed."""

import re
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.core.gs1 import (
    FNC1,
    TEXT_LENGTH_MAX,
    ElementString,
    GS1Error,
    build_element_string,
    format_bracketed,
    format_raw,
    parse_bracketed,
    parse_element_string,
    parse_scan,
    read_scan,
)
from provenance.core.gs1_linters import (
    BASE64URL,
    CHARSETS,
    CSET39,
    CSET82,
    LINTERS,
    Fault,
    check_digit,
    check_pair,
)
from provenance.core.gs1_table import AI_RULES

GTIN = "00312345678906"
PACK = f"]d201{GTIN}17281231" + "10A1B2" + FNC1 + "21SER(1)"
ON = date(2026, 11, 24)


def refused(text: str) -> tuple[str, int]:
    with pytest.raises(GS1Error) as caught:
        parse_scan(text)
    return caught.value.type, caught.value.position


def test_a_pack_of_medicine_shows_its_four_facts() -> None:
    pack = parse_scan(PACK)
    assert pack.pairs == (("01", GTIN), ("17", "281231"), ("10", "A1B2"), ("21", "SER(1)"))
    assert (pack.gtin, pack.serial, pack.lot) == (GTIN, "SER(1)", "A1B2")
    assert pack.expiry_date(on_date=ON) == date(2028, 12, 31)
    assert (pack.sscc, pack.quantity, pack.get("240")) == (None, None, None)
    assert parse_scan(format_bracketed(pack.pairs)) == pack
    assert format_bracketed(pack.pairs) == f"(01){GTIN}(17)281231(10)A1B2(21)SER\\(1)"


def test_a_carton_shows_its_number_and_count() -> None:
    carton = parse_scan("]C100003123450000000011" + "02" + GTIN + "3712")
    assert carton.sscc == "003123450000000011"
    assert carton.quantity == 12


def test_a_rectangular_data_matrix_is_gs1s_as_the_square_one_is() -> None:
    # What ZXing-C++ draws for a long element string unless it is told to draw a square.
    data = f"01{GTIN}10A{FNC1}21B"
    assert parse_scan("]d8" + data) == parse_scan("]d2" + data)
    assert read_scan("]d8" + data).carrier == "GS1 DataMatrix"


@pytest.mark.parametrize(
    ("text", "on", "expected"),
    [
        ("260228", ON, date(2026, 2, 28)),
        ("260200", ON, date(2026, 2, 28)),
        ("280200", ON, date(2028, 2, 29)),
        ("261100", ON, date(2026, 11, 30)),
        ("261200", ON, date(2026, 12, 31)),
        ("760101", ON, date(2076, 1, 1)),
        ("770101", ON, date(1977, 1, 1)),
        ("010101", date(2049, 1, 1), date(2001, 1, 1)),
        ("000101", date(2049, 1, 1), date(2000, 1, 1)),
        ("000101", date(2050, 1, 1), date(2100, 1, 1)),
    ],
)
def test_the_century_of_an_expiry_date_is_the_nearest(text: str, on: date, expected: date) -> None:
    pack = parse_bracketed(f"(01){GTIN}(17){text}")
    assert pack.expiry_date(on_date=on) == expected


def test_an_expiry_with_a_time_has_a_date_too() -> None:
    pack = parse_bracketed(f"(01){GTIN}(7003)2811302359")
    assert pack.expiry_date(on_date=ON) == date(2028, 11, 30)
    assert parse_bracketed(f"(01){GTIN}").expiry_date(on_date=ON) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ("empty", 0)),
        (FNC1, ("empty", 1)),
        ("]d2", ("empty", 3)),
        ("]d2" + FNC1, ("empty", 4)),
        ("1" * (TEXT_LENGTH_MAX + 1), ("too_long", TEXT_LENGTH_MAX)),
        ("]z9010", ("unknown_symbology", 0)),
        ("]", ("unknown_symbology", 0)),
        ("]d1hello", ("not_gs1", 3)),
        ("https://id.gs1.org/01/00312345678906", ("digital_link", 0)),
        ("(01", ("brackets", 0)),
        (f"(01){GTIN} (10)A", ("too_long", 18)),
        ("(05)1", ("unknown_ai", 0)),
        ("]d2051", ("unknown_ai", 3)),
        ("]d20100312345678905", ("check_digit", 18)),
        ("]d2010031234567890", ("too_short", 18)),
        ("]d20100312345678906\x1d10", ("too_short", 22)),
        ("]d20100312345678906\x1d10A~", ("bad_character", 23)),
        ("]d20100312345678906\x1d10A\x1d10B", ("ai_repeated", 26)),
        ("]d2010031234567890617261301", ("date", 23)),
        ("]d210A", ("ai_required", 5)),
        ("]d2010031234567890602003123456789063705", ("ai_excluded", 5)),
        ("(253)3123450000011(8030)AB", ("serial_required", 5)),
        ("(8110)1061414165432131501101201211014092110256100126663101231", ("not_built", 6)),
        ("]E00312345678905", ("gtin", 3)),
        ("]E00312345678906x", ("gtin", 3)),
        ("]E00312345678906|]e089", ("unknown_ai", 20)),
        ("]E00312345678906|]e010A~", ("bad_character", 23)),
        ("0312345678905", ("too_short", 13)),
        ("\x00", ("unknown_ai", 0)),
        ("\ud800", ("unknown_ai", 0)),
        ("\u0660\u0661", ("unknown_ai", 0)),
        ("(\u0660\u0661)1", ("brackets", 0)),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(
    text: str, expected: tuple[str, int]
) -> None:
    assert refused(text) == expected


def test_an_error_is_a_problem_document_with_fault_and_position() -> None:
    with pytest.raises(GS1Error) as caught:
        parse_scan("]d2051")
    assert caught.value.as_json() == {
        "type": "urn:theriac:problem:gs1",
        "title": "The scan cannot be read",
        "status": 400,
        "detail": "no application identifier begins here",
        "fault": "unknown_ai",
        "position": 3,
    }


@pytest.mark.parametrize(
    ("text", "position"),
    [
        (f"01{GTIN}21ABC17281231", 21),
        (f"01{GTIN}21ABC1728123110LOT", 21),
        (f"21ABC01{GTIN}", 5),
        (f"01{GTIN}17281231" + "10" + "A" * 15 + "21SERIAL", 46),
    ],
)
def test_a_value_that_swallowed_the_next_identifiers_is_refused(text: str, position: int) -> None:
    assert refused(text) == ("separator_missing", position)


@pytest.mark.parametrize(
    "text",
    [
        f"01{GTIN}1728123121ABC17281231",  # expiry is there already
        f"01{GTIN}10L{FNC1}21ABC17281231",  # this scanner sends separators
        f"01{GTIN}21ABC17281399",  # no date
        f"01{GTIN}21ABC1728123105",  # nothing that could follow
        f"01{GTIN}21ABC10XYZ",  # no sign: a serial may hold any digits
    ],
)
def test_a_value_that_only_looks_like_more_is_taken(text: str) -> None:
    assert parse_scan(text).serial == text.rpartition("21ABC")[1][2:] + text.rpartition("21ABC")[2]


def test_a_separator_after_a_fixed_field_or_at_the_end_is_tolerated() -> None:
    assert parse_scan(f"{FNC1}01{GTIN}{FNC1}10A{FNC1}").pairs == (("01", GTIN), ("10", "A"))


def test_the_same_value_twice_counts_once() -> None:
    assert parse_scan(f"(01){GTIN}(10)A(10)A").pairs == (("01", GTIN), ("10", "A"))


@pytest.mark.parametrize(
    "text", ["]E00312345678906", "0312345678906", "312345678906", "00312345678906"]
)
def test_a_retail_symbol_or_its_bare_digits_give_the_gtin_alone(text: str) -> None:
    assert parse_scan(text).pairs == (("01", GTIN),)


def test_a_composite_symbol_gives_both_halves() -> None:
    text = f"]E00312345678906|]e010A{FNC1}17281231"
    assert parse_scan(text).pairs == (("01", GTIN), ("10", "A"), ("17", "281231"))
    assert read_scan(text).composite == f"10A{FNC1}17281231"


def test_pairs_are_checked_like_a_scan() -> None:
    assert build_element_string([("01", GTIN)]) == ElementString(pairs=(("01", GTIN),))
    for pairs, expected in [
        ([("05", "1")], ("unknown_ai", 0)),
        ([("01", GTIN), ("10", "~")], ("bad_character", 1)),
        ([("10", "A")], ("ai_required", 0)),
    ]:
        with pytest.raises(GS1Error) as caught:
            build_element_string(pairs)
        assert (caught.value.type, caught.value.position) == expected


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("csum", "0312345678906", "0312345678905"),
        ("csumalpha", "1987654Ad4X4bL5ttr2310c2K", "1987654Ad4X4bL5ttr2310c2L"),
        ("csumalpha", "1987654Ad4X4bL5ttr2310c2K", "2K"),
        ("gcppos1", "1234", "123A"),
        ("gcppos2", "A1234", "1234"),
        ("hasnondigit", "12A", "123"),
        ("hh", "23", "24"),
        ("hhmi", "2359", "2360"),
        ("hhmi", "0000", "2400"),
        ("hyphen", "-", "A"),
        ("iban", "GB82WEST12345698765432", "GB82WEST12345698765431"),
        ("iban", "GB82WEST12345698765432", "XX82WEST12345698765432"),
        ("iban", "GB82WEST12345698765432", "gb82WEST12345698765432"),
        ("importeridx", "_", "!"),
        ("iso3166", "840", "999"),
        ("iso3166999", "999", "000"),
        ("iso3166alpha2", "US", "XX"),
        ("iso4217", "840", "000"),
        ("iso5218", "9", "3"),
        ("latitude", "1800000000", "1800000001"),
        ("longitude", "3600000000", "3600000001"),
        ("mediatype", "10", "11"),
        ("mediatype", "80", "79"),
        ("mi", "59", "60"),
        ("nonzero", "0010", "0000"),
        ("nozeroprefix", "0", "01"),
        ("nozeroprefix", "10", "00"),
        ("packagetype", "1A", "1a"),
        ("pcenc", "A%2fB", "A%2"),
        ("pieceoftotal", "0102", "0302"),
        ("pieceoftotal", "0202", "0002"),
        ("posinseqslash", "1/2", "2/1"),
        ("posinseqslash", "2/2", "0/2"),
        ("ss", "00", "60"),
        ("winding", "9", "2"),
        ("yesno", "1", "2"),
        ("yymmd0", "240200", "240230"),
        ("yymmdd", "240229", "240200"),
        ("yymmdd", "000229", "250229"),
        ("yyyymmdd", "20240229", "19000229"),
        ("yyyymmdd", "20240229", "00000101"),
        ("zero", "0", "1"),
    ],
)
def test_each_check_takes_the_good_and_refuses_the_bad(name: str, good: str, bad: str) -> None:
    assert LINTERS[name](good) is None
    fault = LINTERS[name](bad)
    assert isinstance(fault, Fault)
    assert bad not in fault.detail


def test_every_check_digit_but_one_is_refused() -> None:
    for digit in "0123456789":
        text = f"]d2010031234567890{digit}"
        assert (digit == check_digit("0031234567890")) == (digit == "6")
        if digit != "6":
            assert refused(text)[0] == "check_digit"


def test_the_check_pair_tells_any_changed_character() -> None:
    text = "1987654Ad4X4bL5ttr2310c"
    assert check_pair(text) == "2K"
    for i in range(len(text)):
        for other in CSET82:
            if other != text[i]:
                assert check_pair(text[:i] + other + text[i + 1 :]) != "2K"


values = st.text(alphabet=CSET82, min_size=1, max_size=20)
digits = st.text(alphabet="0123456789", min_size=13, max_size=13)


@settings(max_examples=100)
@given(digits.filter(lambda d: d[1:5].isdigit()), values, values, st.dates(date(2000, 1, 1)))
def test_what_is_formatted_is_parsed_back(body: str, serial: str, lot: str, day: date) -> None:
    pairs = (
        ("01", body + check_digit(body)),
        ("10", lot),
        ("21", serial),
        ("17", day.strftime("%y%m%d")),
    )
    expected = ElementString(pairs=pairs)
    assert parse_scan("]d2" + format_raw(pairs)) == expected
    assert parse_bracketed(format_bracketed(pairs)) == expected
    assert build_element_string(pairs) == expected


alphabet = st.sampled_from([*"0123456789()]dQ3EJ%/\\", FNC1, "\x00", "\ud800", "\u0663", *AI_RULES])


@settings(max_examples=100)
@given(st.one_of(st.text(), st.lists(alphabet).map("".join)))
def test_any_text_is_read_or_refused_with_a_position_in_it(text: str) -> None:
    for parse in (parse_scan, parse_element_string, parse_bracketed):
        try:
            found = parse(text)
        except GS1Error as error:
            position = error.position
        else:
            position = 0
            assert found == build_element_string(found.pairs)
        assert 0 <= position <= len(text)


@settings(max_examples=100)
@given(st.data())
def test_any_change_of_a_good_scan_is_read_or_refused(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(PACK)))
    cut = data.draw(st.integers(0, 3))
    text = PACK[:at] + data.draw(alphabet) + PACK[at + cut :]
    try:
        found = parse_scan(text)
    except GS1Error:
        return
    assert found.pairs


def test_the_character_sets_have_their_sizes() -> None:
    assert [len(CHARSETS[name]) for name in "NXYZ"] == [10, 82, 39, 65]
    assert re.fullmatch("[A-Za-z0-9_=-]+", BASE64URL)
    assert set(CSET39) <= {"#", *CSET82}
