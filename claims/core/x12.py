"""X12 interchanges: envelope and segments, read by the delimiters that ISA itself declares.

ISA has a fixed length of 106 characters, so its delimiters stand at fixed places (X12.5; 005010
TR3 appendix B): element separator at 3, repetition separator at 82, component separator at 104,
terminator at 105. What cannot be split is refused, never guessed. A broken envelope raises
``X12Error``; a broken group or transaction set keeps the codes a 999 reports it by.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from foundation.core.problem import BadInputError

SIZE_MAX = 16 * 2**20
SEGMENTS_MAX = 250_000
ELEMENTS_MAX = 100
SEGMENT_LENGTH_MAX = 10_000
ISA_LENGTH = 106
ISA_VERSION = "00501"
# Places of the sixteen element separators in ISA.
_ISA_SEPARATORS = (3, 6, 17, 20, 31, 34, 50, 53, 69, 76, 81, 83, 89, 99, 101, 103)
_REPETITION_AT, _COMPONENT_AT, _TERMINATOR_AT = 82, 104, 105
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NUMBER = re.compile(r"-?(?:[0-9]{1,10}(?:\.[0-9]{0,4})?|\.[0-9]{1,4})")
_SEGMENT_ID = re.compile(r"[A-Z][A-Z0-9]{1,2}")

# Codes of AK905 and IK502 (X12 715, 618) for faults of the envelope.
GROUP_TRAILER_MISSING, GROUP_CONTROL_NUMBER, GROUP_SET_COUNT = "3", "4", "5"
SET_TRAILER_MISSING, SET_CONTROL_NUMBER, SET_SEGMENT_COUNT = "2", "3", "4"


class X12Error(BadInputError):
    """The interchange cannot be read; ``position`` counts its segments from 1."""

    slug = "x12-envelope"
    title = "The interchange cannot be read"


class X12TextError(BadInputError):
    """A value cannot be written: it holds a delimiter or a control character."""

    slug = "x12-text"
    title = "The value cannot stand in a segment"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delimiters:
    """The separators of one interchange; no repetition where ISA11 is a letter (``U``)."""

    element: str = "*"
    repetition: str | None = "^"
    component: str = ":"
    terminator: str = "~"


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A segment; ``position`` counts from ISA, 1. Elements are numbered from 1, as in X12."""

    id: str
    elements: tuple[str, ...]
    position: int

    def element(self, number: int) -> str:
        """Return element ``number``, empty where it is not there."""
        return self.elements[number - 1] if number <= len(self.elements) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionSet:
    """The segments from ST to SE; ``codes`` are its envelope's faults (IK502)."""

    segments: tuple[Segment, ...]
    codes: tuple[str, ...]

    @property
    def header(self) -> Segment:
        """The segment ST."""
        return self.segments[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A functional group; ``codes`` are its envelope's faults (AK905)."""

    header: Segment
    sets: tuple[TransactionSet, ...]
    declared_count: str
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interchange:
    """One interchange, ISA to IEA."""

    delimiters: Delimiters
    header: Segment
    groups: tuple[Group, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What frames an interchange that we write; numbers and time are the caller's.

    ``sender`` and ``receiver`` are (ISA qualifier, ISA id, GS code); ``usage`` is P or T.
    """

    sender: tuple[str, str, str]
    receiver: tuple[str, str, str]
    interchange_number: int
    group_number: int
    sent_at: datetime
    usage: str = "P"


# A segment to write: its id, then elements; a composite is a tuple of components.
Draft = tuple[str | tuple[str, ...], ...]


def parse_interchanges(data: bytes) -> tuple[Interchange, ...]:
    """Return the interchanges in ``data``, at least one; raise ``X12Error``.

    Line ends and blank lines after terminators are tolerated, and UTF-8 text in elements.
    """
    if len(data) > SIZE_MAX:
        raise X12Error(f"more than {SIZE_MAX} bytes", position=1)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise X12Error(f"byte {error.start} is no UTF-8", position=1) from error
    found: list[Interchange] = []
    at = _skip_lines(text, 0)
    while at < len(text) or not found:
        delimiters = _parse_delimiters(text[at : at + ISA_LENGTH])
        segments, at = _split(text, at, delimiters)
        found.append(_frame(segments, delimiters))
        at = _skip_lines(text, at)
    return tuple(found)


def parse_number(text: str) -> Decimal | None:
    """Return the decimal (X12 type R) that ``text`` spells, or ``None`` where it is none."""
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def format_number(number: Decimal) -> str:
    """Return ``number`` as X12 type R: no trailing zeros behind the point, no empty fraction."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def format_interchange(
    envelope: Envelope,
    *,
    functional_id: str,
    version: str,
    sets: Sequence[Sequence[Draft]],
) -> bytes:
    """Return one interchange of one group with ``sets``, each from ST on, without its SE.

    Raise ``X12TextError`` for what cannot be written.
    """
    sent = envelope.sent_at
    number = f"{envelope.interchange_number:09d}"
    group = str(envelope.group_number)
    sender, receiver = envelope.sender, envelope.receiver
    address = (*_isa_party(sender), *_isa_party(receiver))
    dated = (f"{sent:%y%m%d}", f"{sent:%H%M}")
    isa = ("ISA", "00", " " * 10, "00", " " * 10, *address, *dated)
    head = "*".join((*isa, "^", ISA_VERSION, number, "0", envelope.usage, ":")) + "~"
    if len(head) != ISA_LENGTH:
        raise X12TextError("an id or number is too long for ISA")
    codes = (sender[2], receiver[2], f"{sent:%Y%m%d}", f"{sent:%H%M%S}")
    drafts: list[Draft] = [("GS", functional_id, *codes, group, "X", version)]
    for drafted in sets:
        control = drafted[0][2]
        drafts += [*drafted, ("SE", str(len(drafted) + 1), control)]
    drafts += [("GE", str(len(sets)), group), ("IEA", "1", number)]
    return (head + "".join(map(_format_segment, drafts))).encode()


def _isa_party(party: tuple[str, str, str]) -> tuple[str, str]:
    for text in party:
        _check_text(text)
    return party[0], party[1].ljust(15)


def _format_segment(draft: Draft) -> str:
    elements: list[str] = []
    for element in draft:
        components = (element,) if isinstance(element, str) else element
        for component in components:
            _check_text(component)
        elements.append(":".join(components).rstrip(":"))
    return "*".join(elements).rstrip("*") + "~"


def _check_text(text: str) -> None:
    if _CONTROL.search(text) or any(sign in text for sign in "*^:~"):
        raise X12TextError("a value holds a delimiter or a control character")


def _skip_lines(text: str, at: int) -> int:
    while at < len(text) and text[at] in "\r\n":
        at += 1
    return at


def _parse_delimiters(isa: str) -> Delimiters:
    """Return the delimiters that the 106 characters ``isa`` declare; raise ``X12Error``."""
    if len(isa) < ISA_LENGTH or not isa.startswith("ISA") or not isa.isascii():
        raise X12Error("no ISA segment of 106 characters", position=1)
    element, repetition = isa[3], isa[_REPETITION_AT]
    component, terminator = isa[_COMPONENT_AT], isa[_TERMINATOR_AT]
    separators = tuple(at for at, sign in enumerate(isa[:_COMPONENT_AT]) if sign == element)
    if separators != _ISA_SEPARATORS:
        raise X12Error("the elements of ISA do not have their fixed lengths", position=1)
    signs = [element, component, terminator]
    # A letter in ISA11 (older senders write U) means that nothing repeats.
    signs += [] if repetition.isalnum() else [repetition]
    if len(set(signs)) != len(signs) or any(sign.isalnum() or sign == " " for sign in signs):
        raise X12Error("the delimiters are not four different signs", position=1)
    return Delimiters(
        element=element,
        repetition=None if repetition.isalnum() else repetition,
        component=component,
        terminator=terminator,
    )


def _split(text: str, at: int, delimiters: Delimiters) -> tuple[list[Segment], int]:
    """Return the segments from ISA at ``at`` through IEA, and where the text goes on."""
    segments: list[Segment] = []
    while not segments or segments[-1].id != "IEA":
        position = len(segments) + 1
        start = at if delimiters.terminator in "\r\n" else _skip_lines(text, at)
        end = text.find(delimiters.terminator, start)
        if end < 0:
            raise X12Error("the interchange ends without IEA", position=position)
        if position > SEGMENTS_MAX:
            raise X12Error(f"more than {SEGMENTS_MAX} segments", position=position)
        if end - start > SEGMENT_LENGTH_MAX:
            raise X12Error(f"more than {SEGMENT_LENGTH_MAX} characters", position=position)
        name, *elements = text[start:end].split(delimiters.element)
        if _SEGMENT_ID.fullmatch(name) is None or len(elements) > ELEMENTS_MAX:
            raise X12Error("a segment without a name, or too long", position=position)
        if _CONTROL.search(text, start, end):
            raise X12Error(f"a control character in {name}", position=position)
        segments.append(Segment(id=name, elements=tuple(elements), position=position))
        at = end + 1
    return segments, at


def _frame(segments: Sequence[Segment], delimiters: Delimiters) -> Interchange:
    """Return the interchange that ``segments`` make; raise ``X12Error``."""
    isa, iea = segments[0], segments[-1]
    if isa.element(12) != ISA_VERSION:
        raise X12Error(f"ISA12 is not {ISA_VERSION}", position=1)
    groups = tuple(_groups([each for each in segments[1:-1] if each.id != "TA1"]))
    if isa.element(13) != iea.element(2):
        raise X12Error("IEA02 is not ISA13", position=iea.position)
    if _count(iea.element(1)) != len(groups):
        raise X12Error(f"IEA01 is not {len(groups)}, the groups", position=iea.position)
    return Interchange(delimiters=delimiters, header=isa, groups=groups)


def _count(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 10 else None  # noqa: PLR2004 - longest count in X12


def _runs(
    segments: Sequence[Segment], opener: str, closer: str
) -> Iterator[tuple[list[Segment], Segment | None]]:
    """Yield the segments from each ``opener`` on, and their ``closer`` where there is one."""
    run: list[Segment] = []
    for segment in segments:
        if segment.id == opener:
            if run:
                yield run, None
            run = [segment]
        elif not run:
            raise X12Error(f"{segment.id} outside {opener} … {closer}", position=segment.position)
        elif segment.id == closer:
            yield run, segment
            run = []
        else:
            run.append(segment)
    if run:
        yield run, None


def _groups(segments: Sequence[Segment]) -> Iterator[Group]:
    for run, trailer in _runs(segments, "GS", "GE"):
        sets = tuple(_sets(run[1:]))
        codes: list[str] = []
        if trailer is None:
            codes.append(GROUP_TRAILER_MISSING)
        else:
            if trailer.element(2) != run[0].element(6):
                codes.append(GROUP_CONTROL_NUMBER)
            if _count(trailer.element(1)) != len(sets):
                codes.append(GROUP_SET_COUNT)
        declared = trailer.element(1) if trailer else ""
        yield Group(
            header=run[0],
            sets=sets,
            declared_count=declared if _count(declared) is not None else str(len(sets)),
            codes=tuple(codes),
        )


def _sets(segments: Sequence[Segment]) -> Iterator[TransactionSet]:
    for run, trailer in _runs(segments, "ST", "SE"):
        codes: list[str] = []
        if trailer is None:
            codes.append(SET_TRAILER_MISSING)
        else:
            run.append(trailer)
            if trailer.element(2) != run[0].element(2):
                codes.append(SET_CONTROL_NUMBER)
            if _count(trailer.element(1)) != len(run):
                codes.append(SET_SEGMENT_COUNT)
        yield TransactionSet(segments=tuple(run), codes=tuple(codes))
