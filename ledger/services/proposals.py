"""Entries that wait for endorsements: proposed, endorsed, withdrawn, and submitted in the end.

All of it is off the log. What reaches the log is the entry with endorsements that hold then, judged
like any other submission before it is appended.
"""

import datetime as dt
from collections.abc import Mapping
from uuid import UUID, uuid4

from foundation.core.actor import Actor
from foundation.core.problem import ForbiddenError, NotFoundError
from foundation.tenancy import acting_as
from ledger.core.canonical import Json
from ledger.core.endorsement import Endorsement, EndorsementPolicy
from ledger.core.entry import Entry, EntryDraft, EntryError, build_entry, parse_entry
from ledger.core.governance import MEMBER_LEFT, Governance, GovernanceError
from ledger.core.receipt import Receipt
from ledger.errors import (
    EntryRefusedError,
    GovernanceRefusedError,
    KeyRefusedError,
    NoPolicyError,
    NotSequencedError,
)
from ledger.models import KeyRevocation, Proposal, ProposalEndorsement, ServerKey, SigningKey
from ledger.selectors import LogInfo, current_log
from ledger.services.gate import append_gate
from ledger.services.governed import append_locks, governance_now
from ledger.services.keys import HeldKey, Signer, key_for_signing
from ledger.services.policies import check_gathered
from ledger.services.proposed import (
    ProposalInfo,
    entry_endorsed,
    info_of,
    policy_of,
    row_get,
    row_open,
    row_own,
)
from ledger.services.sealed import own_key, statement_check
from ledger.services.signed import Signed
from ledger.services.submissions import entries_signed, signed_append

LIFETIME = dt.timedelta(days=14)
LISTED_MAX = 200


def proposal_make(
    *, actor: Actor, kind: str, body: Mapping[str, Json], now: dt.datetime
) -> ProposalInfo:
    """Propose an entry that the server signs for the organisation; return the proposal.

    Raise as ``proposal_offer``, and ``NoKeyError`` where the server holds no valid key.
    """
    with acting_as(actor):
        key = key_for_signing(actor=actor, signer=Signer.SYSTEM, now=now)
        try:
            entry = build_entry(
                draft=EntryDraft(kind=kind, id=uuid4(), body=body),
                log=current_log().origin,
                organisation_id=actor.organisation,
                key_id=bytes.fromhex(key.key_id),
                time=now,
            )
        except EntryError as error:
            raise EntryRefusedError(error.detail) from error
        return _propose(actor, entry, now)


def proposal_offer(*, actor: Actor, entry: bytes, now: dt.datetime) -> ProposalInfo:
    """Propose an entry that the organisation's own key will sign; return the proposal.

    Raise ``EntryRefusedError`` for bytes that are no entry of it without endorsements,
    ``KeyRefusedError`` for a key that is not its own, ``NoPolicyError`` where the entry needs no
    endorsements, ``NotSequencedError`` where its policy has no place in the log yet,
    ``GovernanceRefusedError`` where the log's rules refuse it anyway, ``NotBuiltError`` for a kind
    that an app of this server keeps rows of.
    """
    with acting_as(actor):
        try:
            parsed = parse_entry(entry)
        except EntryError as error:
            raise EntryRefusedError(error.detail) from error
        ours = (parsed.log, parsed.organisation_id) == (current_log().origin, actor.organisation)
        if not ours or parsed.endorsements:
            raise EntryRefusedError("an entry of your organisation, for this log, not endorsed yet")
        own_key(parsed.key_id.hex(), actor.organisation, current_log())
        return _propose(actor, entry, now)


def proposal_list(*, actor: Actor, now: dt.datetime) -> list[ProposalInfo]:
    """Return the newest proposals that the organisation made or may endorse."""
    with acting_as(actor):
        rows = Proposal.objects.filter(log_id=current_log().id).order_by("-proposed_at", "id")
        rows = rows[:LISTED_MAX]
        return [info_of(row, now) for row in rows]


def proposal_get(*, actor: Actor, proposal_id: UUID, now: dt.datetime) -> ProposalInfo:
    """Return a proposal; raise ``NotFoundError`` where the organisation may not see one."""
    with acting_as(actor):
        return info_of(row_get(proposal_id), now)


def proposal_endorse(
    *,
    actor: Actor,
    proposal_id: UUID,
    now: dt.datetime,
    signer: Signer = Signer.SYSTEM,
    own: tuple[str, bytes] | None = None,
) -> ProposalInfo:
    """Endorse a proposal under a key that the server holds, or by the organisation's own.

    ``own`` is the id of that key and its signature over the proposal's ``message``. Endorsing
    again replaces what the organisation signed. Raise ``NotFoundError``, ``ForbiddenError`` for
    whose endorsement does not count, ``ProposalOverError``, ``NoKeyError``, or
    ``GovernanceRefusedError`` for an endorsement that would not hold.
    """
    with acting_as(actor):
        row = row_open(proposal_id, now)
        if actor.organisation not in row.endorsers:
            raise ForbiddenError("the policy does not ask your organisation")
        log = current_log()
        governed = governance_now(log)
        policy = policy_of(governed, row)
        info = info_of(row, now)
        if own is None:
            key = key_for_signing(actor=actor, signer=signer, now=now)
            own = (key.key_id, key.sign(info.message))
        endorsement = Endorsement(
            organisation_id=actor.organisation,
            key_id=bytes.fromhex(own[0]),
            policy_index=policy.set_index,
            signature=own[1],
        )
        try:
            governed.governance.check_endorsement(
                endorsement,
                policy,
                endorsed_hash=info.endorsed_hash,
                header_index=governed.header_index,
            )
        except GovernanceError as error:
            raise GovernanceRefusedError(error.detail) from error
        ProposalEndorsement.objects.update_or_create(
            proposal_id=row.id,
            organisation_id=actor.organisation,
            defaults={"key_id": own[0], "signature": own[1], "endorsed_at": now},
        )
        return info_of(row, now)


def proposal_withdraw(*, actor: Actor, proposal_id: UUID, now: dt.datetime) -> ProposalInfo:
    """Withdraw one's own proposal, or one's endorsement of another's; return the proposal.

    Raise ``NotFoundError``, also for who did not endorse, or ``ProposalOverError``.
    """
    with acting_as(actor):
        row = row_open(proposal_id, now)
        if row.organisation_id == actor.organisation:
            Proposal.objects.filter(id=row.id).update(withdrawn_at=now)
            row.withdrawn_at = now
        elif not ProposalEndorsement.objects.filter(
            proposal_id=row.id, organisation_id=actor.organisation
        ).delete()[0]:
            raise NotFoundError("your organisation did not endorse it")
        return info_of(row, now)


def proposal_entry(*, actor: Actor, proposal_id: UUID, now: dt.datetime) -> bytes:
    """Return one's own proposal with the endorsements that hold: what a statement is signed over.

    Raise as ``proposal_submit``.
    """
    with acting_as(actor):
        row = row_own(actor, proposal_id, now)
        return entry_endorsed(row, governance_now(current_log()))


def proposal_submit(
    *,
    actor: Actor,
    proposal_id: UUID,
    now: dt.datetime,
    own: tuple[bytes, bytes] | None = None,
) -> Receipt:
    """Append one's own proposal, once it has its endorsements; return the receipt.

    ``own`` are statement and signature over ``proposal_entry`` where the organisation's own key
    signs. Raise ``NotFoundError``, ``ProposalOverError``, ``EndorsementsMissingError`` (those that
    do not hold any more do not count), ``KeyRefusedError``, or as ``submission_append``.
    """
    with acting_as(actor):
        row, log = row_own(actor, proposal_id, now), current_log()
        given = ProposalEndorsement.objects.filter(proposal_id=row.id)
        endorsers = given.values_list("organisation_id", flat=True)
        entry = parse_entry(bytes(row.content))
        append_locks(
            log,
            organisation_ids={
                actor.organisation,
                *endorsers.values_list("organisation_id", flat=True),
            },
            kinds={row.kind},
            ending=[UUID(str(entry.body["org"]))] if row.kind == MEMBER_LEFT else [],
        )
        gate = append_gate(actor=actor, log=log, kinds={row.kind}, signer=None)
        endorsed = entry_endorsed(row, governance_now(log))
        signed = _signed(actor, log, entry=entry, endorsed=endorsed, own=own, now=now)
        receipt = signed_append(actor=actor, log=log, signed=signed, now=now, judged=gate.judged)
        Proposal.objects.filter(id=row.id).update(entry_id=receipt.entry_ids[0])
        return receipt


def _propose(actor: Actor, data: bytes, now: dt.datetime) -> ProposalInfo:
    entry, governed = parse_entry(data), governance_now(current_log())
    policy = governed.governance.policy_for(entry.kind, governed.header_index)
    if policy is None:
        raise NoPolicyError(f"entries of kind {entry.kind} need no endorsements: submit it plainly")
    if policy.set_index >= governed.promised_from:
        raise NotSequencedError("the policy has no place in the log yet: ask again in a moment")
    check_gathered(entry.kind, entry.body)
    try:
        governed.governance.check_rules(entry, governed.header_index + 1)
    except GovernanceError as error:
        raise GovernanceRefusedError(error.detail) from error
    row = Proposal.objects.create(
        id=uuid4(),
        log_id=current_log().id,
        organisation_id=actor.organisation,
        key_id=entry.key_id.hex(),
        kind=entry.kind,
        content=data,
        policy_index=policy.set_index,
        n=policy.n,
        endorsers=_meant(governed.governance, policy),
        proposed_at=now,
        expires_at=now + LIFETIME,
    )
    return info_of(row, now)


def _meant(governance: Governance, policy: EndorsementPolicy) -> list[UUID]:
    """Return the members whose endorsements count, those that left not among them."""
    return sorted(
        member.organisation_id
        for member in governance.members.values()
        if member.left_index is None and policy.means(member.organisation_id, member.kind)
    )


def _signed(
    actor: Actor,
    log: LogInfo,
    *,
    entry: Entry,
    endorsed: bytes,
    own: tuple[bytes, bytes] | None,
    now: dt.datetime,
) -> Signed:
    draft = EntryDraft(kind=entry.kind, id=entry.id, body=entry.body, commitments=entry.commitments)
    if own is not None:
        signed = statement_check(
            actor=actor,
            log=log,
            statement=own[0],
            signature=own[1],
            entries=[endorsed],
            drafts=[draft],
        )
        if signed.parsed.key_id != entry.key_id:
            raise KeyRefusedError("the entry names another key than the statement")
        return signed
    key_id = entry.key_id.hex()
    held = ServerKey.objects.filter(key_id=key_id, organisation_id=actor.organisation).first()
    valid = SigningKey.objects.filter(key_id=key_id, log_id=log.id, revoked_index=None).exists()
    ended = KeyRevocation.objects.filter(key_id=key_id).exists()
    if held is None or not valid or ended:
        raise KeyRefusedError(
            "the entry names a key that the server does not hold, or that ended: sign the statement"
            " yourself, or propose the entry again"
        )
    return entries_signed(
        log=log,
        organisation_id=actor.organisation,
        entries=[endorsed],
        drafts=[draft],
        now=now,
        key=HeldKey(key_id=key_id, provider_name=held.provider_name),
    )
