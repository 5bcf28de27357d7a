"""The bytes of each resource in a Bundle, exactly as they were received.

A record is committed to and kept as the bytes its sender wrote; writing parsed JSON anew would
lose digits, order and spelling. So the places are found in the text itself, by its brackets.
"""

import json
import re
from collections.abc import Iterator

_SPACE = re.compile(rb"[ \t\r\n]*")
# Unrolled: a run of plain characters is one step.
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_SCALAR = re.compile(rb"[^ \t\r\n,\]}]+")
# A string, or one bracket: what stands between does not change the depth.
_STRUCTURE = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)


def resource_bytes(data: bytes) -> list[bytes]:
    """Return the bytes of ``Bundle.entry[i].resource``, of each entry that has one, in order.

    ``data`` is JSON that was parsed before, without names that stand twice.
    """
    found = []
    for name, start, _ in _members(data, _after_space(data, 0)):
        if name != "entry":
            continue
        for entry_start, _ in _items(data, start):
            for inner, at, end in _members(data, entry_start):
                if inner == "resource":
                    found.append(data[at:end])
    return found


def _members(data: bytes, start: int) -> Iterator[tuple[str, int, int]]:
    """Yield name, start and end of each member's value; none where there is no object."""
    if data[start : start + 1] != b"{":
        return
    at = _after_space(data, start + 1)
    while data[at : at + 1] != b"}":
        name_end = _string_end(data, at)
        value = _after_space(data, _after_space(data, name_end) + 1)
        end = _value_end(data, value)
        yield json.loads(data[at:name_end]), value, end
        at = _next(data, end)


def _items(data: bytes, start: int) -> Iterator[tuple[int, int]]:
    """Yield start and end of each item; none where there is no array."""
    if data[start : start + 1] != b"[":
        return
    at = _after_space(data, start + 1)
    while data[at : at + 1] != b"]":
        end = _value_end(data, at)
        yield at, end
        at = _next(data, end)


def _next(data: bytes, end: int) -> int:
    """Return where the next member or item begins, or the closing bracket stands."""
    at = _after_space(data, end)
    return _after_space(data, at + 1) if data[at : at + 1] == b"," else at


def _value_end(data: bytes, at: int) -> int:
    if data[at : at + 1] == b'"':
        return _string_end(data, at)
    if data[at : at + 1] not in (b"{", b"["):
        scalar = _SCALAR.match(data, at)
        assert scalar is not None
        return scalar.end()
    depth, tokens = 0, _STRUCTURE.finditer(data, at)
    while True:  # the text was parsed before, so its brackets close
        match = next(tokens)
        token = match.group()
        if token in b"{[":
            depth += 1
        elif token in b"}]":
            depth -= 1
            if depth == 0:
                return match.end()


def _string_end(data: bytes, at: int) -> int:
    string = _STRING.match(data, at)
    assert string is not None
    return string.end()


def _after_space(data: bytes, at: int) -> int:
    space = _SPACE.match(data, at)
    assert space is not None
    return space.end()
