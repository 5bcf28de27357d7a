"""Changes of members and keys: entries like any other, under the log's own rules.

What is refused here is what ``ledger.core.governance`` would refuse on replay; the rows of
members and keys appear when the sequencer gives the entry its place.
"""

import datetime as dt
from collections.abc import Sequence
from uuid import UUID, uuid4

from foundation.core.actor import Actor
from foundation.tenancy import acting_as
from ledger.core.canonical import Json
from ledger.core.entry import EntryDraft
from ledger.core.governance import (
    KEY_ADDED,
    KEY_REVOKED,
    MEMBER_ADMITTED,
    Holder,
    check_label,
    check_reason,
)
from ledger.core.members import format_base64
from ledger.core.possession import check_possession
from ledger.core.receipt import Receipt
from ledger.core.sealed import SealedSubmission, sealed_parts
from ledger.errors import GovernanceRefusedError
from ledger.models import KeyAddition, KeyHolder, KeyRevocation, Member, SigningKey
from ledger.selectors import current_log, is_operator
from ledger.services.governed import keys_lock
from ledger.services.keys import (
    Signer,
    check_reauthenticated,
    key_for_signing,
    key_id_of,
    key_make,
    server_key_keep,
)
from ledger.services.submissions import submission_append


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
        if Member.objects.filter(log_id=current_log().id, organisation_id=organisation_id).exists():
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
        log_id = current_log().id
        key = SigningKey.objects.filter(key_id=key_id, log_id=log_id, revoked_index=None).first()
        operator = is_operator()
        if key is None or not (operator or key.organisation_id == actor.organisation):
            raise GovernanceRefusedError("your organisation may revoke no such key")
        # Alone: whoever submits under the key has committed, or waits and finds it revoked.
        for organisation_id in sorted({key.organisation_id, actor.organisation}):
            keys_lock(organisation_id, alone=True)
        gone = KeyRevocation.objects.values("key_id")
        valid = SigningKey.objects.filter(
            log_id=log_id, organisation_id=key.organisation_id, revoked_index=None
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
