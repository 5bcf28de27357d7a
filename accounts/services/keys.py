"""The organisation's signing keys: who may add and revoke them, and a person's own.

The ledger's rules hold for everybody; these say who in an organisation may use them.
"""

import datetime as dt
from uuid import UUID

from accounts.core.scopes import Scope, organisation_with
from foundation.core.actor import Actor, Role
from foundation.core.problem import ForbiddenError
from ledger.core.governance import Holder
from ledger.core.receipt import Receipt
from ledger.core.sealed import SealedSubmission
from ledger.services import (
    key_add_mine,
    key_add_system,
    key_offer,
    key_revoke,
    key_rotate,
    member_leave,
)


def organisation_key_offer(
    *,
    actor: Actor,
    holder: Holder,
    public_key: bytes,
    possession: bytes,
    now: dt.datetime,
    label: str = "",
    sealed: SealedSubmission | None = None,
) -> Receipt:
    """Add a key that the organisation's own system or a device holds; return the receipt.

    Raise ``MissingScopeError`` or ``ForbiddenError`` for who may not, ``SignatureError`` for a
    possession that does not hold, ``GovernanceRefusedError`` for a key that the log has or had.
    """
    check_may_govern(actor)
    return key_offer(
        actor=actor,
        holder=holder,
        public_key=public_key,
        possession=possession,
        now=now,
        label=label,
        sealed=sealed,
    )


def organisation_key_make(
    *, actor: Actor, now: dt.datetime, label: str = ""
) -> tuple[str, Receipt]:
    """Make one more system key, which the server holds; return its id and the receipt.

    Raise ``MissingScopeError`` or ``ForbiddenError`` for who may not, ``NoKeyError`` where the
    server holds no valid key of the organisation that could sign for it.
    """
    check_may_govern(actor)
    return key_add_system(actor=actor, now=now, label=label)


def organisation_key_rotate(
    *,
    actor: Actor,
    key_id: str,
    now: dt.datetime,
    public_key: bytes | None = None,
    possession: bytes | None = None,
    label: str = "",
    sealed: SealedSubmission | None = None,
) -> tuple[str, Receipt]:
    """Put a new key in the place of one of the organisation's; return its id and the receipt.

    Raise ``MissingScopeError`` or ``ForbiddenError`` for who may not, else as ``key_rotate``.
    """
    check_may_govern(actor)
    return key_rotate(
        actor=actor,
        key_id=key_id,
        now=now,
        public_key=public_key,
        possession=possession,
        label=label,
        sealed=sealed,
    )


def organisation_leave(
    *, actor: Actor, organisation_id: UUID, reason: str, now: dt.datetime
) -> Receipt:
    """End an organisation's membership of the log, with all its keys; return the receipt.

    Raise ``MissingScopeError`` or ``ForbiddenError`` for who may not, ``GovernanceRefusedError``
    for who is not theirs to end, left already, or is needed by a policy.
    """
    check_may_govern(actor)
    return member_leave(actor=actor, organisation_id=organisation_id, reason=reason, now=now)


def organisation_key_revoke(
    *,
    actor: Actor,
    key_id: str,
    reason: str,
    now: dt.datetime,
    sealed: SealedSubmission | None = None,
) -> Receipt:
    """Revoke a key of the organisation, or of any as the operator; return the receipt.

    Raise ``MissingScopeError`` or ``ForbiddenError`` for who may not, ``GovernanceRefusedError``
    for a key that is not theirs, is revoked already or is the last that can add others.
    """
    check_may_govern(actor)
    return key_revoke(actor=actor, key_id=key_id, reason=reason, now=now, sealed=sealed)


def my_key_add(*, actor: Actor, now: dt.datetime) -> Receipt:
    """Make the acting person's own key in their organisation; return the receipt.

    No scope is asked: what the key may sign, the scope of each act decides. Raise
    ``ForbiddenError`` where no person acts for an organisation, ``NoKeyError`` where they did
    not prove who they are within the last five minutes.
    """
    if actor.person_id is None or actor.organisation_id is None:
        raise ForbiddenError("only a person who acts for an organisation has a key of their own")
    return key_add_mine(actor=actor, now=now)


def check_may_govern(actor: Actor) -> None:
    """Raise ``MissingScopeError`` or ``ForbiddenError`` for who may not change governance."""
    organisation_with(actor, Scope.LEDGER_WRITE)
    if actor.person_id is not None and Role.ADMIN not in actor.roles:
        raise ForbiddenError("of the people, only an admin changes the organisation's keys")
