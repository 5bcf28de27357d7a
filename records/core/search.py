"""Searches: which parameters are read, and the Bundle that answers.

The Bundle holds each record's bytes as they were received. What it counts is what may be shown,
and nothing in it depends on what may not.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

import orjson

from foundation.core.problem import BadInputError

COUNT, COUNT_MAX = 50, 200
_OFFSET_MAX = 10**6
_DIGITS_MAX = 7
_OF_PATIENT = frozenset({"patient", "subject"})
_KNOWN = _OF_PATIENT | {"_id", "_count", "_offset", "identifier", "code", "date", "category"}


class SearchError(BadInputError):
    """A parameter is missing, unknown, or has no meaning here; ``path`` names it."""

    slug = "bad-search"
    title = "This search cannot be carried out"


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonName:
    """How a search names its patient: by an identifier, or without a system by Patient's id."""

    system: str | None = None
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """One patient, by the Patient's id or an identifier, and the page of the answer."""

    person: PersonName
    count: int
    offset: int
    parameters: tuple[tuple[str, str], ...]

    @property
    def page(self) -> slice:
        """The places of the page."""
        return slice(self.offset, self.offset + self.count)


def parse_search(type_: str, parameters: Iterable[tuple[str, str]], *, base: str) -> Search:
    """Return the search; each must name one patient. Raise ``SearchError``."""
    found: dict[str, str] = {}
    for name, value in parameters:
        if name in found:
            raise SearchError(f"{_shown(name)} stands twice", path=_shown(name))
        found[name] = value
    paging = {"_count": str(COUNT), "_offset": "0"}
    numbers = {name: _number(name, found.pop(name, text)) for name, text in paging.items()}
    if not 1 <= numbers["_count"] <= COUNT_MAX:
        raise SearchError(f"_count is 1 to {COUNT_MAX}", path="_count")
    if len(found) != 1:
        names = "_id or identifier" if type_ == "Patient" else "patient or patient.identifier"
        raise SearchError(f"name one patient, by {names}, and nothing else", path="patient")
    ((name, value),) = found.items()
    return Search(
        person=_person(type_, name, value, base),
        count=numbers["_count"],
        offset=numbers["_offset"],
        parameters=tuple(found.items()),
    )


def format_searchset(
    records: Sequence[tuple[str, str, bytes]], *, search: Search, total: int, base: str, type_: str
) -> bytes:
    """Return the Bundle of a page; ``records`` are type, id and bytes as received."""
    links = [{"relation": "self", "url": _url(search, search.offset, base, type_)}]
    if search.page.stop < total:
        links.append({"relation": "next", "url": _url(search, search.page.stop, base, type_)})
    return orjson.dumps(
        {
            "resourceType": "Bundle",
            "type": "searchset",
            "total": total,
            "link": links,
            "entry": [
                {
                    "fullUrl": f"{base}{kind}/{id_}",
                    "resource": orjson.Fragment(data),
                    "search": {"mode": "match"},
                }
                for kind, id_, data in records
            ],
        }
    )


def parse_person(text: str, *, base: str) -> PersonName:
    """Return whom a text names: no system and a Patient's id, or an identifier's two parts.

    Raise ``SearchError``.
    """
    return _person("", "patient", text, base)


def _person(type_: str, name: str, value: str, base: str) -> PersonName:
    by_id = {"_id"} if type_ == "Patient" else _OF_PATIENT
    by_identifier = (
        {"identifier"}
        if type_ == "Patient"
        else {f"{each}{how}" for each in _OF_PATIENT for how in (".identifier", ":identifier")}
    )
    if name in by_id or name in by_identifier:
        system, bar, rest = value.partition("|")
        if bar and system and rest and name != "_id":
            return PersonName(system=system, value=rest)
        id_ = value.removeprefix(base).removeprefix("Patient/")
        if not bar and id_ and name in by_id:
            return PersonName(value=id_)
        raise SearchError(f"{name} names nobody: use an id, or system|value", path=name)
    raise SearchError(f"{_shown(name)} is not searched by here", path=_shown(name))


def _url(search: Search, offset: int, base: str, type_: str) -> str:
    paging = [("_count", str(search.count)), ("_offset", str(offset))]
    return f"{base}{type_}?{urlencode([*search.parameters, *paging])}"


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS_MAX):
        raise SearchError(f"{name} is a number", path=name)
    return min(int(text), _OFFSET_MAX)


def _shown(name: str) -> str:
    """Return a parameter's name where we know it: an unknown one may say anything."""
    return name if name in _KNOWN else "a parameter"
