"""Professional claims in: 837P (005010X222A1) to claims, strictly.

A set is taken whole or not at all. Read are the segments adjudication needs; of the others only
their names are checked. What is not built refuses and says so: other payers first (coordination
of benefits), encounters, replacements and voids, anaesthesia minutes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from claims.core.codec import CodecError, format_json, parse_as
from claims.core.model import (
    Claim,
    ClaimDocument,
    ClaimError,
    ClaimLine,
    Drug,
    PersonalPart,
    check_claim,
)
from claims.core.money import ZERO, MoneyError
from claims.core.x12 import Segment, TransactionSet
from claims.core.x12_999 import SegmentFault
from claims.core.x12_elements import (
    INVALID_CODE,
    INVALID_DATE,
    MISSING_SEGMENT,
    NOT_BUILT,
    PATTERN,
    REQUIRED,
    UNEXPECTED,
    ElementError,
    coded,
    dates_of,
    number_of,
    required,
)

_IGNORED_IDS = (
    "ST SE N3 N4 PER PRV CUR PAT CN1 AMT K3 NTE CR1 CR2 CR3 CRC HCP OI MOA SV5 PS1 LQ FRM MEA"
    " QTY HSD"
)
_CLAIM_ENTITY_IDS = "DN P3 82 77 DQ PW 45 QB DK IL PR 85"
_IGNORED = frozenset(_IGNORED_IDS.split())
_HEAD_ENTITIES = frozenset({"41", "40", "85", "87", "PE", "IL", "PR", "QC"})
_CLAIM_ENTITIES = frozenset(_CLAIM_ENTITY_IDS.split())
_DIAGNOSES = frozenset({"ABK", "ABF", "BK", "BF"})
_BILLING, _SUBSCRIBER, _PATIENT = "20", "22", "23"
_PARENT_OF = {_BILLING: "", _SUBSCRIBER: _BILLING, _PATIENT: _SUBSCRIBER}
_NPI_LENGTH = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a transaction set holds: documents where nothing fatal was found."""

    documents: tuple[ClaimDocument, ...]
    faults: tuple[SegmentFault, ...]


@dataclass(slots=True, kw_only=True)
class _Draft:
    """A claim or line being read: its segment, and its members so far."""

    segment: Segment
    faults_before: int = 0
    members: dict[str, Any] = field(default_factory=dict)
    drug: dict[str, Any] = field(default_factory=dict)
    lines: list["_Draft"] = field(default_factory=list)


def read_837p(transaction_set: TransactionSet, component: str, *, latest: date) -> Reading:
    """Return the claims of an 837P, or every fault found; ``component`` is ISA16.

    No service (DTP*472) begins after ``latest``.
    """
    reader = _Reader(component, latest)
    for segment in transaction_set.segments:
        reader.take(segment)
    reader.close_claim()
    if not reader.documents and not reader.faults:
        reader.fault(transaction_set.header, ElementError("no claim", code=MISSING_SEGMENT))
    start = transaction_set.header.position - 1
    faults = tuple(replace(each, position=each.position - start) for each in reader.faults)
    refused = any(fault.fatal for fault in faults)
    return Reading(documents=() if refused else tuple(reader.documents), faults=faults)


class _Reader:
    """Reads one set, segment by segment; a claim is built when the next thing begins."""

    def __init__(self, component: str, latest: date) -> None:
        self.component = component
        self.latest = latest
        self.documents: list[ClaimDocument] = []
        self.faults: list[SegmentFault] = []
        self.levels: list[str] = []
        self.head: dict[str, Any] = {}
        self.subscriber: dict[str, Any] = {}
        self.patient: dict[str, Any] = {}
        self.claim: _Draft | None = None
        self.line: _Draft | None = None
        self.subscriber_is_patient = False
        self.other_payer = False

    def take(self, segment: Segment) -> None:
        """Read one more segment; what is wrong with it is noted."""
        try:
            _HANDLERS.get(segment.id, _other_segment)(self, segment)
        except ElementError as fault:
            self.fault(segment, fault)

    def fault(self, segment: Segment, fault: ElementError, *, fatal: bool = True) -> None:
        """Note ``fault`` in ``segment``."""
        self.faults.append(
            SegmentFault(
                position=segment.position,
                segment_id=segment.id,
                code=fault.code,
                reason=fault.reason,
                element=fault.element,
                element_code=fault.element_code,
                fatal=fatal,
            )
        )

    def close_claim(self) -> None:
        """Build the claim read so far, if there is one."""
        draft, self.claim, self.line = self.claim, None, None
        self.other_payer = False
        # A claim with a fault in a segment of it would only repeat that fault.
        if draft is None or any(fault.fatal for fault in self.faults[draft.faults_before :]):
            return
        try:
            document = self._build(draft)
        except ElementError as fault:
            self.fault(draft.segment, fault)
        except (CodecError, ClaimError, MoneyError) as error:
            self.fault(draft.segment, ElementError(error.detail))
        else:
            self.documents.append(document)
            self._note_pointers(draft, len(document.claim.diagnoses))

    def _note_pointers(self, draft: _Draft, diagnoses: int) -> None:
        for line in draft.lines:
            if max(line.members["diagnosis_pointers"]) > diagnoses:
                note = ElementError("points to no diagnosis", element=7, element_code=INVALID_CODE)
                self.fault(line.segment, note, fatal=False)

    def _build(self, draft: _Draft) -> ClaimDocument:
        wanted = {**self.head, **self.subscriber, **self.patient, **draft.members}
        for name, what in _NEEDED.items():
            if name not in wanted:
                raise ElementError(f"{what} is missing", code=MISSING_SEGMENT)
        charge = wanted.pop("charge_amount")
        lines = tuple(_build_line(line) for line in draft.lines)
        total = sum((line.charge_amount for line in lines), ZERO)
        if charge != total:
            raise ElementError(
                f"CLM02 is {charge}, its lines sum to {total}", element=2, element_code=PATTERN
            )
        personal = wanted.pop("personal")
        claim = Claim(lines=lines, **wanted)
        # The model's own patterns decide, as they do for every other way in.
        parse_as(Claim, format_json(claim))
        check_claim(claim)
        return ClaimDocument(claim=claim, personal=PersonalPart(**personal))


_NEEDED: Mapping[str, str] = {
    "billing_provider_npi": "the billing provider's NPI (NM1*85)",
    "member_id": "the subscriber (NM1*IL)",
    "payer_id": "the payer (NM1*PR)",
    "personal": "the patient's name",
    "diagnoses": "a diagnosis (HI)",
}


def _build_line(draft: _Draft) -> ClaimLine:
    if "charge_amount" not in draft.members or "service_date" not in draft.members:
        raise ElementError("a line without SV1 or DTP*472", code=MISSING_SEGMENT)
    if draft.drug and len(draft.drug) != len(Drug.__dataclass_fields__):
        raise ElementError("LIN and CTP stand together", code=MISSING_SEGMENT)
    drug = Drug(**draft.drug) if draft.drug else None
    return ClaimLine(drug=drug, **draft.members)


def _begin(reader: _Reader, segment: Segment) -> None:
    del reader
    if required(segment, 6) != "CH":
        raise ElementError("encounters are not built", element=6, element_code=INVALID_CODE)


def _level(reader: _Reader, segment: Segment) -> None:
    reader.close_claim()
    kind = coded(segment, 3, frozenset(_PARENT_OF), "no level of an 837P")
    reader.levels.append(kind)
    if segment.element(1) != str(len(reader.levels)):
        raise ElementError("HL01 does not count on", element=1, element_code=INVALID_CODE)
    parent = segment.element(2)
    at = int(parent) if parent.isascii() and parent.isdecimal() and len(parent) <= 6 else 0  # noqa: PLR2004 - far above any level
    above = reader.levels[at - 1] if 0 < at < len(reader.levels) else ""
    if above != _PARENT_OF[kind]:
        raise ElementError("HL02 names no level above", element=2, element_code=INVALID_CODE)
    reader.patient = {}
    if kind != _PATIENT:
        reader.subscriber = {}
    if kind == _BILLING:
        reader.head = {}


def _name(reader: _Reader, segment: Segment) -> None:
    entity = segment.element(1)
    if reader.claim is not None:
        coded(segment, 1, _CLAIM_ENTITIES, "no party of a claim")
        if segment.element(8) == "XX" and not _is_npi(segment.element(9)):
            note = ElementError("not an NPI", element=9, element_code=INVALID_CODE)
            reader.fault(segment, note, fatal=False)
        return
    coded(segment, 1, _HEAD_ENTITIES, "no party of an 837P")
    person = {"family_name": segment.element(3), "given_name": segment.element(4)}
    match entity:
        case "85":
            coded(segment, 8, frozenset({"XX"}), "a billing provider has an NPI")
            if not _is_npi(segment.element(9)):
                raise ElementError("not an NPI", element=9, element_code=INVALID_CODE)
            reader.head["billing_provider_npi"] = segment.element(9)
        case "IL":
            reader.subscriber["member_id"] = required(segment, 9)
            if reader.subscriber_is_patient:
                reader.patient["personal"] = person
        case "PR":
            reader.subscriber["payer_id"] = required(segment, 9)
        case "QC":
            reader.patient["personal"] = person
        case _:
            pass


def _is_npi(text: str) -> bool:
    return len(text) == _NPI_LENGTH and text.isascii() and text.isdecimal()


def _insured(reader: _Reader, segment: Segment) -> None:
    if reader.claim is not None:
        reader.other_payer = True  # loop 2320: another payer, told for its information
        return
    coded(segment, 1, frozenset({"P"}), "only the primary payer is built")
    reader.subscriber_is_patient = segment.element(2) == "18"
    if segment.element(3):
        reader.subscriber["group_number"] = segment.element(3)


def _birth(reader: _Reader, segment: Segment) -> None:
    person = reader.patient.get("personal")
    if reader.claim is None and person is not None:
        person["birth_date"], _ = dates_of(segment, 1, 2)


def _claim(reader: _Reader, segment: Segment) -> None:
    reader.close_claim()
    place, *rest = segment.element(5).split(reader.component)
    # Kept even where it is faulty: what follows belongs to this claim, not to the one above.
    reader.claim = _Draft(segment=segment, faults_before=len(reader.faults))
    if len(rest) != 2 or not place or rest[0] != "B":  # noqa: PLR2004 - place, B, frequency
        raise ElementError("CLM05 is place, B, frequency", element=5, element_code=INVALID_CODE)
    if rest[1] != "1":
        raise ElementError(
            "replacements and voids are not built", element=5, element_code=INVALID_CODE
        )
    reader.claim.members = {
        "claim_id": required(segment, 1),
        "charge_amount": number_of(segment, 2, cents=True),
        "place_of_service": place,
        "frequency_code": rest[1],
    }


def _diagnoses(reader: _Reader, segment: Segment) -> None:
    codes: list[str] = []
    for at, text in enumerate(segment.elements, 1):
        qualifier, *rest = text.split(reader.component)
        if qualifier in _DIAGNOSES and (not rest or not rest[0]):
            raise ElementError("a qualifier without a code", element=at, element_code=REQUIRED)
        codes += rest[:1] if qualifier in _DIAGNOSES else []
    if reader.claim is not None and codes:
        reader.claim.members["diagnoses"] = tuple(codes)


def _line(reader: _Reader, segment: Segment) -> None:
    if reader.claim is None:
        raise ElementError("LX outside a claim", code=UNEXPECTED)
    reader.other_payer = False
    reader.line = _Draft(segment=segment)
    reader.claim.lines.append(reader.line)
    reader.line.members["number"] = len(reader.claim.lines)
    if segment.element(1) != str(len(reader.claim.lines)):
        raise ElementError("LX01 does not count on", element=1, element_code=INVALID_CODE)


def _open_line(reader: _Reader) -> _Draft:
    if reader.line is None:
        raise ElementError("outside a line", code=UNEXPECTED)
    return reader.line


def _service(reader: _Reader, segment: Segment) -> None:
    line = _open_line(reader)
    qualifier, *product = required(segment, 1).split(reader.component)
    if qualifier != "HC" or not product or not product[0]:
        raise ElementError("SV101 is HC and a HCPCS code", element=1, element_code=INVALID_CODE)
    coded(segment, 3, frozenset({"UN"}), "only units are built")
    pointers = segment.element(7).split(reader.component)
    if not all(each in set("123456789") | {"10", "11", "12"} for each in pointers):
        raise ElementError("SV107 points to no diagnosis", element=7, element_code=INVALID_CODE)
    line.segment = segment
    line.members |= {
        "procedure_code": product[0],
        "modifiers": tuple(each for each in product[1:5] if each),
        "charge_amount": number_of(segment, 2, cents=True),
        "units": number_of(segment, 4),
        "diagnosis_pointers": tuple(map(int, pointers)),
    }


def _date(reader: _Reader, segment: Segment) -> None:
    if segment.element(1) == "472":
        first, last = dates_of(segment, 2, 3)
        if first > reader.latest:
            raise ElementError("a service in the future", element=3, element_code=INVALID_DATE)
        _open_line(reader).members |= {"service_date": first, "service_end_date": last}


def _product(reader: _Reader, segment: Segment) -> None:
    line = _open_line(reader)
    coded(segment, 2, frozenset({"N4"}), "only NDC is built")
    line.drug["ndc"] = required(segment, 3)


def _quantity(reader: _Reader, segment: Segment) -> None:
    line = _open_line(reader)
    line.drug["quantity"] = number_of(segment, 4)
    line.drug["unit"] = required(segment, 5).split(reader.component)[0]


def _reference(reader: _Reader, segment: Segment) -> None:
    member = {
        "G1": "prior_authorization",
        "XZ": "prescription_number",
        "6R": "control_number",
    }.get(segment.element(1))
    draft = reader.line or reader.claim
    if member is None or draft is None or reader.other_payer:
        return
    if draft is reader.claim and member != "prior_authorization":
        raise ElementError("belongs to a line", element=1, element_code=INVALID_CODE)
    draft.members[member] = required(segment, 2)


def _attachment(reader: _Reader, segment: Segment) -> None:
    """Note the record that a claim or line names: paperwork of which PWK06 says where it lies.

    Sent, mailed or faxed (PWK02) is the provider's word; the first number counts.
    """
    draft = reader.line or reader.claim
    if draft is not None and not reader.other_payer and segment.element(5) == "AC":
        draft.members.setdefault("attachment_control_number", required(segment, 6))


def _other_segment(reader: _Reader, segment: Segment) -> None:
    del reader
    if segment.id not in _IGNORED:
        raise ElementError("not a segment of an 837P", code=UNEXPECTED)


def _other_payment(reader: _Reader, segment: Segment) -> None:
    del reader, segment
    raise ElementError("coordination of benefits is not built", code=NOT_BUILT)


_HANDLERS: Mapping[str, Callable[[_Reader, Segment], None]] = {
    "BHT": _begin,
    "HL": _level,
    "NM1": _name,
    "SBR": _insured,
    "DMG": _birth,
    "CLM": _claim,
    "HI": _diagnoses,
    "LX": _line,
    "SV1": _service,
    "DTP": _date,
    "LIN": _product,
    "CTP": _quantity,
    "REF": _reference,
    "PWK": _attachment,
    "CAS": _other_payment,
    "SVD": _other_payment,
}
