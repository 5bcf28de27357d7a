"""What the watching organisation knows of itself: its keys, and what it sent under them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from ledger.core.entry import Entry
from ledger.core.governance import KEY_ADDED, KEY_ROTATED
from theriac_client.journal import Journal, Record
from theriac_client.settings import read_settings


@dataclass
class Member:
    """An organisation and the state folders of its clients, which are read and never written.

    With ``server_signs`` what the server signs under the keys that it holds for the organisation
    is expected; otherwise only what these clients sent.
    """

    organisation_id: UUID
    folders: tuple[Path, ...]
    receipt_key: bytes
    server_signs: bool = False
    _sent: set[bytes] = field(default_factory=set)

    def sent(self, statement_hash: bytes) -> bool:
        """Return whether one of the clients sent this, or was promised it."""
        if statement_hash not in self._sent:
            # It may have been sent since the last look: a record is on disk before that.
            for record in self.records():
                if record.own is not None:
                    self._sent.add(record.own.statement_hash)
                if record.receipt is not None:
                    self._sent.add(record.receipt.promise.statement_hash)
        return statement_hash in self._sent

    def records(self) -> Iterator[Record]:
        """Yield the records of all clients."""
        for folder in self.folders:
            yield from Journal(folder).records()

    def holds(self, key_id: str) -> bool:
        """Return whether a client keeps this key."""
        return any((folder / "keys" / f"{key_id}.json").exists() for folder in self.folders)

    def brings_own_key(self, entry: Entry) -> bool:
        """Return whether the entry adds a key that a client keeps, and nothing else."""
        return entry.kind in (KEY_ADDED, KEY_ROTATED) and self.holds(str(entry.body.get("key")))


def read_member(folders: tuple[Path, ...], *, server_signs: bool) -> Member:
    """Return the member of these state folders; raise ``StateError``."""
    settings = [read_settings(folder) for folder in folders]
    return Member(
        organisation_id=settings[0].organisation_id,
        folders=folders,
        receipt_key=settings[0].receipt_key,
        server_signs=server_signs,
    )
