"""Items: sealed under a data key of their own, opened only as what was committed to."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from secrets import token_bytes
from typing import Any
from uuid import UUID, uuid4

from django.db import connections
from django.db.models import Max

from foundation.core.actor import Actor
from foundation.tenancy import acting_as, current_alias
from ledger.core.bundle import Opening
from ledger.core.commitment import CommitmentError, check_commitment, commit
from vault.cipher import CipherError, open_envelope, seal_envelope, unwrap_key, wrap_key
from vault.core.envelope import EnvelopeError, KeyPurpose, dek_wrap_aad, record_aad
from vault.errors import ErasedError, RootGoneError, UnknownItemError, UnreadableItemError
from vault.models import ErasedItem, PersonalItem, SubjectKey
from vault.registry import holder_get
from vault.services.keys import KEY_SIZE_BYTES, subject_key, subject_keys_hold

NONCE_SIZE_BYTES = 24
_LENGTH_SIZE_BYTES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemDraft:
    """Something about a subject, to be sealed as the next version of ``holder``/``ref``.

    ``header`` is canonical JSON that the commitment covers; ``seed`` are 32 random bytes, the
    commitment's key, sealed with the data so that they die together.
    """

    subject_id: UUID
    holder: str
    ref: UUID
    media_type: str
    data: bytes = field(repr=False)
    header: bytes = field(repr=False)
    seed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """What was put: the item's id, and the commitment that goes into its entry."""

    item_id: UUID
    commitment: bytes


def personal_put(
    *,
    actor: Actor,
    subject_id: UUID,
    holder: str,
    ref: UUID,
    media_type: str,
    data: bytes,
    header: bytes,
    seed: bytes,
) -> Sealed:
    """Encrypt ``data`` about a subject as the next version of ``holder``/``ref``.

    Raise ``UnknownSubjectError``, ``ErasedError``, ``EnvelopeSizeError`` over 1 MiB, or
    ``UnregisteredHolderError``: what erasure does not know of is not kept.
    """
    draft = ItemDraft(
        subject_id=subject_id,
        holder=holder,
        ref=ref,
        media_type=media_type,
        data=data,
        header=header,
        seed=seed,
    )
    return personal_put_many(actor=actor, items=[draft])[0]


def personal_put_many(*, actor: Actor, items: Sequence[ItemDraft]) -> tuple[Sealed, ...]:
    """Do as ``personal_put`` for all of them, in their order; three queries for any number.

    They may be about several subjects. One thing named more than once gets a version for each.
    """
    for holder in {draft.holder for draft in items}:
        holder_get(holder)
    if not items:
        return ()
    sealed: dict[int, PersonalItem] = {}
    with acting_as(actor):
        held = subject_keys_hold({draft.subject_id for draft in items})
        keys = {subject_id: (row.version, subject_key(row)) for subject_id, row in held.items()}
        waiting = list(range(len(items)))
        while waiting:
            versions = _versions(actor, [items[at] for at in waiting])
            made: dict[int, PersonalItem] = {}
            for at in waiting:
                draft = items[at]
                thing = (draft.holder, draft.ref)
                versions[thing] = versions.get(thing, 0) + 1
                kek_version, kek = keys[draft.subject_id]
                item = PersonalItem(
                    organisation_id=actor.organisation,
                    subject_id=draft.subject_id,
                    holder=draft.holder,
                    ref=draft.ref,
                    version=versions[thing],
                    media_type=draft.media_type,
                )
                made[at] = _sealed(item, draft, kek_version, kek)
            stored = _insert(actor, made)
            sealed |= {at: item for at, item in made.items() if item.id in stored}
            # Somebody else put the same version of a thing first: it is made again as the next.
            waiting = [at for at in waiting if at not in sealed]
        return tuple(
            Sealed(item_id=sealed[at].id, commitment=bytes(sealed[at].commitment))
            for at in range(len(items))
        )


def _versions(actor: Actor, drafts: Sequence[ItemDraft]) -> dict[tuple[str, UUID], int]:
    """Return the newest version of each thing that has one."""
    rows = PersonalItem.objects.filter(
        organisation_id=actor.organisation,
        holder__in={draft.holder for draft in drafts},
        ref__in={draft.ref for draft in drafts},
    )
    newest = rows.values("holder", "ref").annotate(newest=Max("version"))
    return {(row["holder"], row["ref"]): row["newest"] for row in newest}


def _sealed(item: PersonalItem, draft: ItemDraft, kek_version: int, kek: bytes) -> PersonalItem:
    """Seal the draft into its row, under a data key of its own."""
    item.dek_id = uuid4()
    item.commitment = commit(key=draft.seed, header=draft.header, data=draft.data)
    dek = token_bytes(KEY_SIZE_BYTES)
    data_key_wrap(item, kek_version, kek, dek)
    size = len(draft.header).to_bytes(_LENGTH_SIZE_BYTES, "big")
    item.envelope = seal_envelope(
        key=dek,
        purpose=KeyPurpose.RECORD,
        nonce=token_bytes(NONCE_SIZE_BYTES),
        aad=_record_aad(item),
        plaintext=draft.seed + size + draft.header + draft.data,
    )
    return item


# One statement for any number, and no lock: a version that somebody else takes meanwhile is
# skipped and not returned.
_INSERT = """
    INSERT INTO vault_personalitem (organisation_id, id, subject_id, holder, ref, version,
        media_type, kek_version, dek_id, wrapped_dek, envelope, commitment)
    SELECT %s, row.* FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::uuid[], %s::integer[],
        %s::text[], %s::integer[], %s::uuid[], %s::bytea[], %s::bytea[], %s::bytea[]) AS row
    ON CONFLICT (organisation_id, holder, ref, version) DO NOTHING
    RETURNING id
"""
_INSERTED = (
    "id",
    "subject_id",
    "holder",
    "ref",
    "version",
    "media_type",
    "kek_version",
    "dek_id",
    "wrapped_dek",
    "envelope",
    "commitment",
)


def _insert(actor: Actor, made: Mapping[int, PersonalItem]) -> set[UUID]:
    """Insert what was sealed; return the ids of what is in."""
    # In one order, so that two who put the same things wait for each other in turn.
    rows = sorted(made.values(), key=lambda item: (item.holder, item.ref.bytes, item.version))
    columns = [[getattr(row, name) for row in rows] for name in _INSERTED]
    with connections[current_alias()].cursor() as cursor:
        cursor.execute(_INSERT, [actor.organisation, *columns])
        return {id_ for (id_,) in cursor.fetchall()}


def personal_get(*, actor: Actor, item_id: UUID) -> bytes:
    """Return an item's bytes, checked against its commitment.

    Whoever calls has written the access entry. Raise ``UnknownItemError``, ``ErasedError``, or
    ``UnreadableItemError`` for what does not open or is not what was committed to.
    """
    return opening_get(actor=actor, item_id=item_id).data


def opening_get(*, actor: Actor, item_id: UUID, number: int = 0) -> Opening:
    """Return what opens the item's commitment, as number ``number`` of its entry; raises so too."""
    return replace(openings_get(actor=actor, item_ids=[item_id])[item_id], commitment=number)


def openings_get(*, actor: Actor, item_ids: Collection[UUID]) -> dict[UUID, Opening]:
    """Return what opens each of these items, in one query; raises as ``opening_get``.

    Of several, those that were erased are left out, unless nothing else is left.
    """
    if not item_ids:
        return {}
    with acting_as(actor):
        try:
            return _opened(item_ids)
        except RootGoneError:
            # Read before a rotation, opened after it: the rows name the new root by now.
            return _opened(item_ids)


# One statement, so one moment: an erasure or a rotation is seen whole or not at all.
_ITEMS = """
    SELECT item.*, key.id AS key_row, key.epoch AS key_epoch, key.wrapped_key AS key_wrapped
    FROM vault_personalitem AS item
    LEFT JOIN vault_subjectkey AS key
        ON key.subject_id = item.subject_id AND key.version = item.kek_version
    WHERE item.id = ANY(%s)
"""


def _opened(item_ids: Collection[UUID]) -> dict[UUID, Opening]:
    keks: dict[int, bytes] = {}
    opened: dict[UUID, Opening] = {}
    for item in PersonalItem.objects.raw(_ITEMS, [list(item_ids)]):
        try:
            row = _key_of(item)
            if row.pk not in keks:
                keks[row.pk] = subject_key(row)
            opened[item.id] = _open(item, keks[row.pk])
        except UnreadableItemError as error:
            error.item_id = item.id
            raise
    _check_missing(set(item_ids), set(opened))
    return opened


def _key_of(item: Any) -> SubjectKey:
    """Return the row of the key that a joined row came with."""
    if item.key_row is None:
        raise UnreadableItemError("the item's key is missing")
    return SubjectKey(
        id=item.key_row,
        subject_id=item.subject_id,
        organisation_id=item.organisation_id,
        version=item.kek_version,
        epoch=item.key_epoch,
        wrapped_key=item.key_wrapped,
    )


def _check_missing(wanted: set[UUID], found: set[UUID]) -> None:
    """Raise ``UnknownItemError`` or ``ErasedError`` for what is not there."""
    missing = wanted - found
    if not missing:
        return
    rows = ErasedItem.objects.select_related("execution").filter(item_id__in=missing)
    erased = {row.item_id: row.execution for row in rows}
    if erased.keys() != missing:
        raise UnknownItemError("your organisation keeps no such item")
    if not found:
        entry_id = bytes(next(iter(erased.values())).entry_id)
        raise ErasedError("it was erased with its keys", entry=entry_id.hex())


def _open(item: PersonalItem, kek: bytes) -> Opening:
    try:
        plaintext = open_envelope(
            key=data_key(item, kek),
            purpose=KeyPurpose.RECORD,
            aad=_record_aad(item),
            envelope=bytes(item.envelope),
        )
        opening = _opening(plaintext)
        # The cipher does not commit to its key: one ciphertext may open under two.
        check_commitment(
            commitment=bytes(item.commitment),
            key=opening.key,
            header=opening.header,
            data=opening.data,
        )
    except (CipherError, EnvelopeError, CommitmentError) as error:
        raise UnreadableItemError("the item is not what was put") from error
    return opening


def data_key(item: PersonalItem, kek: bytes) -> bytes:
    """Return an item's data key; raise ``CipherError`` or ``EnvelopeError``."""
    return unwrap_key(
        wrapping_key=kek,
        purpose=KeyPurpose.DEK_WRAP,
        aad=_dek_aad(item),
        envelope=bytes(item.wrapped_dek),
    )


def data_key_wrap(item: PersonalItem, kek_version: int, kek: bytes, dek: bytes) -> None:
    """Wrap an item's data key under a version of its subject's key, in the row given."""
    item.kek_version = kek_version
    item.wrapped_dek = wrap_key(
        wrapping_key=kek,
        purpose=KeyPurpose.DEK_WRAP,
        nonce=token_bytes(NONCE_SIZE_BYTES),
        aad=_dek_aad(item),
        key=dek,
    )


def _opening(plaintext: bytes) -> Opening:
    start = KEY_SIZE_BYTES + _LENGTH_SIZE_BYTES
    size = int.from_bytes(plaintext[KEY_SIZE_BYTES:start], "big")
    return Opening(
        commitment=0,
        key=plaintext[:KEY_SIZE_BYTES],
        header=plaintext[start : start + size],
        data=plaintext[start + size :],
    )


def _dek_aad(item: PersonalItem) -> bytes:
    return dek_wrap_aad(subject=item.subject_id, record=item.id, kek_version=item.kek_version)


def _record_aad(item: PersonalItem) -> bytes:
    return record_aad(
        organisation=item.organisation_id,
        subject=item.subject_id,
        record=item.id,
        version=item.version,
        media_type=item.media_type,
        dek=item.dek_id,
    )
