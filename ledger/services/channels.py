"""Channels of a deployment: each a log of its own, the further ones announced in the directory.

The operator of the deployment opens them and is the operator of each. What admits members to a
channel, adds keys to it and sets its policies is the same as in the directory, by an actor that
names the channel.
"""

import contextlib
import datetime as dt
import secrets
from dataclasses import dataclass, replace
from uuid import UUID, uuid4

from django.conf import settings
from django.db import IntegrityError, connections

from foundation.core.actor import SYSTEM, Actor
from foundation.core.problem import ForbiddenError
from foundation.key_providers import key_provider
from foundation.tenancy import acting_as, current_alias
from ledger.channels import (
    LogInfo,
    current_log,
    directory_log,
    is_operator,
    log_get,
    log_key_name,
    receipt_key_name,
)
from ledger.core.canonical import Json
from ledger.core.channels import LogOpening, announcement, check_channel_name, link
from ledger.core.checkpoint import Checkpoint
from ledger.core.commitment import KEY_SIZE_BYTES
from ledger.core.entry import EntryDraft
from ledger.core.governance import CHANNEL_CREATED, CHANNEL_LINKED, GENESIS
from ledger.core.members import format_base64
from ledger.core.note import KeyType, VerifierKey, format_vkey
from ledger.core.receipt import Receipt
from ledger.errors import (
    ChannelExistsError,
    GovernanceRefusedError,
    NotAMemberError,
    SelfLinkError,
)
from ledger.models import KeyAddition, KeyHolder, Log, Member
from ledger.published import head_published
from ledger.services.keys import HeldKey, MadeKey, key_id_of, key_make, server_key_keep
from ledger.services.sequencing import Sequencer
from ledger.services.storing import submission_store
from ledger.services.submissions import signed_by, submission_append


@dataclass(frozen=True, slots=True, kw_only=True)
class LogKeys:
    """What a log is made of before it begins: its origin and keys, fresh in the provider."""

    origin: str
    vkey: str
    receipt_public: bytes
    operator_key: MadeKey

    @classmethod
    def made(cls, operator_id: UUID) -> "LogKeys":
        """Make them; the origin is random under the channels' domain, because names leak."""
        origin = f"{settings.CHANNEL_DOMAIN}/{secrets.token_hex(8)}"
        public = key_provider().signing_key_create(log_key_name(origin))
        vkey = VerifierKey(name=origin, key_type=KeyType.ED25519, public_key=public)
        return cls(
            origin=origin,
            vkey=format_vkey(vkey),
            receipt_public=key_provider().signing_key_create(receipt_key_name(origin)),
            operator_key=key_make(organisation_id=operator_id, label=uuid4()),
        )


def genesis_store(*, log: LogInfo, keys: LogKeys, operator_name: str, now: dt.datetime) -> Receipt:
    """Store the first entry of a log, signed by its operator's first key; return the receipt."""
    made = keys.operator_key
    server_key_keep(made=made, organisation_id=log.operator_id, holder=KeyHolder.SYSTEM)
    body: dict[str, Json] = {
        "origin": log.origin,
        "channel": log.name,
        "vkey": log.vkey,
        "operator": {
            "org": str(log.operator_id),
            "name": operator_name,
            "key": made.key_id,
            "public_key": format_base64(made.public_key),
        },
        "receipt_key": {
            "key": log.receipt_key_id,
            "public_key": format_base64(keys.receipt_public),
        },
        "quorum": "none",
    }
    if log.members_only:
        body["entries"] = "members"
    key = HeldKey(key_id=made.key_id, provider_name=made.provider_name)
    draft = EntryDraft(kind=GENESIS, id=uuid4(), body=body)
    signed = signed_by(log=log, organisation_id=log.operator_id, drafts=[draft], now=now, key=key)
    return submission_store(log=log, signed=signed, now=now)


def channel_create(*, operator_id: UUID, operator_name: str, now: dt.datetime) -> LogInfo:
    """Open the deployment's first log with its genesis, and sequence it; return the log.

    It is the directory of the others. The operator's key, the log's key and the receipts' key are
    made in the key provider. Raise ``ChannelExistsError``.
    """
    with acting_as(SYSTEM):
        if Log.objects.filter(name=settings.CHANNEL_NAME).exists():
            raise ChannelExistsError("it is created once; its log goes on for ever")
        keys = LogKeys.made(operator_id)
        Log.objects.create(
            name=settings.CHANNEL_NAME,
            origin=keys.origin,
            vkey=keys.vkey,
            operator_id=operator_id,
            receipt_key_id=key_id_of(keys.receipt_public),
            receipt_public_key=keys.receipt_public,
            created_at=now,
        )
        log = current_log()
        genesis_store(log=log, keys=keys, operator_name=operator_name, now=now)
    # A sequencer that runs already may be quicker. Then the log stands, and it goes on with it.
    with contextlib.suppress(IntegrityError):
        Sequencer(log).flush(now=now)
    return log


def channel_open(
    *, actor: Actor, name: str, members_only: bool, now: dt.datetime
) -> tuple[LogInfo, Receipt]:
    """Open a further channel; return its log, and the receipt of the directory's entry about it.

    Its genesis waits for the sequencer, as everything does. For members only: the directory has a
    commitment in place of the channel's origin and key. Raise ``GovernanceRefusedError`` for
    anybody but the deployment's operator, ``ChannelNameError`` or ``ChannelExistsError``.
    """
    check_channel_name(name)
    with acting_as(actor):
        directory = directory_log()
        if not is_operator() or actor.channel not in ("", directory.name):
            raise GovernanceRefusedError("only the operator of the deployment opens channels")
        if Log.objects.filter(name=name).exists():
            raise ChannelExistsError("a channel of this name is there; its log goes on for ever")
        keys = LogKeys.made(actor.organisation)
        opening = announcement(
            directory=directory.origin,
            origin=keys.origin,
            vkey=keys.vkey,
            key=secrets.token_bytes(KEY_SIZE_BYTES),
        )
        draft = EntryDraft(
            kind=CHANNEL_CREATED,
            id=uuid4(),
            body={} if members_only else {"origin": keys.origin, "vkey": keys.vkey},
            commitments=(opening.commitment,) if members_only else (),
        )
        receipt = submission_append(actor=actor, entries=[draft], now=now)
        log = _log_open(
            name=name,
            keys=keys,
            announced_id=receipt.entry_ids[0],
            opening_key=opening.key if members_only else None,
            now=now,
        )
        member = Member.objects.get(log_id=directory.id, organisation_id=actor.organisation)
        genesis = genesis_store(log=log, keys=keys, operator_name=member.name, now=now)
        KeyAddition.objects.create(
            key_id=keys.operator_key.key_id,
            log_id=log.id,
            organisation_id=actor.organisation,
            entry_id=genesis.entry_ids[0],
        )
        return log, receipt


def channel_actor(actor: Actor, name: str) -> Actor:
    """Return the actor as it acts in a channel of which its organisation is a member.

    Raise ``NotFoundError`` for a channel that it may not know of, ``NotAMemberError`` for one that
    it may.
    """
    named = replace(actor, channel="" if name == settings.CHANNEL_NAME else name)
    with acting_as(named):
        log = log_get(name)
        if not named.channel:
            return named
        if actor.organisation_id is None:
            raise ForbiddenError("only organisations act in a channel")
        is_member = Member.objects.filter(
            log_id=log.id, organisation_id=actor.organisation_id, left_index=None
        )
        if not is_member.exists():
            raise NotAMemberError("your organisation is no member of this channel")
    return named


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """A link that was made: whoever has ``opening`` and ``note`` can show what was known."""

    receipt: Receipt
    opening: LogOpening
    note: str


def channel_link(*, actor: Actor, channel: str, now: dt.datetime) -> Linked:
    """Commit the log that the actor acts in to the published head of another channel.

    The opening is kept by nobody but the caller. Raise ``NotFoundError`` for a channel that the
    actor may not know of, ``SelfLinkError``, or as ``head_published`` and ``submission_append``.
    """
    with acting_as(actor):
        log, other = current_log(), log_get(channel)
        if other.id == log.id:
            raise SelfLinkError("name another channel than the one that is to know its head")
        head = head_published(other)
        opening = link(
            log=log.origin,
            linked=Checkpoint(origin=other.origin, size=head.size, root=head.root_hash),
            key=secrets.token_bytes(KEY_SIZE_BYTES),
        )
        draft = EntryDraft(
            kind=CHANNEL_LINKED, id=uuid4(), body={}, commitments=(opening.commitment,)
        )
        receipt = submission_append(actor=actor, entries=[draft], now=now)
        return Linked(receipt=receipt, opening=opening, note=head.note)


def _log_open(
    *,
    name: str,
    keys: LogKeys,
    announced_id: bytes,
    opening_key: bytes | None,
    now: dt.datetime,
) -> LogInfo:
    with connections[current_alias()].cursor() as cursor:
        cursor.execute(
            "SELECT system_fn.ledger_log_open(%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                name,
                keys.origin,
                keys.vkey,
                key_id_of(keys.receipt_public),
                keys.receipt_public,
                opening_key is not None,
                announced_id,
                opening_key,
                now,
            ],
        )
    return log_get(name)
