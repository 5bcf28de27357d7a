"""JSON from outside, read strictly: what two parsers could read differently is refused.

Duplicate names (RFC 8259 section 4 leaves them open), NaN and Infinity (section 6 forbids
them), NUL and lone surrogates (PostgreSQL and UTF-8 cannot hold them), nesting and numbers
beyond the limits. The limits are checked before anything is built from the text.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NoReturn

from foundation.core.problem import BadInputError, TooLargeError


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonLimits:
    """What a body may be at the most."""

    size_bytes_max: int = 8 * 1024 * 1024
    depth_max: int = 32
    digits_max: int = 30


DEFAULT_LIMITS = JsonLimits()

# A string, or one bracket: whatever stands between does not change the depth. A string without an
# end takes all the rest, and nothing is tried twice (possessive): the scan is linear in any text.
_STRUCTURE = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]', re.DOTALL)
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class JsonInputError(BadInputError):
    """The text is no JSON that we take; ``position`` is a byte offset where it is known."""

    slug = "malformed-json"
    title = "The JSON cannot be read"


def parse_json(data: bytes, limits: JsonLimits = DEFAULT_LIMITS) -> Any:
    """Return the value of UTF-8 JSON text; numbers with a fraction come as ``Decimal``.

    Raise ``TooLargeError`` over the size limit, ``JsonInputError`` for everything else.
    """
    if len(data) > limits.size_bytes_max:
        raise TooLargeError(
            f"the body has {len(data)} bytes; at most {limits.size_bytes_max} are read here",
            limit=limits.size_bytes_max,
        )
    _check_depth(data, limits.depth_max)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise JsonInputError("the body is not UTF-8", position=error.start) from error
    try:
        value = json.loads(
            text,
            parse_int=_bounded(int, limits.digits_max),
            parse_float=_bounded(Decimal, limits.digits_max),
            parse_constant=_no_constant,
            object_pairs_hook=_object,
        )
    except json.JSONDecodeError as error:
        position = len(text[: error.pos].encode("utf-8", "surrogatepass"))
        raise JsonInputError(f"{error.msg} at byte {position}", position=position) from error
    _check_text(value, "$")
    return value


def _check_depth(data: bytes, depth_max: int) -> None:
    """Refuse deep nesting by a scan, before a recursive parser sees the text."""
    depth = 0
    for match in _STRUCTURE.finditer(data):
        token = match.group()
        if token in b"[{":
            depth += 1
            if depth > depth_max:
                raise JsonInputError(
                    f"nested deeper than {depth_max} levels", position=match.start()
                )
        elif token in b"]}":
            depth -= 1


def _bounded(make: Callable[[str], int | Decimal], digits_max: int) -> Callable[[str], Any]:
    def parse(text: str) -> int | Decimal:
        # The exponent counts too: 1e999999 is short to write and long to expand.
        mantissa, _, exponent = text.lower().partition("e")
        if len(mantissa) > digits_max or len(exponent) > 3:  # noqa: PLR2004 - sign and 2 digits
            raise JsonInputError(f"a number has more than {digits_max} digits")
        return make(text)

    return parse


def _no_constant(name: str) -> NoReturn:
    raise JsonInputError(f"{name} is not JSON (RFC 8259 section 6)")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise JsonInputError(f"the name {printable(twice)} stands twice in one object")
    return value


def _check_text(value: object, path: str) -> None:
    """Refuse NUL and lone surrogates in names and values; ``path`` is where we are."""
    if isinstance(value, str):
        if "\x00" in value or _LONE_SURROGATE.search(value):
            raise JsonInputError("a text holds NUL or half a surrogate pair", path=path)
    elif isinstance(value, dict):
        for name, member in value.items():
            _check_text(name, path)
            _check_text(member, f"{path}.{name}")
    elif isinstance(value, list):
        for index, member in enumerate(value):
            _check_text(member, f"{path}[{index}]")


def printable(text: str, length_max: int = 40) -> str:
    """Return ``text`` quoted for a message: short, and safe for logs and UTF-8."""
    shown = text if len(text) <= length_max else text[:length_max] + "…"
    return json.dumps(shown)
