"""Canaries: values of a person who does not exist, and the search for them.

A canary is looked for as text, as hexadecimal, in base64 wherever it may begin, in a web
address, in JSON's escapes and as the hash of itself: commitments are keyed, so none is ever found.
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import orjson
from django.contrib.sessions.models import Session
from psycopg import sql

from tests.database import Databases

# Codings of less are found in any random text.
CODED_SIZE_MIN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """One person, with everything that systems send of her. No value is like any other's."""

    family: str = "QUILLFEATHERCANARY"
    given: str = "ZEPHYRINECANARY"
    accented: str = "Zéphyrine-Ōkanari"
    birth_date: str = "1941-03-17"
    member_id: str = "MBRCANARY77Q4"
    mrn: str = "MRNCANARY90215"
    prescription: str = "RXCANARY55128"
    street: str = "17 LARKSPUR CANARY ROW"
    city: str = "CANARYVILLE"
    phone: str = "5550199734218"
    email: str = "zephyrine.canary@patients.example"
    control_number: str = "PCNCANARY8814"
    note: str = "HASACANARYCONDITION"
    explanation: str = "BROUGHTINCANARYUNCONSCIOUS"
    record_number: str = "PWKCANARY30471"
    member_name: str = "NAMEDCANARYMEMBER"

    @property
    def birth_digits(self) -> str:
        """Return the birth date as X12 and HL7 write it."""
        return self.birth_date.replace("-", "")

    def values(self) -> dict[str, str]:
        """Return each value by what it is."""
        named = {name: str(getattr(self, name)) for name in self.__slots__}
        return {**named, "birth_digits": self.birth_digits}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A canary that was seen where it must not be."""

    canary: str
    form: str
    where: str
    around: str


def forms(value: str) -> Iterator[tuple[str, bytes]]:
    """Yield what a value looks like in bytes, lower-case."""
    for spelled in {value, value.title(), value.lower(), value.upper()}:
        raw = spelled.encode()
        yield "text", raw.lower()
        yield "utf-16", spelled.encode("utf-16-le").lower()
        yield "address", quote(spelled, safe="").lower().encode()
        yield "json", json.dumps(spelled)[1:-1].lower().encode()
        for name in ("sha256", "sha1", "md5"):
            digest = hashlib.new(name, raw, usedforsecurity=False).digest()
            yield name, digest.hex().encode()
        if len(raw) >= CODED_SIZE_MIN:
            yield "hex", raw.hex().encode()
            for shift in range(3):
                # The middle of the encoding is the same, whatever stands before and after.
                coded = base64.b64encode(bytes(shift) + raw).rstrip(b"=")
                yield "base64", coded[4 if shift else 0 : -2].lower()


def look_for(values: Mapping[str, str], places: Iterable[tuple[str, bytes]]) -> list[Sighting]:
    """Return every canary seen in ``places``, which are names with what is there."""
    wanted: dict[bytes, tuple[str, str]] = {}
    for name, value in values.items():
        for form, raw in forms(value):
            wanted.setdefault(raw, (name, form))
    seen = []
    for where, content in places:
        lowered = content.lower()
        for raw, (name, form) in wanted.items():
            if raw in lowered and (at := _place(raw, lowered)) >= 0:
                around = repr(content[max(0, at - 60) : at + len(raw) + 60])
                seen.append(Sighting(canary=name, form=form, where=where, around=around))
    return seen


def database_places(databases: Databases) -> Iterator[tuple[str, bytes]]:
    """Yield every column of every table, bytes as they are, and sessions as they read opened."""
    with databases.superuser() as superuser:
        columns = superuser.execute(
            "SELECT relname, attname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
            " JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped"
            " WHERE relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        for table, column in columns:
            query = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT (FORMAT binary)").format(
                sql.Identifier(str(column)), sql.Identifier(str(table))
            )
            with superuser.cursor().copy(query) as rows:
                yield f"table {table}.{column}", b"".join(bytes(row) for row in rows)
        row = superuser.execute("SHOW data_directory").fetchone()
        assert row is not None
        log = Path(str(row[0])).parent / "server.log"
        yield "PostgreSQL's log", log.read_bytes() if log.is_file() else b""
    for session in Session.objects.all():
        yield "session", orjson.dumps(session.get_decoded(), default=str)


def _place(raw: bytes, lowered: bytes) -> int:
    """Return where it stands; digits that are part of a longer number or hash are no sighting."""
    if not raw.isdigit():
        return lowered.find(raw)
    match = re.search(rb"(?<![0-9a-f])" + raw + rb"(?![0-9a-f])", lowered)
    return match.start() if match else -1
