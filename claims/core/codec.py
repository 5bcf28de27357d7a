"""Frozen dataclasses as JSON and back, strictly, from their type hints alone.

What an application hashes and replays must have one spelling and no surprises: a member that is
unknown, missing or of another type is a fault with its path, and all faults are named at once.
A member that is ``None`` is left out. Reading never raises anything but ``CodecError``.
"""

import dataclasses
import functools
import re
from collections.abc import Callable
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from foundation.core.problem import BadInputError
from ledger.core.canonical import INTEGER_MAX, Json

T = TypeVar("T")
# `X | None` has one origin for classes, another for annotated hints.
_OPTIONAL = (type(int | None), Union)
Reader = Callable[[object], object]
Writer = Callable[[Any], Json]

TEXT_LENGTH_MAX = 2000
ITEMS_MAX = 100_000
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class CodecError(BadInputError):
    """The JSON does not describe the value; ``faults`` names each place and reason."""

    slug = "not-as-described"
    title = "The document does not have the form described"

    def __init__(self, faults: tuple[str, ...]) -> None:
        """Keep the faults, each ``path: reason``."""
        super().__init__("; ".join(faults[:5]), faults=list(faults))
        self.faults = faults


@dataclasses.dataclass(frozen=True, slots=True)
class Text:
    """How a value is spelled as a JSON string, for ``Annotated[type, Text(...)]``.

    ``parse`` raises a ``BadInputError`` that says what is wrong; ``pattern`` and ``example``
    describe it.
    """

    name: str
    parse: Callable[[str], object]
    format: Callable[[Any], str]
    pattern: str
    example: str


class _FaultsError(Exception):
    """Faults on their way up; each level puts its step before their paths."""

    def __init__(self, faults: list[tuple[str, str]]) -> None:
        super().__init__()
        self.faults = faults


def matching(name: str, pattern: str, example: str) -> Text:
    """Return the spelling of a text that fully matches ``pattern``; ``name`` says what it is."""
    compiled = re.compile(pattern)

    def parse(text: str) -> str:
        if compiled.fullmatch(text) is None:
            raise BadInputError(f"not {name}")
        return text

    return Text(name, parse, str, pattern, example)


def parse_as(kind: type[T], value: object) -> T:
    """Return the ``kind`` that the JSON ``value`` describes; raise ``CodecError``."""
    try:
        hint: Any = kind
        read: Any = reader_of(hint)(value)
    except _FaultsError as error:
        raise CodecError(tuple(f"${path}: {reason}" for path, reason in error.faults)) from None
    assert isinstance(read, kind)
    return read


def format_json(value: object) -> Json:
    """Return the JSON of a dataclass that ``parse_as`` reads back."""
    hint: Any = type(value)
    return writer_of(hint)(value)


@functools.cache
def reader_of(hint: Any) -> Reader:  # noqa: PLR0911 - one return for each kind of hint
    """Return the reader of one type hint, made once."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return functools.partial(_read_text, hint.__metadata__[0])
    if origin in _OPTIONAL:
        return reader_of(next(arg for arg in args if arg is not type(None)))
    if origin is tuple:
        return functools.partial(_read_items, reader_of(args[0]))
    if origin is not None:
        return functools.partial(_read_mapping, reader_of(args[1]))
    if dataclasses.is_dataclass(hint):
        return functools.partial(_read_object, hint, _members(hint))
    if issubclass(hint, StrEnum):
        return functools.partial(_read_enum, hint)
    return {bool: _read_bool, int: _read_int, str: _read_str, date: _read_date}[hint]


@functools.cache
def writer_of(hint: Any) -> Writer:
    """Return the writer of one type hint, made once."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        write: Writer = hint.__metadata__[0].format
        return write
    if origin in _OPTIONAL:
        return writer_of(next(arg for arg in args if arg is not type(None)))
    if origin is tuple:
        one = writer_of(args[0])
        return lambda items: [one(item) for item in items]
    if origin is not None:
        one = writer_of(args[1])
        return lambda items: {name: one(item) for name, item in items.items()}
    if dataclasses.is_dataclass(hint):
        return functools.partial(_write_object, _writers(hint))
    return date.isoformat if hint is date else hint


def schema_of(hint: Any) -> dict[str, Any]:  # noqa: PLR0911 - one return for each kind of hint
    """Return the JSON Schema of what ``parse_as`` reads for a type hint, for descriptions.

    It says what can be said of form; what members say together, the apps' own checks decide.
    """
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        text: Text = hint.__metadata__[0]
        return {
            "type": "string",
            "description": text.name,
            "pattern": f"^(?:{text.pattern})$",
            "example": text.example,
        }
    if origin in _OPTIONAL:
        return schema_of(next(arg for arg in args if arg is not type(None)))
    if origin is tuple:
        return {"type": "array", "items": schema_of(args[0])}
    if origin is not None:
        return {"type": "object", "additionalProperties": schema_of(args[1])}
    if dataclasses.is_dataclass(hint):
        return _schema_of_object(hint)
    if issubclass(hint, StrEnum):
        return {"type": "string", "enum": [each.value for each in hint]}
    return dict(_SCHEMAS[hint])


_SCHEMAS: dict[Any, dict[str, Any]] = {
    bool: {"type": "boolean"},
    int: {"type": "integer", "minimum": -INTEGER_MAX, "maximum": INTEGER_MAX},
    str: {"type": "string", "maxLength": TEXT_LENGTH_MAX},
    date: {"type": "string", "format": "date"},
}


def _schema_of_object(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind, include_extras=True)
    fields = dataclasses.fields(kind)
    return {
        "type": "object",
        "properties": {_name_of(field): schema_of(hints[field.name]) for field in fields},
        "required": [_name_of(each) for each in fields if each.default is dataclasses.MISSING],
        "additionalProperties": False,
    }


def _name_of(field: dataclasses.Field[Any]) -> str:
    """Return the member's name; a word that Python reserves stands in the field's metadata."""
    name: str = field.metadata.get("name", field.name)
    return name


def _members(kind: Any) -> dict[str, tuple[str, bool, Reader]]:
    hints = get_type_hints(kind, include_extras=True)
    return {
        _name_of(field): (
            field.name,
            field.default is dataclasses.MISSING,
            reader_of(hints[field.name]),
        )
        for field in dataclasses.fields(kind)
    }


def _writers(kind: Any) -> list[tuple[str, str, Writer]]:
    hints = get_type_hints(kind, include_extras=True)
    return [
        (_name_of(field), field.name, writer_of(hints[field.name]))
        for field in dataclasses.fields(kind)
    ]


def _write_object(members: list[tuple[str, str, Writer]], value: object) -> Json:
    written = ((name, write, getattr(value, field)) for name, field, write in members)
    return {name: write(member) for name, write, member in written if member is not None}


def _read_object(kind: Any, members: dict[str, Any], value: object) -> object:
    if not isinstance(value, dict):
        raise _FaultsError([("", "not an object")])
    unknown = [name for name in value if name not in members]
    faults = [(f".{ascii(name)[1:-1][:40]}", "no such member") for name in unknown]
    read: dict[str, object] = {}
    for name, (field, required, reader) in members.items():
        if name in value:
            read[field] = _read_step(reader, value[name], f".{name}", faults)
        elif required:
            faults.append((f".{name}", "missing"))
    if faults:
        raise _FaultsError(faults)
    return kind(**read)


def _read_items(reader: Reader, value: object) -> object:
    if not isinstance(value, list | tuple) or len(value) > ITEMS_MAX:
        raise _FaultsError([("", f"not an array of at most {ITEMS_MAX} items")])
    faults: list[tuple[str, str]] = []
    read = tuple(_read_step(reader, item, f"[{at}]", faults) for at, item in enumerate(value))
    if faults:
        raise _FaultsError(faults)
    return read


def _read_mapping(reader: Reader, value: object) -> object:
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        raise _FaultsError([("", "not an object")])
    faults: list[tuple[str, str]] = []
    read = {
        name: _read_step(reader, item, f".{ascii(name)[1:-1][:40]}", faults)
        for name, item in value.items()
    }
    if faults:
        raise _FaultsError(faults)
    return read


def _read_step(reader: Reader, value: object, step: str, faults: list[tuple[str, str]]) -> object:
    """Return what ``reader`` makes of ``value``; its faults join ``faults`` below ``step``."""
    try:
        return reader(value)
    except _FaultsError as error:
        faults += [(step + path, reason) for path, reason in error.faults]
    return None


def _read_text(text: Text, value: object) -> object:
    try:
        return text.parse(_read_str(value))
    except BadInputError as error:
        raise _FaultsError([("", f"not {text.name}")]) from error


def _read_enum(kind: type[StrEnum], value: object) -> StrEnum:
    try:
        return kind(_read_str(value))
    except ValueError:
        raise _FaultsError([("", f"not one of {', '.join(kind)}")]) from None


def _read_str(value: object) -> str:
    if not isinstance(value, str) or len(value) > TEXT_LENGTH_MAX or "\0" in value:
        raise _FaultsError([("", f"not a text of at most {TEXT_LENGTH_MAX} characters")])
    try:
        value.encode()
    except UnicodeEncodeError:
        raise _FaultsError([("", "half a surrogate pair")]) from None
    return value


def _read_int(value: object) -> int:
    if type(value) is not int or abs(value) > INTEGER_MAX:
        raise _FaultsError([("", "not a whole number within 2^53 - 1")])
    return value


def _read_bool(value: object) -> bool:
    if not isinstance(value, bool):
        raise _FaultsError([("", "not true or false")])
    return value


def _read_date(value: object) -> date:
    text = _read_str(value)
    try:
        # fromisoformat alone would also take 20260101 and week dates.
        return date.fromisoformat(text if _DATE.fullmatch(text) else "")
    except ValueError:
        raise _FaultsError([("", "not a date such as 2026-01-31")]) from None
