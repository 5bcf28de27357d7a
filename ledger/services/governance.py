"""Changes of members and keys: entries like any other, under the log's own rules.

What is refused here is what ``ledger.core.governance`` would refuse on replay; the rows of
members and keys appear when the sequencer gives the entry its place.
"""

import contextlib
import datetime as dt
import secrets
from collections.abc import Sequence
from uuid import UUID, uuid4

from django.conf import settings
from django.db import IntegrityError

from foundation.core.actor import SYSTEM, Actor
from foundation.core.problem import ConflictError
from foundation.key_providers import key_provider
from foundation.tenancy import acting_as
from ledger.core.canonical import Json
from ledger.core.entry import EntryDraft
from ledger.core.governance import (
    GENESIS,
    KEY_ADDED,
    KEY_REVOKED,
    MEMBER_ADMITTED,
    Holder,
    check_label,
    check_reason,
)
from ledger.core.members import format_base64
from ledger.core.note import KeyType, VerifierKey, format_vkey
from ledger.core.possession import check_possession
from ledger.core.receipt import Receipt
from ledger.core.sealed import SealedSubmission, sealed_parts
from ledger.errors import GovernanceRefusedError
from ledger.models import KeyAddition, KeyHolder, KeyRevocation, Log, Member, SigningKey
from ledger.selectors import LogInfo, current_log, is_operator, log_key_name, receipt_key_name
from ledger.services.governed import keys_lock
from ledger.services.keys import (
    HeldKey,
    Signer,
    check_reauthenticated,
    key_for_signing,
    key_id_of,
    key_make,
    server_key_keep,
)
from ledger.services.sequencing import Sequencer
from ledger.services.storing import submission_store
from ledger.services.submissions import signed_by, submission_append


class ChannelExistsError(ConflictError):
    """The channel has its log already."""

    slug = "channel-exists"
    title = "The channel has its log already"


def channel_create(*, operator_id: UUID, operator_name: str, now: dt.datetime) -> LogInfo:
    """Open the deployment's log with its genesis, and sequence it; return the log.

    The origin is random under the channel's domain, because names leak. The operator's key, the
    log's key and the receipts' key are made in the key provider. Raise ``ChannelExistsError``.
    """
    with acting_as(SYSTEM):
        if Log.objects.filter(name=settings.CHANNEL_NAME).exists():
            raise ChannelExistsError("it is created once; its log goes on for ever")
        origin = f"{settings.CHANNEL_DOMAIN}/{secrets.token_hex(8)}"
        log_public = key_provider().signing_key_create(log_key_name(origin))
        vkey = format_vkey(
            VerifierKey(name=origin, key_type=KeyType.ED25519, public_key=log_public)
        )
        made = key_make(organisation_id=operator_id, label=uuid4())
        log, receipt_public = _log_row(origin=origin, vkey=vkey, operator_id=operator_id, now=now)
        server_key_keep(made=made, organisation_id=operator_id, holder=KeyHolder.SYSTEM)
        body: dict[str, Json] = {
            "origin": origin,
            "channel": log.name,
            "vkey": vkey,
            "operator": {
                "org": str(operator_id),
                "name": operator_name,
                "key": made.key_id,
                "public_key": format_base64(made.public_key),
            },
            "receipt_key": {
                "key": log.receipt_key_id,
                "public_key": format_base64(receipt_public),
            },
            "quorum": "none",
        }
        key = HeldKey(key_id=made.key_id, provider_name=made.provider_name)
        draft = EntryDraft(kind=GENESIS, id=uuid4(), body=body)
        signed = signed_by(log=log, organisation_id=operator_id, drafts=[draft], now=now, key=key)
        submission_store(log=log, signed=signed, now=now)
    # A sequencer that runs already may be quicker. Then the log stands, and it goes on with it.
    with contextlib.suppress(IntegrityError):
        Sequencer(log).flush(now=now)
    return log


def member_admit(
    *,
    actor: Actor,
    organisation_id: UUID,
    name: str,
    kind: str,
    now: dt.datetime,
    public_key: bytes | None = None,
) -> Receipt:
    """Admit an organisation with its first key; return the receipt.

    The first key is held by the server, or by the member itself where ``public_key`` is given.
    Raise ``GovernanceRefusedError`` unless the actor operates the log and the organisation is new.
    """
    with acting_as(actor):
        keys_lock(actor.organisation, alone=True)
        if not is_operator():
            raise GovernanceRefusedError("only the operator admits members")
        if Member.objects.filter(organisation_id=organisation_id).exists():
            raise GovernanceRefusedError("the organisation is a member already")
        first_key = _key_body(
            organisation_id=organisation_id,
            holder=KeyHolder.SYSTEM if public_key is None else KeyHolder.MEMBER,
            public_key=public_key,
        )
        body: dict[str, Json] = {
            "org": str(organisation_id),
            "name": name,
            "kind": kind,
            "first_key": first_key,
        }
        draft = EntryDraft(kind=MEMBER_ADMITTED, id=uuid4(), body=body)
        return submission_append(actor=actor, entries=[draft], now=now)


def key_offer(
    *,
    actor: Actor,
    holder: Holder,
    public_key: bytes,
    possession: bytes,
    now: dt.datetime,
    label: str = "",
    sealed: SealedSubmission | None = None,
) -> Receipt:
    """Add a key that the organisation's own system, or a device, holds; return the receipt.

    ``possession`` is the key's signature over ``possession_message``. Raise ``SignatureError``
    where it is not, else as ``key_add``.
    """
    with acting_as(actor):
        check_possession(
            log=current_log().origin,
            organisation_id=actor.organisation,
            public_key=public_key,
            holder=holder.value,
            signature=possession,
        )
        return key_add(
            actor=actor,
            holder=KeyHolder(holder.value),
            now=now,
            public_key=public_key,
            label=label,
            sealed=sealed,
        )


def key_add_system(*, actor: Actor, now: dt.datetime, label: str = "") -> tuple[str, Receipt]:
    """Make one more key that the server holds for the organisation; return its id and the receipt.

    The newest valid one before it signs for it, and it signs from its own sequencing on. Raise
    ``NoKeyError`` where there is none: whoever holds all their keys gets none from the server.
    """
    with acting_as(actor):
        key_for_signing(actor=actor, signer=Signer.SYSTEM, now=now)  # before a pair is made
        receipt = key_add(actor=actor, holder=KeyHolder.SYSTEM, now=now, label=label)
        added = KeyAddition.objects.get(entry_id=receipt.entry_ids[0])
        return added.key_id, receipt


def key_add_mine(*, actor: Actor, now: dt.datetime) -> Receipt:
    """Make a key of the acting person's own, kept in the provider; return the receipt.

    Raise ``NoKeyError`` unless the person proved who they are within the last five minutes.
    """
    check_reauthenticated(actor, now)
    return key_add(actor=actor, holder=KeyHolder.PERSON, now=now, person_id=actor.person_id)


def key_add(
    *,
    actor: Actor,
    holder: KeyHolder,
    now: dt.datetime,
    public_key: bytes | None = None,
    person_id: UUID | None = None,
    label: str = "",
    sealed: SealedSubmission | None = None,
) -> Receipt:
    """Add a key to the actor's organisation; return the receipt. It is valid once sequenced.

    ``SYSTEM`` and ``PERSON`` keys are made in the provider; ``MEMBER`` and ``DEVICE`` keys are
    somebody's own, so their public half is given. Nobody's name enters the ledger: ``label``
    names a machine. Raise ``GovernanceRefusedError``, also for a key that the log has, or had.
    """
    if label:
        check_label(label)
    held_here = holder in (KeyHolder.SYSTEM, KeyHolder.PERSON)
    if held_here == (public_key is not None):
        raise GovernanceRefusedError(
            "a member's or device's key is given, a system's or person's key is made here"
        )
    if (holder is KeyHolder.PERSON) != (person_id is not None):
        raise GovernanceRefusedError("a person's key, and only that, names its person")
    with acting_as(actor):
        keys_lock(actor.organisation, alone=True)
        body = _key_body(
            organisation_id=actor.organisation,
            holder=holder,
            public_key=public_key,
            person_id=person_id,
        )
        if label:
            body["label"] = label
        draft = EntryDraft(kind=KEY_ADDED, id=_entry_id(sealed), body=body)
        return submission_append(actor=actor, entries=[draft], now=now, sealed=sealed)


def key_revoke(
    *,
    actor: Actor,
    key_id: str,
    reason: str,
    now: dt.datetime,
    sealed: SealedSubmission | None = None,
) -> Receipt:
    """Revoke a key of the actor's organisation, or of any as the operator; return the receipt.

    From the commit on nothing is taken under the key. Raise ``GovernanceRefusedError`` where
    the key is unknown or revoked, or is the last under which its organisation can add another:
    it would be locked out. That is more than a log asks to be valid, which is any key left.
    """
    check_reason(reason)
    with acting_as(actor):
        key = SigningKey.objects.filter(key_id=key_id, revoked_index=None).first()
        operator = is_operator()
        if key is None or not (operator or key.organisation_id == actor.organisation):
            raise GovernanceRefusedError("your organisation may revoke no such key")
        # Alone: whoever submits under the key has committed, or waits and finds it revoked.
        for organisation_id in sorted({key.organisation_id, actor.organisation}):
            keys_lock(organisation_id, alone=True)
        gone = KeyRevocation.objects.values("key_id")
        valid = SigningKey.objects.filter(
            organisation_id=key.organisation_id, revoked_index=None
        ).exclude(key_id__in=gone)
        if not valid.filter(key_id=key_id).exists():
            raise GovernanceRefusedError("the key is revoked already")
        _check_not_last(key, list(valid.exclude(key_id=key_id)))
        body: dict[str, Json] = {"key": key_id, "reason": reason}
        draft = EntryDraft(kind=KEY_REVOKED, id=_entry_id(sealed), body=body)
        return submission_append(actor=actor, entries=[draft], now=now, sealed=sealed)


def _check_not_last(key: SigningKey, others: Sequence[SigningKey]) -> None:
    """Raise ``GovernanceRefusedError`` where without ``key`` nobody could add a key any more."""
    if not others:
        raise GovernanceRefusedError("it is the last key: add another one first")
    # Where no such key is left already, a device's or a person's may still go.
    if Holder(key.holder).manages and not any(Holder(one.holder).manages for one in others):
        raise GovernanceRefusedError(
            "it is the last key under which the organisation can add keys; those of people and"
            " devices are none: add a system's or a member's key first"
        )


def _entry_id(sealed: SealedSubmission | None) -> UUID:
    """Return the id of the one entry: the client's where it made it, else a fresh one."""
    return uuid4() if sealed is None else sealed_parts(sealed)[0].id


def _log_row(
    *, origin: str, vkey: str, operator_id: UUID, now: dt.datetime
) -> tuple[LogInfo, bytes]:
    """Write the log's row with a fresh receipt key; return the log and that public key."""
    receipt_public = key_provider().signing_key_create(receipt_key_name(origin))
    Log.objects.create(
        name=settings.CHANNEL_NAME,
        origin=origin,
        vkey=vkey,
        operator_id=operator_id,
        receipt_key_id=key_id_of(receipt_public),
        receipt_public_key=receipt_public,
        created_at=now,
    )
    return current_log(), receipt_public


def _key_body(
    *,
    organisation_id: UUID,
    holder: KeyHolder,
    public_key: bytes | None,
    person_id: UUID | None = None,
) -> dict[str, Json]:
    """Return the members that describe a key, made here unless its public half is given."""
    if public_key is None:
        made = key_make(organisation_id=organisation_id, label=uuid4())
        server_key_keep(
            made=made, organisation_id=organisation_id, holder=holder, person_id=person_id
        )
        public_key = made.public_key
    return {
        "key": key_id_of(public_key),
        "public_key": format_base64(public_key),
        "holder": holder.value,
    }
