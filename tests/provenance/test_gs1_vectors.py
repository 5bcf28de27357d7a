"""The parser against the cases of GS1's own syntax engine; ``^`` in them is FNC1."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from provenance.core.gs1 import (
    FNC1,
    GS1Error,
    format_bracketed,
    format_raw,
    parse_bracketed,
    parse_element_string,
    parse_scan,
    read_scan,
)
from tests.vectors_at import ABSENT, SHARED, shared_vectors

# Their internal function takes one identifier alone; the gate of ours judges all together.
PARTNERS = {"ai_required", "ai_excluded", "serial_required"}
CARRIERS = {
    "QR Code": "QR",
    "GS1 QR Code": "QR",
    "Data Matrix": "DM",
    "GS1 DataMatrix": "DM",
    "DotCode": "DotCode",
    "GS1 DotCode": "DotCode",
    "GS1 DataBar": "DataBarExpanded",
    "GS1-128": "GS1_128_CCA",
    "EAN-13": "EAN13",
    "EAN-8": "EAN8",
}


def cases(kind: str) -> list[dict[str, Any]]:
    path = shared_vectors("gs1/gs1-syntax-engine-vectors.json")
    return [
        row
        for row in json.loads(path.read_text("utf-8"))["vectors"]
        if row["kind"] == kind and row["args"][1] != "buf"
    ]


def params(kind: str) -> Iterator[object]:
    if not SHARED.is_dir():
        yield pytest.param(None, marks=pytest.mark.skip(reason=ABSENT))
        return
    for row in cases(kind):
        yield pytest.param(row, id=repr(row["args"][1:])[:60])


def outcome(function: Any, text: str) -> str:
    try:
        function(text)
    except GS1Error as error:
        return error.type
    return "ok"


@pytest.mark.parametrize("row", list(params("processAIdata")))
def test_raw_data_is_taken_exactly_where_the_engine_takes_it(row: dict[str, Any]) -> None:
    text = row["args"][1]
    if not text.startswith("^"):
        assert row["args"][0] is False  # data of another kind: our callers know that it is GS1
        return
    result = outcome(parse_element_string, text.replace("^", FNC1))
    assert (result == "ok") == row["engine_default_full_validation"]
    assert (result in {"ok", *PARTNERS}) == row["args"][0]


@pytest.mark.parametrize("row", list(params("parseAIdata")))
def test_brackets_are_read_as_the_engine_reads_them(row: dict[str, Any]) -> None:
    expected, bracketed, raw = row["args"]
    result = outcome(parse_bracketed, bracketed)
    assert (result in {"ok", *PARTNERS}) == expected
    if result == "ok":
        pairs = parse_bracketed(bracketed).pairs
        assert "^" + format_raw(pairs).replace(FNC1, "^") == raw
        assert format_bracketed(pairs) == bracketed


@pytest.mark.parametrize("row", list(params("validateAIs")))
def test_identifiers_fit_together_exactly_where_the_engine_says_so(row: dict[str, Any]) -> None:
    expected, rule, bracketed = row["args"]
    result = outcome(parse_bracketed, bracketed)
    if rule == "validateAIrepeats" and expected:
        # Their rule asks of repeats alone.
        assert result in {"ok", *PARTNERS}
    else:
        assert (result == "ok") == expected


@pytest.mark.parametrize("row", list(params("ProcessScanData")))
def test_a_symbol_is_taken_apart_as_the_engine_does(row: dict[str, Any]) -> None:
    expected, text, carrier, data = row["args"]
    if not expected:
        assert outcome(parse_scan, text) != "ok"
        return
    scan = read_scan(text)
    assert CARRIERS[scan.carrier] == carrier
    if data.startswith("^"):
        assert "^" + format_raw(parse_scan(text).pairs).replace(FNC1, "^") == data
    elif carrier == "EAN8":
        found = parse_scan(text)
        rest = f"|^{format_raw(found.pairs[1:])}".replace(FNC1, "^") if scan.composite else ""
        assert scan.data + rest == data
        assert found.gtin == scan.data.zfill(14)
    else:
        # Plain data that begins with a literal ^ or backslash is written with one more.
        assert scan.data == (data.removeprefix("\\"))
        assert outcome(parse_scan, text) == "not_gs1"


def test_no_case_of_the_engine_is_forgotten() -> None:
    shared_vectors("gs1")
    counts = {
        kind: len(cases(kind))
        for kind in ("processAIdata", "parseAIdata", "validateAIs", "ProcessScanData")
    }
    assert counts == {
        "processAIdata": 39,
        "parseAIdata": 10,
        "validateAIs": 45,
        "ProcessScanData": 30,
    }
