"""The bytes of an event that its commitment is made over (docs/spec/event.md).

A client that seals its events makes the same bytes from the text it sends, so nothing here may
depend on how a parser or a library likes to write numbers.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import orjson

_WORD: Final = 1 << 63


def event_bytes(event: Mapping[str, Any]) -> bytes:
    """Return an event as UTF-8 JSON: no white space, names by code point, numbers as they came.

    Numbers with a fraction keep their digits and are written without an exponent.
    """
    try:
        return orjson.dumps(event, default=_number, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        # An integer of more than 64 bits, which the fast writer does not know.
        wide = _wide(event)
        return orjson.dumps(wide, default=_number, option=orjson.OPT_SORT_KEYS)


def _number(value: object) -> orjson.Fragment:
    assert isinstance(value, Decimal)
    return orjson.Fragment(format(value, "f"))


def _wide(value: object) -> object:
    if isinstance(value, Mapping):
        return {name: _wide(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_wide(member) for member in value]
    if isinstance(value, int) and not -_WORD <= value < _WORD:
        return orjson.Fragment(str(value))
    return value
