"""Tables that governance fills, against what the log's own entries replay to."""

from collections.abc import Iterator

from ledger.core.governance import Governance
from ledger.core.note import format_vkey
from ledger.core.verify import Fault
from ledger.models import Log, Member, SigningKey
from ledger.selectors import LogInfo


def projection_faults(log: LogInfo, governance: Governance, size: int) -> Iterator[Fault]:
    """Yield where the tables of logs, members and keys are not what governance replays to.

    Governance was replayed under the key that is trusted, whatever the tables name.
    """
    if governance.last_index and _named(log) != _declared(governance):
        yield Fault(index=0, what="the log's row is not what its genesis declares")
    members = {
        member.organisation_id: (
            member.name,
            member.kind,
            member.admitted_index,
            member.left_index,
        )
        for member in governance.members.values()
    }
    stored = {
        row.organisation_id: (row.name, row.kind, row.admitted_index, row.left_index)
        for row in Member.objects.filter(log_id=log.id)
    }
    if members != stored:
        yield Fault(index=size, what="the members are not those that the log admitted")
    keys = {
        key.key_id.hex(): (
            key.organisation_id,
            key.public_key,
            key.holder.value,
            key.label,
            key.added_index,
            key.revoked_index,
        )
        for key in governance.keys.values()
    }
    stored_keys = {
        row.key_id: (
            row.organisation_id,
            bytes(row.public_key),
            row.holder,
            row.label,
            row.added_index,
            row.revoked_index,
        )
        for row in SigningKey.objects.filter(log_id=log.id)
    }
    if keys != stored_keys:
        yield Fault(index=size, what="the keys are not those that the log added")


def _named(log: LogInfo) -> tuple[object, ...]:
    row = Log.objects.get(id=log.id)
    return (
        row.name,
        row.origin,
        row.vkey,
        row.operator_id,
        row.receipt_key_id,
        bytes(row.receipt_public_key),
        row.members_only,
    )


def _declared(governance: Governance) -> tuple[object, ...]:
    return (
        governance.channel,
        governance.log,
        format_vkey(governance.vkey),
        governance.operator_id,
        governance.receipt_key.key_id.hex(),
        governance.receipt_key.public_key,
        governance.members_only,
    )
