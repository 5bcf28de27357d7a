"""Strict reading of JSON objects: exact names, exact types, exact spellings.

Every format of the ledger is an object with a fixed set of members. ``Members`` reads them one
by one and raises the format's own error, with the path of the fault, for whatever is not as the
format says; nothing is coerced and nothing unknown is skipped.
"""

import base64
import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from uuid import UUID

from foundation.core.problem import BadInputError
from ledger.core.canonical import INTEGER_MAX, Json

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# The hour is bounded here: later Pythons read 24:00 as the next midnight, a second spelling.
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")
_HEX = re.compile(r"(?:[0-9a-f]{2})*")
# A note's key name (C2SP signed-note) in printable ASCII: no space, no plus sign.
ORIGIN = re.compile(r"[!-*,-~]{1,255}")


class TimeError(BadInputError):
    """The time is not ``YYYY-MM-DDTHH:MM:SS.mmmZ``, or it has no time zone."""

    slug = "bad-time"
    title = "This is not a time of the ledger"


class Base64Error(BadInputError):
    """The text is not the one padded base64 spelling of its bytes (RFC 4648 section 4)."""

    slug = "bad-base64"
    title = "This is not base64"


class UuidError(BadInputError):
    """The text is not a UUID in 36 lower-case characters."""

    slug = "bad-uuid"
    title = "This is not a UUID"


@lru_cache(maxsize=64)  # the entries of a submission bear one time
def format_time(time: datetime) -> str:
    """Return ``YYYY-MM-DDTHH:MM:SS.mmmZ``; what is finer than a millisecond is cut off.

    Raise ``TimeError`` for a time without a zone.
    """
    if time.tzinfo is None:
        raise TimeError(f"{time.isoformat()} has no time zone")
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_time(text: str) -> datetime:
    """Return the aware UTC time that ``text`` spells; raise ``TimeError``."""
    if _TIME.fullmatch(text) is None:
        raise TimeError(f"{text[:40]!a} is not YYYY-MM-DDTHH:MM:SS.mmmZ")
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise TimeError(f"{text} is no time of the calendar") from error


def format_base64(data: bytes) -> str:
    """Return padded base64."""
    return base64.b64encode(data).decode("ascii")


def parse_base64(text: str) -> bytes:
    """Return the bytes of padded base64; raise ``Base64Error`` for any other spelling."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise Base64Error(f"{text[:40]!a} is not base64") from error
    # Unused bits of the last character may differ: two texts, the same bytes.
    if format_base64(data) != text:
        raise Base64Error(f"{text[-40:]!a} is another spelling of its bytes")
    return data


def parse_uuid(text: str) -> UUID:
    """Return the UUID that 36 lower-case characters spell; raise ``UuidError``."""
    if _UUID.fullmatch(text) is None:
        raise UuidError(f"{text[:40]!a} is not a UUID in lower case")
    return UUID(int=int(text.replace("-", ""), 16))


class Members:
    """The members of one object, read strictly; every fault raises ``error``."""

    def __init__(self, value: object, path: str, error: type[BadInputError]) -> None:
        """Take the object at ``path``; raise ``error`` where ``value`` is none."""
        if not isinstance(value, dict):
            raise error(f"{path} is not an object", path=path)
        self._value: Mapping[str, Json] = value
        self._path = path
        self._error = error

    def expect(self, required: Collection[str], optional: Collection[str] = ()) -> None:
        """Refuse a missing member and one that nobody defined."""
        value = self._value
        if len(value) == len(required) and all(name in value for name in required):
            return
        for name in required:
            if name not in self._value:
                raise self._error(f"{self._path}.{name} is missing", path=f"{self._path}.{name}")
        unknown = sorted(str(name) for name in self._value.keys() - {*required, *optional})
        if unknown:
            raise self._error(
                f"{self._path} has the unknown member {unknown[0][:64]!a}", path=self._path
            )

    def has(self, name: str) -> bool:
        """Return whether the member is there."""
        return name in self._value

    def fault(self, name: str, reason: str) -> BadInputError:
        """Return the error for a member: raise it."""
        path = f"{self._path}.{name}"
        return self._error(f"{path} {reason}", path=path)

    def text(self, name: str, pattern: re.Pattern[str] | None = None) -> str:
        """Return a text that the whole pattern matches."""
        value = self._value[name]
        if not isinstance(value, str):
            raise self.fault(name, "is not a text")
        if pattern is not None and pattern.fullmatch(value) is None:
            raise self.fault(name, f"does not match {pattern.pattern}: {value[:64]!a}")
        return value

    def literal(self, name: str, expected: Json) -> None:
        """Refuse any value but one; ``true`` is not 1."""
        value = self._value[name]
        if type(value) is not type(expected) or value != expected:
            raise self.fault(name, f"is not {expected!a}")

    def integer(self, name: str, least: int = 0, most: int = INTEGER_MAX) -> int:
        """Return an integer within bounds."""
        value = self._value[name]
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.fault(name, "is not an integer")
        if not least <= value <= most:
            raise self.fault(name, f"is not between {least} and {most}: {str(value)[:24]}")
        return value

    def uuid(self, name: str) -> UUID:
        """Return a UUID."""
        try:
            return parse_uuid(self.text(name))
        except UuidError as error:
            raise self.fault(name, f"is no UUID: {error}") from error

    def time(self, name: str) -> datetime:
        """Return an aware UTC time."""
        try:
            return parse_time(self.text(name))
        except TimeError as error:
            raise self.fault(name, f"is no time: {error}") from error

    def digest(self, name: str) -> bytes:
        """Return 32 bytes spelled as 64 lower-case hex digits."""
        return self._hex(name, self.text(name))

    def digests(self, name: str) -> tuple[bytes, ...]:
        """Return an array of digests."""
        return tuple(
            self._hex(f"{name}[{index}]", text) for index, text in enumerate(self.texts(name))
        )

    def blob(self, name: str, size: int | None = None) -> bytes:
        """Return the bytes of strict base64, of exactly ``size`` where given."""
        return self._blob(name, self.text(name), size)

    def blobs(self, name: str, size: int | None = None) -> tuple[bytes, ...]:
        """Return an array of strict base64."""
        return tuple(
            self._blob(f"{name}[{index}]", text, size)
            for index, text in enumerate(self.texts(name))
        )

    def texts(self, name: str) -> list[str]:
        """Return an array of texts."""
        texts: list[str] = []
        for index, item in enumerate(self.array(name)):
            if not isinstance(item, str):
                raise self.fault(f"{name}[{index}]", "is not a text")
            texts.append(item)
        return texts

    def array(self, name: str) -> list[Json]:
        """Return an array of anything."""
        value = self._value[name]
        if not isinstance(value, list):
            raise self.fault(name, "is not an array")
        return value

    def mapping(self, name: str) -> dict[str, Json]:
        """Return an object of anything."""
        value = self._value[name]
        if not isinstance(value, dict):
            raise self.fault(name, "is not an object")
        return value

    def members(self, name: str) -> "Members":
        """Return the members of an object inside this one."""
        return Members(self._value[name], f"{self._path}.{name}", self._error)

    def each(self, name: str) -> list["Members"]:
        """Return the members of every object of an array."""
        return [
            Members(item, f"{self._path}.{name}[{index}]", self._error)
            for index, item in enumerate(self.array(name))
        ]

    def _hex(self, name: str, text: str) -> bytes:
        if len(text) != 64 or _HEX.fullmatch(text) is None:  # noqa: PLR2004 - 32 bytes in hex
            raise self.fault(name, f"is not 64 lower-case hex digits: {text[:70]!a}")
        return bytes.fromhex(text)

    def _blob(self, name: str, text: str, size: int | None) -> bytes:
        try:
            data = parse_base64(text)
        except Base64Error as error:
            raise self.fault(name, f"is no base64: {error}") from error
        if size is not None and len(data) != size:
            raise self.fault(name, f"holds {len(data)} bytes, not {size}")
        return data
