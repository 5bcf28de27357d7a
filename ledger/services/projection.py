"""Members and keys as rows: a projection of the governance entries, written by the sequencer.

A key is known to the database exactly when its entry has its place in the log, so what the
server accepts and what a verifier replays are the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol
from uuid import UUID

from ledger.core.canonical import Json
from ledger.core.entry import Entry, parse_entry
from ledger.core.governance import (
    GENESIS,
    KEY_ADDED,
    KEY_REVOKED,
    KEY_ROTATED,
    MEMBER_ADMITTED,
    MEMBER_LEFT,
)
from ledger.core.members import parse_base64
from ledger.models import KeyHolder, Member, SigningKey
from ledger.selectors import LogInfo


class _Leaf(Protocol):
    @property
    def position(self) -> int: ...
    @property
    def data(self) -> bytes: ...


def governance_project(log: LogInfo, *, first_index: int, leaves: Sequence[_Leaf]) -> None:
    """Apply the governance among new leaves to the tables of members and keys."""
    entries = (
        (index, leaf.data)
        for index, leaf in enumerate(leaves, start=first_index)
        if leaf.position > 0 and b'"kind":"ledger.' in leaf.data
    )
    governance_apply(log, ((index, parse_entry(data)) for index, data in entries))


def governance_apply(log: LogInfo, entries: Iterable[tuple[int, Entry]]) -> None:
    """Write what each (index, entry) says; entries of other kinds say nothing."""
    for index, entry in entries:
        body = dict(entry.body)
        if entry.kind == GENESIS:
            operator = body["operator"]
            assert isinstance(operator, dict)
            _member(log, index, operator | {"kind": "operator"})
            _key(log, index, UUID(str(operator["org"])), operator)
        elif entry.kind == MEMBER_ADMITTED:
            _member(log, index, body)
            first_key = body["first_key"]
            assert isinstance(first_key, dict)
            _key(log, index, UUID(str(body["org"])), first_key)
        elif entry.kind == KEY_ADDED:
            _key(log, index, entry.organisation_id, body)
        elif entry.kind == KEY_ROTATED:
            old = SigningKey.objects.get(key_id=body["old"], log_id=log.id)
            _key(log, index, entry.organisation_id, body | {"holder": old.holder})
            SigningKey.objects.filter(key_id=old.key_id).update(revoked_index=index)
        elif entry.kind == KEY_REVOKED:
            SigningKey.objects.filter(key_id=body["key"], log_id=log.id).update(revoked_index=index)
        elif entry.kind == MEMBER_LEFT:
            left = UUID(str(body["org"]))
            Member.objects.filter(log_id=log.id, organisation_id=left).update(left_index=index)
            SigningKey.objects.filter(
                log_id=log.id, organisation_id=left, revoked_index=None
            ).update(revoked_index=index)


def _member(log: LogInfo, index: int, body: Mapping[str, Json]) -> None:
    Member.objects.create(
        log_id=log.id,
        organisation_id=UUID(str(body["org"])),
        name=str(body["name"]),
        kind=str(body["kind"]),
        admitted_index=index,
    )


def _key(log: LogInfo, index: int, organisation_id: UUID, body: Mapping[str, Json]) -> None:
    SigningKey.objects.create(
        key_id=str(body["key"]),
        log_id=log.id,
        organisation_id=organisation_id,
        public_key=parse_base64(str(body["public_key"])),
        holder=KeyHolder(str(body.get("holder", KeyHolder.SYSTEM))),
        label=str(body.get("label", "")),
        added_index=index,
    )
