"""Rotation of roots: all that lives is wrapped anew, read back, and then the old root is destroyed.

From then on copies of the database that were made before open nowhere, and what was erased under
the old root is beyond anybody's reach. Each step commits by itself; whatever stops it, running it
again goes on from there: an epoch whose root has no entry of its destruction is unfinished.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from secrets import token_bytes
from uuid import UUID, uuid4

from django.db import connections
from django.db.models import QuerySet

from accounts.core.scopes import Scope, organisation_with
from foundation.core.actor import Actor
from foundation.core.problem import UnprocessableError
from foundation.key_providers import KeyMissingError, UnwrapError, key_provider
from foundation.tenancy import acting_as, current_alias
from ledger.core.entry import EntryDraft
from ledger.services import submission_append
from vault.errors import UnreadableItemError
from vault.models import ErasureExecution, Keyring, RootDestruction, SubjectKey, SubjectTag
from vault.services.certificates import certify_final
from vault.services.keys import (
    FIRST_EPOCH,
    KEY_SIZE_BYTES,
    lookup_key_aad,
    root_name,
    subject_key,
    subject_key_aad,
    tag_secret,
    tag_secret_aad,
    unwrap,
)

ROOT_DESTROYED = "vault.root.destroyed.v1"
CHUNK = 500
_CANARY_AAD = b"theriac/root-canary/v1\n"

# Told after each step: how many wraps of the old root are made anew, of how many.
Progress = Callable[[int, int], None]


class RotationError(UnprocessableError):
    """A wrap does not open, or a destroyed root still does: the rotation stops where it is."""

    slug = "rotation-stopped"
    title = "The rotation stops here"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotated:
    """The current epoch, how many keys its root wraps, and which erasures are final now."""

    epoch: int
    wrapped: int
    final: int


def root_rotate(*, actor: Actor, now: dt.datetime, progress: Progress) -> Rotated:
    """Put the organisation's vault under a new root and destroy the old one.

    Raise ``MissingScopeError``, or ``RotationError``: then nothing is lost, and the old root
    stands until it is run again.
    """
    organisation_with(actor, Scope.LEDGER_WRITE)
    epoch = _begin(actor)
    _rewrap_all(actor, epoch, progress)
    wrapped = _verify_all(actor, epoch)
    return _finish(actor, wrapped=wrapped, now=now)


def _begin(actor: Actor) -> int:
    """Return the epoch to go to: a new one with its root, or the unfinished one."""
    with acting_as(actor):
        keyring = _keyring_take(actor.organisation)
        if _unfinished(keyring):
            return keyring.epoch
        key = _opened(
            keyring.organisation_id,
            keyring.epoch,
            bytes(keyring.wrapped_lookup_key),
            lookup_key_aad(keyring.organisation_id),
        )
        keyring.epoch += 1
        name = root_name(keyring.organisation_id, keyring.epoch)
        aad = lookup_key_aad(keyring.organisation_id)
        # A root may be left over from a try that failed: it wrapped nothing that is kept.
        if not key_provider().root_exists(name):
            key_provider().root_create(name)
        keyring.wrapped_lookup_key = _wrapped(keyring.organisation_id, keyring.epoch, key, aad)
        keyring.save(update_fields=["epoch", "wrapped_lookup_key"])
        return keyring.epoch


def _keyring_take(organisation_id: UUID) -> Keyring:
    """Return the keyring, held alone: nobody makes a key meanwhile."""
    rows = Keyring.objects.select_for_update().filter(organisation_id=organisation_id)
    for keyring in rows:
        return keyring
    raise RotationError("the organisation keeps nothing personal: it has no root yet")


def _unfinished(keyring: Keyring) -> bool:
    return (
        keyring.epoch > FIRST_EPOCH
        and not RootDestruction.objects.filter(epoch=keyring.epoch - 1).exists()
    )


def _rewrap_all(actor: Actor, epoch: int, progress: Progress) -> None:
    """Wrap anew, by the root of ``epoch``, all that an earlier one wraps."""
    with acting_as(actor):
        total = _count_behind(epoch)
    done = 0
    progress(done, total)
    while True:
        made = _rewrap(actor, epoch, limit=CHUNK)
        # Rows that somebody holds were passed over: the next is waited for, alone, so that
        # nobody waits for us in turn.
        made = made or _rewrap(actor, epoch, limit=1, wait=True)
        if not made:
            return
        done += made
        progress(min(done, total), total)


def _keys_behind(epoch: int) -> QuerySet[SubjectKey]:
    return SubjectKey.objects.filter(epoch__lt=epoch).order_by("pk")


def _tags_behind(epoch: int) -> QuerySet[SubjectTag]:
    return SubjectTag.objects.filter(epoch__lt=epoch).order_by("pk")


def _count_behind(epoch: int) -> int:
    return _keys_behind(epoch).count() + _tags_behind(epoch).count()


def _rewrap(actor: Actor, epoch: int, *, limit: int, wait: bool = False) -> int:
    """Wrap some anew, open them again, and commit; return how many."""
    with acting_as(actor):
        held = _keys_behind(epoch).select_for_update(skip_locked=not wait, no_key=True)
        keys = [
            (
                row.pk,
                _wrapped(row.organisation_id, epoch, _key_opened(row), subject_key_aad(row, epoch)),
            )
            for row in held[:limit]
        ]
        _store(_STORE_KEYS, epoch, keys)
        if wait and keys:
            return len(keys)
        held_tags = _tags_behind(epoch).select_for_update(skip_locked=not wait, no_key=True)
        tags = [
            (row.pk, _wrapped(row.organisation_id, epoch, _tag_opened(row), _tag_aad(row)))
            for row in held_tags[:limit]
        ]
        _store(_STORE_TAGS, epoch, tags)
        return len(keys) + len(tags)


_STORE_KEYS = """
    UPDATE vault_subjectkey AS stored SET epoch = %s, wrapped_key = row.wrapped
    FROM unnest(%s::bigint[], %s::bytea[]) AS row (pk, wrapped) WHERE stored.id = row.pk
"""
_STORE_TAGS = """
    UPDATE vault_subjecttag AS stored SET epoch = %s, wrapped_secret = row.wrapped
    FROM unnest(%s::uuid[], %s::bytea[]) AS row (pk, wrapped) WHERE stored.subject_id = row.pk
"""


def _store(statement: str, epoch: int, rows: Sequence[tuple[int | UUID, bytes]]) -> None:
    with connections[current_alias()].cursor() as cursor:
        pks, wraps = [pk for pk, _ in rows], [wrapped for _, wrapped in rows]
        cursor.execute(statement, [epoch, pks, wraps])


def _verify_all(actor: Actor, epoch: int) -> int:
    """Open everything from its stored row under the new root; return how many there are.

    Raise ``RotationError`` for what does not open: the old root is not destroyed then.
    """
    with acting_as(actor):
        keys = list(SubjectKey.objects.filter(epoch=epoch).values_list("pk", flat=True))
        tags = list(SubjectTag.objects.filter(epoch=epoch).values_list("pk", flat=True))
    for start in range(0, len(keys), CHUNK):
        with acting_as(actor):
            for key in SubjectKey.objects.filter(pk__in=keys[start : start + CHUNK]):
                _key_opened(key)
    for start in range(0, len(tags), CHUNK):
        with acting_as(actor):
            for tag in SubjectTag.objects.filter(pk__in=tags[start : start + CHUNK]):
                _tag_opened(tag)
    return len(keys) + len(tags)


def _finish(actor: Actor, *, wrapped: int, now: dt.datetime) -> Rotated:
    """Destroy every earlier root, put that on the ledger, make its erasures final."""
    with acting_as(actor):
        keyring = _keyring_take(actor.organisation)
        left = _count_behind(keyring.epoch)
        if left:
            raise RotationError(f"{left} keys are still under an earlier root: run it again")
        final = 0
        for epoch in _epochs_to_destroy(keyring):
            _destroy(keyring, epoch)
            destruction = _recorded(actor, keyring, epoch, now=now)
            executions = ErasureExecution.objects.filter(epoch=epoch).order_by("pk")
            final += certify_final(
                actor=actor, executions=list(executions), destruction=destruction, now=now
            )
        return Rotated(epoch=keyring.epoch, wrapped=wrapped, final=final)


def _epochs_to_destroy(keyring: Keyring) -> Iterator[int]:
    dead = set(RootDestruction.objects.values_list("epoch", flat=True))
    return (epoch for epoch in range(FIRST_EPOCH, keyring.epoch) if epoch not in dead)


def _destroy(keyring: Keyring, epoch: int) -> None:
    """Destroy a root, and try it: what it wrapped a moment ago must not open any more."""
    name = root_name(keyring.organisation_id, epoch)
    wrapped = bytes(KEY_SIZE_BYTES * 2)  # of a root that a try before has destroyed
    if key_provider().root_exists(name):
        wrapped = key_provider().root_wrap(name, token_bytes(KEY_SIZE_BYTES), _CANARY_AAD)
    key_provider().root_destroy(name)
    for each in (epoch, keyring.epoch):
        try:
            key_provider().root_unwrap(
                root_name(keyring.organisation_id, each), wrapped, _CANARY_AAD
            )
        except (KeyMissingError, UnwrapError):
            continue
        raise RotationError(f"the root of epoch {epoch} was destroyed and still opens")
    if key_provider().root_exists(name):
        raise RotationError(f"the root of epoch {epoch} was destroyed and is still there")


def _recorded(actor: Actor, keyring: Keyring, epoch: int, *, now: dt.datetime) -> RootDestruction:
    body = {"epoch": epoch, "current": keyring.epoch}
    draft = EntryDraft(kind=ROOT_DESTROYED, id=uuid4(), body=body)
    receipt = submission_append(actor=actor, entries=[draft], now=now)
    return RootDestruction.objects.create(
        organisation_id=keyring.organisation_id,
        epoch=epoch,
        destroyed_at=now,
        entry_id=receipt.entry_ids[0],
    )


def _tag_aad(row: SubjectTag) -> bytes:
    return tag_secret_aad(row.organisation_id, row.subject_id)


def _wrapped(organisation_id: UUID, epoch: int, key: bytes, aad: bytes) -> bytes:
    """Wrap a key under a root and open it again; raise ``RotationError``."""
    name = root_name(organisation_id, epoch)
    wrapped = key_provider().root_wrap(name, key, aad)
    if key_provider().root_unwrap(name, wrapped, aad) != key:
        raise RotationError("what the new root wraps does not open as it was")
    return wrapped


def _opened(organisation_id: UUID, epoch: int, wrapped: bytes, aad: bytes) -> bytes:
    try:
        return unwrap(root_name(organisation_id, epoch), wrapped, aad)
    except UnreadableItemError as error:
        raise RotationError(f"the look-up key does not open: {error.detail}") from error


def _key_opened(row: SubjectKey) -> bytes:
    try:
        return subject_key(row)
    except UnreadableItemError as error:
        raise RotationError(f"subject key {row.pk} does not open: {error.detail}") from error


def _tag_opened(row: SubjectTag) -> bytes:
    try:
        return tag_secret(row)
    except UnreadableItemError as error:
        raise RotationError(f"tag secret of {row.pk} does not open: {error.detail}") from error
