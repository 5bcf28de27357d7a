"""The event hash of CBV 2.0 section 8.9: one name for an event, whoever holds it.

The members of an event, in a fixed order and normal form, are strung together and hashed with
SHA-256. Works on the JSON of events of all types. Where the standard's prose and its published
reference differ, the reference wins: that is what everybody's hashes agree with. A hash is no
signature, and that of a dispensing can be guessed: it never goes on the ledger in clear.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Final

from foundation.core.problem import BadInputError
from provenance.core.epc import EpcError, format_digital_link, parse_digital_link, parse_urn
from provenance.core.event_hash_order import (
    BARE_WORDS,
    CBV,
    EVENT_ORDER,
    FINEST,
    FROM_URN,
    KEYS,
    LIST_ITEMS,
    METADATA_ORDER,
    PAIRS,
    QUANTITIES,
    REPORT_ORDER,
    TYPE_WORDS,
    URN_WORDS,
    VOC,
)

DEPTH_MAX: Final = 64
# What the standard's own JSON-LD context declares.
_STANDARD_PREFIXES: Final = {
    "cbv": CBV,
    "cbvmda": "urn:epcglobal:cbv:mda:",
    "gs1": VOC,
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
}
_IGNORE_FIELDS: Final = "{https://repository-x.example.com/}ignoreFields"
_COMMENTS: Final = {"comment", "rdfs:comment"}
_TIMESTAMP: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]+))?(Z|[+-][0-9]{2}:[0-9]{2})"
)
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)")
_DIGITS_MAX: Final = 300  # a double holds no larger number


class EventHashError(BadInputError):
    """The event has no shape that could be hashed."""

    slug = "event-hash"
    title = "The event cannot be hashed"


@dataclass(frozen=True, slots=True)
class _Scope:
    """What prefixes mean here, which full names are left out, and which identifiers were met.

    Parties and places recur in every event of a document; each is put in order once.
    """

    prefixes: Mapping[str, str]
    ignored: frozenset[str] = frozenset()
    identifiers: dict[str, str] = field(default_factory=dict)

    def name(self, text: str) -> str:
        """Return ``{namespace}local`` for a prefixed name or a full URI."""
        prefix, _, local = text.partition(":")
        namespace = self.prefixes.get(prefix)
        if namespace is None:
            end = max(text.rfind(mark) for mark in ":/#") + 1
            return f"{{{text[:end]}}}{text[end:]}"
        return f"{{{namespace}}}{local}"

    def within(self, context: object) -> "_Scope":
        """Return the scope inside an object that may have a context of its own."""
        if context is None:
            return self
        return replace(self, prefixes={**self.prefixes, **dict(_prefixes(context))})


def hash_document(value: object) -> tuple[str, ...]:
    """Return the hash of each event of a document, in its order. Raise ``EventHashError``."""
    return tuple(_ni(text) for text in format_pre_hashes(value))


def hash_event(event: object, *, context: object = None) -> str:
    """Return ``ni:///sha-256;…?ver=CBV2.0`` of one event, under its document's ``@context``.

    Raise ``EventHashError``.
    """
    scope = _Scope(_STANDARD_PREFIXES).within(context)
    return _ni(_pre_hash(event, scope))


def format_pre_hashes(value: object) -> tuple[str, ...]:
    """Return the text that is hashed for each event of a document. Raise ``EventHashError``."""
    if not isinstance(value, Mapping):
        raise EventHashError("a document is an object")
    scope = _Scope(_STANDARD_PREFIXES).within(value.get("@context"))
    ignored: list[str] = []
    node: object = value
    for step in ("epcisBody", "queryResults", "resultsBody", "eventList"):
        if isinstance(node, Mapping):
            for name, names in node.items():
                if scope.name(str(name)) == _IGNORE_FIELDS:
                    ignored += [scope.name(str(text)) for text in _list(names)]
            node = node.get(step, node)
    if not isinstance(node, (list, tuple)):
        raise EventHashError("the document has no list of events")
    scope = replace(scope, ignored=frozenset(ignored))
    return tuple(_pre_hash(event, scope) for event in node)


def _ni(text: str) -> str:
    try:
        digest = sha256(text.encode("utf-8")).hexdigest()
    except UnicodeEncodeError as error:
        raise EventHashError("the event holds text that is no Unicode") from error
    return f"ni:///sha-256;{digest}?ver=CBV2.0"


def _prefixes(context: object) -> Iterator[tuple[str, str]]:
    for item in _list(context):
        if isinstance(item, Mapping):
            for prefix, namespace in item.items():
                if isinstance(namespace, str):
                    yield str(prefix), namespace


def _list(value: object) -> list[object]:
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _pre_hash(event: object, scope: _Scope) -> str:
    if not isinstance(event, Mapping):
        raise EventHashError("an event is an object")
    scope = scope.within(event.get("@context"))
    kind = event.get("type")
    if not isinstance(kind, str):
        raise EventHashError("an event has a type")
    parts = [f"eventType={kind.strip()}"]
    parts += [_member(name, event[name], scope) for name in EVENT_ORDER if name in event]
    return "".join([*parts, _extensions(event, scope)])


def _member(name: str, value: object, scope: _Scope) -> str:
    """Return one member of an event: its name and what it holds, or nothing."""
    if name in LIST_ITEMS:
        item = LIST_ITEMS[name]
        return _named(name, sorted(_plain(item, each, scope) for each in _list(value)))
    if name in QUANTITIES:
        found = (_fields(("epcClass", "quantity", "uom"), each, scope) for each in _list(value))
        return _named(name, sorted(f"quantityElement{text}" for text in found if text))
    if name in PAIRS:
        order = ("type", PAIRS[name])
        return _named(name, sorted(_fields(order, each, scope, name) for each in _list(value)))
    special = _SPECIAL.get(name)
    if special:
        return _named(name, [special(value, scope)])
    return "".join(sorted(_plain(name, each, scope) for each in _list(value)))


def _named(name: str, parts: Iterable[str]) -> str:
    text = "".join(parts)
    return name + text if text else ""


def _dispositions(value: object, scope: _Scope) -> str:
    if not isinstance(value, Mapping):
        return ""
    return "".join(
        text
        for name in ("set", "unset")
        for text in sorted(_plain(name, each, scope) for each in _list(value.get(name)))
    )


def _place(value: object, scope: _Scope) -> str:
    return _fields(("id",), value, scope) + _extensions(value, scope)


def _ilmd(value: object, scope: _Scope) -> str:
    return _extensions(value, scope)


def _sensors(value: object, scope: _Scope) -> str:
    found = []
    for element in _list(value):
        if not isinstance(element, Mapping):
            continue
        metadata = element.get("sensorMetadata")
        text = _named("sensorMetadata", [_with_extensions(METADATA_ORDER, metadata, scope)])
        reports = (
            _with_extensions(REPORT_ORDER, report, scope, "sensorReport")
            for report in _list(element.get("sensorReport"))
        )
        text += "".join(sorted(f"sensorReport{report}" for report in reports if report))
        text += _extensions(element, scope)
        found.append(f"sensorElement{text}")
    return "".join(sorted(found))


_SPECIAL: Final[Mapping[str, Callable[[object, _Scope], str]]] = {
    "persistentDisposition": _dispositions,
    "readPoint": _place,
    "bizLocation": _place,
    "sensorElementList": _sensors,
    "ilmd": _ilmd,
}


def _with_extensions(
    order: Iterable[str], value: object, scope: _Scope, place: str | None = None
) -> str:
    return _fields(order, value, scope, place) + _extensions(value, scope)


def _fields(order: Iterable[str], value: object, scope: _Scope, place: str | None = None) -> str:
    """Return these members of an object; ``place`` tells which vocabulary ``type`` is of."""
    if not isinstance(value, Mapping):
        return ""
    return "".join(
        _plain(name, value[name], scope, TYPE_WORDS.get(place or "") if name == "type" else None)
        for name in order
        if name in value
    )


def _extensions(value: object, scope: _Scope, depth: int = 0) -> str:
    """Return the members under namespaces, nested ones too, sorted by their complete text."""
    if depth > DEPTH_MAX:
        raise EventHashError(f"extensions are nested deeper than {DEPTH_MAX} levels")
    if not isinstance(value, Mapping):
        return ""
    scope = scope.within(value.get("@context"))
    found = []
    for key, member in value.items():
        if ":" not in str(key) or key in _COMMENTS:
            continue
        name = scope.name(str(key))
        if name in scope.ignored:
            continue
        for each in _list(member):
            if isinstance(each, Mapping):
                found.append(name + _extensions(each, scope, depth + 1))
            else:
                found.append(_plain(name, each, scope))
    return "".join(sorted(found))


def _plain(name: str, value: object, scope: _Scope, words: str | None = None) -> str:
    """Return ``name=value`` in normal form, nothing for an empty value."""
    text = _text(name, value, scope, words or BARE_WORDS.get(name))
    return f"{name}={text}" if text else ""


def _text(name: str, value: object, scope: _Scope, words: str | None) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float, Decimal)):
        return _number(value)
    text = value.strip() if isinstance(value, str) else ""
    lower = name.lower()
    if "offset" not in lower:
        if "time" in lower:
            return _time(text)
        if _NUMBER.fullmatch(text) and len(text) <= _DIGITS_MAX:
            return _number(Decimal(text))
    if words and text:
        return _word(text, words, scope)
    if text not in scope.identifiers:
        scope.identifiers[text] = _identifier(text)
    return scope.identifiers[text]


def _number(value: float | Decimal) -> str:
    """Return a number without sign, zeros or point that say nothing.

    The reference computes with doubles, so integers beyond 2^53 change; we agree with it.
    """
    try:
        number = Decimal(repr(float(value)))
    except (OverflowError, ValueError) as error:
        raise EventHashError("a number is too large, or none") from error
    if not number.is_finite():
        raise EventHashError("a number is too large, or none")
    text = f"{number:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def _time(text: str) -> str:
    """Return the time in UTC with milliseconds, half a millisecond rounded up."""
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        return text
    fraction = (match[2] or "").ljust(4, "0")
    extra = int(fraction[:3]) + (fraction[3] >= "5")
    try:
        time = datetime.fromisoformat(match[1] + match[3]).astimezone(UTC)
        time += timedelta(milliseconds=extra)
    except (ValueError, OverflowError):
        return text
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03}Z"


def _word(text: str, words: str, scope: _Scope) -> str:
    for urn, web in URN_WORDS.items():
        if text.startswith(urn):
            return web + text[len(urn) :]
    prefix, colon, local = text.partition(":")
    if not colon:
        return words + text
    return scope.prefixes[prefix] + local if prefix in scope.prefixes else text


def _identifier(text: str) -> str:
    """Return an identifier as a canonical link of the finest level; anything else as it is.

    A link with percent signs stays as it is: so does the reference leave it.
    """
    try:
        if text.startswith("urn:epc:"):
            pairs = parse_urn(text, raw=True)
        elif text.startswith("http") and "%" not in text:
            pairs = parse_digital_link(text)
        else:
            return text
    except EpcError:
        return text
    if pairs is None or pairs[0][0] not in KEYS:
        return text
    key, *qualifiers = pairs
    named = dict(qualifiers)
    finest = next(((ai, named[ai]) for ai in FINEST if ai in named), None)
    link = format_digital_link((key, finest) if finest else (key,), raw=True)
    if not text.startswith("urn:"):
        return link
    return link[:8] + link[8:].translate(FROM_URN)
