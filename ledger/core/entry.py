"""Entries: the record of one act, as canonical JSON (docs/spec/entry.md).

The bytes are the thing: they are the leaf, their hash is the entry's name, and every check reads
them again. An entry holds no personal data, only commitments to it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from uuid import UUID

from foundation.core.problem import BadInputError
from ledger.core.canonical import (
    CanonicalError,
    Json,
    canonical_bytes,
    canonical_members,
    parse_canonical,
)
from ledger.core.endorsement import Endorsement, endorsements_json, read_endorsements
from ledger.core.members import ORIGIN, Members, format_time, parse_time
from ledger.core.merkle import HASH_SIZE_BYTES, leaf_hash

__all__ = [
    "ENTRY_SIZE_BYTES_MAX",
    "Entry",
    "EntryDraft",
    "EntryError",
    "build_entry",
    "endorse_entry",
    "format_time",
    "parse_entry",
    "parse_time",
]

# A bundle of C2SP tlog-tiles gives an entry's length in 16 bits.
ENTRY_SIZE_BYTES_MAX = 65_535
KIND = re.compile(r"(?=.{1,128}\Z)[a-z]+(\.[a-z_]+)+\.v[1-9][0-9]*")
_MEMBERS = (
    "v",
    "log",
    "kind",
    "org",
    "key",
    "time",
    "id",
    "body",
    "commitments",
    "endorsements",
)


class EntryError(BadInputError):
    """The bytes are not an entry; the message names the member."""

    slug = "bad-entry"
    title = "This is not an entry of the ledger"


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryDraft:
    """What an app wants recorded; log, organisation, key and time are added when it is built."""

    kind: str
    id: UUID
    body: Mapping[str, Json]
    commitments: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An entry as read from its bytes. ``time`` is what the signer's clock said.

    ``endorsed_hash`` is the leaf hash that its endorsements sign: of the entry without any. It is
    empty where there is none.
    """

    log: str
    kind: str
    organisation_id: UUID
    key_id: bytes
    time: datetime
    id: UUID
    body: Mapping[str, Json]
    commitments: tuple[bytes, ...]
    endorsements: tuple[Endorsement, ...] = ()
    endorsed_hash: bytes = b""


def build_entry(
    *, draft: EntryDraft, log: str, organisation_id: UUID, key_id: bytes, time: datetime
) -> bytes:
    """Return the entry's canonical bytes, which are its leaf.

    Raise ``EntryError`` where the result would be no entry, ``TimeError`` for a time without zone.
    """
    value: dict[str, Json] = {
        "v": 1,
        "log": log,
        "kind": draft.kind,
        "org": str(organisation_id),
        "key": key_id.hex(),
        "time": format_time(time),
        "id": str(draft.id),
        "body": dict(draft.body),
        "commitments": [commitment.hex() for commitment in draft.commitments],
        "endorsements": [],
    }
    try:
        # What is typed is spelled right; the rest is read as a stranger's would be, for its error.
        if not (
            _is_kind(draft.kind)
            and _is_origin(log)
            and len(key_id) == HASH_SIZE_BYTES
            and all(len(commitment) == HASH_SIZE_BYTES for commitment in draft.commitments)
        ):
            canonical_bytes(value)
            _read(value)
        data = canonical_members(value, "body")
    except CanonicalError as error:
        raise EntryError(f"the entry is not canonical JSON: {error}") from error
    _check_size(data)
    return data


@lru_cache(maxsize=256)
def _is_kind(text: str) -> bool:
    return KIND.fullmatch(text) is not None


@lru_cache(maxsize=256)
def _is_origin(text: str) -> bool:
    return ORIGIN.fullmatch(text) is not None


def parse_entry(data: bytes) -> Entry:
    """Return the entry that ``data`` is; raise ``EntryError`` for anything else."""
    _check_size(data)
    try:
        value = parse_canonical(data)
    except CanonicalError as error:
        raise EntryError(f"the entry is not canonical JSON: {error}") from error
    return _read(value)


def endorse_entry(data: bytes, endorsements: Sequence[Endorsement]) -> bytes:
    """Return the entry with exactly these endorsements, whichever it had, in their order.

    Raise ``EntryError`` where ``data`` or the result is no entry: two of one organisation.
    """
    parse_entry(data)
    value = parse_canonical(data)
    assert isinstance(value, dict)
    endorsed = canonical_bytes({**value, "endorsements": endorsements_json(endorsements)})
    parse_entry(endorsed)
    return endorsed


def _check_size(data: bytes) -> None:
    if len(data) > ENTRY_SIZE_BYTES_MAX:
        raise EntryError(f"an entry of {len(data)} bytes; at most {ENTRY_SIZE_BYTES_MAX} fit")


def _read(value: object) -> Entry:
    members = Members(value, "entry", EntryError)
    members.expect(_MEMBERS)
    members.literal("v", 1)
    endorsements = read_endorsements(members)
    return Entry(
        log=members.text("log", ORIGIN),
        kind=members.text("kind", KIND),
        organisation_id=members.uuid("org"),
        key_id=members.digest("key"),
        time=members.time("time"),
        id=members.uuid("id"),
        body=members.mapping("body"),
        commitments=members.digests("commitments"),
        endorsements=endorsements,
        endorsed_hash=_endorsed_hash(value) if endorsements else b"",
    )


def _endorsed_hash(value: object) -> bytes:
    assert isinstance(value, dict)
    return leaf_hash(canonical_bytes({**value, "endorsements": []}))
