"""The checks that parts of an element string must pass, by their names in GS1's dictionary.

A linter takes the text of one component, whose characters and length are right already, and
returns ``None`` or the fault: its type, what is wrong, and the offset within the component.
The fault never repeats the text: some identifiers carry a person's name or date of birth.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from provenance.core.gs1_codes import COUNTRIES, COUNTRIES_ALPHA2, CURRENCIES, MEDIA_TYPES

# GS1 General Specifications figure 7.11-1, in the order that gives each character its value.
CSET82: Final = (
    "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
)
CSET39: Final = "#-/0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
BASE64URL: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_="
CHARSETS: Final = {
    "N": frozenset("0123456789"),
    "X": frozenset(CSET82),
    "Y": frozenset(CSET39),
    "Z": frozenset(BASE64URL),
}
_VALUE82: Final = {character: value for value, character in enumerate(CSET82)}
_CHECK_PAIR: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_PRIMES: Final = (
    2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83,
)  # fmt: skip
_PREFIX_DIGITS_MIN = 4
_MINUTES, _HOURS = 60, 24


@dataclass(frozen=True, slots=True)
class Fault:
    """What a linter found: a stable type, the detail, the offset in the component."""

    type: str
    detail: str
    offset: int = 0


Linter = Callable[[str], Fault | None]


def check_digit(digits: str) -> str:
    """Return the check digit that belongs behind ``digits`` (General Specifications 7.9.1)."""
    backwards = digits[::-1]
    total = 3 * sum(map(int, backwards[::2])) + sum(map(int, backwards[1::2]))
    return str(-total % 10)


def check_pair(text: str) -> str:
    """Return the two check characters that belong behind ``text`` (section 7.9.5).

    ``text`` is of CSET 82, at most 23 characters.
    """
    total = sum(
        _VALUE82[character] * prime
        for character, prime in zip(reversed(text), _PRIMES, strict=False)
    )
    total %= 1021
    return _CHECK_PAIR[total >> 5] + _CHECK_PAIR[total & 31]


def real_date(year: int, month: int, day: int) -> date | None:
    """Return the date; ``None`` where the calendar has no such day."""
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _check_digit(text: str) -> Fault | None:
    if check_digit(text[:-1]) == text[-1]:
        return None
    return Fault("check_digit", "the check digit is wrong", len(text) - 1)


def _check_pair(text: str) -> Fault | None:
    if len(text) > 2 and check_pair(text[:-2]) == text[-2:]:  # noqa: PLR2004 - the pair itself
        return None
    return Fault("check_pair", "the two check characters are wrong", max(0, len(text) - 2))


def _prefix_at(start: int) -> Linter:
    """Return the check that a company prefix, at least four digits, begins at ``start``."""

    def lint(text: str) -> Fault | None:
        prefix = text[start : start + _PREFIX_DIGITS_MIN]
        if len(prefix) == _PREFIX_DIGITS_MIN and CHARSETS["N"].issuperset(prefix):
            return None
        return Fault("company_prefix", "there is no GS1 company prefix", start)

    return lint


def _date(text: str, *, month_end: bool = False) -> Fault | None:
    """Check YYMMDD or YYYYMMDD; ``month_end`` allows day 00, the last day of the month.

    Leap years need no century: of the years that two digits can mean, 2000 is a leap year too.
    """
    year, month, day = int(text[:-4]), int(text[-4:-2]), int(text[-2:])
    year = year if len(text) > 6 else 2000 + year  # noqa: PLR2004 - YYMMDD has six digits
    if day == 0 and month_end:
        day = 1
    if real_date(year, month, day):
        return None
    return Fault("date", "this is no date", len(text) - 4)


def _below(limit: int, what: str) -> Linter:
    def lint(text: str) -> Fault | None:
        return None if int(text) < limit else Fault("time", f"this is no {what}")

    return lint


def _hour_minute(text: str) -> Fault | None:
    if int(text[:2]) < _HOURS and int(text[2:]) < _MINUTES:
        return None
    return Fault("time", "this is no time of the day")


def _piece_of_total(text: str) -> Fault | None:
    piece, total = int(text[:2]), int(text[2:])
    if 0 < piece <= total:
        return None
    return Fault("piece_of_total", f"there is no piece {piece} of {total}")


def _position_in_sequence(text: str) -> Fault | None:
    if re.fullmatch("[1-9]/[1-9]", text) and text[0] <= text[2]:
        return None
    return Fault("sequence", "this is no position in a sequence")


def _iban(text: str) -> Fault | None:
    """ISO 13616: moved to the back, the first four characters make the number 1 modulo 97."""
    if re.fullmatch("[A-Z]{2}[0-9]{2}[A-Z0-9]+", text) and text[:2] in COUNTRIES_ALPHA2:
        number = int("".join(str(int(c, 36)) for c in text[4:] + text[:4]))
        if number % 97 == 1:
            return None
    return Fault("iban", "this is no IBAN")


def _one_of(values: frozenset[str], what: str) -> Linter:
    def lint(text: str) -> Fault | None:
        return None if text in values else Fault("code", f"this is no {what}")

    return lint


def _like(pattern: str, type_: str, detail: str) -> Linter:
    compiled = re.compile(pattern)

    def lint(text: str) -> Fault | None:
        return None if compiled.fullmatch(text) else Fault(type_, detail)

    return lint


def _coupon(_text: str) -> Fault | None:
    return Fault("not_built", "coupons are not read here")


LINTERS: Final[Mapping[str, Linter]] = {
    "couponcode": _coupon,
    "couponposoffer": _coupon,
    "csum": _check_digit,
    "csumalpha": _check_pair,
    "gcppos1": _prefix_at(0),
    "gcppos2": _prefix_at(1),
    "hasnondigit": _like(".*[^0-9].*", "digits_only", "there are only digits"),
    "hh": _below(_HOURS, "hour"),
    "hhmi": _hour_minute,
    "hyphen": _like("-+", "bad_character", "only a hyphen may stand here"),
    "iban": _iban,
    "importeridx": _like("[0-9A-Za-z_-]", "bad_character", "this is no importer index"),
    "iso3166": _one_of(COUNTRIES, "country"),
    "iso3166999": _one_of(COUNTRIES | {"999"}, "country"),
    "iso3166alpha2": _one_of(COUNTRIES_ALPHA2, "country"),
    "iso4217": _one_of(CURRENCIES, "currency"),
    "iso5218": _one_of(frozenset("0129"), "code of a sex"),
    "latitude": _below(1_800_000_001, "latitude"),
    "longitude": _below(3_600_000_001, "longitude"),
    "mediatype": _one_of(MEDIA_TYPES, "type of medium"),
    "mi": _below(_MINUTES, "minute"),
    "nonzero": _like(".*[^0].*", "zero", "this may not be zero"),
    "nozeroprefix": _like("0|[^0].*", "zero", "this may not begin with 0"),
    # The codes of packages change with every release of UN/ECE recommendation 21: form only.
    "packagetype": _like("[0-9A-Z]{1,4}", "bad_character", "this is no type of package"),
    "pcenc": _like("(?:[^%]|%[0-9A-Fa-f]{2})*", "bad_character", "a % needs two hex digits"),
    "pieceoftotal": _piece_of_total,
    "posinseqslash": _position_in_sequence,
    "ss": _below(_MINUTES, "second"),
    "winding": _one_of(frozenset("019"), "winding direction"),
    "yesno": _one_of(frozenset("01"), "yes or no"),
    "yymmd0": lambda text: _date(text, month_end=True),
    "yymmdd": _date,
    "yyyymmdd": _date,
    "zero": _like("0+", "zero", "only 0 may stand here"),
}
