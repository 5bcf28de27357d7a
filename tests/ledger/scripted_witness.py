"""A witness of somebody else's, over real HTTP: honest by the pure core, or as bad as is told."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

from nacl.signing import SigningKey

from ledger.core.note import KeyType, VerifierKey, cosignature_message, parse_vkey
from ledger.core.policy import PolicyWitness
from ledger.core.witness import (
    AddCheckpoint,
    CosignedHead,
    decide,
    format_cosignature,
    parse_add_checkpoint,
)

TIME_S = 1_700_000_000
Reply = tuple[int, str, bytes]


@dataclass
class ScriptedWitness:
    """Cosigns one log; ``script`` replaces the answer, ``asked`` are the old sizes it was told."""

    name: str
    log_vkey: str
    seed: SigningKey = field(default_factory=SigningKey.generate)
    head: CosignedHead = field(default_factory=CosignedHead)
    script: Callable[[AddCheckpoint], Reply] | None = None
    asked: list[int] = field(default_factory=list)
    address: str = ""
    gone: Event = field(default_factory=Event)

    @property
    def key(self) -> VerifierKey:
        return VerifierKey(
            name=self.name,
            key_type=KeyType.COSIGNATURE,
            public_key=bytes(self.seed.verify_key),
        )

    @property
    def entry(self) -> PolicyWitness:
        """Its line in a policy."""
        return PolicyWitness(
            name=self.name.encode(), key=self.key, url=f"{self.address}/witness/".encode()
        )

    def line(self, text: str, timestamp_s: int = TIME_S) -> bytes:
        message = cosignature_message(text=text, timestamp_s=timestamp_s)
        signature = self.seed.sign(message).signature
        line = format_cosignature(self.key, timestamp_s=timestamp_s, signature=signature)
        return f"{line}\n".encode()

    def answer(self, data: bytes) -> Reply:
        request = parse_add_checkpoint(data)
        self.asked.append(request.old_size)
        if self.script is not None:
            return self.script(request)
        outcome = decide(request, keys=[parse_vkey(self.log_vkey)], head=self.head)
        if outcome.size is not None:
            return outcome.status, "text/x.tlog.size", b"%d\n" % outcome.size
        if outcome.status != 200:
            return outcome.status, "text/plain", outcome.detail.encode()
        self.head = CosignedHead(size=request.checkpoint.size, root=request.checkpoint.root)
        return 200, "text/plain", self.line(request.note.text)

    @contextmanager
    def serving(self) -> Iterator["ScriptedWitness"]:
        witness = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                assert self.path == "/witness/add-checkpoint"
                status, media_type, body = witness.answer(self.rfile.read(length))
                self.send_response(status)
                self.send_header("Content-Type", media_type)
                self.send_header("Location", "http://127.0.0.1:1/elsewhere")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        server.handle_error = lambda *_: None  # type: ignore[method-assign] # whoever asked left
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        self.address = f"http://127.0.0.1:{server.server_port}"
        try:
            yield self
        finally:
            self.gone.set()
            server.shutdown()
            thread.join()
            server.server_close()
