"""Why a file is refused, in words: where its JSON breaks, and what the codes of a 999 say."""

from collections.abc import Iterator
from typing import Final

from foundation.core.json_input import JsonInputError, JsonLimits, parse_json

REASON_LENGTH_MAX = 400

# In our own words; the lists themselves are X12's (data elements 715, 618, 620 and 621).
GROUP_CODES: Final = {
    "1": "this kind of group is not taken here",
    "2": "this version is not taken here",
    "3": "the group has no end (GE)",
    "4": "the control numbers of its begin and end (GS06, GE02) differ",
    "5": "it declares another number of sets (GE01) than it has",
}
SET_CODES: Final = {
    "1": "this kind of set is not taken here",
    "2": "the set has no end (SE)",
    "3": "the control numbers of its begin and end (ST02, SE02) differ",
    "4": "it declares another number of segments (SE01) than it has",
    "5": "segments of it are in error",
    "I6": "this implementation guide is not taken here",
}
SEGMENT_CODES: Final = {
    "2": "it may not stand here",
    "3": "something that must be there is missing",
    "8": "its elements are in error",
    "I4": "it is not taken here",
}
ELEMENT_CODES: Final = {
    "1": "it is missing",
    "6": "a character that may not stand there",
    "7": "a value that is not taken here",
    "8": "no date that can be taken",
    "I12": "not in the form, or not the sum, that is asked for",
}


def broken_json(data: bytes) -> str:
    """Return why ``data`` is no JSON, and where; nothing where it is some."""
    try:
        parse_json(data, JsonLimits(size_bytes_max=max(len(data), 1)))
    except JsonInputError as error:
        position = error.members.get("position")
        if not isinstance(position, int):
            return f"broken JSON: {error.detail}"
        before = data[:position]
        line = before.count(b"\n") + 1
        column = position - (before.rfind(b"\n") + 1) + 1
        return f"broken JSON at line {line}, column {column}: {error.detail}"
    return ""


def refused_by_999(acknowledgement: str) -> str:
    """Return what a 999 refuses, in words; nothing where it takes all, perhaps noting errors."""
    segments = [segment.strip().split("*") for segment in acknowledgement.split("~")]
    verdicts = [segment for segment in segments if segment[0] == "AK9"]
    if verdicts and all(segment[1] in {"A", "E"} for segment in verdicts):
        return ""
    reason = "; ".join(_said(segments)) or "the 999 refuses it and does not say why"
    return reason if len(reason) <= REASON_LENGTH_MAX else f"{reason[: REASON_LENGTH_MAX - 1]}…"


def _said(segments: list[list[str]]) -> Iterator[str]:
    """Yield what is said of each place; a segment whose element is named is named with it."""
    set_number = ""
    for at, segment in enumerate(segments):
        name, *elements = segment
        following = segments[at + 1][0] if at + 1 < len(segments) else ""
        match name:
            case "AK2":
                set_number = elements[1]
            case "IK3" if following != "IK4":
                yield f"{_place(set_number, elements)}: {_meant(SEGMENT_CODES, elements[3:])}"
            case "IK4":
                segment_of = segments[at - 1][1:]
                place = f"{_place(set_number, segment_of)}, element {elements[0]}"
                yield f"{place}: {_meant(ELEMENT_CODES, elements[2:])}"
            case "IK5":
                # That segments are in error was said at each of them.
                codes = [code for code in elements[1:] if code != "5"]
                if codes:
                    yield f"set {set_number}: {_meant(SET_CODES, codes)}"
            case "AK9" if elements[4:]:
                yield f"group: {_meant(GROUP_CODES, elements[4:])}"
            case _:
                pass


def _place(set_number: str, ik3: list[str]) -> str:
    return f"set {set_number}, segment {ik3[1]} ({ik3[0]})"


def _meant(words: dict[str, str], codes: list[str]) -> str:
    return ", ".join(words.get(code, f"code {code}") for code in codes if code)
