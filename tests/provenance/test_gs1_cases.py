"""The scans of ``tests/vectors/gs1``: what any reader of ours must make of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from provenance.core.gs1 import GS1Error, parse_scan

CASES = json.loads((Path(__file__).parents[1] / "vectors/gs1/scans.json").read_text("utf-8"))


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_scan_is_read_as_written_down(case: dict[str, Any]) -> None:
    if "pairs" in case:
        assert [list(pair) for pair in parse_scan(case["scan"]).pairs] == case["pairs"]
        return
    with pytest.raises(GS1Error) as caught:
        parse_scan(case["scan"])
    assert (caught.value.type, caught.value.position) == (case["fault"], case["position"])
