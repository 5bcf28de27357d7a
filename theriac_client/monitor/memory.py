"""What the monitor remembers: the newest head, how far it read, and what it learned there.

All of it is on disk before anything is said of it. Three lists only grow: the governance of the
log, the own submissions seen in it, the checkpoints of receipts that fit. The state names their
lengths, and what a crash left behind them is cut off.
"""

import os
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import orjson

from foundation.core.problem import BadInputError
from ledger.core.canonical import Json
from ledger.core.entry import parse_entry
from ledger.core.governance import Governance
from ledger.core.members import Members, format_base64, format_time, parse_base64
from ledger.core.merkle import CompactRange
from ledger.core.note import VerifierKey, format_vkey
from theriac_client.durable import folder_made, read_bytes, read_json, write_json
from theriac_client.errors import StateError

_STATE = "state.json"
_GOVERNANCE = "governance.jsonl"
_OWN = "own.jsonl"
_CHECKED = "checked.jsonl"
_REQUIRED = (
    *("v", "vkey", "size", "hashes", "governance_bytes", "own_bytes", "checked_bytes"),
    *("ahead", "told"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSubmission:
    """A submission of which not all entries were read; ``hashes`` are those of the ones read."""

    index: int
    header: bytes
    entries: CompactRange


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A head that was seen; ``at`` is when it was seen first."""

    note: bytes
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The state file. ``read`` covers the leaves that were read; ``head`` may reach further.

    ``ahead`` says since when a witness has a larger head than the log shows, by the witness' name;
    ``told`` are the findings that somebody was told of.
    """

    read: CompactRange = field(default_factory=CompactRange)
    head: Sighting | None = None
    open: OpenSubmission | None = None
    governance_bytes: int = 0
    own_bytes: int = 0
    checked_bytes: int = 0
    ahead: tuple[tuple[str, datetime], ...] = ()
    told: tuple[str, ...] = ()


class Memory:
    """The state folder of a monitor; whoever opens it holds its lock."""

    def __init__(self, folder: Path, vkey: VerifierKey) -> None:
        """Read what is there; raise ``StateError`` where it is damaged or another log's."""
        self.folder = folder_made(folder)
        self.vkey = vkey
        self.progress = self._progress()
        self.governance = Governance(vkey)
        # Statement hash to the index of its header.
        self.own: dict[bytes, int] = {}
        # SHA-256 of checkpoints in receipts that are of the log's one history.
        self.checked: set[bytes] = set()
        self._grown: dict[str, list[bytes]] = {_GOVERNANCE: [], _OWN: [], _CHECKED: []}
        self._replay()

    def governed(self, entry: bytes, index: int, header_index: int) -> None:
        """Keep an entry of governance that was applied."""
        line = {"entry": format_base64(entry), "index": index, "header_index": header_index}
        self._grown[_GOVERNANCE].append(orjson.dumps(line) + b"\n")

    def own_seen(self, statement_hash: bytes, index: int) -> None:
        """Keep that an own submission stands in the log."""
        self.own[statement_hash] = index
        line = {"statement_hash": statement_hash.hex(), "index": index}
        self._grown[_OWN].append(orjson.dumps(line) + b"\n")

    def checkpoint_fits(self, digest: bytes) -> None:
        """Keep that a receipt's checkpoint is of the log's history."""
        self.checked.add(digest)
        self._grown[_CHECKED].append(orjson.dumps({"checkpoint": digest.hex()}) + b"\n")

    def persist(self, progress: Progress) -> None:
        """Write how far it is, what grew first."""
        progress = replace(
            progress,
            governance_bytes=self._append(_GOVERNANCE, progress.governance_bytes),
            own_bytes=self._append(_OWN, progress.own_bytes),
            checked_bytes=self._append(_CHECKED, progress.checked_bytes),
        )
        write_json(self.folder / _STATE, self._json(progress))
        self.progress = progress

    def _append(self, name: str, length: int) -> int:
        lines = b"".join(self._grown[name])
        if not lines:
            return length
        path = self.folder / name
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            with open(handle, "r+b") as file:  # noqa: PTH123 - a descriptor with its mode
                file.truncate(length)
                file.seek(length)
                file.write(lines)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StateError(f"{path} cannot be written: {error.strerror}") from error
        self._grown[name].clear()
        return length + len(lines)

    def _lines(self, name: str, length: int) -> list[bytes]:
        if not length:
            return []
        data = read_bytes(self.folder / name)
        if len(data) < length:
            raise StateError(f"{self.folder / name} is shorter than the state says")
        return data[:length].splitlines()

    def _replay(self) -> None:
        try:
            for line in self._lines(_GOVERNANCE, self.progress.governance_bytes):
                value = Members(orjson.loads(line), _GOVERNANCE, BadInputError)
                self.governance.apply(
                    parse_entry(value.blob("entry")),
                    value.integer("index"),
                    header_index=value.integer("header_index"),
                )
            for line in self._lines(_OWN, self.progress.own_bytes):
                value = Members(orjson.loads(line), _OWN, BadInputError)
                self.own[value.digest("statement_hash")] = value.integer("index")
            for line in self._lines(_CHECKED, self.progress.checked_bytes):
                value = Members(orjson.loads(line), _CHECKED, BadInputError)
                self.checked.add(value.digest("checkpoint"))
        except (BadInputError, orjson.JSONDecodeError, KeyError) as error:
            raise StateError(f"{self.folder} is damaged: {error}") from error

    def _progress(self) -> Progress:
        path = self.folder / _STATE
        if not path.exists():
            return Progress()
        try:
            members = Members(read_json(path), _STATE, BadInputError)
            members.expect(_REQUIRED, ("head", "open"))
            members.literal("v", 1)
            members.literal("vkey", format_vkey(self.vkey))
            return Progress(
                read=CompactRange(members.integer("size"), members.digests("hashes")),
                head=_sighting(members.members("head")) if members.has("head") else None,
                open=_open(members.members("open")) if members.has("open") else None,
                governance_bytes=members.integer("governance_bytes"),
                own_bytes=members.integer("own_bytes"),
                checked_bytes=members.integer("checked_bytes"),
                ahead=tuple(
                    (each.text("witness"), each.time("since")) for each in members.each("ahead")
                ),
                told=tuple(members.texts("told")),
            )
        except BadInputError as error:
            raise StateError(f"{path} is damaged, or is of another log: {error}") from error

    def _json(self, progress: Progress) -> dict[str, Json]:
        value: dict[str, Json] = {
            "v": 1,
            "vkey": format_vkey(self.vkey),
            "size": progress.read.size,
            "hashes": [digest.hex() for digest in progress.read.hashes],
            "governance_bytes": progress.governance_bytes,
            "own_bytes": progress.own_bytes,
            "checked_bytes": progress.checked_bytes,
            "ahead": [
                {"witness": name, "since": format_time(since)} for name, since in progress.ahead
            ],
            "told": list(progress.told),
        }
        if progress.head is not None:
            value["head"] = {
                "note": format_base64(progress.head.note),
                "at": format_time(progress.head.at),
            }
        if (waiting := progress.open) is not None:
            value["open"] = {
                "index": waiting.index,
                "header": format_base64(waiting.header),
                "size": waiting.entries.size,
                "hashes": [digest.hex() for digest in waiting.entries.hashes],
            }
        return value


def _sighting(members: Members) -> Sighting:
    members.expect(("note", "at"))
    return Sighting(note=parse_base64(members.text("note")), at=members.time("at"))


def _open(members: Members) -> OpenSubmission:
    members.expect(("index", "header", "size", "hashes"))
    return OpenSubmission(
        index=members.integer("index"),
        header=members.blob("header"),
        entries=CompactRange(members.integer("size"), members.digests("hashes")),
    )
