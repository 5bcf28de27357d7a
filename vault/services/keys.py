"""The hierarchy of keys: root (in the provider) over subject's key over data key."""

import hmac
from collections.abc import Collection, Sequence
from secrets import token_bytes
from uuid import UUID

from django.db import connections

from foundation.key_providers import KeyMissingError, UnwrapError, key_provider
from foundation.tenancy import current_alias
from vault.core.envelope import KeyPurpose, derive_key, kek_wrap_aad
from vault.errors import ErasedError, RootGoneError, UnknownSubjectError, UnreadableItemError
from vault.models import ErasureExecution, Keyring, SubjectKey, SubjectTag

KEY_SIZE_BYTES = 32
FIRST_EPOCH = 1
FIRST_VERSION = 1
_LOCK = 21  # classid of the advisory locks on an organisation's keyring
_LOOKUP = b"theriac/lookup/v1\n"
_HOLDER_LOOKUP = b"theriac/holder-lookup/v1\n"
_TAG_SECRET = b"theriac/tag-secret/v1\n"


def root_name(organisation_id: UUID, epoch: int) -> str:
    """Return the provider's name of an organisation's root of an epoch."""
    return f"root/{organisation_id}/{epoch}"


def keyring_ensure(organisation_id: UUID) -> Keyring:
    """Return the organisation's keyring, made with a root of its own at first use."""
    found = Keyring.objects.filter(organisation_id=organisation_id).first()
    if found is not None:
        return found
    lock(_LOCK, organisation_id)
    found = Keyring.objects.filter(organisation_id=organisation_id).first()
    if found is not None:
        return found
    name = root_name(organisation_id, FIRST_EPOCH)
    # A root may be left over from a transaction that failed: it wrapped nothing that is kept.
    if not key_provider().root_exists(name):
        key_provider().root_create(name)
    wrapped = key_provider().root_wrap(
        name, token_bytes(KEY_SIZE_BYTES), lookup_key_aad(organisation_id)
    )
    return Keyring.objects.create(
        organisation_id=organisation_id, epoch=FIRST_EPOCH, wrapped_lookup_key=wrapped
    )


def lookup_key(organisation_id: UUID) -> bytes:
    """Return the key of an organisation's keyed hashes, made at first use.

    Raise ``UnreadableItemError``.
    """
    try:
        return _lookup_key(keyring_ensure(organisation_id))
    except RootGoneError:
        # Read before a rotation, opened after it: the keyring names the new root by now.
        return _lookup_key(keyring_ensure(organisation_id))


def _lookup_key(keyring: Keyring) -> bytes:
    return unwrap(
        root_name(keyring.organisation_id, keyring.epoch),
        bytes(keyring.wrapped_lookup_key),
        lookup_key_aad(keyring.organisation_id),
    )


def lookup_key_aad(organisation_id: UUID) -> bytes:
    """Return what binds the wrapped look-up key to its organisation."""
    return _LOOKUP + organisation_id.bytes


def identifier_hash(key: bytes, system: str, value: str) -> bytes:
    """Return the keyed hash under which an identifier is found; lengths keep the parts apart."""
    return hmac.digest(key, _LOOKUP + _prefixed(system, value), "sha256")


def holder_hash(key: bytes, holder: str, parts: Sequence[str]) -> bytes:
    """Return the keyed hash under which a thing of ``holder`` is found."""
    return hmac.digest(key, _HOLDER_LOOKUP + _prefixed(holder, *parts), "sha256")


def _prefixed(*parts: str) -> bytes:
    texts = [part.encode() for part in parts]
    return b"".join(len(text).to_bytes(8, "big") + text for text in texts)


def keyring_hold(organisation_id: UUID) -> Keyring:
    """Return the keyring, its epoch held until the transaction ends: no rotation comes between."""
    rows = Keyring.objects.raw(
        "SELECT * FROM vault_keyring WHERE organisation_id = %s FOR SHARE", [organisation_id]
    )
    return rows[0]


def subject_keys_make(organisation_id: UUID, subject_ids: Collection[UUID]) -> None:
    """Make new subjects' keys and tag secrets, wrapped by the current root."""
    if not subject_ids:
        return
    keyring = keyring_hold(organisation_id)
    name = root_name(organisation_id, keyring.epoch)
    SubjectKey.objects.bulk_create(
        kek_row(keyring, subject_id, FIRST_VERSION, token_bytes(KEY_SIZE_BYTES))
        for subject_id in subject_ids
    )
    SubjectTag.objects.bulk_create(
        SubjectTag(
            subject_id=subject_id,
            organisation_id=organisation_id,
            epoch=keyring.epoch,
            wrapped_secret=key_provider().root_wrap(
                name, token_bytes(KEY_SIZE_BYTES), tag_secret_aad(organisation_id, subject_id)
            ),
            counter=0,
        )
        for subject_id in subject_ids
    )


def kek_make(keyring: Keyring, subject_id: UUID, version: int) -> bytes:
    """Make a version of a subject's key under the current root; return it."""
    kek = token_bytes(KEY_SIZE_BYTES)
    kek_row(keyring, subject_id, version, kek).save(force_insert=True)
    return kek


def kek_row(keyring: Keyring, subject_id: UUID, version: int, kek: bytes) -> SubjectKey:
    """Return the row that wraps a version of a subject's key under the current root."""
    row = SubjectKey(
        subject_id=subject_id,
        organisation_id=keyring.organisation_id,
        version=version,
        epoch=keyring.epoch,
    )
    name = root_name(row.organisation_id, row.epoch)
    row.wrapped_key = key_provider().root_wrap(name, kek, subject_key_aad(row, row.epoch))
    return row


def subject_keys_hold(subject_ids: Collection[UUID]) -> dict[UUID, SubjectKey]:
    """Return the newest key's row of each subject, and hold them until the transaction ends.

    Whoever puts something about a subject holds its key, and an erasure takes it alone: nothing
    is put under a key that is about to die. Raise ``UnknownSubjectError``, or ``ErasedError``.
    """
    wanted = set(subject_ids)
    found = _keys_held(wanted)
    if found.keys() != wanted:
        # A version that was replaced while this waited is gone; its successor is there now.
        found |= _keys_held(wanted - found.keys())
    if found.keys() != wanted:
        raise missing_subject(wanted - found.keys())
    return found


def _keys_held(subject_ids: Collection[UUID]) -> dict[UUID, SubjectKey]:
    rows = SubjectKey.objects.raw(
        "SELECT * FROM vault_subjectkey WHERE subject_id = ANY(%s)"
        " ORDER BY subject_id, version FOR SHARE",
        [list(subject_ids)],
    )
    return {row.subject_id: row for row in rows}


def subject_key_take(subject_id: UUID) -> SubjectKey:
    """Return the row of a subject's key, held alone: whoever puts or counts for it waits.

    There is one: a category's erasure replaces it. Raise as ``subject_keys_hold``.
    """
    found = list(
        SubjectKey.objects.select_for_update().filter(subject_id=subject_id).order_by("version")
    )
    if not found:
        raise missing_subject([subject_id])
    (row,) = found
    return row


def missing_subject(subject_ids: Collection[UUID]) -> ErasedError | UnknownSubjectError:
    """Return the error for subjects of whom there is no key."""
    erased = ErasureExecution.objects.filter(subject_id__in=subject_ids, category="").first()
    if erased is None:
        return UnknownSubjectError("your organisation keeps no such person")
    return ErasedError(
        "everything about this person was erased", entry=bytes(erased.entry_id).hex()
    )


def subject_key(row: SubjectKey) -> bytes:
    """Return the key that a row wraps; raise ``UnreadableItemError``."""
    name = root_name(row.organisation_id, row.epoch)
    return unwrap(name, bytes(row.wrapped_key), subject_key_aad(row, row.epoch))


def subject_key_aad(row: SubjectKey, epoch: int) -> bytes:
    """Return what binds a subject's wrapped key to its owner, version and root."""
    return kek_wrap_aad(
        organisation=row.organisation_id,
        subject=row.subject_id,
        kek_version=row.version,
        epoch=epoch,
    )


def key_id_of(kek: bytes) -> str:
    """Return what names a subject's key in its certificate: who finds a key sees if it is that."""
    return derive_key(kek, KeyPurpose.KEY_ID).hex()


def tag_secret(row: SubjectTag) -> bytes:
    """Return the secret of a subject's tags; raise ``UnreadableItemError``."""
    aad = tag_secret_aad(row.organisation_id, row.subject_id)
    return unwrap(root_name(row.organisation_id, row.epoch), bytes(row.wrapped_secret), aad)


def tag_secret_aad(organisation_id: UUID, subject_id: UUID) -> bytes:
    """Return what binds a wrapped tag secret to its subject."""
    return _TAG_SECRET + organisation_id.bytes + subject_id.bytes


def lock(classid: int, of: UUID) -> None:
    """Let one transaction at a time do this for an organisation, or for a thing."""
    with connections[current_alias()].cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [classid, str(of)])


def unwrap(name: str, wrapped: bytes, aad: bytes) -> bytes:
    """Return what a root wrapped; raise ``RootGoneError`` or ``UnreadableItemError``."""
    try:
        return key_provider().root_unwrap(name, wrapped, aad)
    except KeyMissingError as error:
        raise RootGoneError("its root was destroyed: nothing under it opens") from error
    except UnwrapError as error:
        raise UnreadableItemError("a wrapped key was changed or moved") from error
