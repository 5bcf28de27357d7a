"""NDCs: the three forms of ten digits, the eleven of billing, and the GTIN that carries them."""

import pytest

from provenance.core.gs1_linters import check_digit
from provenance.core.ndc import NdcError, parse_ndc


@pytest.mark.parametrize(
    ("written", "eleven"),
    [
        ("0001-0123-45", "00001012345"),
        ("12345-678-90", "12345067890"),
        ("12345-6789-0", "12345678900"),
    ],
)
def test_each_form_is_padded_in_its_short_segment(written: str, eleven: str) -> None:
    ndc = parse_ndc(written)
    assert ndc.eleven == eleven
    body = "103" + written.replace("-", "")
    gtin = body + str(check_digit(body))
    assert ndc.fits(gtin)
    assert not ndc.fits("1" + "04" + gtin[3:])
    assert not ndc.fits(gtin[:12] + "9" + gtin[13:])


def test_the_same_digits_cut_otherwise_are_another_product_and_one_gtin() -> None:
    one, other = parse_ndc("12345-678-90"), parse_ndc("12345-6789-0")
    assert one.eleven != other.eleven
    assert one.fits("00312345678906") == other.fits("00312345678906") is True


@pytest.mark.parametrize(
    "text",
    ["", "0001012345", "00001012345", "00001-0123-45", "1-2-3", "0001-0123-4x", "0001-0123-450"],
)
def test_what_has_no_hyphens_or_eleven_digits_is_not_guessed_at(text: str) -> None:
    with pytest.raises(NdcError):
        parse_ndc(text)
