"""Reading FHIR R4 JSON that anyone may have sent: objects with a path, references, dates.

Every fault is a ``FhirError`` with its FHIRPath-like place; no text of the resource is repeated
in it, because it may be about a patient.
"""

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from foundation.core.problem import BadInputError

TEXT_LENGTH_MAX = 4096
_BAD_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")
# Types and ids as R4 section 2.24.0.1 (`id`) and 2.3 (literal references) spell them.
_RELATIVE = re.compile(
    r"([A-Z][A-Za-z]{1,63}/[A-Za-z0-9.\-]{1,64})(/_history/[A-Za-z0-9.\-]{1,64})?"
)
_ABSOLUTE = re.compile(r"(https?://[^\s#?]+?)(/_history/[A-Za-z0-9.\-]{1,64})?")
_URN = re.compile(r"urn:(?:uuid:[0-9a-fA-F\-]{36}|oid:[0-9.]{3,128})")
_NOT_RESOLVED = re.compile(r"#[A-Za-z0-9.\-]{0,64}|[A-Z][A-Za-z]{1,63}\?\S+")
_DATE_TIME = re.compile(
    r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2})(?:T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?"
    r"(?:Z|([+-])([0-9]{2}):([0-9]{2})))?)?)?"
)
_MONTHS = 12
_LEAP_SECOND = 60

TIME_MIN = dt.datetime.min.replace(tzinfo=dt.UTC)
TIME_MAX = dt.datetime.max.replace(tzinfo=dt.UTC)


class IssueType(StrEnum):
    """What kind of fault, or of notice: codes of http://hl7.org/fhir/issue-type."""

    INVALID = "invalid"
    STRUCTURE = "structure"
    REQUIRED = "required"
    VALUE = "value"
    CODE_INVALID = "code-invalid"
    TOO_COSTLY = "too-costly"
    TOO_LONG = "too-long"
    LOGIN = "login"
    FORBIDDEN = "forbidden"
    NOT_SUPPORTED = "not-supported"
    NOT_FOUND = "not-found"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    PROCESSING = "processing"
    THROTTLED = "throttled"
    TRANSIENT = "transient"
    EXCEPTION = "exception"
    INFORMATIONAL = "informational"


class FhirError(BadInputError):
    """The resource breaks a rule of FHIR R4; ``path`` is where, ``issue_type`` what kind."""

    slug = "bad-fhir"
    title = "This is no FHIR R4 resource that we take"

    def __init__(self, path: str, detail: str, issue_type: IssueType) -> None:
        """Keep the place and the kind."""
        super().__init__(f"{path}: {detail}", path=path, issue_type=issue_type)
        self.path = path
        self.issue_type = issue_type


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Coding:
    """A code of a system; ``system`` is empty where the sender named none."""

    system: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class DateRange:
    """Moments from ``start`` to before ``end``, both aware, in UTC."""

    start: dt.datetime = TIME_MIN
    end: dt.datetime = TIME_MAX


@dataclass(frozen=True, slots=True)
class FhirObject:
    """A JSON object and its place; the getters raise ``FhirError`` for what has another shape."""

    members: Mapping[str, object]
    path: str

    def text(self, name: str) -> str | None:
        """Return a text that is not empty, or None where there is none."""
        return None if name not in self.members else self._text(self.members[name], name)

    def required_text(self, name: str) -> str:
        """Return a text that must be there."""
        if name not in self.members:
            raise FhirError(f"{self.path}.{name}", "is required", IssueType.REQUIRED)
        return self._text(self.members[name], name)

    def child(self, name: str) -> "FhirObject | None":
        """Return the object of that name, or None where there is none."""
        if name not in self.members:
            return None
        return fhir_object(self.members[name], f"{self.path}.{name}")

    def children(self, name: str) -> "tuple[FhirObject, ...]":
        """Return the objects of that array; none where there is no array."""
        if name not in self.members:
            return ()
        items, path = self.members[name], f"{self.path}.{name}"
        if not isinstance(items, list) or not items:
            raise FhirError(path, "is no array with something in it", IssueType.STRUCTURE)
        return tuple(fhir_object(item, f"{path}[{at}]") for at, item in enumerate(items))

    def every(self, name: str) -> "tuple[FhirObject, ...]":
        """Return the objects at ``a.b.c``, whether the steps are arrays or single."""
        found: tuple[FhirObject, ...] = (self,)
        for step in name.split("."):
            found = tuple(inner for outer in found for inner in outer.one_or_many(step))
        return found

    def one_or_many(self, name: str) -> "tuple[FhirObject, ...]":
        """Return the object, or the objects of the array, of that name."""
        if isinstance(self.members.get(name), list):
            return self.children(name)
        child = self.child(name)
        return () if child is None else (child,)

    def _text(self, value: object, name: str) -> str:
        path = f"{self.path}.{name}"
        if not isinstance(value, str):
            raise FhirError(path, "is no text", IssueType.STRUCTURE)
        if not value.strip() or len(value) > TEXT_LENGTH_MAX or _BAD_TEXT.search(value):
            detail = "is empty, too long or holds characters that FHIR forbids"
            raise FhirError(path, detail, IssueType.VALUE)
        return value


def fhir_object(value: object, path: str) -> FhirObject:
    """Return the object with its place; raise ``FhirError`` where it is none, or empty."""
    if not isinstance(value, Mapping) or not value:
        raise FhirError(path, "is no object with something in it", IssueType.STRUCTURE)
    if not all(isinstance(name, str) for name in value):
        raise FhirError(path, "has a name that is no text", IssueType.STRUCTURE)
    return FhirObject(value, path)


def parse_coding(coding: FhirObject) -> Coding | None:
    """Return the code and its system, or None for a coding without a code."""
    code = coding.text("code")
    return None if code is None else Coding(system=coding.text("system") or "", code=code)


def concept_codings(concept: FhirObject, notes: list[str] | None = None) -> Iterator[Coding]:
    """Yield the codes of a CodeableConcept.

    Some senders put a concept where a coding belongs; with ``notes`` that is read and noted
    there, else it yields nothing.
    """
    for coding in concept.children("coding"):
        parsed = parse_coding(coding)
        if parsed is not None:
            yield parsed
        elif notes is not None and "coding" in coding.members:
            notes.append(f"{coding.path}: a concept where a coding belongs")
            yield from concept_codings(coding)


def parse_reference(text: str, *, base: str, path: str) -> str | None:
    """Return the absolute reference without its version, or None for what needs a resolver.

    ``base`` ends with a slash. Contained (`#id`) and conditional references give None. Raise
    ``FhirError`` for what is no reference (R4 section 2.3).
    """
    if match := _RELATIVE.fullmatch(text):
        return base + match.group(1)
    if match := _ABSOLUTE.fullmatch(text):
        return match.group(1)
    if _URN.fullmatch(text):
        return text
    if _NOT_RESOLVED.fullmatch(text):
        return None
    raise FhirError(path, "is no reference", IssueType.VALUE)


def reference_of(reference: FhirObject, *, base: str) -> str | None:
    """Return what a Reference points at, absolute; None for one by identifier or display only."""
    text = reference.text("reference")
    if text is not None:
        return parse_reference(text, base=base, path=f"{reference.path}.reference")
    if "identifier" not in reference.members and "display" not in reference.members:
        raise FhirError(reference.path, "refers to nothing", IssueType.VALUE)
    return None


def parse_date_time(text: str, path: str) -> DateRange:
    """Return all moments that a date, dateTime or instant means: a year, a day, a second.

    Dates without a time are days in UTC. Raise ``FhirError`` for what is no such time.
    """
    match = _DATE_TIME.fullmatch(text)
    try:
        if match is not None:
            return _date_range(match)
    except (ValueError, OverflowError):
        pass
    raise FhirError(path, "is no date or time", IssueType.VALUE)


def parse_period(period: FhirObject) -> DateRange:
    """Return the moments of a Period; its end includes what it matches (R4 section 2.24.0.12)."""
    start, end = period.text("start"), period.text("end")
    if start is None and end is None:
        raise FhirError(period.path, "has neither start nor end", IssueType.VALUE)
    lower = TIME_MIN if start is None else parse_date_time(start, f"{period.path}.start").start
    upper = TIME_MAX if end is None else parse_date_time(end, f"{period.path}.end").end
    if lower >= upper:
        raise FhirError(period.path, "ends before it starts", IssueType.VALUE)
    return DateRange(start=lower, end=upper)


def _date_range(match: re.Match[str]) -> DateRange:
    """Return the range of a matched time; ``ValueError`` for a 13th month and the like."""
    year, month, day, hour, minute, second, fraction, sign, off_hour, off_minute = match.groups()
    if month is None:
        start = dt.datetime(int(year), 1, 1, tzinfo=dt.UTC)
        return _until(start, lambda: start.replace(year=start.year + 1))
    if day is None:
        start = dt.datetime(int(year), int(month), 1, tzinfo=dt.UTC)
        years, months = divmod(start.month, _MONTHS)
        return _until(start, lambda: start.replace(year=start.year + years, month=months + 1))
    start = dt.datetime(int(year), int(month), int(day), tzinfo=dt.UTC)
    if hour is None:
        return _until(start, lambda: start + dt.timedelta(days=1))
    if int(second) > _LEAP_SECOND or int(off_minute or 0) >= _LEAP_SECOND:
        raise ValueError("no such second or offset")
    start = start.replace(hour=int(hour), minute=int(minute))
    start += dt.timedelta(
        seconds=int(second), microseconds=int((fraction or "0").ljust(6, "0")[:6])
    )
    offset = dt.timedelta(hours=int(off_hour or 0), minutes=int(off_minute or 0))
    start = start + offset if sign == "-" else start - offset
    step = dt.timedelta(seconds=1) if fraction is None else dt.timedelta(microseconds=1)
    return _until(start, lambda: start + step)


def _until(start: dt.datetime, end: Callable[[], dt.datetime]) -> DateRange:
    """Return the range; the last moments that Python can name end with time itself."""
    try:
        return DateRange(start=start, end=end())
    except (ValueError, OverflowError):
        return DateRange(start=start, end=TIME_MAX)
