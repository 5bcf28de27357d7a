"""Policies and proposals: who in an organisation may set, propose, endorse and submit.

The ledger's rules hold for everybody; these are the same that hold for the organisation's keys.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from uuid import UUID

from accounts.core.scopes import Scope, organisation_with
from accounts.services.keys import check_may_govern
from foundation.core.actor import Actor
from ledger.core.canonical import Json
from ledger.core.endorsement import EndorsementPolicy
from ledger.core.receipt import Receipt
from ledger.services import (
    ProposalInfo,
    Signer,
    policy_list,
    policy_set,
    proposal_endorse,
    proposal_entry,
    proposal_get,
    proposal_list,
    proposal_make,
    proposal_offer,
    proposal_submit,
    proposal_withdraw,
)


def channel_policy_set(
    *,
    actor: Actor,
    kind: str,
    n: int,
    organisations: Sequence[UUID],
    member_kind: str,
    now: dt.datetime,
) -> Receipt:
    """Set or end a policy as the operator; raise as ``policy_set``, or for who may not."""
    check_may_govern(actor)
    return policy_set(
        actor=actor,
        kind=kind,
        n=n,
        organisations=organisations,
        member_kind=member_kind,
        now=now,
    )


def channel_policies(actor: Actor) -> list[EndorsementPolicy]:
    """Return the policies in force; raise ``MissingScopeError`` for who does not read the log."""
    organisation_with(actor, Scope.LEDGER_READ)
    return policy_list(actor)


def organisation_propose(
    *,
    actor: Actor,
    now: dt.datetime,
    kind: str = "",
    body: Mapping[str, Json] | None = None,
    entry: bytes | None = None,
) -> ProposalInfo:
    """Propose an entry, built here or given; raise as ``proposal_offer``, or for who may not."""
    check_may_govern(actor)
    if entry is not None:
        return proposal_offer(actor=actor, entry=entry, now=now)
    return proposal_make(actor=actor, kind=kind, body=body or {}, now=now)


def organisation_proposals(*, actor: Actor, now: dt.datetime) -> list[ProposalInfo]:
    """Return the proposals that concern the organisation, the newest first."""
    organisation_with(actor, Scope.LEDGER_READ)
    return proposal_list(actor=actor, now=now)


def organisation_proposal(*, actor: Actor, proposal_id: UUID, now: dt.datetime) -> ProposalInfo:
    """Return one of them; raise ``NotFoundError``."""
    organisation_with(actor, Scope.LEDGER_READ)
    return proposal_get(actor=actor, proposal_id=proposal_id, now=now)


def organisation_endorse(
    *,
    actor: Actor,
    proposal_id: UUID,
    now: dt.datetime,
    signer: Signer,
    own: tuple[str, bytes] | None,
) -> ProposalInfo:
    """Endorse a proposal; raise as ``proposal_endorse``, or for who may not."""
    check_may_govern(actor)
    return proposal_endorse(actor=actor, proposal_id=proposal_id, now=now, signer=signer, own=own)


def organisation_withdraw(*, actor: Actor, proposal_id: UUID, now: dt.datetime) -> ProposalInfo:
    """Withdraw a proposal or an endorsement; raise as ``proposal_withdraw``, or for who may not."""
    check_may_govern(actor)
    return proposal_withdraw(actor=actor, proposal_id=proposal_id, now=now)


def organisation_proposal_entry(*, actor: Actor, proposal_id: UUID, now: dt.datetime) -> bytes:
    """Return one's own proposal, endorsed; raise as ``proposal_submit``."""
    organisation_with(actor, Scope.LEDGER_READ)
    return proposal_entry(actor=actor, proposal_id=proposal_id, now=now)


def organisation_submit(
    *,
    actor: Actor,
    proposal_id: UUID,
    now: dt.datetime,
    own: tuple[bytes, bytes] | None,
) -> Receipt:
    """Submit one's own proposal; raise as ``proposal_submit``, or for who may not."""
    check_may_govern(actor)
    return proposal_submit(actor=actor, proposal_id=proposal_id, now=now, own=own)
