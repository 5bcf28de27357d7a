"""Channels of the deployment: who may open one, admit to it, and link it with another."""

import datetime as dt
from uuid import UUID

from accounts.models import Organisation
from accounts.services.keys import check_may_govern
from foundation.core.actor import Actor
from foundation.core.problem import NotFoundError
from foundation.tenancy import acting_as
from ledger.core.receipt import Receipt
from ledger.selectors import LogInfo
from ledger.services import channel_link, channel_open, member_admit
from ledger.services.channels import Linked


def channel_begin(
    *, actor: Actor, name: str, members_only: bool, now: dt.datetime
) -> tuple[LogInfo, Receipt]:
    """Open a channel as the deployment's operator; return it, and the directory's receipt.

    Raise ``MissingScopeError`` or ``ForbiddenError`` for who may not, else as ``channel_open``.
    """
    check_may_govern(actor)
    return channel_open(actor=actor, name=name, members_only=members_only, now=now)


def channel_admit(*, actor: Actor, organisation_id: UUID, now: dt.datetime) -> Receipt:
    """Admit an organisation of the deployment to the channel that the actor acts in.

    It gets a first key for this log, which the server holds. Raise ``NotFoundError`` where there
    is no such organisation, ``GovernanceRefusedError`` for who may not or a member already.
    """
    check_may_govern(actor)
    with acting_as(actor):
        row = Organisation.objects.filter(id=organisation_id).first()
        if row is None:
            raise NotFoundError("no organisation of this deployment has this id")
        return member_admit(
            actor=actor, organisation_id=row.id, name=row.name, kind=row.kind, now=now
        )


def channel_know(*, actor: Actor, channel: str, now: dt.datetime) -> Linked:
    """Let the channel that the actor acts in know the head of another one, by a commitment.

    Raise ``MissingScopeError`` or ``ForbiddenError`` for who may not, else as ``channel_link``.
    """
    check_may_govern(actor)
    return channel_link(actor=actor, channel=channel, now=now)
