"""Identifiers: the right check digit passes, every other one is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.core.identifiers import (
    IdentifierError,
    parse_email,
    parse_gln,
    parse_licence,
    parse_npi,
)


@pytest.mark.parametrize("gln", ["9501101020016", "0614141000005", "4012345000009"])
def test_of_ten_last_digits_one_makes_a_gln(gln: str) -> None:
    assert parse_gln(gln) == gln
    for digit in set("0123456789") - {gln[-1]}:
        with pytest.raises(IdentifierError, match=f"its check digit is {gln[-1]}"):
            parse_gln(gln[:-1] + digit)


@pytest.mark.parametrize("npi", ["1234567893", "1497758544", "2000000002"])
def test_of_ten_last_digits_one_makes_an_npi(npi: str) -> None:
    assert parse_npi(npi) == npi
    for digit in set("0123456789") - {npi[-1]}:
        with pytest.raises(IdentifierError, match=f"its check digit is {npi[-1]}"):
            parse_npi(npi[:-1] + digit)


@given(st.text(alphabet="0123456789", min_size=12, max_size=12), st.integers(0, 11), st.data())
def test_one_wrong_digit_is_found_in_a_gln(body: str, at: int, data: st.DataObject) -> None:
    gln = next(body + digit for digit in "0123456789" if _is_gln(body + digit))
    other = data.draw(st.sampled_from([digit for digit in "0123456789" if digit != gln[at]]))
    assert not _is_gln(gln[:at] + other + gln[at + 1 :])


def _is_gln(text: str) -> bool:
    try:
        return parse_gln(text) == text
    except IdentifierError:
        return False


@pytest.mark.parametrize(
    "text",
    ["", "950110102001", "95011010200166", "950110102001a", "\u0669501101020016", "\ud800", "\x00"],
)
def test_what_is_not_13_ascii_digits_is_no_gln(text: str) -> None:
    with pytest.raises(IdentifierError, match="a GLN has 13 digits"):
        parse_gln(text)


@pytest.mark.parametrize("text", ["", "123456789", "3234567893", "12345678933", "123456789\uff13"])
def test_an_npi_begins_with_1_or_2_and_has_10_digits(text: str) -> None:
    with pytest.raises(IdentifierError, match="an NPI has 10 digits"):
        parse_npi(text)


@pytest.mark.parametrize("text", ["A", "PHY 12345", "0" * 64])
def test_a_licence_number_is_kept_as_it_is(text: str) -> None:
    assert parse_licence(text) == text


@pytest.mark.parametrize("text", ["", " A", "A ", "0" * 65, "Ä", "A\nB"])
def test_other_licence_numbers_are_refused(text: str) -> None:
    with pytest.raises(IdentifierError, match="1 to 64 printable"):
        parse_licence(text)


def test_an_email_address_has_one_spelling() -> None:
    assert parse_email("  Ada@Example.ORG ") == "ada@example.org"


@pytest.mark.parametrize(
    "text", ["", "ada", "@", "a@", "@b", "a@b@c", "a b@c", "a@b\x00", "a@\ud800", f"{'a' * 253}@b"]
)
def test_what_is_no_email_address_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(IdentifierError) as refused:
        parse_email(text)
    assert refused.value.detail == "no e-mail address of at most 254 characters"
