"""Elements of X12 segments, read strictly; faults carry the codes of a 999 (005010X231A1)."""

from datetime import date
from decimal import Decimal

from claims.core.x12 import Segment, parse_number
from foundation.core.problem import BadInputError

# IK304 (X12 620) and IK403 (X12 621).
UNEXPECTED, MISSING_SEGMENT, HAS_ERRORS, NOT_BUILT = "2", "3", "8", "I4"
REQUIRED, INVALID_CHARACTER, INVALID_CODE, INVALID_DATE, PATTERN = "1", "6", "7", "8", "I12"

_DATE_LENGTH = 8
_PERIOD_LENGTH = 17


class ElementError(BadInputError):
    """A segment does not say what is asked of it, with the codes that a 999 reports it by."""

    slug = "x12-element"
    title = "A segment cannot be taken"

    def __init__(
        self,
        reason: str,
        *,
        code: str = HAS_ERRORS,
        element: int | None = None,
        element_code: str = "",
    ) -> None:
        """Keep the reason and its codes (IK304, IK401, IK403)."""
        super().__init__(reason)
        self.reason = reason
        self.code = code
        self.element = element
        self.element_code = element_code


def required(segment: Segment, number: int) -> str:
    """Return the element; raise ``ElementError`` where it is empty."""
    text = segment.element(number)
    if not text:
        raise ElementError("an element is missing", element=number, element_code=REQUIRED)
    return text


def coded(segment: Segment, number: int, codes: frozenset[str], what: str) -> str:
    """Return the element; what other implementations allow and we do not is refused as such."""
    text = required(segment, number)
    if text not in codes:
        raise ElementError(what, element=number, element_code=INVALID_CODE)
    return text


def number_of(segment: Segment, number: int, *, cents: bool = False) -> Decimal:
    """Return the element as a number, not negative; with ``cents`` of whole cents."""
    value = parse_number(required(segment, number))
    if value is None or value < 0 or (cents and value != round(value, 2)):
        raise ElementError("not a number that can be here", element=number, element_code=PATTERN)
    return value


def dates_of(segment: Segment, form: int, text: int) -> tuple[date, date | None]:
    """Return the day, or the first and last day, that a date element with its form gives."""
    period = coded(segment, form, frozenset({"D8", "RD8"}), "D8 or RD8") == "RD8"
    written = required(segment, text)
    days = [_day(each) for each in written.split("-")] if len(written) <= _PERIOD_LENGTH else []
    match period, days:
        case True, [date() as first, date() as last]:
            return first, last
        case False, [date() as day]:
            return day, None
        case _:
            raise ElementError("not a date", element=text, element_code=INVALID_DATE)


def _day(text: str) -> date | None:
    if len(text) != _DATE_LENGTH or not (text.isascii() and text.isdecimal()):
        return None
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None
