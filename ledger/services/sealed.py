"""Sealed submissions: signed by a key that the organisation itself holds.

The server rebuilds the entries from the document and compares; it never signs for the member.
"""

from collections.abc import Collection, Sequence
from uuid import UUID

from django.db import connections

from foundation.core.actor import Actor
from foundation.tenancy import current_alias
from ledger.core.ed25519 import SignatureError, check_signature
from ledger.core.entry import EntryDraft, EntryError, build_entry, parse_entry
from ledger.core.merkle import leaf_hash, tree_root
from ledger.core.sealed import SealedSubmission
from ledger.core.statement import (
    NO_STATEMENT,
    KeyChain,
    Statement,
    parse_statement,
    statement_message,
)
from ledger.errors import (
    KeyHeadConflictError,
    KeyRefusedError,
    SealedMismatchError,
    SignatureRefusedError,
)
from ledger.models import KeyHolder, KeyRevocation, SigningKey
from ledger.selectors import LogInfo
from ledger.services.signed import Signed

_HEADS = """
    SELECT DISTINCT ON (key_id) key_id, first + count, statement_hash FROM ledger_submission
    WHERE key_id = ANY(%s) AND first IS NOT NULL ORDER BY key_id, first DESC
"""
CHAINED = (KeyHolder.MEMBER, KeyHolder.DEVICE)


def sealed_check(
    *, actor: Actor, log: LogInfo, drafts: Sequence[EntryDraft], sealed: SealedSubmission
) -> Signed:
    """Return the submission that the client signed, once everything about it fits.

    The key is one that the organisation's own system or device holds, in the log and
    unrevoked; the statement follows the key's last one; the signature verifies; and the
    entries rebuilt from the document are the signed ones, byte for byte.
    """
    signed = statement_check(
        actor=actor,
        log=log,
        statement=sealed.statement,
        signature=sealed.signature,
        entries=sealed.entries,
        drafts=drafts,
    )
    check_rebuilt(signed.parsed, drafts, sealed)
    return signed


def statement_check(
    *,
    actor: Actor,
    log: LogInfo,
    statement: bytes,
    signature: bytes,
    entries: Sequence[bytes],
    drafts: Sequence[EntryDraft],
) -> Signed:
    """Return the submission of these entries, once the client's statement about them holds."""
    stated = parse_statement(statement)
    if stated.organisation_id != actor.organisation or stated.log != log.origin:
        raise KeyRefusedError("the statement is another organisation's, or for another log")
    key = own_key(stated.key_id.hex(), actor.organisation, log)
    _check_chain(stated)
    try:
        check_signature(key, statement_message(statement), signature)
    except SignatureError as error:
        raise SignatureRefusedError("the statement's signature does not verify") from error
    return check_stated(
        stated, statement=statement, signature=signature, entries=entries, drafts=drafts
    )


def check_stated(
    stated: Statement,
    *,
    statement: bytes,
    signature: bytes,
    entries: Sequence[bytes],
    drafts: Sequence[EntryDraft],
) -> Signed:
    """Return the submission once the statement is about these entries."""
    entry_ids = [leaf_hash(entry) for entry in entries]
    if stated.n != len(entry_ids) or stated.root != tree_root(entry_ids):
        raise SignatureRefusedError("number or root of the entries is not what was signed")
    return Signed(
        statement=statement,
        parsed=stated,
        signature=signature,
        entries=entries,
        entry_ids=entry_ids,
        drafts=drafts,
    )


def key_head(key_id: str) -> KeyChain:
    """Return what the next statement of a chained key must say as ``first`` and ``prev``."""
    return key_heads([key_id]).get(key_id, KeyChain(first=0, prev=NO_STATEMENT))


def key_heads(key_ids: Collection[str]) -> dict[str, KeyChain]:
    """Return the same of those of the keys that signed before, in one query."""
    with connections[current_alias()].cursor() as cursor:
        cursor.execute(_HEADS, [list(key_ids)])
        return {
            key_id: KeyChain(first=first, prev=bytes(prev))
            for key_id, first, prev in cursor.fetchall()
        }


def own_key(key_id: str, organisation_id: UUID, log: LogInfo) -> bytes:
    """Return a key valid in the log that the organisation's own system or device holds.

    Raise ``KeyRefusedError`` where there is none of this id.
    """
    key = own_keys([key_id], organisation_id, log).get(key_id)
    if key is None:
        raise key_unknown()
    return key


def own_keys(key_ids: Collection[str], organisation_id: UUID, log: LogInfo) -> dict[str, bytes]:
    """Return the public keys, by id, of those that are such."""
    rows = SigningKey.objects.filter(
        log_id=log.id,
        key_id__in=key_ids,
        organisation_id=organisation_id,
        holder__in=CHAINED,
        revoked_index=None,
    ).exclude(key_id__in=KeyRevocation.objects.filter(key_id__in=key_ids).values("key_id"))
    return {key_id: bytes(key) for key_id, key in rows.values_list("key_id", "public_key")}


def key_unknown() -> KeyRefusedError:
    """Return the refusal of a key that is none of ``own_keys``."""
    return KeyRefusedError("the key is not in the log for this organisation, or is revoked")


def _check_chain(stated: Statement) -> None:
    head = key_head(stated.key_id.hex())
    if stated.chain != head:
        raise head_conflict(head)


def head_conflict(head: KeyChain) -> KeyHeadConflictError:
    """Return the refusal of a statement that does not follow ``head``, which it names."""
    return KeyHeadConflictError(
        "sign again, following the key's last submission", first=head.first, prev=head.prev.hex()
    )


def check_rebuilt(
    stated: Statement, drafts: Sequence[EntryDraft], sealed: SealedSubmission
) -> None:
    """Raise ``SealedMismatchError`` unless the document makes the signed entries, byte for byte."""
    if len(drafts) != len(sealed.entries):
        raise SealedMismatchError(
            f"the document makes {len(drafts)} entries, {len(sealed.entries)} were signed",
            entries=len(drafts),
        )
    for line, (draft, entry) in enumerate(zip(drafts, sealed.entries, strict=True)):
        try:
            rebuilt = build_entry(
                draft=draft,
                log=stated.log,
                organisation_id=stated.organisation_id,
                key_id=stated.key_id,
                time=stated.time,
            )
        except EntryError as error:
            raise SealedMismatchError(
                f"entry {line} cannot be rebuilt: {error.detail}", line=line
            ) from error
        if rebuilt != entry:
            member = _first_other(rebuilt, entry)
            raise SealedMismatchError(
                f"entry {line} is not what the document makes: its {member} differs",
                line=line,
                member=member,
            )


def _first_other(rebuilt: bytes, signed: bytes) -> str:
    """Return the name of the first member in which two entries differ."""
    ours, theirs = parse_entry(rebuilt), parse_entry(signed)
    names = (
        "kind",
        "time",
        "id",
        "body",
        "commitments",
        "endorsements",
    )  # the rest names the signer
    return next(name for name in names if getattr(ours, name) != getattr(theirs, name))
