"""A log that serves whatever a test wants it to: honest, forked, cut, flipped, or silent."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from ledger.core.entry import EntryDraft
from ledger.core.governance import Holder
from ledger.core.note import KeyType, VerifierKey, cosignature_message, format_signature_line
from ledger.core.receipt import Receipt
from ledger.core.statement import KeyChain
from tests.ledger.log_builder import DONE, LogBuilder, Signer, seed_of
from theriac_client.journal import Journal, Own, Record
from theriac_client.keyfile import MemberKey, write_key
from theriac_client.settings import Settings, write_settings

Spoil = Callable[[str, bytes], bytes | None]


@dataclass
class ScriptedLog:
    """Serves ``files`` below ``/log/main/``; ``spoil`` changes an answer, ``None`` closes on it."""

    files: dict[str, bytes] = field(default_factory=dict)
    spoil: Spoil = lambda _, data: data
    address: str = ""
    asked: list[str] = field(default_factory=list)

    def show(self, log: LogBuilder, *signers: "WitnessKey", time_s: int = 0) -> None:
        """Serve this log from now on, cosigned by these witnesses."""
        files = dict(log.export())
        files["checkpoint"] = cosigned(files["checkpoint"], *signers, time_s=time_s)
        self.files = {f"/log/main/{path}": data for path, data in files.items()}


@dataclass(frozen=True)
class WitnessKey:
    """A witness with a key."""

    name: str

    @property
    def key(self) -> VerifierKey:
        return VerifierKey(
            name=self.name,
            key_type=KeyType.COSIGNATURE,
            public_key=bytes(seed_of(self.name).verify_key),
        )

    def path(self, log: LogBuilder) -> str:
        """Return where it shows what it cosigned."""
        return f"/witness/{sha256(log.vkey.name.encode()).hexdigest()}/checkpoint"


def cosigned(note: bytes, *signers: WitnessKey, time_s: int) -> bytes:
    """Return the note with cosignatures."""
    text = note.decode().rpartition("\n\n")[0] + "\n"
    for signer in signers:
        message = cosignature_message(text=text, timestamp_s=time_s)
        signature = seed_of(signer.name).sign(message).signature
        blob = time_s.to_bytes(8, "big") + signature
        note += f"{format_signature_line(signer.name, signer.key.key_hash, blob)}\n".encode()
    return note


@contextmanager
def served() -> Iterator[ScriptedLog]:
    """Serve a scripted log on loopback."""
    scripted = ScriptedLog()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            scripted.asked.append(self.path)
            found = scripted.files.get(self.path)
            data = scripted.spoil(self.path, b"none" if found is None else found)
            if data is None:
                return
            self.send_response(404 if found is None else 200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        scripted.address = f"http://127.0.0.1:{server.server_port}"
        yield scripted
        server.shutdown()
        thread.join()


@dataclass
class Sender:
    """A member whose client keeps what it sends: ``signer`` is its key, ``folder`` its state."""

    log: LogBuilder
    signer: Signer
    folder: Path

    def keeps(self, address: str) -> None:
        """Write the settings and the key of the client."""
        signing_key = seed_of(self.signer.name)
        key = MemberKey(signing_key=signing_key, holder=Holder.MEMBER)
        (self.folder / "keys").mkdir(parents=True)
        write_key(self.folder / "keys" / f"{key.key_id.hex()}.json", key)
        settings = Settings(
            server=address,
            channel="main",
            vkey=self.log.vkey,
            organisation_id=self.signer.organisation_id,
            receipt_key=self.log.receipt_signer.public_key,
            key_id=key.key_id,
        )
        write_settings(self.folder, settings)

    def send(self, *drafts: EntryDraft, into: LogBuilder | None = None) -> Record:
        """Submit, and keep header and receipt as the client does. The log may be a throw-away."""
        log = into or self.log
        at = len(log.leaves)
        receipt = log.submit(self.signer, *(drafts or (log.draft(DONE, {"step": 9}),)))
        return self.keep(receipt, log.leaves[at])

    def keep(self, receipt: Receipt, header: bytes | None) -> Record:
        """Keep a receipt; without the header it is one of what the server signed."""
        own = None
        if header is not None:
            own = Own(
                statement_hash=receipt.promise.statement_hash,
                header=header,
                entry_ids=receipt.entry_ids,
                after=self.signer.chain or KeyChain(),
            )
        record = Record(
            id=receipt.promise.id,
            path="/epcis/v2/events",
            media_type="application/json",
            document_hash=sha256(receipt.promise.id.bytes).digest(),
            own=own,
            receipt=receipt,
        )
        Journal(self.folder).add(record, b"")
        return record


def forked(log: LogBuilder, at: int, submissions: Sequence[Signer]) -> LogBuilder:
    """Return another history from leaf ``at`` on, in which these sign one entry each."""
    other = deepcopy(log)
    del other.leaves[at:], other.headers[at:]
    for signer in submissions:
        other.submit(signer, other.draft(DONE, {"step": 66}))
    return other
