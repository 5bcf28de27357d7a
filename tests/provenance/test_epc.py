"""Identifiers: URN and Digital Link are two views of one value."""

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.core.epc import (
    Epc,
    EpcError,
    EpcKind,
    Pairs,
    build_epc,
    canonical_epc,
    find_uri,
    format_digital_link,
    format_urn,
    identify,
    parse_digital_link,
    parse_epc,
    parse_urn,
)
from provenance.core.gs1 import parse_scan
from provenance.core.gs1_linters import CSET82, check_digit
from tests.vectors_at import ABSENT, SHARED, shared_vectors

GTIN = "00312345678906"
MOVED = {"00", "01", "8006"}


def pairs_of_others() -> list[object]:
    if not SHARED.is_dir():
        return [pytest.param(None, marks=pytest.mark.skip(reason=ABSENT))]
    path = shared_vectors("gs1/epc-urn-digitallink-pairs.json")
    rows = json.loads(path.read_text("utf-8"))["pairs"]
    assert len(rows) == 114
    return [pytest.param(row, id=row["input"]) for row in rows]


def known_length(pairs: Pairs) -> int:
    """Return the length of the company prefix, from the list of prefixes that others keep."""
    prefixes = pytest.importorskip("biip.gs1_prefixes", reason="biip is a tool of the gate")
    ai, value = pairs[0]
    digits = re.match("[0-9]*", value[1:] if ai in MOVED or ai == "8003" else value)
    assert digits is not None
    return len(prefixes.GS1CompanyPrefix.extract(digits[0]).value)


@pytest.mark.parametrize("row", pairs_of_others())
def test_each_published_pair_converts_as_published(row: dict[str, Any]) -> None:
    if row["op"].startswith("URI"):
        pairs = parse_urn(row["input"], raw=True)
        assert pairs is not None
        assert format_digital_link(pairs, raw=True) == row["expected"]
    else:
        pairs = parse_digital_link(row["input"], raw=True)
        assert pairs is not None
        length = int(row["gcp_length"] or known_length(pairs))
        assert format_urn(pairs, gcp_length=length, raw=True) == row["expected"]


@pytest.mark.parametrize(
    ("text", "uri", "kind"),
    [
        ("urn:epc:id:sgtin:030001.0012345.11", "/01/00300010123455/21/11", "instance"),
        ("URN:EPC:id:sgtin:030001.0012345.11", "/01/00300010123455/21/11", "instance"),
        ("urn:epc:id:sgtin:030001.0012345.a%2Fb%22", "/01/00300010123455/21/a%2Fb%22", "instance"),
        ('urn:epc:id:sgtin:030001.0012345.a/b"', "/01/00300010123455/21/a%2Fb%22", "instance"),
        ("urn:epc:idpat:sgtin:030001.0012345.*", "/01/00300010123455", "class"),
        ("urn:epc:class:lgtin:030001.0012345.L1", "/01/00300010123455/10/L1", "class"),
        ("urn:epc:id:sscc:030001.41234567890", "/00/403000112345678901", "instance"),
        ("urn:epc:id:sgln:030001.111111.0", "/414/0300011111116", "instance"),
        ("urn:epc:id:sgln:030001.111111.A1", "/414/0300011111116/254/A1", "instance"),
        ("urn:epc:id:pgln:030001.111111", "/417/0300011111116", "instance"),
        ("urn:epc:id:itip:030001.0012345.01.02.9", "/8006/003000101234550102/21/9", "instance"),
        ("urn:epc:idpat:itip:030001.0012345.01.02.*", "/8006/003000101234550102", "class"),
        ("urn:epc:id:cpi:030001.A%2FB.12", "/8010/030001A%2FB/8011/12", "instance"),
        ("urn:epc:idpat:cpi:030001.AB.*", "/8010/030001AB", "class"),
        ("urn:epc:id:upui:030001.0012345.X", "/01/00300010123455/235/X", "instance"),
        ("urn:epc:id:grai:030001.111111.7", "/8003/003000111111167", "instance"),
        ("urn:epc:idpat:grai:030001.111111.*", "/8003/00300011111116", "class"),
        ("urn:epc:id:gdti:030001.111111.7", "/253/03000111111167", "instance"),
        ("https://id.gs1.org/255/0300011111116", "/255/0300011111116", "class"),
        ("urn:epc:id:giai:030001.A", "/8004/030001A", "instance"),
        ("https://example.com/a/01/00300010123455/21/1?17=281231#x", "/01/00300010123455/21/1", ""),
        ("HTTPS://EXAMPLE.COM/01/00300010123455/22/V/10/L/21/1", "/01/00300010123455/21/1", ""),
        ("https://id.gs1.org/01/00300010123455/10/L", "/01/00300010123455/10/L", "class"),
        ("https://id.gs1.org/8018/030001111111111111/8019/2", None, ""),
    ],
)
def test_every_spelling_has_one_canonical_form(text: str, uri: str | None, kind: str) -> None:
    if uri is None:
        with pytest.raises(EpcError) as caught:
            parse_epc(text)
        assert caught.value.type == "check_digit"
        return
    found = parse_epc(text)
    assert found.uri == f"https://id.gs1.org{uri}" == canonical_epc(text)
    assert found.kind == (kind or "instance")
    assert parse_epc(found.uri) == found


@pytest.mark.parametrize(
    "text",
    [
        "urn:epc:id:gid:1.2.3",
        "urn:uuid:5b1a5f5e-0000-4000-8000-000000000001",
        "https://example.com/pack/7",
        "https://example.com",
        "https://example.com/01",
        "geo:21.0,-41.2",
    ],
)
def test_a_uri_of_another_kind_stands_for_itself(text: str) -> None:
    assert parse_epc(text) == Epc(uri=text, kind=EpcKind.OTHER)


@pytest.mark.parametrize(
    ("text", "type_"),
    [
        ("", "uri"),
        ("no uri", "uri"),
        ("a:" + "x" * 1024, "uri"),
        ("urn:epc:id:gid:\u00e4", "uri"),
        ("a:\ud800", "uri"),
        ("a:\x00", "uri"),
        ("urn:epc:nonsense", "urn"),
        ("urn:epc:class:sgtin:030001.0012345.11", "urn"),
        ("urn:epc:id:sgtin:030001.0012345", "urn"),
        ("urn:epc:id:sgtin:03001.00123455.1", "urn"),
        ("urn:epc:id:sgtin:030001.001234.1", "urn"),
        ("urn:epc:id:sgtin:030001.001234\u0665.1", "urn"),
        ("urn:epc:id:sgtin:030001.0012345.", "urn"),
        ("urn:epc:idpat:sgtin:030001.0012345.1", "urn"),
        ("urn:epc:id:sgtin:030001.0012345.%00", "bad_character"),
        ("urn:epc:id:sgtin:030001.0012345." + "9" * 21, "too_long"),
        ("urn:epc:id:giai:030001.\ud800", "bad_character"),
        ("https://id.gs1.org/01/00300010123456", "check_digit"),
        ("https://id.gs1.org/01/00300010123455/21/%00", "digital_link"),
        ("https://id.gs1.org/01/00300010123455/21/", "digital_link"),
        ("https://id.gs1.org/01/00300010123455/21/1/10/L", "digital_link"),
        ("https://id.gs1.org/01/00300010123455/235/1/21/L", "digital_link"),
        ("https://id.gs1.org/01/00300010123455/21/%ff", "bad_character"),
        ("https://id.gs1.org/01/0300010123455/21/1", "too_short"),
    ],
)
def test_what_is_no_identifier_is_refused(text: str, type_: str) -> None:
    with pytest.raises(EpcError) as caught:
        parse_epc(text)
    assert caught.value.type == type_
    assert caught.value.members == {"fault": type_}


def test_a_urn_needs_the_length_of_its_company_prefix() -> None:
    for length in (None, 5, 13):
        with pytest.raises(EpcError, match="6 to 12"):
            format_urn((("01", GTIN), ("21", "1")), gcp_length=length)
    with pytest.raises(EpcError, match="no URN"):
        format_urn((("01", GTIN), ("22", "1")), gcp_length=7)
    with pytest.raises(EpcError, match="no URN"):
        format_urn((("8013", "x"),), gcp_length=7)
    with pytest.raises(EpcError, match="no EPC URN"):
        parse_urn("urn:uuid:1")


def test_what_begins_with_no_key_is_no_identifier() -> None:
    for pairs in ((), (("21", "1"), ("01", GTIN))):
        with pytest.raises(EpcError, match="primary key"):
            build_epc(pairs)


def test_a_link_without_a_key_is_none() -> None:
    assert parse_digital_link("https://example.com/x", raw=True) is None
    assert parse_digital_link("nonsense") is None


def test_an_identifier_shows_its_parts() -> None:
    pack = parse_epc(f"https://id.gs1.org/01/{GTIN}/21/S")
    assert (pack.gtin, pack.serial, pack.lot, pack.sscc, pack.gln) == (GTIN, "S", None, None, None)
    assert parse_epc(f"https://id.gs1.org/01/{GTIN}/10/L").lot == "L"
    assert parse_epc("urn:epc:id:sscc:030001.41234567890").sscc == "403000112345678901"
    assert parse_epc("urn:epc:id:sgln:030001.111111.0").gln == "0300011111116"
    assert parse_epc("urn:epc:id:pgln:030001.111111").gln == "0300011111116"


@pytest.mark.parametrize(
    ("scan", "uri"),
    [
        (f"(01){GTIN}(17)281231(10)L(21)S(240)X", f"/01/{GTIN}/21/S"),
        (f"(17)281231(10)L(01){GTIN}", f"/01/{GTIN}/10/L"),
        (f"(01){GTIN}(22)V", f"/01/{GTIN}"),
        (f"(00)403000112345678901(02){GTIN}(37)12", "/00/403000112345678901"),
        ("(414)0300011111116(254)A", "/414/0300011111116/254/A"),
        ("(8004)030001A", "/8004/030001A"),
    ],
)
def test_a_scan_identifies_what_carries_the_symbol(scan: str, uri: str) -> None:
    assert identify(parse_scan(scan)).uri == "https://id.gs1.org" + uri


def test_a_symbol_without_a_key_identifies_nothing() -> None:
    with pytest.raises(EpcError) as caught:
        identify(parse_scan("(99)A"))
    assert caught.value.type == "no_key"


@settings(max_examples=100)
@given(
    st.text("0123456789", min_size=13, max_size=13),
    st.text(CSET82, min_size=1, max_size=20),
    st.integers(6, 12),
    st.sampled_from(["21", "10", "235"]),
)
def test_urn_and_link_lead_back_to_the_same_identifier(
    body: str, serial: str, length: int, qualifier: str
) -> None:
    pairs = (("01", body + check_digit(body)), (qualifier, serial))
    urn = format_urn(pairs, gcp_length=length)
    assert parse_urn(urn) == pairs
    assert parse_digital_link(format_digital_link(pairs)) == pairs
    assert canonical_epc(urn) == format_digital_link(pairs)


@pytest.mark.parametrize("carrier", ["", "]Q1", "]d1", "]J0"])
@pytest.mark.parametrize(
    "link", ["https://a.example/01/00300010123455/21/1", "HTTP://A/", "urn:epc:id:sscc:030001.4"]
)
def test_a_link_is_found_in_a_symbol_that_holds_no_gs1_data(carrier: str, link: str) -> None:
    assert find_uri(carrier + link) == link
    assert find_uri("]d2" + link) is None
    assert find_uri(f"{carrier}0100300010123455") is None


@settings(max_examples=100)
@given(
    st.one_of(
        st.text(),
        st.tuples(
            st.sampled_from(["urn:epc:id:", "urn:epc:idpat:", "urn:epc:class:", "https://h/"]),
            st.sampled_from(["sgtin:", "sscc:", "itip:", "01/", "8006/", "sgln:", "grai:"]),
            st.text("0123456789.*%/A\x00\ud800"),
        ).map("".join),
    )
)
def test_any_text_is_an_identifier_or_refused(text: str) -> None:
    try:
        found = parse_epc(text)
    except EpcError:
        return
    assert canonical_epc(found.uri) == found.uri
