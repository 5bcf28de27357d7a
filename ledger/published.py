"""Which head is published: the newest that the policy's quorum of witnesses cosigned.

Without a quorum it is the newest that the log signed. Every head beyond it is *provisional*: signed
and kept, and shown to nobody as proof. What is published carries the cosignatures of the policy's
witnesses, demanded or not. Inside ``acting_as`` only.
"""

from collections.abc import Iterator
from dataclasses import replace

from django.conf import settings
from django.db import connections

from foundation.tenancy import current_alias
from ledger.core.note import VerifierKey, format_vkey
from ledger.core.policy import Policy, cosigners_min, has_quorum
from ledger.errors import NotSequencedError, ProvisionalError
from ledger.models import Cosignature
from ledger.selectors import Head, LogInfo, checkpoint_at, checkpoint_latest

_HEADS_AT_ONCE = 100
_COSIGNED = """
    SELECT size, array_agg(vkey) FROM ledger_cosignature
    WHERE log_id = %s AND size < %s AND vkey = ANY(%s)
    GROUP BY size HAVING count(*) >= %s ORDER BY size DESC LIMIT %s
"""


def checkpoint_published(log: LogInfo) -> Head | None:
    """Return the newest published head with its cosignatures, or ``None`` before the first."""
    policy: Policy = settings.WITNESS_POLICY
    if policy.quorum is None:
        head = checkpoint_latest(log)
    else:
        head = next(
            (checkpoint_at(log, size) for size, keys in _cosigned(log) if has_quorum(policy, keys)),
            None,
        )
    return None if head is None else _cosigned_head(log, head)


def checkpoint_signed(log: LogInfo) -> Head | None:
    """Return the newest signed head, with the cosignatures it has, and whether it is provisional.

    ``None`` before the first.
    """
    head, published = checkpoint_latest(log), checkpoint_published(log)
    if head is None:
        return None
    provisional = published is None or published.size < head.size
    return replace(_cosigned_head(log, head), provisional=provisional)


def head_published(log: LogInfo) -> Head:
    """Return the newest published head.

    Raise ``NotSequencedError`` before the first, ``ProvisionalError`` while none has its quorum.
    """
    head = checkpoint_published(log)
    if head is not None:
        return head
    if checkpoint_latest(log) is None:
        raise NotSequencedError("the log has no checkpoint yet")
    raise ProvisionalError("no checkpoint has the quorum of its witnesses yet")


def _cosigned(log: LogInfo) -> Iterator[tuple[int, list[VerifierKey]]]:
    """Yield the heads that may have the quorum, the newest first, with who cosigned each."""
    policy: Policy = settings.WITNESS_POLICY
    keys = {format_vkey(key): key for key in policy.witness_keys}
    below = 2**63 - 1
    while True:
        with connections[current_alias()].cursor() as cursor:
            cursor.execute(
                _COSIGNED, [log.id, below, list(keys), cosigners_min(policy), _HEADS_AT_ONCE]
            )
            rows = cursor.fetchall()
        for size, vkeys in rows:
            yield size, [keys[vkey] for vkey in vkeys]
        if len(rows) < _HEADS_AT_ONCE:
            return
        below = rows[-1][0]


def _cosigned_head(log: LogInfo, head: Head) -> Head:
    policy: Policy = settings.WITNESS_POLICY
    if not policy.witnesses:
        return head
    found = dict(
        Cosignature.objects.filter(log_id=log.id, size=head.size).values_list("vkey", "line")
    )
    lines = [found.get(format_vkey(key)) for key in policy.witness_keys]
    return replace(head, note=head.note + "".join(f"{line}\n" for line in lines if line))
