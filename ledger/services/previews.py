"""What a change of governance would do, before anybody signs it: the same rules, no write."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID, uuid4

from foundation.core.actor import Actor
from foundation.tenancy import acting_as
from ledger.core.canonical import Json
from ledger.core.endorsement import EndorsementPolicy
from ledger.core.entry import Entry, EntryDraft, EntryError, build_entry, parse_entry
from ledger.core.governance import Governance, GovernanceError, Holder, SigningKey
from ledger.errors import EntryRefusedError, GovernanceRefusedError
from ledger.models import Proposal, ProposalEndorsement, ServerKey
from ledger.selectors import current_log
from ledger.services.governed import governance_now
from ledger.services.keys import Signer, key_for_signing


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """An entry as it would be written, but for its id and time, and what follows from it.

    ``ended`` are keys that end with it; ``keys_left`` how many valid ones their organisation has
    then, and ``server_signs`` whether the server could still sign for it. ``proposals`` and
    ``endorsements`` that wait under those keys come to nothing. ``policy`` asks for endorsements
    of such an entry first, where it is not ``None``.
    """

    kind: str
    body: Mapping[str, Json]
    policy: EndorsementPolicy | None
    ended: tuple[SigningKey, ...] = ()
    keys_left: int = 0
    server_signs: bool = True
    proposals: int = 0
    endorsements: int = 0


def change_preview(
    *, actor: Actor, kind: str, body: Mapping[str, Json], now: dt.datetime
) -> Preview:
    """Return what an entry of governance would do; nothing is signed and nothing written.

    Raise ``GovernanceRefusedError`` where the log's rules refuse it or it would lock its
    organisation out, ``EntryRefusedError`` for what is no entry, ``NoKeyError`` where the server
    holds no key that could sign it.
    """
    with acting_as(actor):
        key = key_for_signing(actor=actor, signer=Signer.SYSTEM, now=now)
        draft = EntryDraft(kind=kind, id=uuid4(), body=body)
        try:
            data = build_entry(
                draft=draft,
                log=current_log().origin,
                organisation_id=actor.organisation,
                key_id=bytes.fromhex(key.key_id),
                time=now,
            )
        except EntryError as error:
            raise EntryRefusedError(error.detail) from error
        return _preview(parse_entry(data))


def _preview(entry: Entry) -> Preview:
    governed = governance_now(current_log())
    before, after = governed.governance, governed.governance.copy()
    policy = before.policy_for(entry.kind, governed.header_index)
    try:
        before.check_rules(entry, governed.header_index + 1)
        if policy is None:
            after.apply(entry, governed.header_index + 1, header_index=governed.header_index)
    except GovernanceError as error:
        raise GovernanceRefusedError(error.detail) from error
    ended = [key for id_, key in before.keys.items() if _ends(key, after.keys[id_])]
    ids = [key.key_id.hex() for key in ended]
    owner = ended[0].organisation_id if ended else entry.organisation_id
    left = _valid(after, owner)
    _check_manages(entry, ended, left)
    server = ServerKey.objects.filter(key_id__in=[key.key_id.hex() for key in left])
    return Preview(
        kind=entry.kind,
        body=entry.body,
        policy=policy,
        ended=tuple(ended),
        keys_left=len(left),
        server_signs=owner != entry.organisation_id or server.filter(holder="system").exists(),
        proposals=Proposal.objects.filter(key_id__in=ids, entry_id=None, withdrawn_at=None).count(),
        endorsements=ProposalEndorsement.objects.filter(
            key_id__in=ids, proposal__entry_id=None, proposal__withdrawn_at=None
        ).count(),
    )


def _ends(before: SigningKey, after: SigningKey) -> bool:
    return before.revoked_index is None and after.revoked_index is not None


def _valid(governance: Governance, organisation_id: UUID) -> list[SigningKey]:
    return [
        key
        for key in governance.keys.values()
        if key.organisation_id == organisation_id and key.revoked_index is None
    ]


def _check_manages(entry: Entry, ended: list[SigningKey], left: list[SigningKey]) -> None:
    """Raise ``GovernanceRefusedError`` where members stay, and none of their keys adds others.

    As ``key_revoke`` refuses it, only before anything is signed.
    """
    leaves = "org" in entry.body and "reason" in entry.body
    managed = any(Holder(key.holder).manages for key in ended)
    if managed and not leaves and not any(Holder(key.holder).manages for key in left):
        raise GovernanceRefusedError(
            "it is the last key under which the organisation can add keys; those of people and"
            " devices are none: add a system's or a member's key first"
        )
