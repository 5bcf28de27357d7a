"""A cursor over parsed JSON that reads typed values and notes every fault with its place.

A reader takes what it needs and goes on after a fault, so that one answer names all that is
wrong with a document. Values that follow a fault are placeholders: they never leave the reader,
because a document with a fault gives no events.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final, NoReturn

from foundation.core.problem import BadInputError
from provenance.core.cbv import CbvError, parse_word
from provenance.core.epc import Epc, EpcError, EpcKind, parse_epc
from provenance.core.own_names import Names

FAULTS_MAX: Final = 100
TEXT_LENGTH_MAX: Final = 4096
WORD_LENGTH_MAX: Final = 500
NOWHERE: Final = Epc(uri="", kind=EpcKind.OTHER)
NEVER: Final = datetime.min.replace(tzinfo=UTC)
# XSD dateTime with the zone that EPCIS demands (EPCIS 2.0 section 7.3).
_TIMESTAMP: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,12}))?"
    r"(Z|[+-](?:0[0-9]|1[0-3]):[0-5][0-9]|[+-]14:00)"
)
_UNPRINTABLE: Final = re.compile("[\x00\ud800-\udfff]")
# A prefixed name or a full URI: what tells a user's field from a misspelt one of the standard.
_NAMESPACED: Final = re.compile(r"[A-Za-z_][A-Za-z0-9+._-]*:[^\x00-\x20\ud800-\udfff]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class EpcisFault:
    """One thing wrong: in which event (from 0, ``None`` outside), where, what, in words."""

    event_index: int | None
    path: str
    type: str
    detail: str


class EpcisError(BadInputError):
    """A document that cannot be taken; ``faults`` holds every reason, at most 100.

    ``type`` is that of the first. Types are stable: shape, missing, unknown_field, event_type,
    not_built, value, time, word, identifier, class_identifier, instance_identifier, duplicate,
    quantity, combination, too_many, ndc, unit, and those of an identifier that does not check.
    """

    slug = "epcis"
    title = "The EPCIS document cannot be taken"

    def __init__(self, faults: Collection[EpcisFault]) -> None:
        """Keep the faults; there is at least one."""
        self.faults = tuple(faults)
        first = self.faults[0]
        more = f" (and {len(self.faults) - 1} more)" if len(self.faults) > 1 else ""
        listed = [
            {
                "event_index": fault.event_index,
                "path": fault.path,
                "type": fault.type,
                "detail": fault.detail,
            }
            for fault in self.faults
        ]
        super().__init__(f"{first.path}: {first.detail}{more}", fault=first.type, faults=listed)
        self.type = first.type


class Faults:
    """What was found wrong so far, in which event we are, and which identifiers were read.

    Parties and places recur in every event of a document; each is read once. ``names`` are those
    that the document's context gives a meaning.
    """

    def __init__(self) -> None:
        """Begin outside of any event."""
        self.found: list[EpcisFault] = []
        self.event_index: int | None = None
        self.identifiers: dict[str, Epc] = {}
        self.names = Names()

    def add(self, path: str, type_: str, detail: str) -> None:
        """Note a fault; raise ``EpcisError`` with the hundredth: the rest would help nobody."""
        self.found.append(
            EpcisFault(event_index=self.event_index, path=path, type=type_, detail=detail)
        )
        if len(self.found) == FAULTS_MAX:
            self.stop()

    def stop(self) -> NoReturn:
        """Raise ``EpcisError`` with what was found."""
        raise EpcisError(self.found)


@dataclass(frozen=True, slots=True)
class Node:
    """A JSON value, where it stands, and the list that its faults go to."""

    value: object
    path: str
    faults: Faults

    def fault(self, type_: str, detail: str) -> None:
        """Note a fault here."""
        self.faults.add(self.path, type_, detail)

    def get(self, name: str) -> "Node | None":
        """Return the member of an object, ``None`` where it has none."""
        if not isinstance(self.value, Mapping):
            return None
        value = self.value.get(name)
        return None if value is None else Node(value, f"{self.path}.{name}", self.faults)

    def need(self, name: str) -> "Node | None":
        """Return the member; note its absence."""
        found = self.get(name)
        if found is None:
            self.fault("missing", f"{name} is missing")
        return found

    def is_object(self) -> bool:
        """Tell whether this is an object with names that are text; note it where not."""
        if isinstance(self.value, Mapping):
            return True
        self.fault("shape", "this must be an object")
        return False

    def items(self, *, least: int = 0) -> "Iterator[Node]":
        """Yield the items of an array of at least so many."""
        if not isinstance(self.value, (list, tuple)):
            self.fault("shape", "this must be an array")
            return
        if len(self.value) < least:
            self.fault("shape", f"this array must hold at least {least}")
        for i, value in enumerate(self.value):
            yield Node(value, f"{self.path}[{i}]", self.faults)

    def text(self) -> str:
        """Return text without NUL or lone surrogates."""
        if not isinstance(self.value, str) or not self.value:
            self.fault("shape", "this must be text")
        elif len(self.value) > TEXT_LENGTH_MAX or _UNPRINTABLE.search(self.value):
            self.fault("value", f"text has at most {TEXT_LENGTH_MAX} characters, and no NUL")
        else:
            return self.value
        return ""

    def one_of(self, allowed: Collection[str]) -> str:
        """Return text that is one of these."""
        text = self.text()
        if text and text not in allowed:
            self.fault("value", f"this must be one of {', '.join(sorted(allowed))}")
        return text

    def word(self, vocabulary: type[StrEnum]) -> str:
        """Return a bare word of the Core Business Vocabulary, or somebody else's URI."""
        text = self.text()
        if len(text) > WORD_LENGTH_MAX:
            self.fault("word", f"a word has at most {WORD_LENGTH_MAX} characters")
            return ""
        try:
            return parse_word(text, vocabulary) if text else ""
        except CbvError as error:
            self.fault("word", error.detail)
            return ""

    def identifier(self) -> Epc:
        """Return an identifier of any kind."""
        text = self.text()
        known = self.faults.identifiers
        try:
            if text and text not in known:
                known[text] = parse_epc(text)
        except EpcError as error:
            self.fault(error.type, error.detail)
        return known.get(text, NOWHERE)

    def instance(self) -> Epc:
        """Return the identifier of one thing."""
        epc = self.identifier()
        if epc.kind is EpcKind.CLASS:
            self.fault(
                "class_identifier", "this names a class; here belongs one thing's identifier"
            )
        return epc

    def class_(self) -> Epc:
        """Return the identifier of a class or lot of things."""
        epc = self.identifier()
        if epc.kind is EpcKind.INSTANCE:
            self.fault("instance_identifier", "this names one thing; here belongs a class or lot")
        return epc

    def time(self) -> datetime:
        """Return an aware time, cut to microseconds."""
        text = self.text()
        match = _TIMESTAMP.fullmatch(text)
        if match:
            fraction = (match[2] or "")[:6].ljust(6, "0")
            try:
                found = datetime.fromisoformat(f"{match[1]}.{fraction}{match[3]}")
                # The first and last hours of the calendar have no UTC to be stored as.
                found.astimezone(UTC)
            except (ValueError, OverflowError):
                pass
            else:
                return found
        if text:
            self.fault("time", "this must be a date and time with a zone, as 2026-11-24T09:00:00Z")
        return NEVER

    def decimal(self) -> Decimal:
        """Return a number above zero, of at most 14 digits before and 9 behind the point."""
        value = self.value
        if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
            self.fault("shape", "this must be a number")
            return Decimal(1)
        # An integer of any size, or a float: neither may cost us more than its digits.
        if isinstance(value, int) and abs(value) >= 10**15:
            number = Decimal("Infinity")
        else:
            number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
        if not number.is_finite() or number.adjusted() > 13:  # noqa: PLR2004 - 14 digits
            self.fault("quantity", "this number has more than 14 digits before its point")
        elif number <= 0:
            self.fault("quantity", "a quantity is above zero")
        elif int(number.as_tuple().exponent) < -9:  # noqa: PLR2004 - 9 digits
            self.fault("quantity", "this number has more than 9 digits behind its point")
        else:
            return number
        return Decimal(1)

    def extensions(self, known: Collection[str]) -> dict[str, object]:
        """Return the members of an object that are not ``known``: all must be namespaced."""
        assert isinstance(self.value, Mapping)
        found = {}
        for name, value in self.value.items():
            if name in known:
                continue
            if isinstance(name, str) and _NAMESPACED.fullmatch(name):
                found[name] = value
            else:
                self.fault("unknown_field", f"{str(name)[:100]!r} is no field; yours need a prefix")
        return found
