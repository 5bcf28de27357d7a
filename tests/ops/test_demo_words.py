"""What the demo says of files that are refused: where JSON breaks, what a 999 means."""

from dataclasses import replace
from datetime import date

import pytest

from claims.core import x12, x12_999, x12_elements
from claims.core.x12_999 import GroupResult, SegmentFault, SetResult, format_999
from claims.core.x12_intake import read_interchange
from ops.demo import words
from tests.claims.x12_files import ENVELOPE, file_bytes, one, resealed

VISITS = file_bytes("visits.837").decode()


def refused(data: bytes) -> str:
    intake = read_interchange(one(data), latest=date(2026, 3, 10))
    return words.refused_by_999(format_999(intake.groups, ENVELOPE).decode())


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'{"a": 1,\n "b": }', "broken JSON at line 2, column 7: "),
        (b'{"a": 1', "broken JSON at line 1, column 8: "),
        (b"[1, 2", "broken JSON at line 1, column 6: "),
        (b'{"a": "\xff"}', "broken JSON at line 1, column 8: the body is not UTF-8"),
        (b'{"a": 1, "a": 2}', "broken JSON: "),
    ],
)
def test_broken_json_is_called_so_at_its_place(data: bytes, said: str) -> None:
    found = words.broken_json(data)
    assert found.startswith(said)


@pytest.mark.parametrize("data", [b"{}", b"[]", b'{"a": [1, 2.5, null]}', b" {} "])
def test_json_is_not_called_broken(data: bytes) -> None:
    assert words.broken_json(data) == ""


def test_what_is_taken_is_not_refused() -> None:
    assert refused(VISITS.encode()) == ""


def test_each_fault_is_said_with_its_segment_and_element() -> None:
    late = VISITS.replace("DTP*472*D8*20260302~", "DTP*472*D8*20991231~", 1)
    assert refused(late.encode()) == (
        "set 0001, segment 22 (DTP), element 3: no date that can be taken"
    )
    strange = VISITS.replace("\nHI*", "\nZZ*1~\nHI*", 1)
    assert refused(resealed(strange)) == "set 0001, segment 19 (ZZ): it may not stand here"
    both = strange.replace("DTP*472*D8*20260302~", "DTP*472*D8*20991231~", 1)
    assert refused(resealed(both)).count("; ") == 1


def test_sets_and_groups_are_said_too() -> None:
    short = VISITS.replace("~\nSE*", "~\nSE*9", 1)
    assert refused(short.encode()) == (
        "set 0001: it declares another number of segments (SE01) than it has"
    )
    assert refused(VISITS.replace("GS*HC*", "GS*HP*").encode()) == (
        "group: this kind of group is not taken here"
    )


def test_every_code_that_we_send_has_words() -> None:
    for table, module, names in (
        (words.GROUP_CODES, x12, ("GROUP_",)),
        (words.GROUP_CODES, x12_999, ("GROUP_",)),
        (words.SET_CODES, x12, ("SET_",)),
        (words.SET_CODES, x12_999, ("SET_",)),
    ):
        codes = {value for name, value in vars(module).items() if name.startswith(names)}
        assert codes
        assert codes <= set(table), module
    segment = ("UNEXPECTED", "MISSING_SEGMENT", "HAS_ERRORS", "NOT_BUILT")
    element = ("REQUIRED", "INVALID_CHARACTER", "INVALID_CODE", "INVALID_DATE", "PATTERN")
    assert {getattr(x12_elements, name) for name in segment} == set(words.SEGMENT_CODES)
    assert {getattr(x12_elements, name) for name in element} == set(words.ELEMENT_CODES)


def test_a_code_of_somebody_elses_is_shown_and_a_long_list_is_cut() -> None:
    fault = SegmentFault(position=7, segment_id="CLM", code="99", reason="")
    result = SetResult(set_id="837", control_number="7", version="V", faults=(fault,))
    group = GroupResult(
        functional_id="HC", control_number="1", version="V", declared_count="1", sets=(result,)
    )
    said = words.refused_by_999(format_999([group], ENVELOPE).decode())
    assert said == "set 7, segment 7 (CLM): code 99"
    many = replace(group, sets=(replace(result, faults=(fault,) * 50),))
    cut = words.refused_by_999(format_999([many], ENVELOPE).decode())
    assert (len(cut), cut[-1]) == (words.REASON_LENGTH_MAX, "…")
    assert words.refused_by_999("") == "the 999 refuses it and does not say why"
