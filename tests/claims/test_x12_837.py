from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claims.core.codec import format_json
from claims.core.model import ClaimDocument
from claims.core.x12 import X12Error, parse_interchanges
from claims.core.x12_intake import Intake, read_interchange
from tests.claims import world
from tests.claims.x12_files import file_bytes, one, oracle, resealed
from tests.vectors_at import shared_list, shared_vectors

TODAY = date(2026, 3, 10)
LINUX = "x12/LinuxForHealth+x12/src/tests/resources/837_005010X222A2"
VISITS, DRUG = file_bytes("visits.837"), file_bytes("drug.837")


def read(data: bytes) -> Intake:
    return read_interchange(one(data), latest=TODAY)


def faults(data: bytes) -> list[tuple[int, str, str]]:
    """Return the fatal faults of the only set in ``data``."""
    ((result,),) = [group.sets for group in read(data).groups]
    return [(each.position, each.segment_id, each.reason) for each in result.faults if each.fatal]


@pytest.mark.parametrize("name", ["visits.837", "drug.837"])
def test_our_own_files_are_what_others_accept_too(name: str) -> None:
    assert oracle(file_bytes(name)) == "IK5*A~AK9*A*1*1*1~"
    assert [group.verdict for group in read(file_bytes(name)).groups] == ["A"]


def test_a_drug_claim_becomes_the_claim_of_our_small_world() -> None:
    (document,) = read(DRUG).documents
    expected = world.claim(world.drug_line(), place_of_service="12", group_number="G100")
    assert document.claim == expected
    assert document.personal.family_name == "POLO"
    assert document.personal.birth_date == date(1970, 1, 2)
    assert "POLO" not in repr(document.claim)


def test_a_patient_of_their_own_loop_is_the_patient() -> None:
    first, second = read(VISITS).documents
    assert (first.claim.member_id, first.personal.given_name) == ("M1", "MARINA")
    assert (second.claim.member_id, second.personal.given_name) == ("M2", "PIA")
    assert second.personal.birth_date == date(2015, 6, 7)
    assert [line.modifiers for line in first.claim.lines] == [(), ("TC",)]
    assert [line.control_number for line in first.claim.lines] == ["L1", None]
    assert first.claim.lines[1].service_end_date == date(2026, 3, 2)
    assert second.claim.prior_authorization == "AUTH7"
    assert second.claim.diagnoses == ("Z0000", "Z1231")
    assert second.claim.lines[0].diagnosis_pointers == (1, 2)


def changed(old: str, new: str, data: bytes = VISITS) -> bytes:
    assert old.encode() in data
    return resealed(data.decode().replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("*0915*CH~", "*0915*RP~", (2, "BHT", "encounters are not built")),
        ("HL*2*1*22", "HL*3*1*22", (11, "HL", "HL01 does not count on")),
        ("HL*2*1*22", "HL*2*7*22", (11, "HL", "HL02 names no level above")),
        ("HL*2*1*22", "HL*2*x*22", (11, "HL", "HL02 names no level above")),
        ("HL*2*1*22", "HL*2*1*99", (11, "HL", "no level of an 837P")),
        ("NM1*40", "NM1*117", (5, "NM1", "no party of an 837P")),
        ("*XX*1234567893", "*XX*12345", (7, "NM1", "not an NPI")),
        ("*XX*1234567893", "*24*12345", (7, "NM1", "a billing provider has an NPI")),
        ("SBR*P*18", "SBR*S*18", (12, "SBR", "only the primary payer is built")),
        ("D8*19700102", "D8*19700230", (16, "DMG", "not a date")),
        ("D8*19700102", "D8*1970010", (16, "DMG", "not a date")),
        ("D8*19700102", "RD8*19700102", (16, "DMG", "not a date")),
        ("D8*19700102", "D6*19700102", (16, "DMG", "D8 or RD8")),
        ("CLM*A1*190*", "CLM*A1*191*", (18, "CLM", "CLM02 is 191, its lines sum to 190.00")),
        ("CLM*A1*190*", "CLM*A1*-1*", (18, "CLM", "not a number that can be here")),
        ("CLM*A1*190*", "CLM*A1*1.234*", (18, "CLM", "not a number that can be here")),
        ("CLM*A1*190*", "CLM*A1**", (18, "CLM", "an element is missing")),
        ("CLM*A1*", "CLM*Ä1*", (18, "CLM", "$.claim_id: not an identifier")),
        ("11:B:1", "11>B>1", (18, "CLM", "CLM05 is place, B, frequency")),
        ("11:B:1", "11:B:7", (18, "CLM", "replacements and voids are not built")),
        ("HI*ABK:Z0000~\n", "", (18, "CLM", "a diagnosis (HI) is missing")),
        ("HI*ABK:Z0000", "HI*ABK*Z0000", (19, "HI", "a qualifier without a code")),
        ("LX*1", "LX*2", (20, "LX", "LX01 does not count on")),
        ("SV1*HC:G0439", "SV1*HC>G0439", (21, "SV1", "SV101 is HC and a HCPCS code")),
        ("150*UN*1", "150*MJ*1", (21, "SV1", "only units are built")),
        ("150*UN*1***1~", "150*UN*1***13~", (21, "SV1", "SV107 points to no diagnosis")),
        ("150*UN*1***1~", "150*UN*0***1~", (18, "CLM", "line 1: a quantity of nothing")),
        ("DTP*472*D8*20260302~\n", "", (18, "CLM", "a line without SV1 or DTP*472")),
        ("REF*6R*L1", "CAS*PR*1*5", (23, "CAS", "coordination of benefits is not built")),
        ("REF*6R*L1", "SVD*X*5", (23, "SVD", "coordination of benefits is not built")),
        ("REF*6R*L1", "REF*6R", (23, "REF", "an element is missing")),
        ("REF*6R*L1", "XYZ*1", (23, "XYZ", "not a segment of an 837P")),
        ("REF*6R*L1", "LIN**N4*99999000101", (18, "CLM", "LIN and CTP stand together")),
        ("REF*6R*L1", "LIN**EN*99999000101", (23, "LIN", "only NDC is built")),
        ("HI*ABK:Z0000~", "HI*ABK:Z0000~REF*6R*1~", (20, "REF", "belongs to a line")),
        ("HI*ABK:Z0000~", "HI*ABK:Z0000~CTP****1*UN~", (20, "CTP", "outside a line")),
        ("HI*ABK:Z0000~", "HI*ABK:Z0000~NM1*XX*1~", (20, "NM1", "no party of a claim")),
        ("NM1*41", "LX*1~NM1*41", (3, "LX", "LX outside a claim")),
        ("*****PI*PAYER1~\nCLM", "~\nCLM", (17, "NM1", "an element is missing")),
        ("NM1*PR*2*LION HEALTH PLAN*", "NM1*87*2*X*", (18, "CLM", "the payer (NM1*PR) is missing")),
        ("NM1*QC*1*DANDOLO*PIA~\n", "", (36, "CLM", "the patient's name is missing")),
    ],
)  # fmt: skip
def test_a_fault_is_found_at_its_segment_and_the_set_refused(
    old: str, new: str, fault: tuple[int, str, str]
) -> None:
    data = changed(old, new)
    assert fault in faults(data)
    assert read(data).documents == ()
    assert [group.verdict for group in read(data).groups] == ["R"]


def test_a_set_without_a_claim_is_refused() -> None:
    lines = VISITS.decode().splitlines()
    start = next(at for at, each in enumerate(lines) if each.startswith("CLM"))
    kept = [*lines[:start], *lines[-3:]]
    assert faults(resealed("\n".join(kept))) == [(1, "ST", "no claim")]


def test_another_payer_told_for_information_changes_nothing() -> None:
    other = "HI*ABK:Z0000~\nSBR*S*18*******CI~\nOI***Y***Y~\nREF*G1*X~\nNM1*IL*1*X~\nNM1*PR*2*X~\n"
    document, _ = read(changed("HI*ABK:Z0000~\n", other)).documents
    assert (document.claim.member_id, document.claim.payer_id) == ("M1", "PAYER1")
    assert document.claim.prior_authorization is None


def test_paperwork_names_the_record_of_the_claim_and_of_a_line() -> None:
    data = changed("B:1*Y*A*Y*Y~\n", "B:1*Y*A*Y*Y~\nPWK*OZ*EL***AC*REC 1~\nPWK*OZ*FX***AC*REC2~\n")
    line = "SV1*HC:G0130:TC*40*UN*1***1~\n"
    data = changed(line, f"{line}PWK*OZ*FX***AC*REC3~\n", data)
    assert oracle(data) == "IK5*A~AK9*A*1*1*1~"
    first, second = read(data).documents
    assert first.claim.attachment_control_number == "REC 1"
    assert [each.attachment_control_number for each in first.claim.lines] == [None, "REC3"]
    assert second.claim.attachment_control_number is None
    # What names no record stays out of a claim's canonical form: those kept before replay.
    assert "attachment" not in str(format_json(second.claim))


def test_paperwork_without_its_number_is_a_fault_and_before_a_claim_is_none() -> None:
    data = changed("B:1*Y*A*Y*Y~\n", "B:1*Y*A*Y*Y~\nPWK*OZ*EL***AC~\n")
    ((position, segment, _),) = faults(data)
    assert (position, segment) == (19, "PWK")
    early = changed("DMG*D8*19700102*F~\n", "DMG*D8*19700102*F~\nPWK*OZ*EL***AC*X~\n")
    assert read(early).documents[0].claim.attachment_control_number is None


def test_what_does_not_matter_to_us_is_noted_and_accepted() -> None:
    odd = changed("HI*ABK:Z0000~", "HI*ABK:Z0000~NM1*82*1*X*****XX*123~")
    odd = resealed(
        odd.decode().replace(
            "UN*1***1~\nDTP*472*D8*20260302~\nREF", "UN*1***2~\nDTP*472*D8*20260302~\nREF"
        )
    )
    intake = read(odd)
    assert [group.verdict for group in intake.groups] == ["E"]
    assert [(each.segment_id, each.fatal) for each in intake.groups[0].sets[0].faults] == [
        ("NM1", False),
        ("SV1", False),
    ]
    assert len(intake.documents) == 2


@pytest.mark.parametrize(
    ("old", "new", "group_codes", "set_codes"),
    [
        ("GS*HC", "GS*BE", ("1",), ()),
        ("101*X*005010X222A1", "101*X*005010X223A2", ("2",), ("I6",)),
        ("ST*837", "ST*834", (), ("1",)),
        ("ST*837*0001*005010X222A1", "ST*837*0001*005010X098A1", (), ("I6",)),
    ],
)
def test_other_sets_and_versions_are_refused_as_such(
    old: str, new: str, group_codes: tuple[str, ...], set_codes: tuple[str, ...]
) -> None:
    intake = read(changed(old, new))
    (group,) = intake.groups
    assert (group.codes, group.sets[0].codes) == (group_codes, set_codes)
    assert intake.documents == ()


# What others' files are taken for: documents, then the verdict and codes of their one set.
LINUX_VERDICTS = {
    "demo.ambulance.example5.837": (0, "R"),  # CLM05-2 is empty
    "demo.cob.example3.B.837": (0, "R"),  # we would be the second payer
    "demo.drug.example10.3.837": (1, "A"),
    "demo.example1.837": (1, "A"),
    "demo.example2.837": (0, "R"),  # an encounter
    "demo.example6.837": (0, "R"),  # components by > though ISA16 is :
    "demo.example8.837": (1, "A"),
    "demo.example11.837": (0, "R"),  # the same
    "demo.example12.837": (0, "R"),  # the same
}


@pytest.mark.parametrize("name", list(LINUX_VERDICTS))
def test_professional_claims_of_others_are_taken_or_refused_for_a_reason(name: str) -> None:
    intake = read((shared_vectors(LINUX) / name).read_bytes())
    ((result,),) = [group.sets for group in intake.groups]
    assert (len(intake.documents), result.verdict) == LINUX_VERDICTS[name]


def test_drug_lines_of_others_keep_ndc_and_prescription() -> None:
    data = (shared_vectors(LINUX) / "demo.drug.example10.3.837").read_bytes()
    (document,) = read(data).documents
    line = document.claim.lines[1]
    assert document.claim.total_amount == Decimal("2232.93")
    assert (line.units, line.prescription_number) == (Decimal(56), "2530001")
    assert line.drug is not None
    assert (line.drug.ndc, line.drug.quantity, line.drug.unit) == (
        "00004196501",
        Decimal(7),
        "UN",
    )


def test_a_file_with_another_component_separator_is_accepted_with_notes() -> None:
    path = shared_vectors("x12/moov-io+x12/examples/example_5010_837p/sample.txt")
    intake = read(path.read_bytes())
    assert [group.verdict for group in intake.groups] == ["E"]
    assert len(intake.documents) == 8
    first = intake.documents[0].claim
    assert first.total_amount == Decimal("553.96")
    assert len({(line.procedure_code, line.charge_amount) for line in first.lines[1:]}) == 1


@pytest.mark.parametrize(
    "path",
    shared_list("x12/imsweb+x12-parser/src/test/resources/837_5010", "*.txt")
    + shared_list("x12/azoner+pyx12/pyx12", "*/8*.txt")
    + shared_list("x12/LinuxForHealth+x12", "**/*.27*")
    + shared_list("x12/LinuxForHealth+x12", "**/837_004010*/*.837")
    + shared_list("x12/LinuxForHealth+x12", "**/*.835")
    + shared_list("x12/LinuxForHealth+x12", "**/*.837i")
    + shared_list("x12/moov-io+x12/examples", "example_5010_83[57]d/*.txt"),
)
def test_everything_else_is_refused_whole(path: object) -> None:
    data = path.read_bytes()  # type: ignore[attr-defined]  # a Path, or skipped
    try:
        interchanges = parse_interchanges(data)
    except X12Error as error:
        assert error.members["position"]  # noqa: PT017 - refused before any set
        return
    for interchange in interchanges:
        intake = read_interchange(interchange, latest=TODAY)
        assert intake.documents == ()
        assert {group.verdict for group in intake.groups} == {"R"}


def test_a_service_that_begins_in_the_future_is_refused_at_its_date() -> None:
    text = VISITS.decode()
    assert "DTP*472*D8*20260302~" in text
    for said in ("D8*20260311", "D8*20990101", "D8*99991231", "RD8*20260311-20260312"):
        data = text.replace("DTP*472*D8*20260302~", f"DTP*472*{said}~", 1).encode()
        ((result,),) = [group.sets for group in read(data).groups]
        (fault,) = result.faults
        assert (fault.segment_id, fault.element, fault.element_code) == ("DTP", 3, "8"), said
        assert (fault.reason, result.verdict) == ("a service in the future", "R")
        assert read(data).documents == ()
    # Supplies are delivered for days to come.
    for said in ("D8*20260310", "RD8*20260310-20260410"):
        data = text.replace("DTP*472*D8*20260302~", f"DTP*472*{said}~", 1).encode()
        assert len(read(data).documents) == len(read(VISITS).documents)


def test_wrong_counts_are_refused_in_files_that_call_themselves_valid() -> None:
    folder = shared_vectors("x12/imsweb+x12-parser/src/test/resources/837_5010")
    for name in ("x12_valid.txt", "x12_no_errors.txt", "x12_many_claims.txt"):
        ((result,),) = [group.sets for group in read((folder / name).read_bytes()).groups]
        assert result.codes == ("4",)
    for name in ("x12_bad_first_line.txt", "x12_no_isa_line.txt", "x12_999_accepted.txt"):
        with pytest.raises(X12Error):
            parse_interchanges((folder / name).read_bytes())


@given(
    st.sampled_from([VISITS, DRUG]),
    st.lists(
        st.tuples(
            st.integers(0, 1400),
            st.integers(0, 12),
            st.sampled_from(
                [b"", b"~", b"*", b":", b"\x00", b"\xc3\xa9", b"9", b"HL*9*1*22~", b"X"]
            ),
        ),
        max_size=4,
    ),
)
@settings(max_examples=100)
def test_mutated_bytes_raise_typed_errors_only(
    data: bytes, edits: list[tuple[int, int, bytes]]
) -> None:
    for at, length, text in edits:
        data = data[:at] + text + data[at + length :]
    try:
        interchanges = parse_interchanges(data)
    except X12Error as error:
        assert error.members["position"]  # noqa: PT017 - either outcome is right
        return
    for interchange in interchanges:
        documents = read_interchange(interchange, latest=TODAY).documents
        assert all(isinstance(each, ClaimDocument) for each in documents)


def test_leaving_out_any_segment_never_lets_half_a_claim_through() -> None:
    lines = VISITS.decode().splitlines()
    whole = {document.claim.claim_id for document in read(VISITS).documents}
    for at in range(3, len(lines) - 3):
        intake = read(resealed("\n".join([*lines[:at], *lines[at + 1 :]])))
        taken = {document.claim.claim_id for document in intake.documents}
        assert taken in (whole, set()), lines[at]
