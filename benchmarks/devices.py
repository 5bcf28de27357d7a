"""What devices with keys of their own bring: submissions of one entry, each signed."""

import datetime as dt
import time
from dataclasses import dataclass, field
from secrets import token_bytes
from uuid import uuid4

from nacl.signing import SigningKey

from foundation.core.actor import Actor
from foundation.tenancy import acting_as
from ledger.core.ed25519 import key_id_of
from ledger.core.entry import EntryDraft, build_entry
from ledger.core.merkle import leaf_hash
from ledger.core.sealed import SealedSubmission
from ledger.core.statement import (
    KeyChain,
    Statement,
    build_statement,
    statement_hash,
    statement_message,
)
from ledger.models import KeyHolder
from ledger.selectors import current_log, key_list
from ledger.services import Sent
from ledger.services.governance import key_add


@dataclass
class Device:
    """A key, and where its chain of statements stands."""

    private: SigningKey = field(default_factory=SigningKey.generate)
    chain: KeyChain = field(default_factory=KeyChain)

    @property
    def public(self) -> bytes:
        """The 32-byte public key."""
        return bytes(self.private.verify_key)


def devices_made(actor: Actor, count: int, now: dt.datetime) -> list[Device]:
    """Return devices whose keys are in the log; a sequencer has to run."""
    devices = [Device() for _ in range(count)]
    for device in devices:
        key_add(actor=actor, holder=KeyHolder.DEVICE, now=now, public_key=device.public)
    wanted = {key_id_of(device.public).hex() for device in devices}
    while True:
        with acting_as(actor):
            if wanted <= {key.key_id for key in key_list(actor.organisation)}:
                return devices
        time.sleep(0.05)


def signed_by_devices(
    actor: Actor, devices: list[Device], count: int, now: dt.datetime
) -> list[Sent]:
    """Return so many submissions, the devices taking turns, each going on from its last."""
    with acting_as(actor):
        log = current_log()
    return [_signed(actor, devices[at % len(devices)], log.origin, now) for at in range(count)]


def _signed(actor: Actor, device: Device, origin: str, now: dt.datetime) -> Sent:
    key_id = key_id_of(device.public)
    draft = EntryDraft(
        kind="member.anchored.v1", id=uuid4(), body={}, commitments=(token_bytes(32),)
    )
    entry = build_entry(
        draft=draft, log=origin, organisation_id=actor.organisation, key_id=key_id, time=now
    )
    statement = build_statement(
        Statement(
            log=origin,
            organisation_id=actor.organisation,
            key_id=key_id,
            id=uuid4(),
            n=1,
            root=leaf_hash(entry),
            time=now,
            chain=device.chain,
        )
    )
    device.chain = KeyChain(first=device.chain.first + 1, prev=statement_hash(statement))
    sealed = SealedSubmission(
        document=b"",
        media_type="application/json",
        entries=(entry,),
        openings=(),
        statement=statement,
        signature=device.private.sign(statement_message(statement)).signature,
    )
    return Sent(sealed=sealed, drafts=[draft])
