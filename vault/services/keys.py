"""The hierarchy of keys: root (in the provider) over subject's key over data key."""

import hmac
from collections.abc import Collection, Sequence
from secrets import token_bytes
from uuid import UUID

from django.db import connections

from foundation.key_providers import KeyMissingError, UnwrapError, key_provider
from foundation.tenancy import current_alias
from vault.core.envelope import kek_wrap_aad
from vault.errors import UnknownSubjectError, UnreadableItemError
from vault.models import Keyring, Subject, SubjectKey, SubjectTag

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
        name, token_bytes(KEY_SIZE_BYTES), _LOOKUP + organisation_id.bytes
    )
    return Keyring.objects.create(
        organisation_id=organisation_id, epoch=FIRST_EPOCH, wrapped_lookup_key=wrapped
    )


def lookup_key(keyring: Keyring) -> bytes:
    """Return the key of an organisation's keyed hashes; raise ``UnreadableItemError``."""
    return _unwrap(
        root_name(keyring.organisation_id, keyring.epoch),
        bytes(keyring.wrapped_lookup_key),
        _LOOKUP + keyring.organisation_id.bytes,
    )


def identifier_hash(key: bytes, system: str, value: str) -> bytes:
    """Return the keyed hash under which an identifier is found; lengths keep the parts apart."""
    return hmac.digest(key, _LOOKUP + _prefixed(system, value), "sha256")


def holder_hash(key: bytes, holder: str, parts: Sequence[str]) -> bytes:
    """Return the keyed hash under which a thing of ``holder`` is found."""
    return hmac.digest(key, _HOLDER_LOOKUP + _prefixed(holder, *parts), "sha256")


def _prefixed(*parts: str) -> bytes:
    texts = [part.encode() for part in parts]
    return b"".join(len(text).to_bytes(8, "big") + text for text in texts)


def subject_keys_make(keyring: Keyring, subject: Subject) -> None:
    """Make a new subject's key and tag secret, wrapped by the current root."""
    organisation_id = keyring.organisation_id
    name = root_name(organisation_id, keyring.epoch)
    aad = kek_wrap_aad(
        organisation=organisation_id,
        subject=subject.id,
        kek_version=FIRST_VERSION,
        epoch=keyring.epoch,
    )
    SubjectKey.objects.create(
        subject=subject,
        organisation_id=organisation_id,
        version=FIRST_VERSION,
        epoch=keyring.epoch,
        wrapped_key=key_provider().root_wrap(name, token_bytes(KEY_SIZE_BYTES), aad),
    )
    secret_aad = _TAG_SECRET + organisation_id.bytes + subject.id.bytes
    SubjectTag.objects.create(
        subject=subject,
        organisation_id=organisation_id,
        epoch=keyring.epoch,
        wrapped_secret=key_provider().root_wrap(name, token_bytes(KEY_SIZE_BYTES), secret_aad),
        counter=0,
    )


def subject_keys_hold(subject_ids: Collection[UUID]) -> dict[UUID, SubjectKey]:
    """Return the newest key's row of each subject, and hold them until the transaction ends.

    Whoever puts something about a subject holds its key, and an erasure takes it alone: nothing
    is put under a key that is about to die. Raise ``UnknownSubjectError``.
    """
    wanted = set(subject_ids)
    found = _keys_held(wanted)
    if found.keys() != wanted:
        # A version that was replaced while this waited is gone; its successor is there now.
        found |= _keys_held(wanted - found.keys())
    if found.keys() != wanted:
        raise UnknownSubjectError("your organisation keeps no such person")
    return found


def _keys_held(subject_ids: Collection[UUID]) -> dict[UUID, SubjectKey]:
    rows = SubjectKey.objects.raw(
        "SELECT * FROM vault_subjectkey WHERE subject_id = ANY(%s)"
        " ORDER BY subject_id, version FOR KEY SHARE",
        [list(subject_ids)],
    )
    return {row.subject_id: row for row in rows}


def subject_key_at(subject_id: UUID, version: int) -> bytes:
    """Return a version of a subject's key; raises as ``subject_key``, or if it is not there."""
    return subject_keys_at({(subject_id, version)})[subject_id, version]


def subject_keys_at(wanted: set[tuple[UUID, int]]) -> dict[tuple[UUID, int], bytes]:
    """Return these (subject, version) keys in one query; raises as ``subject_key_at``."""
    rows = SubjectKey.objects.filter(subject_id__in={subject_id for subject_id, _ in wanted})
    found = {(row.subject_id, row.version): row for row in rows}
    if not wanted <= found.keys():
        raise UnknownSubjectError("your organisation keeps no such person")
    return {each: subject_key(found[each]) for each in wanted}


def subject_key(row: SubjectKey) -> bytes:
    """Return the key that a row wraps; raise ``UnreadableItemError`` once its root is gone."""
    aad = kek_wrap_aad(
        organisation=row.organisation_id,
        subject=row.subject_id,
        kek_version=row.version,
        epoch=row.epoch,
    )
    name = root_name(row.organisation_id, row.epoch)
    return _unwrap(name, bytes(row.wrapped_key), aad)


def tag_secret(row: SubjectTag) -> bytes:
    """Return the secret of a subject's tags; raise ``UnreadableItemError``."""
    aad = _TAG_SECRET + row.organisation_id.bytes + row.subject_id.bytes
    return _unwrap(root_name(row.organisation_id, row.epoch), bytes(row.wrapped_secret), aad)


def lock(classid: int, of: UUID) -> None:
    """Let one transaction at a time do this for an organisation, or for a thing."""
    with connections[current_alias()].cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [classid, str(of)])


def _unwrap(name: str, wrapped: bytes, aad: bytes) -> bytes:
    try:
        return key_provider().root_unwrap(name, wrapped, aad)
    except KeyMissingError as error:
        raise UnreadableItemError("its root was destroyed: nothing under it opens") from error
    except UnwrapError as error:
        raise UnreadableItemError("a wrapped key was changed or moved") from error
