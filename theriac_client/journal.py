"""What was signed and what came of it: one record for each submission, durable at every step.

A submission is written before it is sent, so that whatever happens the very same bytes can be
sent again; its key's chain names it as *pending* until the server's answer is written too. What
is on disk is enough to go on from any point at which the process may have died.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

from foundation.core.problem import BadInputError
from ledger.core.canonical import Json
from ledger.core.members import Members, format_base64
from ledger.core.receipt import Receipt, parse_receipt
from ledger.core.sequenced import Sequenced, parse_sequenced
from ledger.core.statement import KeyChain
from theriac_client.durable import (
    folder_made,
    read_bytes,
    read_json,
    remove,
    write_bytes,
    write_json,
)
from theriac_client.errors import StateError

_FOLDER = "submissions"
_REQUIRED = ("v", "path", "media_type", "document_hash")
_OPTIONAL = (
    *("statement_hash", "header", "entry_ids", "first", "prev", "activates"),
    *("receipt", "sequenced"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """What is known of a submission that an own key signed; ``after`` follows in its chain."""

    statement_hash: bytes
    header: bytes
    entry_ids: tuple[bytes, ...]
    after: KeyChain


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A request and what came of it. Without ``own`` the server signed: a key's registration.

    ``id`` names the record and, where ``own``, the submission; ``activates`` is the key that
    signs from the answer on.
    """

    id: UUID
    path: str
    media_type: str
    document_hash: bytes
    own: Own | None = None
    activates: bytes | None = None
    receipt: Receipt | None = None
    sequenced: Sequenced | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyState:
    """Where a key's chain stands, and the submission that was sent and not answered yet."""

    chain: KeyChain
    pending: UUID | None = None


class Journal:
    """The records of a state folder. Whoever writes holds the folder's lock."""

    def __init__(self, folder: Path) -> None:
        """Keep records below ``folder``, which is made with the first one."""
        self.folder = folder
        self._folder = folder / _FOLDER

    def key_state(self, key_id: bytes) -> KeyState:
        """Return where a key stands; one that never signed is at its beginning."""
        path = self._chain(key_id)
        if not path.exists():
            return KeyState(chain=KeyChain())
        try:
            members = Members(read_json(path), path.name, BadInputError)
            members.expect(("v", "first", "prev"), ("pending",))
            members.literal("v", 1)
            return KeyState(
                chain=KeyChain(first=members.integer("first"), prev=members.digest("prev")),
                pending=members.uuid("pending") if members.has("pending") else None,
            )
        except BadInputError as error:
            raise StateError(f"{path} is damaged: {error}") from error

    def key_move(self, key_id: bytes, state: KeyState) -> None:
        """Write where a key stands."""
        value: dict[str, Json] = {
            "v": 1,
            "first": state.chain.first,
            "prev": state.chain.prev.hex(),
        }
        if state.pending is not None:
            value["pending"] = str(state.pending)
        write_json(self._chain(key_id), value)

    def add(self, record: Record, body: bytes) -> None:
        """Write a record that is about to be sent: what leads to it first, so that none is lost."""
        folder_made(self._folder)
        write_json(self._document(record.document_hash), {"v": 1, "id": str(record.id)})
        write_bytes(self._body(record.id), body)
        self.update(record)

    def update(self, record: Record) -> None:
        """Write what became known of a record."""
        write_json(self._record(record.id), _json(record))

    def drop(self, record_id: UUID, document_hash: bytes) -> None:
        """Remove a record of which the server keeps nothing: refused, or never sent."""
        remove(self._record(record_id))
        remove(self._body(record_id))
        remove(self._document(document_hash))

    def get(self, record_id: UUID) -> Record:
        """Return a record; raise ``StateError`` where there is none."""
        path = self._record(record_id)
        try:
            return _read(record_id, Members(read_json(path), path.name, BadInputError))
        except BadInputError as error:
            raise StateError(f"{path} is damaged: {error}") from error

    def body(self, record_id: UUID) -> bytes:
        """Return the request of a record, to the byte."""
        return read_bytes(self._body(record_id))

    def of_document(self, document_hash: bytes) -> Record | None:
        """Return the record in which this document was sent, if it was.

        One that is neither pending nor answered was never sent: it is dropped.
        """
        path = self._document(document_hash)
        if not path.exists():
            return None
        try:
            record_id = Members(read_json(path), path.name, BadInputError).uuid("id")
        except BadInputError as error:
            raise StateError(f"{path} is damaged: {error}") from error
        record = self.get(record_id) if self._record(record_id).exists() else None
        if record is not None and (record.receipt is not None or record.own is None):
            return record
        self.drop(record_id, document_hash)
        return None

    def records(self) -> Iterator[Record]:
        """Yield all records, one at a time, in the order of their names."""
        for path in sorted(self._folder.glob("[!.]*.json")):
            try:
                yield self.get(UUID(path.stem))
            except StateError:
                if path.exists():
                    raise
                # Another process dropped it meanwhile: it was refused.

    def _record(self, record_id: UUID) -> Path:
        return self._folder / f"{record_id}.json"

    def _body(self, record_id: UUID) -> Path:
        return self._folder / f"{record_id}.body"

    def _document(self, digest: bytes) -> Path:
        return self._folder / f"{digest.hex()}.document"

    def _chain(self, key_id: bytes) -> Path:
        return self.folder / f"chain-{key_id.hex()}.json"


def answered(record: Record, receipt: Receipt) -> Record:
    """Return the record with its receipt."""
    return replace(record, receipt=receipt)


def arrived(record: Record, sequenced: Sequenced) -> Record:
    """Return the record with its place in the log."""
    return replace(record, sequenced=sequenced)


def _json(record: Record) -> dict[str, object]:
    value: dict[str, object] = {
        "v": 1,
        "path": record.path,
        "media_type": record.media_type,
        "document_hash": record.document_hash.hex(),
    }
    if (own := record.own) is not None:
        value |= {
            "statement_hash": own.statement_hash.hex(),
            "header": format_base64(own.header),
            "entry_ids": [entry_id.hex() for entry_id in own.entry_ids],
            "first": own.after.first,
            "prev": own.after.prev.hex(),
        }
    if record.activates is not None:
        value["activates"] = record.activates.hex()
    if record.receipt is not None:
        value["receipt"] = record.receipt.as_json()
    if record.sequenced is not None:
        value["sequenced"] = record.sequenced.as_json()
    return value


def _read(record_id: UUID, members: Members) -> Record:
    members.expect(_REQUIRED, _OPTIONAL)
    members.literal("v", 1)
    own = None
    if members.has("statement_hash"):
        own = Own(
            statement_hash=members.digest("statement_hash"),
            header=members.blob("header"),
            entry_ids=members.digests("entry_ids"),
            after=KeyChain(first=members.integer("first"), prev=members.digest("prev")),
        )
    return Record(
        id=record_id,
        path=members.text("path"),
        media_type=members.text("media_type"),
        document_hash=members.digest("document_hash"),
        own=own,
        activates=members.digest("activates") if members.has("activates") else None,
        receipt=parse_receipt(members.mapping("receipt")) if members.has("receipt") else None,
        sequenced=(
            parse_sequenced(members.mapping("sequenced")) if members.has("sequenced") else None
        ),
    )
