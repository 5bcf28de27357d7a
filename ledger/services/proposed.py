"""Proposals as they stand: whose they are, whether they are open, which endorsements hold."""

import datetime as dt
from dataclasses import dataclass
from uuid import UUID

from foundation.core.actor import Actor
from foundation.core.problem import NotFoundError
from ledger.channels import current_log
from ledger.core.endorsement import (
    ENDORSEMENTS_MAX,
    Endorsement,
    EndorsementPolicy,
    endorsement_message,
)
from ledger.core.entry import endorse_entry
from ledger.core.governance import GovernanceError
from ledger.core.merkle import leaf_hash
from ledger.errors import EndorsementsMissingError, ProposalOverError
from ledger.models import Proposal, ProposalEndorsement
from ledger.services.governed import Governed


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalInfo:
    """An entry that waits: its bytes without endorsements, who may endorse it, and who did.

    ``state`` is ``open``, ``submitted``, ``withdrawn`` or ``expired``.
    """

    id: UUID
    organisation_id: UUID
    kind: str
    entry: bytes
    policy_index: int
    n: int
    endorsers: tuple[UUID, ...]
    endorsed: tuple[UUID, ...]
    proposed_at: dt.datetime
    expires_at: dt.datetime
    state: str
    entry_id: bytes | None

    @property
    def endorsed_hash(self) -> bytes:
        """The leaf hash that endorsements sign."""
        return leaf_hash(self.entry)

    @property
    def message(self) -> bytes:
        """What an endorser signs."""
        return endorsement_message(endorsed_hash=self.endorsed_hash, policy_index=self.policy_index)


def row_get(proposal_id: UUID) -> Proposal:
    """Return a proposal of the log that the actor may see; raise ``NotFoundError``."""
    row = Proposal.objects.filter(id=proposal_id, log_id=current_log().id).first()
    if row is None:
        raise NotFoundError("there is no such proposal")
    return row


def row_open(proposal_id: UUID, now: dt.datetime) -> Proposal:
    """Return an open one; raise ``NotFoundError``, or ``ProposalOverError`` with its state."""
    row = row_get(proposal_id)
    state = _state(row, now)
    if state != "open":
        raise ProposalOverError(f"it is {state}", state=state)
    return row


def row_own(actor: Actor, proposal_id: UUID, now: dt.datetime) -> Proposal:
    """Return one's own open proposal, held until the transaction ends."""
    mine = Proposal.objects.select_for_update().filter(
        organisation_id=actor.organisation, log_id=current_log().id
    )
    if mine.filter(id=proposal_id).first() is None:
        raise NotFoundError("your organisation has no such proposal")
    # Read once it is held: who submitted it meanwhile has committed.
    return row_open(proposal_id, now)


def policy_of(governed: Governed, row: Proposal) -> EndorsementPolicy:
    """Return the proposal's policy; raise ``ProposalOverError`` once another one is in force."""
    policy = governed.governance.policy_for(row.kind, governed.header_index)
    if policy is None or policy.set_index != row.policy_index:
        raise ProposalOverError("its policy is not in force any more: propose the entry again")
    return policy


def entry_endorsed(row: Proposal, governed: Governed) -> bytes:
    """Return the entry with those endorsements that hold now."""
    policy, holding = policy_of(governed, row), []
    content = bytes(row.content)
    for given in ProposalEndorsement.objects.filter(proposal_id=row.id).order_by("organisation_id"):
        endorsement = Endorsement(
            organisation_id=given.organisation_id,
            key_id=bytes.fromhex(given.key_id),
            policy_index=row.policy_index,
            signature=bytes(given.signature),
        )
        try:
            governed.governance.check_endorsement(
                endorsement,
                policy,
                endorsed_hash=leaf_hash(content),
                header_index=governed.header_index,
            )
        except GovernanceError:
            continue  # its key ended: the organisation may endorse again
        holding.append(endorsement)
    if len(holding) < policy.n:
        raise EndorsementsMissingError(
            f"{len(holding)} of {policy.n} endorsements hold", has=len(holding), n=policy.n
        )
    return endorse_entry(content, holding[:ENDORSEMENTS_MAX])


def info_of(row: Proposal, now: dt.datetime) -> ProposalInfo:
    """Return what a proposal's row says, and who endorsed it."""
    given = ProposalEndorsement.objects.filter(proposal_id=row.id).order_by("organisation_id")
    return ProposalInfo(
        id=row.id,
        organisation_id=row.organisation_id,
        kind=row.kind,
        entry=bytes(row.content),
        policy_index=row.policy_index,
        n=row.n,
        endorsers=tuple(row.endorsers),
        endorsed=tuple(given.values_list("organisation_id", flat=True)),
        proposed_at=row.proposed_at,
        expires_at=row.expires_at,
        state=_state(row, now),
        entry_id=None if row.entry_id is None else bytes(row.entry_id),
    )


def _state(row: Proposal, now: dt.datetime) -> str:
    if row.entry_id is not None:
        return "submitted"
    if row.withdrawn_at is not None:
        return "withdrawn"
    return "open" if now < row.expires_at else "expired"
