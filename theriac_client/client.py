"""A member's own hand: it signs, sends and keeps, and finds out later what became of it.

One folder, one chain of statements: whatever is signed is on disk before it is sent and after it
is answered, and two processes take turns. Nothing here trusts the server further than signatures.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from uuid import UUID

import orjson

from foundation.core.problem import BadInputError
from ledger.core.canonical import Json
from ledger.core.governance import KEY_ROTATED, Holder
from ledger.core.members import format_base64, parse_uuid
from ledger.core.statement import KeyChain
from theriac_client.durable import folder_made, locked
from theriac_client.errors import DocumentError, PromiseError, RefusedError, StateError
from theriac_client.journal import Journal, KeyState, Own, Record, answered
from theriac_client.keyfile import MemberKey, make_key, read_key, write_key
from theriac_client.logreader import LogReader
from theriac_client.sealing import (
    Sealing,
    prove_possession,
    random_uuid,
    seal_body,
    seal_events,
    sign,
)
from theriac_client.sending import ATTEMPTS, SEALED, HeadConflictError, Sender
from theriac_client.settings import FILE, Settings, read_settings, write_settings
from theriac_client.web import Web

_KEYS = "/api/v1/keys"


def utc_now() -> datetime:
    """Return the time of this machine's clock."""
    return datetime.now(UTC)  # noqa: TID251 - the one clock of the package, which callers may give


@dataclass
class Client:
    """The keeper of one state ``folder``; ``web`` is the server, with the API key.

    ``passphrase`` opens keys that are encrypted, and encrypts those that are made. ``key_wait_s``
    is how long the answer about a key waits for its place: it may sign from then on.
    """

    folder: Path
    web: Web
    passphrase: bytes = field(default=b"", repr=False)
    attempts: int = ATTEMPTS
    pause_s: float = 0.5
    key_wait_s: int = 10
    now: Callable[[], datetime] = utc_now
    told: Callable[[str], None] = lambda _: None

    @property
    def journal(self) -> Journal:
        """The records of the folder."""
        return Journal(self.folder)

    def key_new(self, *, holder: Holder, label: str = "") -> MemberKey:
        """Make a key and keep it; it signs nothing before it is registered."""
        with locked(self.folder):
            return self._key_made(holder, label)

    def register(self, key_id: bytes, *, reader: LogReader) -> Record:
        """Add a kept key to the log, signed by the key that the server holds for the member.

        Pins the log's key of ``reader`` for this folder. Raise ``ClientError``.
        """
        with locked(self.folder):
            key = self._key(key_id)
            if (self.folder / FILE).exists():
                self._resume(read_settings(self.folder))
            settings = self._settings_for(key, reader)
            body: dict[str, Json] = {
                "holder": key.holder.value,
                "public_key": format_base64(key.public_key),
                "possession": format_base64(
                    prove_possession(
                        key, log=settings.vkey.name, organisation_id=settings.organisation_id
                    )
                ),
            }
            if key.label:
                body["label"] = key.label
            document = orjson.dumps(body)
            # A name that follows from the key: whoever died on the way repeats the same request.
            record = Record(
                id=UUID(bytes=key.key_id[:16], version=4),
                path=_KEYS,
                media_type="application/json",
                document_hash=sha256(document).digest(),
                activates=key.key_id,
            )
            known = self.journal.of_document(record.document_hash)
            if known is None:
                self.journal.add(record, document)
            record = self._kept(known or record, settings)
            write_settings(self.folder, settings)
            return record

    def submit(self, document: bytes) -> Record:
        """Seal EPCIS events, send them, and return the record with its receipt.

        A document that was submitted before is not submitted again: its record is returned. What
        was pending is finished first. Raise ``ClientError``; after ``PendingError`` the next call
        goes on with the same bytes.
        """
        with locked(self.folder):
            settings = read_settings(self.folder)
            key = self._key(settings.key_id)
            digest = sha256(document).digest()
            self._clear_the_way(settings, digest)
            known = self.journal.of_document(digest)
            if known is not None:
                return known
            return self._submit(seal_events(document, randoms=os.urandom), key, settings)

    def rotate(self) -> Record:
        """Put a new key in the place of the one that signs, in one entry which the old one signs.

        From the answer on the new one signs. Raise ``ClientError``.
        """
        with locked(self.folder):
            settings = read_settings(self.folder)
            old = self._key(settings.key_id)
            resumed = self._resume(settings)
            if resumed is not None and resumed.activates is not None:
                return resumed  # it was this that was pending
            new = self._key_made(old.holder, old.label)
            held = prove_possession(
                new, log=settings.vkey.name, organisation_id=settings.organisation_id
            )
            document: dict[str, Json] = {
                "public_key": format_base64(new.public_key),
                "possession": format_base64(held),
            }
            if new.label:
                document["label"] = new.label
            sealing = seal_body(
                path=f"{_KEYS}/{old.key_id.hex()}/rotate",
                document=document,
                kind=KEY_ROTATED,
                body={**document, "old": old.key_id.hex(), "key": new.key_id.hex()},
                entry_id=random_uuid(os.urandom),
            )
            return self._submit(sealing, old, settings, activates=new.key_id)

    def resume(self) -> Record | None:
        """Finish what was pending, if anything was; return its record. Raise ``ClientError``."""
        with locked(self.folder):
            return self._resume(read_settings(self.folder))

    def receipts(self) -> Iterator[Record]:
        """Yield the records that have a receipt."""
        return (record for record in self.journal.records() if record.receipt is not None)

    def _clear_the_way(self, settings: Settings, document_hash: bytes) -> None:
        """Finish what is pending before this document; raise what ends in no receipt."""
        pending = self.journal.key_state(settings.key_id).pending
        if pending is None:
            return
        same = self.journal.get(pending).document_hash == document_hash
        try:
            self._resume(settings)
        except HeadConflictError:
            if not same:
                raise
        except RefusedError as error:
            if same:
                raise
            raise RefusedError(f"what was pending before ({pending}) was {error}") from error

    def _submit(
        self,
        sealing: Sealing,
        key: MemberKey,
        settings: Settings,
        *,
        activates: bytes | None = None,
    ) -> Record:
        state = self.journal.key_state(key.key_id)
        try:
            return self._sent(sealing, key, settings, chain=state.chain, activates=activates)
        except HeadConflictError as conflict:
            head = self._head_to_follow(state.chain, conflict.head)
            self.told(
                f"the key signed elsewhere too: going on after entry {head.first}, not"
                f" {state.chain.first}"
            )
            # The entries keep their ids, so that no log takes them twice.
            self.journal.key_move(key.key_id, KeyState(chain=head))
            return self._sent(sealing, key, settings, chain=head, activates=activates)

    def _sent(
        self,
        sealing: Sealing,
        key: MemberKey,
        settings: Settings,
        *,
        chain: KeyChain,
        activates: bytes | None,
    ) -> Record:
        """Write, then send; the record is pending in between."""
        record_id = random_uuid(os.urandom)
        try:
            sealed = sign(
                sealing,
                key=key,
                log=settings.vkey.name,
                organisation_id=settings.organisation_id,
                chain=chain,
                submission_id=record_id,
                time=self.now(),
            )
        except BadInputError as error:
            raise DocumentError(f"the document cannot be sealed: {error.detail}") from error
        record = Record(
            id=record_id,
            path=sealing.path,
            media_type=SEALED,
            document_hash=sha256(sealing.document).digest(),
            own=Own(
                statement_hash=sealed.statement_hash,
                header=sealed.header,
                entry_ids=sealed.entry_ids,
                after=sealed.after,
            ),
            activates=activates,
        )
        self.journal.add(record, sealed.body)
        self.journal.key_move(key.key_id, KeyState(chain=chain, pending=record.id))
        return self._finished(record, key.key_id, settings)

    def _resume(self, settings: Settings) -> Record | None:
        state = self.journal.key_state(settings.key_id)
        if state.pending is None:
            return None
        return self._finished(self.journal.get(state.pending), settings.key_id, settings)

    def _finished(self, record: Record, key_id: bytes, settings: Settings) -> Record:
        """Bring a pending record to its end, and the chain behind it."""
        state = self.journal.key_state(key_id)
        try:
            record = self._kept(record, settings)
        except RefusedError:
            self.journal.key_move(key_id, KeyState(chain=state.chain))
            self.journal.drop(record.id, record.document_hash)
            raise
        assert record.own is not None
        if record.activates is not None:
            write_settings(self.folder, settings.with_key(record.activates))
        self.journal.key_move(key_id, KeyState(chain=record.own.after))
        return record

    def _kept(self, record: Record, settings: Settings) -> Record:
        """Return the record with its receipt, which is on disk by then."""
        if record.receipt is not None:
            return record
        sender = Sender(
            web=self.web,
            settings=settings,
            journal=self.journal,
            attempts=self.attempts,
            pause_s=self.pause_s,
            key_wait_s=self.key_wait_s,
        )
        record = answered(record, sender.send(record))
        self.journal.update(record)
        return record

    def _head_to_follow(self, ours: KeyChain, theirs: KeyChain) -> KeyChain:
        """Return the server's head where it is ahead of ours; raise ``PromiseError`` else.

        Behind ours, or beside it, means that receipts which are kept here were forgotten there: a
        statement that followed such a head would make a fork under our own key.
        """
        if theirs.first <= ours.first:
            raise PromiseError(
                f"the server's head of the key is entry {theirs.first}, receipts here reach"
                f" {ours.first}: it forgot what it promised, nothing more is signed"
            )
        return theirs

    def _settings_for(self, key: MemberKey, reader: LogReader) -> Settings:
        """Return the folder's settings, or those that the server and the log's genesis give."""
        if (self.folder / FILE).exists():
            known = read_settings(self.folder)
            if (known.vkey, known.channel) != (reader.vkey, reader.channel):
                raise StateError(f"{self.folder} is for the log {known.vkey.name}")
            return known.with_key(key.key_id)
        governance = reader.genesis(reader.head())
        answer = self.web.get("/api/v1/me")
        if not answer.is_success:
            raise RefusedError(f"refused ({answer.status}): {answer.problem()[1]}")
        organisation = answer.json().get("organisation")
        named = organisation.get("id") if isinstance(organisation, dict) else ""
        try:
            organisation_id = parse_uuid(str(named))
        except BadInputError as error:
            raise RefusedError("the API key belongs to no organisation") from error
        return Settings(
            server=self.web.address,
            channel=reader.channel,
            vkey=reader.vkey,
            organisation_id=organisation_id,
            receipt_key=governance.receipt_key.public_key,
            key_id=key.key_id,
        )

    def _key_made(self, holder: Holder, label: str) -> MemberKey:
        key = make_key(holder=holder, label=label)
        write_key(self._key_path(key.key_id), key, self.passphrase)
        return key

    def _key(self, key_id: bytes) -> MemberKey:
        return read_key(self._key_path(key_id), self.passphrase)

    def _key_path(self, key_id: bytes) -> Path:
        return folder_made(self.folder / "keys") / f"{key_id.hex()}.json"
