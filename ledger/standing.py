"""How a log stands: its members, its policies over time, and what its witnesses did.

For whoever looks from outside. Inside ``acting_as`` only.
"""

import datetime as dt
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db import connections

from foundation.tenancy import current_alias
from ledger.core.endorsement import EndorsementPolicy
from ledger.core.entry import parse_entry
from ledger.core.governance import POLICY_SET
from ledger.core.note import format_vkey
from ledger.core.policy import Policy
from ledger.models import LogFreeze, Member, WitnessConflict, WitnessedLog
from ledger.selectors import LogInfo

LISTED_MAX = 200

_POLICIES = """
    SELECT entry.entry_id, entry.content, leaf.log_index + entry.position
    FROM ledger_entry AS entry
    JOIN ledger_submission AS submission ON submission.id = entry.submission_id
    JOIN ledger_leaf AS leaf ON leaf.submission_id = entry.submission_id AND leaf.position = 0
    WHERE submission.log_id = %s AND entry.kind LIKE 'ledger.%%' AND entry.kind = %s
        AND leaf.log_index + entry.position < %s
    ORDER BY leaf.log_index DESC, entry.position DESC LIMIT %s
"""

_COSIGNED = """
    SELECT wanted.vkey, newest.size, newest.timestamp_s FROM unnest(%s::text[]) AS wanted (vkey)
    JOIN LATERAL (
        SELECT size, timestamp_s FROM ledger_cosignature
        WHERE log_id = %s AND vkey = wanted.vkey ORDER BY size DESC LIMIT 1
    ) AS newest ON true
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberSeen:
    """A member of the log, from which index, and until which where it left."""

    organisation_id: UUID
    name: str
    kind: str
    admitted_index: int
    left_index: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySeen:
    """A policy as it was set, with the entry that set it."""

    entry_id: bytes
    policy: EndorsementPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessSeen:
    """A witness of the policy: the largest head that it cosigned, 0 and ``None`` before any."""

    name: str
    vkey: str
    size: int
    timestamp_s: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Two heads of one log that contradict each other, as its key signed them."""

    kind: str
    cosigned_note: str
    note: str
    seen_at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedLog:
    """Another's log that this server witnesses, and the newest evidence against it."""

    origin: str
    watched: bool
    size: int
    conflicts: tuple[Evidence, ...]


def member_page(log: LogInfo, *, after: int, limit: int) -> list[MemberSeen]:
    """Return members admitted after an index, in order; those that left too."""
    rows = Member.objects.filter(log_id=log.id, admitted_index__gt=after)
    return [
        MemberSeen(
            organisation_id=row.organisation_id,
            name=row.name,
            kind=row.kind,
            admitted_index=row.admitted_index,
            left_index=row.left_index,
        )
        for row in rows.order_by("admitted_index")[:limit]
    ]


def member_count(log: LogInfo) -> int:
    """Return how many members did not leave."""
    return Member.objects.filter(log_id=log.id, left_index=None).count()


def policy_page(log: LogInfo, *, before: int, limit: int) -> list[PolicySeen]:
    """Return policies that were set below an index, the newest first."""
    with connections[current_alias()].cursor() as cursor:
        cursor.execute(_POLICIES, [log.id, POLICY_SET, before, limit])
        rows = cursor.fetchall()
    return [
        PolicySeen(entry_id=bytes(entry_id), policy=_policy(bytes(content), index))
        for entry_id, content, index in rows
    ]


def witnesses_seen(log: LogInfo) -> list[WitnessSeen]:
    """Return the witnesses of this deployment's policy, and how far each followed the log."""
    policy: Policy = settings.WITNESS_POLICY
    if not policy.witnesses:
        return []
    vkeys = [format_vkey(witness.key) for witness in policy.witnesses]
    with connections[current_alias()].cursor() as cursor:
        cursor.execute(_COSIGNED, [vkeys, log.id])
        newest = {vkey: (size, at) for vkey, size, at in cursor.fetchall()}
    return [
        WitnessSeen(
            name=witness.key.name,
            vkey=vkey,
            size=newest.get(vkey, (0, None))[0],
            timestamp_s=newest.get(vkey, (0, None))[1],
        )
        for witness, vkey in zip(policy.witnesses, vkeys, strict=True)
    ]


def quorum_name() -> str:
    """Return the deployment's word for what must cosign a head, empty where nothing must."""
    policy: Policy = settings.WITNESS_POLICY
    return "" if policy.quorum is None else policy.quorum.decode(errors="replace")


def freeze_reason(log: LogInfo) -> str:
    """Return why nothing is signed any more, empty where the log is open."""
    row = LogFreeze.objects.filter(log_id=log.id).first()
    return "" if row is None else row.reason


def watched_logs() -> list[WatchedLog]:
    """Return the logs of others that this server witnesses, those it dropped too."""
    conflicts: dict[int, list[Evidence]] = {}
    for row in WitnessConflict.objects.order_by("-id")[:LISTED_MAX]:
        found = Evidence(
            kind=row.kind, cosigned_note=row.cosigned_note, note=row.note, seen_at=row.seen_at
        )
        conflicts.setdefault(row.log_id, []).append(found)
    return [
        WatchedLog(
            origin=log.origin,
            watched=bool(log.vkeys),
            size=log.size,
            conflicts=tuple(conflicts.get(log.pk, ())),
        )
        for log in WitnessedLog.objects.order_by("origin")[:LISTED_MAX]
    ]


def _policy(content: bytes, index: int) -> EndorsementPolicy:
    body = parse_entry(content).body
    orgs, n = body.get("orgs", []), body["n"]
    assert isinstance(n, int)  # the log took it
    assert isinstance(orgs, list)
    return EndorsementPolicy(
        kind=str(body["kind"]),
        n=n,
        organisations=tuple(UUID(str(each)) for each in orgs),
        member_kind=str(body.get("member_kind", "")),
        set_index=index,
    )
