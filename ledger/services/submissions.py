"""``submission_append``: the only way into the ledger.

Step one of two: entries are stored in the caller's transaction, beside the business rows they
cover, and the caller gets a signed promise. The sequencer gives them their place (step two).
"""

import datetime as dt
from collections.abc import Collection, Sequence
from uuid import UUID, uuid4

from django.conf import settings
from django.db import IntegrityError, connections, transaction

from foundation.bulk import ByteaArray, TextArray, UuidArray, bulk_cursor
from foundation.core.actor import Actor
from foundation.core.values import Json
from foundation.key_providers import key_provider
from foundation.tenancy import acting_as, current_alias
from ledger.core.entry import EntryDraft, EntryError, build_entry
from ledger.core.governance import PREFIX
from ledger.core.merkle import leaf_hash, tree_root
from ledger.core.receipt import Promise, Receipt, receipt_message
from ledger.core.sealed import SealedSubmission
from ledger.core.statement import (
    Statement,
    build_statement,
    parse_statement,
    statement_message,
)
from ledger.errors import (
    AlreadySubmittedError,
    EntryRefusedError,
    FrozenError,
    QueueFullError,
    UnknownEntryError,
)
from ledger.models import Entry, Submission
from ledger.selectors import LogInfo, current_log, receipt_key_name
from ledger.services.governed import (
    ORGANISATION_LOCK,
    append_locks,
    changes_keep,
    governance_check,
)
from ledger.services.keys import HeldKey, Signer, key_for_signing
from ledger.services.sealed import head_conflict, sealed_check
from ledger.services.signed import Signed, promise_of

# Beyond this many waiting submissions the caller is asked to come back (ledger guide 7).
OUTSTANDING_MAX = 4096
KEY_NO_FORK = "submission_key_no_fork"
USED_BEFORE = ("submission_once", "entry_uuid_once", "ledger_entry_pkey")


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
        kinds = {draft.kind for draft in entries}
        # Shared by submitters; a revocation or a policy takes its lock alone, so that whatever
        # was accepted before it is in the queue before it is.
        append_locks(log, organisation_ids=[actor.organisation], kinds=kinds)
        judged = queue_check(log, kinds)
        if sealed is None:
            signed = _sign(actor=actor, log=log, drafts=entries, now=now, signer=signer)
        else:
            signed = sealed_check(actor=actor, log=log, drafts=entries, sealed=sealed)
        return signed_append(actor=actor, log=log, signed=signed, now=now, judged=judged)


def signed_append(
    *, actor: Actor, log: LogInfo, signed: Signed, now: dt.datetime, judged: bool
) -> Receipt:
    """Store a signed submission under the locks of ``append_locks``; return the promise.

    ``judged``: the log's rules have a say, because it changes governance or may need endorsements.
    """
    changes = governance_check(log, signed) if judged else []
    receipt = submission_store(log=log, signed=signed, now=now)
    changes_keep(actor.organisation, changes)
    return receipt


def keys_lock(organisation_id: UUID, *, alone: bool) -> None:
    """Hold the lock on the organisation's keys until the transaction ends."""
    function = "pg_advisory_xact_lock" if alone else "pg_advisory_xact_lock_shared"
    with connections[current_alias()].cursor() as cursor:
        cursor.execute(
            f"SELECT {function}(%s, hashtext(%s))", [ORGANISATION_LOCK, str(organisation_id)]
        )


def queue_check(log: LogInfo, kinds: Collection[str]) -> bool:
    """Return whether the log's rules have to judge entries of these kinds one by one.

    Raise ``QueueFullError`` or ``FrozenError`` where nothing may be taken now.
    """
    with connections[current_alias()].cursor() as cursor:
        cursor.execute(
            "SELECT system_fn.ledger_pending_count(%s, %s),"
            " EXISTS (SELECT FROM ledger_logfreeze WHERE log_id = %s),"
            " EXISTS (SELECT FROM ledger_policychange WHERE kind = ANY(%s))",
            [log.id, OUTSTANDING_MAX, log.id, list(kinds)],
        )
        waiting, frozen, had_policy = cursor.fetchone()
    if waiting >= OUTSTANDING_MAX:
        raise QueueFullError("try again in a few seconds with the same Idempotency-Key")
    if frozen:
        raise FrozenError("the operator must look at this before anything is written")
    return bool(had_policy) or any(kind.startswith(PREFIX) for kind in kinds)


def _sign(
    *,
    actor: Actor,
    log: LogInfo,
    drafts: Sequence[EntryDraft],
    now: dt.datetime,
    signer: Signer,
) -> Signed:
    """Build the entries and sign their root with a key that the server holds."""
    key = key_for_signing(actor=actor, signer=signer, now=now)
    return signed_by(log=log, organisation_id=actor.organisation, drafts=drafts, now=now, key=key)


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


def submission_store(*, log: LogInfo, signed: Signed, now: dt.datetime) -> Receipt:
    """Store a signed submission and queue it; return the promise. Part of the frozen call.

    Raise ``AlreadySubmittedError`` where the submission's id, or one of its entries', is there,
    ``KeyHeadConflictError`` where another of the key's took its place just now.
    """
    stated = signed.parsed
    promise = promise_of(
        log=log,
        stated=stated,
        statement=signed.statement,
        time=now,
        deadline=now + dt.timedelta(seconds=settings.RECEIPT_DEADLINE_S),
    )
    signature = key_provider().sign(receipt_key_name(log.origin), receipt_message(promise))
    try:
        # The savepoint keeps the caller's transaction usable for a clean refusal.
        with transaction.atomic(using=current_alias()):
            _insert(log, signed, promise, signature)
    except IntegrityError as error:
        if violated(error) == KEY_NO_FORK:
            # Two of the key's submissions at once: the other one is the head now.
            raise head_conflict(stated) from error
        if violated(error) not in USED_BEFORE:
            raise
        raise AlreadySubmittedError(
            "the submission's id, or one of its entries', was used before: nothing was stored"
        ) from error
    return Receipt(promise=promise, signature=signature, entry_ids=tuple(signed.entry_ids))


# One round trip. COPY FROM is refused under row-level security, so entries come as arrays.
_INSERT = """
    WITH submission AS (
        INSERT INTO ledger_submission (log_id, organisation_id, submission_id, key_id, count,
            first, statement, statement_hash, signature, received_at, deadline_at,
            receipt_signature)
        VALUES (%(log)s, %(organisation)s, %(submission)s, %(key)s, %(count)s, %(first)s,
            %(statement)s, %(statement_hash)s, %(signature)s, %(received_at)s, %(deadline_at)s,
            %(receipt_signature)s)
        RETURNING id
    ), queued AS (
        INSERT INTO ledger_pending (submission_id, log_id, organisation_id)
        SELECT id, %(log)s, %(organisation)s FROM submission
    )
    INSERT INTO ledger_entry (entry_id, submission_id, position, organisation_id, uuid, kind,
        content)
    SELECT entry_id, submission.id, position, %(organisation)s, uuid, kind, content
    FROM submission, unnest(%(entry_ids)s, %(uuids)s, %(kinds)s, %(contents)s)
        WITH ORDINALITY AS row (entry_id, uuid, kind, content, position)
"""


def _insert(log: LogInfo, signed: Signed, promise: Promise, signature: bytes) -> None:
    stated = signed.parsed
    with bulk_cursor(current_alias()) as cursor:
        cursor.execute(
            _INSERT,
            {
                "log": log.id,
                "organisation": stated.organisation_id,
                "submission": stated.id,
                "key": stated.key_id.hex(),
                "count": stated.n,
                "first": None if stated.chain is None else stated.chain.first,
                "statement": signed.statement,
                "statement_hash": promise.statement_hash,
                "signature": signed.signature,
                "received_at": truncated(promise.time),
                "deadline_at": truncated(promise.deadline),
                "receipt_signature": signature,
                "entry_ids": ByteaArray(signed.entry_ids),
                "uuids": UuidArray(draft.id for draft in signed.drafts),
                "kinds": TextArray(draft.kind for draft in signed.drafts),
                "contents": ByteaArray(signed.entries),
            },
        )


def violated(error: IntegrityError) -> str:
    """Return the name of the constraint that refused, empty where the database names none."""
    diagnosis = getattr(error.__cause__, "diag", None)
    return getattr(diagnosis, "constraint_name", None) or ""


def truncated(time: dt.datetime) -> dt.datetime:
    """Return the time at the precision that a receipt states: milliseconds."""
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


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
