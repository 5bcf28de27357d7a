"""Canonical JSON: one value, one sequence of bytes (a profile of RFC 8785).

Objects, arrays, strings, booleans and integers up to 2^53 - 1 either way; no null, no fractions;
names are short ASCII words. Inside these bounds sorting names by code point is RFC 8785's order,
integers have one spelling, and everyone who re-serialises a value gets the bytes that were signed.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TypeAlias

import orjson

from foundation.core.problem import BadInputError

Json: TypeAlias = "bool | int | str | Sequence[Json] | Mapping[str, Json]"

INTEGER_MAX = 2**53 - 1
DEPTH_MAX = 32
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{0,62}")
_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER
_SHOWN_LENGTH_MAX = 40


class CanonicalError(BadInputError):
    """The value or the bytes are outside the profile; the message names the place."""

    slug = "not-canonical"
    title = "This is not canonical JSON"


class _FaultError(Exception):
    """A fault on its way up; every level it leaves puts its step before ``steps``."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.steps: list[str] = []


def canonical_bytes(value: object) -> bytes:
    """Return the canonical UTF-8 bytes of ``value``.

    Takes ``dict``, ``list``, ``tuple``, ``str`` (a ``StrEnum`` too), ``int`` and ``bool``. Raise
    ``CanonicalError`` with the path of the first fault for anything outside the profile.
    """
    return _serialised(value, value, "$", 1)


def canonical_members(value: Mapping[str, Json], unsure: str) -> bytes:
    """Return the canonical bytes of an object of which only the member ``unsure`` is unchecked.

    The caller made every other member itself, inside the profile. Raise as ``canonical_bytes``.
    """
    return _serialised(value, value[unsure], f"$.{unsure}", 2)


def _serialised(value: object, checked: object, root: str, depth: int) -> bytes:
    try:
        _check(checked, depth)
    except _FaultError as fault:
        path = root + "".join(fault.steps)
        raise CanonicalError(f"{path}: {fault.reason}", path=path) from None
    return orjson.dumps(value, option=_OPTIONS)


def parse_canonical(data: bytes) -> Json:
    """Return the value whose canonical form ``data`` is.

    Raise ``CanonicalError`` for what is no JSON, is outside the profile, or is any other spelling
    of a value: byte equality also catches names that stand twice, escapes and spaces.
    """
    try:
        value: Json = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise CanonicalError(f"not JSON: {error.msg}", position=error.pos) from error
    canonical = canonical_bytes(value)
    if canonical != data:
        pairs = enumerate(zip(canonical, data, strict=False))
        shorter = min(len(canonical), len(data))
        position = next((at for at, (ours, theirs) in pairs if ours != theirs), shorter)
        raise CanonicalError(
            f"not the canonical spelling from byte {position} on (order of names, a name that"
            " stands twice, spaces, escapes or the spelling of a number)",
            position=position,
        )
    return value


def _check(value: object, depth: int) -> None:
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, int):
        if not -INTEGER_MAX <= value <= INTEGER_MAX:
            raise _FaultError("an integer beyond 2^53 - 1")
    elif type(value) is dict:
        _check_depth(depth)
        for name, member in value.items():
            _check_name(name)
            if not _is_plain(member):
                _check_inside(member, depth, f".{name}")
    elif type(value) in (list, tuple):
        _check_depth(depth)
        assert isinstance(value, (list, tuple))
        for index, member in enumerate(value):
            if not _is_plain(member):
                _check_inside(member, depth, f"[{index}]")
    else:
        raise _FaultError(_outside(value))


def _is_plain(value: object) -> bool:
    """Whether this is a text in ASCII: most members are, and need no further look."""
    return type(value) is str and value.isascii() and "\0" not in value


def _check_inside(member: object, depth: int, step: str) -> None:
    try:
        _check(member, depth + 1)
    except _FaultError as fault:
        fault.steps.insert(0, step)
        raise


def _check_depth(depth: int) -> None:
    if depth > DEPTH_MAX:
        raise _FaultError(f"nested deeper than {DEPTH_MAX} levels")


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not _is_name(name):
        shown = ascii(name)[:_SHOWN_LENGTH_MAX]
        raise _FaultError(f"the name {shown} is not a letter and up to 62 of A-Z a-z 0-9 _ . : -")


@lru_cache(maxsize=4096)  # the names of formats come again and again
def _is_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None


def _check_text(text: str) -> None:
    if "\0" in text:
        raise _FaultError("a text with U+0000")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise _FaultError("a text with half a surrogate pair") from error


def _outside(value: object) -> str:
    if value is None:
        return "null; leave the member out"
    if isinstance(value, float):
        return "a number with a fraction, or beyond 2^53 - 1; amounts are decimal strings"
    return f"a {type(value).__name__} is not JSON"
