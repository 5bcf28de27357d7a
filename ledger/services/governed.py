"""The log's own rules, asked before anything is appended.

What a verifier would refuse on replay is never stored: the same core replays what is in the log
and what is promised, and judges the submission that is about to be promised. Who submits holds the
lock on policies shared, who sets one holds it alone, so that no submission slips past a policy.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import IntegrityError, connections, transaction

from foundation.tenancy import current_alias
from ledger.core.endorsement import EndorsementPolicy
from ledger.core.entry import Entry, parse_entry
from ledger.core.governance import POLICY_SET, PREFIX, Governance, GovernanceError
from ledger.core.governance import SigningKey as KnownKey
from ledger.core.note import parse_vkey
from ledger.errors import EndorsementsNeededError, GovernanceRefusedError
from ledger.models import KeyAddition, KeyRevocation, PolicyChange, SigningKey
from ledger.selectors import LogInfo
from ledger.services.signed import Signed

ORGANISATION_LOCK = 11  # classids of advisory locks; 12 is the sequencer's
POLICIES_LOCK = 14
_GOVERNANCE_LOCK = 15
_ADDED_ONCE = "ledger_keyaddition_pkey"

_ENTRIES = """
    SELECT entry.content, entry.position, leaf.log_index, entry.submission_id
    FROM ledger_entry AS entry
    JOIN ledger_submission AS s ON s.id = entry.submission_id
    LEFT JOIN ledger_leaf AS leaf ON leaf.submission_id = s.id AND leaf.position = 0
    WHERE s.log_id = %s AND entry.kind LIKE 'ledger.%%'
        AND (leaf.log_index IS NULL OR leaf.log_index > %s)
    ORDER BY leaf.log_index NULLS LAST, s.id, entry.position
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Governed:
    """Governance after all that is in the log and all that is promised.

    ``header_index`` is where the next submission could stand at the earliest; what was set at
    ``promised_from`` or later has no place yet.
    """

    governance: Governance
    header_index: int
    promised_from: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What one entry changes: key ids that are added and that end, and the kind under policy."""

    entry_id: bytes
    added: tuple[str, ...] = ()
    ended: tuple[str, ...] = ()
    policy_kind: str = ""


# What was replayed of each log up to a header's index. An origin is never used twice.
_REPLAYED: dict[str, tuple[int, Governance]] = {}


def append_locks(
    log: LogInfo,
    *,
    organisation_ids: Collection[UUID],
    kinds: Collection[str],
    ending: Collection[UUID] = (),
) -> None:
    """Hold what an append needs until the transaction ends: always in this order.

    The organisations' keys shared, or alone for those whose keys end; governance alone where
    the entries change it; and policies shared, or alone where the entries set one.
    """
    alone, shared = "pg_advisory_xact_lock", "pg_advisory_xact_lock_shared"
    calls = [
        (alone if each in ending else shared, ORGANISATION_LOCK, str(each))
        for each in sorted({*organisation_ids, *ending})
    ]
    if any(kind.startswith(PREFIX) for kind in kinds):
        calls.append((alone, _GOVERNANCE_LOCK, log.origin))
    policies = alone if POLICY_SET in kinds else shared
    calls.append((policies, POLICIES_LOCK, log.origin))
    text = ", ".join(f"{function}(%s, hashtext(%s))" for function, _, _ in calls)
    with connections[current_alias()].cursor() as cursor:
        cursor.execute(
            f"SELECT {text}", [value for _, classid, name in calls for value in (classid, name)]
        )


def keys_lock(organisation_id: UUID, *, alone: bool) -> None:
    """Hold the lock on the organisation's keys until the transaction ends."""
    function = "pg_advisory_xact_lock" if alone else "pg_advisory_xact_lock_shared"
    with connections[current_alias()].cursor() as cursor:
        cursor.execute(
            f"SELECT {function}(%s, hashtext(%s))", [ORGANISATION_LOCK, str(organisation_id)]
        )


def governance_now(log: LogInfo) -> Governed:
    """Return governance after everything that is in the log or promised to be."""
    known, replayed = _REPLAYED.get(log.origin, (-1, Governance(parse_vkey(log.vkey))))
    with connections[current_alias()].cursor() as cursor:
        cursor.execute(
            "SELECT max(log_index) FROM ledger_leaf WHERE log_id = %s AND position = 0", [log.id]
        )
        last = cursor.fetchone()[0]
        if last is None or last < known:
            # A log that was rolled back is replayed from its beginning.
            known, replayed = -1, Governance(parse_vkey(log.vkey))
        cursor.execute(_ENTRIES, [log.id, known])
        rows = cursor.fetchall()
        cursor.execute(
            "SELECT coalesce(max(size), 0) FROM ledger_checkpoint WHERE log_id = %s", [log.id]
        )
        size = cursor.fetchone()[0]
    governance = replayed.copy()
    placed = [row for row in rows if row[2] is not None]
    for content, position, header, _ in placed:
        governance.apply(parse_entry(bytes(content)), header + position, header_index=header)
    if placed:
        _REPLAYED[log.origin] = (placed[-1][2], governance.copy())
    header, index, submission = size, size, None
    for content, position, _, of in (row for row in rows if row[2] is None):
        if of != submission:
            header, submission = index, of
        governance.apply(parse_entry(bytes(content)), header + position, header_index=header)
        index = header + position + 1
    return Governed(governance=governance, header_index=index, promised_from=size)


def governance_check(log: LogInfo, signed: Signed) -> list[Change]:
    """Return what the submission's entries change, once the log's rules take every one of them.

    Raise ``EndorsementsNeededError`` for an entry without the endorsements that a policy asks
    for, ``GovernanceRefusedError`` for any other that a verifier would refuse.
    """
    now = governance_now(log)
    governance, header = now.governance, now.header_index
    changes = []
    for position, data in enumerate(signed.entries, start=1):
        entry = parse_entry(data)
        policy = governance.policy_for(entry.kind, header)
        if policy is not None and not entry.endorsements:
            raise endorsements_needed(policy)
        governs = entry.kind.startswith(PREFIX)
        before = dict(governance.keys) if governs else {}
        try:
            governance.apply(entry, header + position, header_index=header)
        except GovernanceError as error:
            raise GovernanceRefusedError(error.detail) from error
        if governs:
            changes.append(_change(entry, signed.entry_ids[position - 1], governance, before))
    return changes


def endorsements_needed(policy: EndorsementPolicy) -> EndorsementsNeededError:
    """Return the refusal of an entry that nobody endorsed, with what would do."""
    whose = policy.member_kind or [str(one) for one in policy.organisations]
    return EndorsementsNeededError(
        f"entries of kind {policy.kind} need endorsements of {policy.n} organisations, by the"
        f" policy at index {policy.set_index}: propose the entry, and submit it once it has them",
        kind=policy.kind,
        policy=policy.set_index,
        n=policy.n,
        **{"member_kind" if policy.member_kind else "orgs": whose},
    )


def changes_keep(log: LogInfo, organisation_id: UUID, changes: Sequence[Change]) -> None:
    """Write what was promised, in the transaction of its entries: from the commit on it holds.

    Raise ``GovernanceRefusedError`` for a key that is another log's: one key, one log.
    """
    for change in changes:
        for key_id in change.added:
            _addition_keep(log, organisation_id, key_id, change.entry_id)
    KeyRevocation.objects.bulk_create(
        KeyRevocation(
            key_id=key_id,
            log_id=log.id,
            organisation_id=organisation_id,
            entry_id=change.entry_id,
        )
        for change in changes
        for key_id in change.ended
    )
    PolicyChange.objects.bulk_create(
        PolicyChange(
            kind=change.policy_kind,
            log_id=log.id,
            organisation_id=organisation_id,
            entry_id=change.entry_id,
        )
        for change in changes
        if change.policy_kind
    )


def _addition_keep(log: LogInfo, organisation_id: UUID, key_id: str, entry_id: bytes) -> None:
    elsewhere = SigningKey.objects.filter(key_id=key_id).exclude(log_id=log.id).exists()
    try:
        if not elsewhere:
            # The savepoint keeps the transaction usable for a clean refusal.
            with transaction.atomic(using=current_alias()):
                KeyAddition.objects.create(
                    key_id=key_id,
                    log_id=log.id,
                    organisation_id=organisation_id,
                    entry_id=entry_id,
                )
            return
    except IntegrityError as error:
        diagnosis = getattr(error.__cause__, "diag", None)
        if getattr(diagnosis, "constraint_name", None) != _ADDED_ONCE:
            raise
    raise GovernanceRefusedError("the key is one of another log: make one for this log alone")


def _change(
    entry: Entry, entry_id: bytes, governance: Governance, before: Mapping[bytes, KnownKey]
) -> Change:
    return Change(
        entry_id=entry_id,
        added=tuple(key_id.hex() for key_id in governance.keys if key_id not in before),
        ended=tuple(
            key_id.hex()
            for key_id, key in governance.keys.items()
            if key_id in before and before[key_id] != key
        ),
        policy_kind=str(entry.body["kind"]) if entry.kind == POLICY_SET else "",
    )
