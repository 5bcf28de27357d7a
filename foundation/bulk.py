"""Many values in one statement, in PostgreSQL's binary format.

Django's cursor writes each parameter into the statement as text, which costs more than the
insert itself once a statement carries thousands of hashes. ``bulk_cursor`` sends arrays apart
from the statement, as the server stores them, and reads bytea as bytes.
"""

import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar
from uuid import UUID

import psycopg
from django.db import connections
from psycopg.adapt import Dumper
from psycopg.pq import Format
from psycopg.types import TypeInfo

# One dimension, no nulls, the element's type, its length, counted from 1 (array_send).
_HEADER = struct.Struct(">iiIii")
_LENGTH = struct.Struct(">i")
_TYPES = psycopg.adapters.types


class _Array:
    """An array of one type, its elements in the server's binary form."""

    element: ClassVar[str]

    def __init__(self, items: Iterable[bytes]) -> None:
        self._items = list(items)

    def dump(self) -> bytes:
        parts = [_HEADER.pack(1, 0, _type(self.element).oid, len(self._items), 1)]
        for item in self._items:
            parts += (_LENGTH.pack(len(item)), item)
        return b"".join(parts)


class ByteaArray(_Array):
    """``bytea[]``, of one ``bytes`` an element and at least one element."""

    element = "bytea"


class UuidArray(_Array):
    """``uuid[]``, of at least one element."""

    element = "uuid"

    def __init__(self, items: Iterable[UUID]) -> None:
        """Take the ids."""
        super().__init__(item.bytes for item in items)


class TextArray(_Array):
    """``text[]``, of at least one element."""

    element = "text"

    def __init__(self, items: Iterable[str]) -> None:
        """Take the texts."""
        super().__init__(item.encode() for item in items)


class Int4Array(_Array):
    """``int4[]``, of at least one element."""

    element = "int4"

    def __init__(self, items: Iterable[int]) -> None:
        """Take the numbers."""
        super().__init__(map(struct.Struct(">i").pack, items))


class Int8Array(_Array):
    """``int8[]``, of at least one element."""

    element = "int8"

    def __init__(self, items: Iterable[int]) -> None:
        """Take the numbers."""
        super().__init__(map(struct.Struct(">q").pack, items))


@contextmanager
def bulk_cursor(alias: str) -> Iterator[psycopg.Cursor[tuple[Any, ...]]]:
    """Open a cursor on the connection of ``alias`` that sends and reads binary values.

    It belongs to the transaction that is open there. Its errors are Django's, as everywhere.
    """
    connection = connections[alias]
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.format = Format.BINARY
        for kind, dumper in _DUMPERS.items():
            cursor.adapters.register_dumper(kind, dumper)
        yield cursor


def _type(name: str) -> TypeInfo:
    found = _TYPES.get(name)
    assert found is not None
    return found


def _dumper(kind: type[_Array]) -> type[Dumper]:
    class ArrayDumper(Dumper):
        format = Format.BINARY
        oid = _type(kind.element).array_oid

        def dump(self, obj: _Array) -> bytes:
            return obj.dump()

    return ArrayDumper


_DUMPERS = {
    kind: _dumper(kind) for kind in (ByteaArray, UuidArray, TextArray, Int4Array, Int8Array)
}
