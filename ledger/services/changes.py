"""Keys that follow one another, and members that leave: one entry each, under the log's rules."""

import datetime as dt
from uuid import UUID, uuid4

from foundation.core.actor import Actor
from foundation.key_providers import key_provider
from foundation.tenancy import acting_as
from ledger.core.canonical import Json
from ledger.core.entry import EntryDraft
from ledger.core.governance import KEY_ROTATED, MEMBER_LEFT, check_label, check_reason
from ledger.core.members import format_base64
from ledger.core.possession import check_possession, possession_message
from ledger.core.receipt import Receipt
from ledger.core.sealed import SealedSubmission, sealed_parts
from ledger.errors import GovernanceRefusedError
from ledger.models import KeyHolder, KeyRevocation, ServerKey, SigningKey
from ledger.selectors import current_log
from ledger.services.governed import keys_lock
from ledger.services.keys import (
    Signer,
    key_for_signing,
    key_id_of,
    key_make,
    server_key_keep,
)
from ledger.services.submissions import submission_append


def key_rotate(
    *,
    actor: Actor,
    key_id: str,
    now: dt.datetime,
    public_key: bytes | None = None,
    possession: bytes | None = None,
    label: str = "",
    sealed: SealedSubmission | None = None,
) -> tuple[str, Receipt]:
    """Put a new key in the place of one of the actor's organisation; return its id and the receipt.

    A key that the server holds is made anew here, and signs from the commit on; of any other the
    new public half is given, with its proof of ``possession`` for the old one's holder, and signs
    once it is sequenced. From the commit on nothing is taken under the old key. A person's key is
    not rotated: they make another. Raise ``GovernanceRefusedError``, ``SignatureError`` for a
    proof that does not hold, ``NoKeyError`` where the server could sign for it with none.
    """
    if label:
        check_label(label)
    with acting_as(actor):
        keys_lock(actor.organisation, alone=True)
        old = _valid_key(actor, key_id)
        held_here = ServerKey.objects.filter(key_id=key_id).exists()
        if held_here != (public_key is None and possession is None) or (held_here and sealed):
            raise GovernanceRefusedError(
                "a key that the server holds is made anew by the server; of any other give the"
                " new public key, and its possession"
            )
        if public_key is None or possession is None:
            key_for_signing(actor=actor, signer=Signer.SYSTEM, now=now)  # before a pair is made
            public_key, possession = _made(actor.organisation)
        else:
            check_possession(
                log=current_log().origin,
                organisation_id=actor.organisation,
                public_key=public_key,
                holder=old.holder,
                signature=possession,
            )
        body: dict[str, Json] = {
            "old": key_id,
            "key": key_id_of(public_key),
            "public_key": format_base64(public_key),
            "possession": format_base64(possession),
        }
        if label:
            body["label"] = label
        entry_id = uuid4() if sealed is None else sealed_parts(sealed)[0].id
        draft = EntryDraft(kind=KEY_ROTATED, id=entry_id, body=body)
        receipt = submission_append(actor=actor, entries=[draft], now=now, sealed=sealed)
        return key_id_of(public_key), receipt


def member_leave(*, actor: Actor, organisation_id: UUID, reason: str, now: dt.datetime) -> Receipt:
    """Take an organisation out of the log, with all its keys; return the receipt.

    It is the actor's own, or any but its own as the operator. It does not return. Raise
    ``GovernanceRefusedError``, also where a policy could not be met without it.
    """
    check_reason(reason)
    with acting_as(actor):
        # Alone: whoever submits under one of its keys has committed, or waits and finds it gone.
        for each in sorted({organisation_id, actor.organisation}):
            keys_lock(each, alone=True)
        body: dict[str, Json] = {"org": str(organisation_id), "reason": reason}
        draft = EntryDraft(kind=MEMBER_LEFT, id=uuid4(), body=body)
        return submission_append(actor=actor, entries=[draft], now=now)


def _valid_key(actor: Actor, key_id: str) -> SigningKey:
    """Return a key of the actor's organisation that may be rotated; raise where there is none."""
    key = SigningKey.objects.filter(
        key_id=key_id,
        log_id=current_log().id,
        organisation_id=actor.organisation,
        revoked_index=None,
    ).first()
    if key is None or KeyRevocation.objects.filter(key_id=key_id).exists():
        raise GovernanceRefusedError("your organisation has no such key, or it ended already")
    if key.holder == KeyHolder.PERSON:
        raise GovernanceRefusedError(
            "a person's key is not rotated: they make another, and this one is revoked"
        )
    return key


def _made(organisation_id: UUID) -> tuple[bytes, bytes]:
    """Make a system key in the provider; return it with its proof of possession."""
    made = key_make(organisation_id=organisation_id, label=uuid4())
    server_key_keep(made=made, organisation_id=organisation_id, holder=KeyHolder.SYSTEM)
    message = possession_message(
        log=current_log().origin,
        organisation_id=organisation_id,
        public_key=made.public_key,
        holder=KeyHolder.SYSTEM.value,
    )
    return made.public_key, key_provider().sign(made.provider_name, message)
