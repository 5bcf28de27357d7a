"""Destroying: rows go, what stays is wrapped anew, and the old wraps are tried on what is left.

Called by an erasure, inside its transaction, after its entry.
"""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from django.db import connections

from foundation.core.actor import Actor
from foundation.tenancy import current_alias
from vault.cipher import CipherError
from vault.core.envelope import EnvelopeError
from vault.core.erasure import ErasurePlan, ErasureProbeError
from vault.errors import UnreadableItemError
from vault.models import PersonalItem, SubjectKey
from vault.registry import HolderSpec
from vault.services.items import data_key, data_key_wrap
from vault.services.keys import kek_make, keyring_hold, subject_key

CHUNK = 500
# Everything that is about a subject, the subject last.
_DELETE_ALL = (
    "DELETE FROM vault_subjectlookup WHERE subject_id = %s",
    "DELETE FROM vault_personalitem WHERE subject_id = %s",
    "DELETE FROM vault_subjectidentifier WHERE subject_id = %s",
    "DELETE FROM vault_subjecttag WHERE subject_id = %s",
    "DELETE FROM vault_subjectkey WHERE subject_id = %s",
    "DELETE FROM vault_subject WHERE id = %s",
)


def shred(*, actor: Actor, key: SubjectKey, plan: ErasurePlan, specs: Sequence[HolderSpec]) -> None:
    """Destroy what the plan holds, with the key above it, and what the apps keep beside it.

    Raise ``ErasureProbeError`` where a destroyed item's key still opens under one that is left.
    """
    doomed = [held.item for held in plan.holdings]
    copies = list(_items(id__in=doomed))
    if plan.category is None:
        for statement in _DELETE_ALL:
            _execute(statement, [key.subject_id])
    else:
        _rekey(key, doomed)
        _execute(
            "DELETE FROM vault_subjectlookup WHERE subject_id = %s AND holder = ANY(%s)",
            [key.subject_id, [spec.name for spec in specs]],
        )
        _execute("DELETE FROM vault_personalitem WHERE id = ANY(%s)", [doomed])
        _execute("DELETE FROM vault_subjectkey WHERE id = %s", [key.pk])
    for spec in specs:
        if spec.destroy is not None:
            spec.destroy(actor=actor, subject_id=key.subject_id)
    _probe_copies(key.subject_id, copies)


def _rekey(key: SubjectKey, doomed: Sequence[UUID]) -> None:
    """Make the next version of the subject's key and wrap under it whatever stays."""
    old, version = subject_key(key), key.version + 1
    new = kek_make(keyring_hold(key.organisation_id), key.subject_id, version)
    stays = PersonalItem.objects.filter(subject_id=key.subject_id).exclude(id__in=doomed)
    ids = list(stays.values_list("id", flat=True))
    for start in range(0, len(ids), CHUNK):
        chunk = list(_items(id__in=ids[start : start + CHUNK]))
        deks = {}
        for item in chunk:
            deks[item.id] = _stays(item, old)
            data_key_wrap(item, version, new, deks[item.id])
        _execute(
            "UPDATE vault_personalitem AS item"
            " SET kek_version = %s, wrapped_dek = row.wrapped_dek"
            " FROM unnest(%s::uuid[], %s::bytea[]) AS row (id, wrapped_dek)"
            " WHERE item.id = row.id",
            [version, [item.id for item in chunk], [bytes(item.wrapped_dek) for item in chunk]],
        )
        # Read back before the old key goes: what does not open now never will.
        for item in _items(id__in=list(deks)):
            if _stays(item, new) != deks[item.id]:
                raise UnreadableItemError("an item that is to stay was not wrapped anew")


def _stays(item: PersonalItem, kek: bytes) -> bytes:
    try:
        return data_key(item, kek)
    except (CipherError, EnvelopeError) as error:
        raise UnreadableItemError("an item that is to stay does not open") from error


def _probe_copies(subject_id: UUID, copies: Sequence[PersonalItem]) -> None:
    """Try to open each destroyed item, from a copy of its row, with every key that is left."""
    left = [(row.version, subject_key(row)) for row in _keys_left(subject_id)]
    for item in copies:
        was = item.kek_version
        for version, kek in left:
            for item.kek_version in (was, version):  # as it was wrapped, and as if wrapped anew
                if _opens(item, kek):
                    raise ErasureProbeError(f"{item.holder} still opens {item.id}")


def _opens(item: PersonalItem, kek: bytes) -> bool:
    try:
        data_key(item, kek)
    except (CipherError, EnvelopeError):
        return False
    return True


def _keys_left(subject_id: UUID) -> list[SubjectKey]:
    return list(SubjectKey.objects.filter(subject_id=subject_id))


def _items(**conditions: object) -> Iterator[PersonalItem]:
    """Yield items without their ciphertexts, which may be large and are not needed here."""
    return PersonalItem.objects.filter(**conditions).defer("envelope").iterator()


def _execute(statement: str, params: list[Any]) -> None:
    with connections[current_alias()].cursor() as cursor:
        cursor.execute(statement, params)
