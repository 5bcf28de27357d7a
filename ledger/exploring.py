"""What the explorer shows of a log's entries: frozen values, a constant number of queries each.

Inside ``acting_as`` only. Every function takes the log, because each channel has its own.
"""

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from django.db import connections

from foundation.tenancy import current_alias
from ledger.core.ed25519 import SignatureError, check_signature
from ledger.core.endorsement import endorsement_message
from ledger.core.entry import Entry, parse_entry
from ledger.core.proof_steps import ProofStep, proof_steps
from ledger.core.statement import statement_message
from ledger.models import Member, SigningKey, Submission
from ledger.selectors import EntryInfo, Head, KeyInfo, LogInfo, entry_get, inclusion_proof, key_info

# No index is kept for what people look for: a page looks through so many leaves and says so.
LEAVES_LOOKED_AT = 10_000

_ROWS = """
    SELECT leaf.log_index, entry.entry_id, entry.kind, entry.organisation_id,
        submission.received_at
    FROM ledger_leaf AS leaf
    JOIN ledger_entry AS entry
        ON entry.submission_id = leaf.submission_id AND entry.position = leaf.position
    JOIN ledger_submission AS submission ON submission.id = leaf.submission_id
    WHERE leaf.log_id = %s AND leaf.log_index < %s AND leaf.log_index >= %s
        AND leaf.position > 0 AND starts_with(entry.kind, %s)
        AND (%s::uuid IS NULL OR entry.organisation_id = %s::uuid)
    ORDER BY leaf.log_index DESC LIMIT %s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedEntry:
    """A line of the list: ``received_at`` is when this server promised the entry a place."""

    entry_id: bytes
    log_index: int
    kind: str
    organisation_id: UUID
    received_at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryWindow:
    """Entries found below an index, the newest first.

    Leaves from ``first`` up to the asked index were looked at; ``before`` is where to go on, and
    ``None`` at the beginning of the log.
    """

    entries: tuple[ListedEntry, ...]
    first: int
    before: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionSeen:
    """The submission of an entry; ``holds`` is whether its key signed its statement."""

    id: UUID
    organisation_id: UUID
    key_id: str
    count: int
    statement: bytes
    signature: bytes
    received_at: dt.datetime
    key: KeyInfo | None
    holds: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EndorsementSeen:
    """An endorsement that stands in an entry, and whether its key signed it."""

    organisation_id: UUID
    key_id: str
    policy_index: int
    signature: bytes
    holds: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EntrySeen:
    """An entry with all that was signed for it."""

    info: EntryInfo
    entry: Entry
    submission: SubmissionSeen
    endorsements: tuple[EndorsementSeen, ...]


def entry_window(
    log: LogInfo,
    *,
    before: int,
    limit: int,
    kind: str = "",
    organisation_id: UUID | None = None,
) -> EntryWindow:
    """Return at most ``limit`` entries below the index ``before``, looking at so many leaves.

    ``kind`` is the beginning of a kind.
    """
    floor = max(0, before - LEAVES_LOOKED_AT)
    with connections[current_alias()].cursor() as cursor:
        cursor.execute(
            _ROWS,
            [log.id, before, floor, kind, organisation_id, organisation_id, limit + 1],
        )
        rows = cursor.fetchall()
    more, rows = len(rows) > limit, rows[:limit]
    first = rows[-1][0] if more else floor
    return EntryWindow(
        entries=tuple(
            ListedEntry(
                entry_id=bytes(entry_id),
                log_index=index,
                kind=name,
                organisation_id=of,
                received_at=at,
            )
            for index, entry_id, name, of, at in rows
        ),
        first=first,
        before=first or None,
    )


def entry_at(log: LogInfo, index: int) -> bytes | None:
    """Return the id of the entry at an index; at a header the first of its submission."""
    with connections[current_alias()].cursor() as cursor:
        cursor.execute(
            "SELECT entry.entry_id FROM ledger_leaf AS leaf JOIN ledger_entry AS entry"
            " ON entry.submission_id = leaf.submission_id"
            " AND entry.position = greatest(leaf.position, 1)"
            " WHERE leaf.log_id = %s AND leaf.log_index = %s",
            [log.id, index],
        )
        row = cursor.fetchone()
    return None if row is None else bytes(row[0])


def entry_seen(log: LogInfo, entry_id: bytes) -> EntrySeen:
    """Return an entry with its submission and its endorsements; raise ``UnknownEntryError``."""
    info = entry_get(entry_id, log)
    entry = parse_entry(info.content)
    row = Submission.objects.get(log_id=log.id, entry__entry_id=entry_id)
    wanted = {row.key_id, *(each.key_id.hex() for each in entry.endorsements)}
    keys = {key.key_id: key for key in SigningKey.objects.filter(log_id=log.id, key_id__in=wanted)}
    message = statement_message(bytes(row.statement))
    return EntrySeen(
        info=info,
        entry=entry,
        submission=SubmissionSeen(
            id=row.submission_id,
            organisation_id=row.organisation_id,
            key_id=row.key_id,
            count=row.count,
            statement=bytes(row.statement),
            signature=bytes(row.signature),
            received_at=row.received_at,
            key=None if row.key_id not in keys else key_info(keys[row.key_id]),
            holds=_holds(keys.get(row.key_id), message, bytes(row.signature)),
        ),
        endorsements=tuple(
            EndorsementSeen(
                organisation_id=each.organisation_id,
                key_id=each.key_id.hex(),
                policy_index=each.policy_index,
                signature=each.signature,
                holds=_holds(
                    keys.get(each.key_id.hex()),
                    endorsement_message(
                        endorsed_hash=entry.endorsed_hash, policy_index=each.policy_index
                    ),
                    each.signature,
                ),
            )
            for each in entry.endorsements
        ),
    )


def organisation_names(log: LogInfo, ids: Collection[UUID]) -> dict[UUID, str]:
    """Return by id the names under which the log admitted these organisations."""
    rows = Member.objects.filter(log_id=log.id, organisation_id__in=ids)
    return dict(rows.values_list("organisation_id", "name"))


def kinds_at(log: LogInfo, indices: Collection[int]) -> dict[int, str]:
    """Return by index the kind of the entry that stands there."""
    if not indices:
        return {}
    with connections[current_alias()].cursor() as cursor:
        cursor.execute(
            "SELECT leaf.log_index, entry.kind FROM ledger_leaf AS leaf"
            " JOIN ledger_entry AS entry ON entry.submission_id = leaf.submission_id"
            " AND entry.position = leaf.position"
            " WHERE leaf.log_id = %s AND leaf.log_index = ANY(%s)",
            [log.id, list(indices)],
        )
        return dict(cursor.fetchall())


def steps_to_root(
    log: LogInfo, *, leaf: bytes, index: int, head: Head
) -> tuple[ProofStep, ...] | None:
    """Return the steps of a leaf's proof; ``None`` where they miss the root that was signed.

    Then what is stored was changed after it was signed: nothing must be shown as proven.
    """
    proof = inclusion_proof(log, index=index, size=head.size)
    steps = proof_steps(leaf=leaf, index=index, size=head.size, proof=proof)
    root = steps[-1].parent.digest if steps else leaf
    return steps if root == head.root_hash else None


def _holds(key: SigningKey | None, message: bytes, signature: bytes) -> bool:
    """Return whether a key that the log knows signed the message."""
    if key is None:
        return False
    try:
        check_signature(bytes(key.public_key), message, signature)
    except SignatureError:
        return False
    return True
