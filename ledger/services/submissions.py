"""``submission_append``: the only way into the ledger.

Step one of two: entries are stored in the caller's transaction, beside the business rows they
cover, and the caller gets a signed promise. The sequencer gives them their place (step two).
"""

import datetime as dt
from collections.abc import Sequence
from uuid import UUID, uuid4

from foundation.core.actor import Actor
from foundation.core.values import Json
from foundation.tenancy import acting_as
from ledger.core.entry import EntryDraft, EntryError, build_entry
from ledger.core.merkle import leaf_hash, tree_root
from ledger.core.receipt import Receipt
from ledger.core.sealed import SealedSubmission
from ledger.core.statement import (
    Statement,
    build_statement,
    parse_statement,
    statement_message,
)
from ledger.errors import EntryRefusedError, UnknownEntryError
from ledger.models import Entry, Submission
from ledger.selectors import LogInfo, current_log
from ledger.services.gate import append_gate
from ledger.services.governed import changes_keep, governance_check
from ledger.services.keys import HeldKey, Signer, check_reauthenticated, key_for_signing
from ledger.services.sealed import sealed_check
from ledger.services.signed import Signed, promise_of
from ledger.services.storing import submission_store


def submission_append(
    *,
    actor: Actor,
    entries: Sequence[EntryDraft],
    now: dt.datetime,
    signer: Signer = Signer.SYSTEM,
    sealed: SealedSubmission | None = None,
) -> Receipt:
    """Store ``entries`` as one signed submission of the actor's organisation; return the promise.

    It applies whole or not at all; ``receipt.entry_ids`` are in the order of ``entries``. With
    ``sealed`` the organisation's own signature is checked and the entries must be, byte for
    byte, those it signed; otherwise the server signs with the key of ``signer``.

    Raise ``EntryRefusedError`` (which names every bad line), ``NoKeyError``, ``KeyRefusedError``,
    ``SignatureRefusedError``, ``SealedMismatchError``, ``KeyHeadConflictError``,
    ``AlreadySubmittedError``, ``QueueFullError`` or ``FrozenError``; ``EndorsementsNeededError``
    where a policy is in force for a kind, ``GovernanceRefusedError`` where the log's own rules
    refuse a change of governance.
    """
    if not entries:
        raise EntryRefusedError("a submission holds at least one entry")
    with acting_as(actor):
        log = current_log()
        gate = append_gate(
            actor=actor,
            log=log,
            kinds={draft.kind for draft in entries},
            signer=signer if sealed is None else None,
        )
        if sealed is None:
            if signer is Signer.PERSON:
                check_reauthenticated(actor, now)
            key = gate.key or key_for_signing(actor=actor, signer=signer, now=now)
            signed = signed_by(
                log=log, organisation_id=actor.organisation, drafts=entries, now=now, key=key
            )
        else:
            signed = sealed_check(actor=actor, log=log, drafts=entries, sealed=sealed)
        return signed_append(actor=actor, log=log, signed=signed, now=now, judged=gate.judged)


def signed_append(
    *, actor: Actor, log: LogInfo, signed: Signed, now: dt.datetime, judged: bool
) -> Receipt:
    """Store a signed submission under the locks of ``append_locks``; return the promise.

    ``judged``: the log's rules have a say, because it changes governance or may need endorsements.
    """
    changes = governance_check(log, signed) if judged else []
    receipt = submission_store(log=log, signed=signed, now=now)
    changes_keep(log, actor.organisation, changes)
    return receipt


def signed_by(
    *,
    log: LogInfo,
    organisation_id: UUID,
    drafts: Sequence[EntryDraft],
    now: dt.datetime,
    key: HeldKey,
) -> Signed:
    """Return the submission of ``drafts``, signed by ``key``; raise ``EntryRefusedError``."""
    key_id = bytes.fromhex(key.key_id)
    entries: list[bytes] = []
    bad: list[Json] = []
    for line, draft in enumerate(drafts):
        try:
            entries.append(
                build_entry(
                    draft=draft,
                    log=log.origin,
                    organisation_id=organisation_id,
                    key_id=key_id,
                    time=now,
                )
            )
        except EntryError as error:
            bad.append({"line": line, "detail": error.detail})
    if bad:
        raise EntryRefusedError(f"{len(bad)} of {len(drafts)} entries cannot be built", entries=bad)
    return entries_signed(
        log=log, organisation_id=organisation_id, entries=entries, drafts=drafts, now=now, key=key
    )


def entries_signed(
    *,
    log: LogInfo,
    organisation_id: UUID,
    entries: Sequence[bytes],
    drafts: Sequence[EntryDraft],
    now: dt.datetime,
    key: HeldKey,
) -> Signed:
    """Return the submission of entries that are built, signed by ``key``."""
    entry_ids = [leaf_hash(entry) for entry in entries]
    parsed = Statement(
        log=log.origin,
        organisation_id=organisation_id,
        key_id=bytes.fromhex(key.key_id),
        id=uuid4(),
        n=len(entries),
        root=tree_root(entry_ids),
        time=now,
    )
    statement = build_statement(parsed)
    return Signed(
        statement=statement,
        parsed=parsed,
        signature=key.sign(statement_message(statement)),
        entries=entries,
        entry_ids=entry_ids,
        drafts=drafts,
    )


def receipt_again(*, actor: Actor, submission_id: UUID) -> Receipt:
    """Return the stored receipt of the actor's submission, byte for byte as first given.

    Raise ``UnknownEntryError`` where the organisation submitted nothing under this id.
    """
    with acting_as(actor):
        log = current_log()
        row = Submission.objects.filter(
            log_id=log.id, organisation_id=actor.organisation, submission_id=submission_id
        ).first()
        if row is None:
            raise UnknownEntryError("your organisation submitted nothing under this id")
        stated = parse_statement(bytes(row.statement))
        ids = Entry.objects.filter(submission_id=row.pk).order_by("position")
        return Receipt(
            promise=promise_of(
                log=log,
                stated=stated,
                statement=bytes(row.statement),
                time=row.received_at,
                deadline=row.deadline_at,
            ),
            signature=bytes(row.receipt_signature),
            entry_ids=tuple(bytes(id_) for id_ in ids.values_list("entry_id", flat=True)),
        )
