"""Element strings of GS1: what a scanner sends, or a person types from under the symbol.

Three spellings are read: raw (FNC1 arrives as 0x1D, General Specifications 7.8), raw behind a
symbology identifier (``]d2``, ISO/IEC 15424), and bracketed (``(01)…``). One rule holds: a
string is read in exactly one way or refused; what a scanner lost is never guessed.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from foundation.core.problem import BadInputError
from provenance.core.gs1_linters import CHARSETS, LINTERS, check_digit, real_date
from provenance.core.gs1_table import AI_RULES, AiComponent, AiRule, find_ai

FNC1: Final = "\x1d"
TEXT_LENGTH_MAX: Final = 4096
_BRACKETED = re.compile(r"\(([0-9]{2,4})\)((?:\\\(|[^(])*)")
_GTIN_LENGTHS: Final = (12, 13, 14)
# Keys that a digital signature may only accompany with their serial (General Specifications
# 3.2, AI 8030), and the length of each without it.
_UNSERIALISED_LENGTHS: Final = {"253": 13, "255": 13, "8003": 14}
_SCAN_AGAIN: Final = (
    "the separators (FNC1) seem to be missing: scan again, and if that does not help, set the"
    " scanner to send FNC1 as the character GS (0x1D)"
)


class GS1Error(BadInputError):
    """The text is no element string that can be taken; ``position`` is an offset in it.

    ``type`` is stable: empty, too_long, too_short, unknown_ai, unknown_symbology, not_gs1,
    brackets, bad_character, ai_repeated, ai_excluded, ai_required, serial_required,
    separator_missing, digital_link, not_built, and the types that the linters give.
    """

    slug = "gs1"
    title = "The scan cannot be read"

    def __init__(self, type_: str, detail: str, position: int = 0) -> None:
        """Keep the type, what is wrong and where."""
        super().__init__(detail, fault=type_, position=position)
        self.type = type_
        self.position = position


@dataclass(frozen=True, slots=True, kw_only=True)
class ElementString:
    """Application identifiers and their values, each identifier once, in the order received."""

    pairs: tuple[tuple[str, str], ...]

    def get(self, ai: str) -> str | None:
        """Return the value of ``ai``, or ``None``."""
        return next((value for code, value in self.pairs if code == ai), None)

    @property
    def gtin(self) -> str | None:
        """The GTIN of the item itself, 14 digits."""
        return self.get("01")

    @property
    def serial(self) -> str | None:
        """The serial number, AI 21."""
        return self.get("21")

    @property
    def lot(self) -> str | None:
        """The batch or lot number, AI 10."""
        return self.get("10")

    @property
    def sscc(self) -> str | None:
        """The serial shipping container code, 18 digits."""
        return self.get("00")

    @property
    def quantity(self) -> int | None:
        """The count of a variable item (AI 30), or of the items contained (AI 37)."""
        text = self.get("30") or self.get("37")
        return None if text is None else int(text)

    def expiry_date(self, *, on_date: date) -> date | None:
        """Return the last day of use (AI 17, or the day of 7003), or ``None``.

        Day 00 is the last of the month. The century is the one nearest to ``on_date`` (General
        Specifications 7.12): 51 to 99 years ahead is the past, 50 to 99 years back the future.
        """
        text = self.get("17") or (self.get("7003") or "")[:6]
        if not text:
            return None
        year, month, day = int(text[:2]), int(text[2:4]), int(text[4:])
        century, now = divmod(on_date.year, 100)
        if year - now > 50:  # noqa: PLR2004 - the rule's own number
            century -= 1
        elif year - now < -49:  # noqa: PLR2004 - the rule's own number
            century += 1
        year += 100 * century
        if day:
            return date(year, month, day)
        return next(d for d in (real_date(year, month, last) for last in (31, 30, 29, 28)) if d)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """A scanner's message, taken apart: the kind of symbol and what it holds."""

    symbology: str
    carrier: str
    data: str
    composite: str | None = None


@dataclass(frozen=True, slots=True)
class _Field:
    """One identifier and its value; ``position`` is where the value begins in the text."""

    rule: AiRule
    value: str
    position: int


# Symbology identifiers: what a carrier holds is GS1 data, a bare GTIN of so many digits, or else.
_GS1_CARRIERS: Final = {
    "]C1": "GS1-128",
    "]d2": "GS1 DataMatrix",
    "]d8": "GS1 DataMatrix",  # of the rectangular extension (ISO/IEC 21471)
    "]e0": "GS1 DataBar",
    "]J1": "GS1 DotCode",
    "]Q3": "GS1 QR Code",
}
_GTIN_CARRIERS: Final = {"]E0": ("EAN-13", 13), "]E4": ("EAN-8", 8)}
_OTHER_CARRIERS: Final = {"]d1": "Data Matrix", "]J0": "DotCode", "]Q1": "QR Code"}


def read_scan(text: str) -> Scan:
    """Return the carrier and the data of a message that begins with a symbology identifier.

    Raise ``GS1Error`` where the identifier is unknown, or a bare GTIN is none.
    """
    symbology, data = text[:3], text[3:]
    if symbology in _OTHER_CARRIERS:
        return Scan(symbology=symbology, carrier=_OTHER_CARRIERS[symbology], data=data)
    if symbology in _GS1_CARRIERS:
        return Scan(symbology=symbology, carrier=_GS1_CARRIERS[symbology], data=data)
    if symbology in _GTIN_CARRIERS:
        carrier, length = _GTIN_CARRIERS[symbology]
        data, composite = data[:length], data[length:]
        if not _is_gtin(data, length) or (composite and not composite.startswith("|]e0")):
            raise GS1Error("gtin", f"an {carrier} symbol holds {length} digits that check", 3)
        return Scan(
            symbology=symbology,
            carrier=carrier,
            data=data,
            composite=composite[4:] or None,
        )
    raise GS1Error("unknown_symbology", "this kind of symbol is not read here")


def parse_scan(text: str) -> ElementString:
    """Return the element string in whatever a scanner sent or a person typed.

    Raise ``GS1Error``. Bare digits are a GTIN where they check and nothing else can be read.
    """
    _check_text(text)
    if text.startswith("]"):
        return _parse_symbol(text)
    if text.startswith("("):
        return parse_bracketed(text)
    if text[:8].lower().startswith(("http://", "https://")):
        raise GS1Error("digital_link", "a Digital Link is read as an identifier, not as a scan")
    try:
        return parse_element_string(text)
    except GS1Error:
        if len(text) in _GTIN_LENGTHS and _is_gtin(text, len(text)):
            return ElementString(pairs=(("01", text.zfill(14)),))
        raise


def parse_element_string(text: str) -> ElementString:
    """Return the element string of raw data; a leading FNC1 is tolerated.

    Raise ``GS1Error``.
    """
    _check_text(text)
    return _parse_raw(text, 0)


def parse_bracketed(text: str) -> ElementString:
    r"""Return the element string of ``(01)…(21)…``; ``\(`` is a bracket within a value.

    Raise ``GS1Error``.
    """
    _check_text(text)
    fields, at = [], 0
    while at < len(text):
        match = _BRACKETED.match(text, at)
        if match is None:
            raise GS1Error("brackets", "an identifier in brackets must stand here", at)
        rule = AI_RULES.get(match[1])
        if rule is None:
            raise GS1Error("unknown_ai", f"GS1 has no application identifier {match[1]}", at)
        fields.append(_Field(rule, match[2].replace("\\(", "("), match.start(2)))
        _check_value(fields[-1])
        at = match.end()
    return _element_string(fields)


def build_element_string(pairs: Iterable[tuple[str, str]]) -> ElementString:
    """Return the element string of these identifiers and values, checked like a scanned one.

    Raise ``GS1Error``; its position is the number of the pair.
    """
    fields = []
    for number, (ai, value) in enumerate(pairs):
        rule = AI_RULES.get(ai)
        if rule is None:
            raise GS1Error("unknown_ai", f"GS1 has no application identifier {ai!r}", number)
        try:
            _check_value(_Field(rule, value, number))
        except GS1Error as error:
            raise GS1Error(error.type, error.detail, number) from error
        fields.append(_Field(rule, value, number))
    return _element_string(fields)


def format_raw(pairs: Iterable[tuple[str, str]]) -> str:
    """Return the raw string as a scanner sends it behind the symbology identifier."""
    text, separator = "", ""
    for ai, value in pairs:
        text += separator + ai + value
        separator = "" if AI_RULES[ai].fixed else FNC1
    return text


def format_bracketed(pairs: Iterable[tuple[str, str]]) -> str:
    r"""Return the spelling for people, ``(01)…``; a bracket within a value becomes ``\(``."""
    return "".join(f"({ai})" + value.replace("(", "\\(") for ai, value in pairs)


def _check_text(text: str) -> None:
    if not text:
        raise GS1Error("empty", "there is nothing to read")
    if len(text) > TEXT_LENGTH_MAX:
        raise GS1Error(
            "too_long", f"no symbol holds more than {TEXT_LENGTH_MAX} characters", TEXT_LENGTH_MAX
        )


def _is_gtin(text: str, length: int) -> bool:
    return (
        len(text) == length
        and CHARSETS["N"].issuperset(text)
        and check_digit(text[:-1]) == text[-1]
    )


def _parse_symbol(text: str) -> ElementString:
    scan = read_scan(text)
    if scan.symbology in _GS1_CARRIERS:
        return _parse_raw(text, 3)
    if scan.symbology in _OTHER_CARRIERS:
        raise GS1Error("not_gs1", f"this {scan.carrier} symbol holds no GS1 data", 3)
    fields = [_Field(AI_RULES["01"], scan.data.zfill(14), 3)]
    if scan.composite:
        for field in _read_raw(text, len(text) - len(scan.composite)):
            _check_value(field)
            fields.append(field)
    return _element_string(fields)


def _parse_raw(text: str, start: int) -> ElementString:
    if text.startswith(FNC1, start):
        start += 1
    fields = list(_read_raw(text, start))
    if not fields:
        raise GS1Error("empty", "the symbol holds nothing", start)
    # A separator anywhere proves that this scanner sends them; without one, the last value
    # may have swallowed what followed it.
    glued = FNC1 not in text[start:] and not fields[-1].rule.fixed
    for field in fields:
        try:
            _check_value(field)
        except GS1Error as error:
            if glued and error.type == "too_long":
                raise GS1Error("separator_missing", _SCAN_AGAIN, error.position) from error
            raise
    if glued:
        _check_not_glued(fields)
    return _element_string(fields)


def _read_raw(text: str, at: int) -> Iterator[_Field]:
    """Yield the fields of raw data; a separator after a field of known length is tolerated."""
    while at < len(text):
        rule = find_ai(text, at)
        if rule is None:
            raise GS1Error("unknown_ai", "no application identifier begins here", at)
        start = at + len(rule.ai)
        end = text.find(FNC1, start)
        end = len(text) if end < 0 else end
        if rule.fixed:
            end = min(end, start + rule.length_max)
        yield _Field(rule, text[start:end], start)
        at = end + 1 if text.startswith(FNC1, end) else end


def _check_value(field: _Field) -> None:
    """Raise ``GS1Error`` unless the value has the form that its identifier demands."""
    at = 0
    for component in field.rule.components:
        if at == len(field.value) and component.optional:
            return
        part = field.value[at : at + component.length_max]
        _check_part(field, component, part, field.position + at)
        at += len(part)
    if at < len(field.value):
        detail = f"({field.rule.ai}) takes {field.rule.length_max} characters at the most"
        raise GS1Error("too_long", detail, field.position + at)


def _check_part(field: _Field, component: AiComponent, part: str, position: int) -> None:
    charset = CHARSETS[component.charset]
    if not charset.issuperset(part):
        offset = next(i for i, character in enumerate(part) if character not in charset)
        detail = f"({field.rule.ai}) may not hold {part[offset]!r}"
        raise GS1Error("bad_character", detail, position + offset)
    if len(part) < component.length_min:
        detail = f"({field.rule.ai}) is too short"
        raise GS1Error("too_short", detail, position + len(part))
    for name in component.linters:
        fault = LINTERS[name](part)
        if fault:
            detail = f"({field.rule.ai}): {fault.detail}"
            raise GS1Error(fault.type, detail, position + fault.offset)


def _check_not_glued(fields: Sequence[_Field]) -> None:
    """Refuse a last value whose end reads as further identifiers that check.

    Only identifiers of known length and with a check of their own (keys, dates) count as a
    sign; everything else could as well be part of a lot or serial number.
    """
    last = fields[-1]
    seen = {field.rule.ai for field in fields}
    for at in range(1, len(last.value)):
        rule = find_ai(last.value, at)
        if rule is None or not rule.fixed or not rule.components[0].linters or rule.ai in seen:
            continue
        try:
            for field in _read_raw(last.value, at):
                _check_value(field)
        except GS1Error:
            continue
        raise GS1Error("separator_missing", _SCAN_AGAIN, last.position + at)


def _element_string(fields: Sequence[_Field]) -> ElementString:
    """Return the element string, once the identifiers fit together."""
    values: dict[str, str] = {}
    for field in fields:
        ai = field.rule.ai
        if values.setdefault(ai, field.value) != field.value:
            detail = f"({ai}) stands there twice, with different values"
            raise GS1Error("ai_repeated", detail, field.position)
    for field in fields:
        _check_partners(field, values)
    return ElementString(pairs=tuple(values.items()))


def _check_partners(field: _Field, values: dict[str, str]) -> None:
    """Check who must and who must not stand beside this identifier (``req`` and ``ex``)."""
    rule = field.rule
    for pattern in rule.excludes:
        for other in _matching(pattern, values):
            if other != rule.ai:
                detail = f"({rule.ai}) cannot stand beside ({other})"
                raise GS1Error("ai_excluded", detail, field.position)
    if rule.requires and not any(
        all(any(_matching(pattern, values)) for pattern in group) for group in rule.requires
    ):
        needed = " or ".join("+".join(group) for group in rule.requires)
        raise GS1Error("ai_required", f"({rule.ai}) needs {needed} beside it", field.position)
    if "8030" in values and len(field.value) == _UNSERIALISED_LENGTHS.get(rule.ai):
        detail = f"({rule.ai}) needs its serial beside a digital signature"
        raise GS1Error("serial_required", detail, field.position)


def _matching(pattern: str, values: Iterable[str]) -> Iterator[str]:
    """Yield the identifiers that ``pattern`` covers; ``n`` in it stands for any digit."""
    stem = pattern.rstrip("n")
    for ai in values:
        if ai.startswith(stem) and len(ai) == len(pattern):
            yield ai
