"""Items: sealed under a data key of their own, opened only as what was committed to."""

from dataclasses import dataclass
from secrets import token_bytes
from uuid import UUID, uuid4

from django.db.models import Max

from foundation.core.actor import Actor
from foundation.tenancy import acting_as
from ledger.core.bundle import Opening
from ledger.core.commitment import CommitmentError, check_commitment, commit
from vault.cipher import CipherError, open_envelope, seal_envelope, unwrap_key, wrap_key
from vault.core.envelope import EnvelopeError, KeyPurpose, dek_wrap_aad, record_aad
from vault.errors import UnknownItemError, UnreadableItemError
from vault.models import PersonalItem
from vault.services.keys import KEY_SIZE_BYTES, lock, subject_key

NONCE_SIZE_BYTES = 24
_LENGTH_SIZE_BYTES = 8
_LOCK = 23  # classid of the advisory locks on the versions of one thing


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

    ``header`` is canonical JSON that the commitment covers; ``seed`` are 32 random bytes, the
    commitment's key, sealed with the data so that they die together. Raise
    ``UnknownSubjectError``, or ``EnvelopeSizeError`` over 1 MiB.
    """
    with acting_as(actor):
        kek_version, kek = subject_key(subject_id)
        lock(_LOCK, ref)  # two puts of one thing are two versions, one after the other
        earlier = PersonalItem.objects.filter(
            organisation_id=actor.organisation, holder=holder, ref=ref
        )
        last = earlier.aggregate(last=Max("version"))["last"] or 0
        item = PersonalItem(
            organisation_id=actor.organisation,
            subject_id=subject_id,
            holder=holder,
            ref=ref,
            version=last + 1,
            media_type=media_type,
            kek_version=kek_version,
            dek_id=uuid4(),
            commitment=commit(key=seed, header=header, data=data),
        )
        dek = token_bytes(KEY_SIZE_BYTES)
        item.wrapped_dek = wrap_key(
            wrapping_key=kek,
            purpose=KeyPurpose.DEK_WRAP,
            nonce=token_bytes(NONCE_SIZE_BYTES),
            aad=_dek_aad(item),
            key=dek,
        )
        item.envelope = seal_envelope(
            key=dek,
            purpose=KeyPurpose.RECORD,
            nonce=token_bytes(NONCE_SIZE_BYTES),
            aad=_record_aad(item),
            plaintext=seed + len(header).to_bytes(_LENGTH_SIZE_BYTES, "big") + header + data,
        )
        item.save(force_insert=True)
        return Sealed(item_id=item.id, commitment=bytes(item.commitment))


def personal_get(*, actor: Actor, item_id: UUID) -> bytes:
    """Return an item's bytes, checked against its commitment.

    Whoever calls has written the access entry. Raise ``UnknownItemError``, or
    ``UnreadableItemError`` for what does not open or is not what was committed to.
    """
    return opening_get(actor=actor, item_id=item_id).data


def opening_get(*, actor: Actor, item_id: UUID, number: int = 0) -> Opening:
    """Return what opens the item's commitment, as number ``number`` of its entry; raises so too."""
    with acting_as(actor):
        item = PersonalItem.objects.filter(id=item_id).first()
        if item is None:
            raise UnknownItemError("your organisation keeps no such item")
        _, kek = subject_key(item.subject_id, item.kek_version)
        try:
            dek = unwrap_key(
                wrapping_key=kek,
                purpose=KeyPurpose.DEK_WRAP,
                aad=_dek_aad(item),
                envelope=bytes(item.wrapped_dek),
            )
            plaintext = open_envelope(
                key=dek,
                purpose=KeyPurpose.RECORD,
                aad=_record_aad(item),
                envelope=bytes(item.envelope),
            )
            opening = _opening(plaintext, number)
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


def _opening(plaintext: bytes, number: int) -> Opening:
    start = KEY_SIZE_BYTES + _LENGTH_SIZE_BYTES
    size = int.from_bytes(plaintext[KEY_SIZE_BYTES:start], "big")
    return Opening(
        commitment=number,
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
