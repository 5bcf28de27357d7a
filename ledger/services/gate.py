"""What an append holds and knows before it signs: one call to the database, whoever submits."""

from collections.abc import Collection
from dataclasses import dataclass

from foundation.bulk import TextArray, bulk_cursor
from foundation.core.actor import Actor
from foundation.tenancy import current_alias
from ledger.core.governance import PREFIX
from ledger.errors import FrozenError, QueueFullError
from ledger.selectors import LogInfo
from ledger.services.governed import ORGANISATION_LOCK, POLICIES_LOCK, append_locks
from ledger.services.keys import HeldKey, Signer

# Beyond this many waiting submissions, or this many bytes, the caller is asked to come back
# (ledger guide 7).
OUTSTANDING_MAX = 4096
OUTSTANDING_BYTES_MAX = 64 * 2**20

_GATE = (
    "SELECT * FROM theriac_append_gate(%s::bigint, %s, %s::uuid, %s, %s, %s::uuid, %s::integer[],"
    " %s::integer)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """``judged``: the log's rules have to judge the entries one by one.

    ``key`` is the newest valid one that the server holds for the signer asked for, where there is
    one that is sequenced; whether a person may sign with it now is another question.
    """

    judged: bool
    key: HeldKey | None


def append_gate(
    *, actor: Actor, log: LogInfo, kinds: Collection[str], signer: Signer | None
) -> Gate:
    """Hold what an append of these kinds needs until the transaction ends, and look at the queue.

    Submitters hold the organisation's keys and the log's policies shared; a revocation or a
    policy takes its lock alone, so that whatever was accepted before it is in the queue before
    it is. ``signer`` is ``None`` where the server does not sign.

    Raise ``QueueFullError`` or ``FrozenError`` where nothing may be taken now.
    """
    governs = any(kind.startswith(PREFIX) for kind in kinds)
    if governs:
        # Governance changes hold more, and in the one order of all; these are had again then.
        append_locks(log, organisation_ids=[actor.organisation], kinds=kinds)
    with bulk_cursor(current_alias()) as cursor:
        cursor.execute(
            _GATE,
            [
                log.id,
                log.origin,
                actor.organisation,
                TextArray(kinds),
                None if signer is None else signer.value,
                actor.person_id if signer is Signer.PERSON else None,
                [ORGANISATION_LOCK, POLICIES_LOCK],
                OUTSTANDING_MAX,
            ],
        )
        found = cursor.fetchone()
    assert found is not None
    waiting, waiting_bytes, frozen, had_policy, key_id, provider_name = found
    if waiting >= OUTSTANDING_MAX or waiting_bytes >= OUTSTANDING_BYTES_MAX:
        raise QueueFullError("try again in a few seconds with the same Idempotency-Key")
    if frozen:
        raise FrozenError("the operator must look at this before anything is written")
    return Gate(
        judged=had_policy or governs,
        key=None if key_id is None else HeldKey(key_id=key_id, provider_name=provider_name),
    )
