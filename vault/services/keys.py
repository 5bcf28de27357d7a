"""The hierarchy of keys: root (in the provider) over subject's key over data key."""

import hmac
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


def lookup_of(keyring: Keyring, system: str, value: str) -> bytes:
    """Return the keyed hash under which an identifier is found; lengths keep the parts apart."""
    key = _unwrap(
        root_name(keyring.organisation_id, keyring.epoch),
        bytes(keyring.wrapped_lookup_key),
        _LOOKUP + keyring.organisation_id.bytes,
    )
    parts = (system.encode(), value.encode())
    data = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    return hmac.digest(key, _LOOKUP + data, "sha256")


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
        wrapped_secret=key_provider().root_wrap(name, token_bytes(KEY_SIZE_BYTES), secret_aad),
        counter=0,
    )


def subject_key(subject_id: UUID, version: int | None = None) -> tuple[int, bytes]:
    """Return version and bytes of a subject's key, the newest where none is named.

    Raise ``UnknownSubjectError``, or ``UnreadableItemError`` once its root is destroyed.
    """
    rows = SubjectKey.objects.filter(subject_id=subject_id).order_by("-version")
    row = (rows if version is None else rows.filter(version=version)).first()
    if row is None:
        raise UnknownSubjectError("your organisation keeps no such person")
    aad = kek_wrap_aad(
        organisation=row.organisation_id,
        subject=subject_id,
        kek_version=row.version,
        epoch=row.epoch,
    )
    name = root_name(row.organisation_id, row.epoch)
    return row.version, _unwrap(name, bytes(row.wrapped_key), aad)


def tag_secret(row: SubjectTag, epoch: int) -> bytes:
    """Return the secret of a subject's tags; raise ``UnreadableItemError``."""
    aad = _TAG_SECRET + row.organisation_id.bytes + row.subject_id.bytes
    return _unwrap(root_name(row.organisation_id, epoch), bytes(row.wrapped_secret), aad)


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
