from dataclasses import replace
from datetime import date

import pytest

from claims.core.x12 import X12TextError
from claims.core.x12_999 import GroupResult, SegmentFault, SetResult, format_999
from claims.core.x12_intake import read_interchange
from tests.claims.x12_files import ENVELOPE, file_bytes, one, oracle, resealed

VISITS = file_bytes("visits.837")
TODAY = date(2026, 3, 10)
GOOD = SetResult(set_id="837", control_number="0001", version="005010X222A1")
NOTE = SegmentFault(
    position=20,
    segment_id="NM1",
    code="8",
    reason="not an NPI",
    element=9,
    element_code="7",
    fatal=False,
)
NOTED, REFUSED = replace(GOOD, faults=(NOTE,)), replace(GOOD, codes=("4",))


def group(*sets: SetResult, codes: tuple[str, ...] = ()) -> GroupResult:
    return GroupResult(
        functional_id="HC",
        control_number="101",
        version="005010X222A1",
        declared_count=str(len(sets)),
        sets=sets,
        codes=codes,
    )


def body(*groups: GroupResult) -> list[str]:
    """Return the segments of the 999 between its envelopes."""
    return format_999(groups, ENVELOPE).decode().split("~")[2:-3]


def test_an_accepted_file_is_acknowledged_to_the_byte() -> None:
    groups = read_interchange(one(VISITS), latest=TODAY).groups
    data = format_999(groups, ENVELOPE)
    assert data == (
        b"ISA*00*          *00*          *ZZ*PAYER1         *ZZ*CLINIC         *260311*0830*^*00501"
        b"*000000007*0*T*:~GS*FA*PAYER1*CLINIC*20260311*083005*9*X*005010X231A1~"
        b"ST*999*0001*005010X231A1~AK1*HC*101*005010X222A1~AK2*837*0001*005010X222A1~IK5*A~"
        b"AK9*A*1*1*1~SE*6*0001~GE*1*9~IEA*1*000000007~"
    )
    assert format_999(groups, ENVELOPE) == data
    interchange = one(data)
    assert interchange.groups[0].codes == interchange.groups[0].sets[0].codes == ()


@pytest.mark.parametrize(
    ("sets", "codes", "ends"),
    [
        ((GOOD,), (), ["IK5*A", "AK9*A*1*1*1"]),
        ((NOTED,), (), ["IK3*NM1*20**8", "IK4*9**7", "IK5*E*5", "AK9*E*1*1*1"]),
        ((REFUSED,), (), ["IK5*R*4", "AK9*R*1*1*0"]),
        ((GOOD, REFUSED), (), ["IK5*A", "IK5*R*4", "AK9*P*2*2*1"]),
        ((GOOD,), ("4",), ["IK5*R", "AK9*R*1*1*0*4"]),
        ((), (), ["AK9*R*0*0*0"]),
    ],
)
def test_sets_and_groups_are_accepted_noted_or_refused(
    sets: tuple[SetResult, ...], codes: tuple[str, ...], ends: list[str]
) -> None:
    told = body(group(*sets, codes=codes))
    assert [each for each in told if each[:3] in {"IK3", "IK4", "IK5", "AK9"}] == ends


def test_a_fatal_fault_refuses_and_names_the_place_but_not_the_data() -> None:
    data = resealed(VISITS.decode().replace("CLM*A1*190", "CLM*A1*191"))
    told = body(*read_interchange(one(data), latest=TODAY).groups)
    assert told[3:] == ["IK3*CLM*18**8", "IK4*2**I12", "IK5*R*5", "AK9*R*1*1*0", "SE*8*0001"]
    assert "191" not in "".join(told)


def test_a_missing_segment_is_told_without_an_element() -> None:
    data = resealed(VISITS.decode().replace("HI*ABK:Z0000~\n", "", 1))
    assert body(*read_interchange(one(data), latest=TODAY).groups)[3:5] == [
        "IK3*CLM*18**3",
        "IK5*R*5",
    ]


def test_each_group_has_a_set_of_its_own() -> None:
    told = body(group(GOOD), group(REFUSED))
    assert [each for each in told if each.startswith("ST*")] == [
        "ST*999*0001*005010X231A1",
        "ST*999*0002*005010X231A1",
    ]


def test_a_control_number_that_cannot_be_repeated_is_refused() -> None:
    with pytest.raises(X12TextError):
        format_999([replace(group(GOOD), control_number="1:2")], ENVELOPE)


def test_a_wrong_count_is_refused_as_the_oracle_refuses_it() -> None:
    data = VISITS.replace(b"SE*43", b"SE*40")
    assert oracle(data).startswith("IK5*R*4")
    assert "IK5*R*4" in body(*read_interchange(one(data), latest=TODAY).groups)
