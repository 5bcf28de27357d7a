"""HTTP as a member's machine speaks it to somebody it does not trust.

Nothing is followed, every answer has a limit and a time by which it is whole, and of what is over
it nothing is used. Who does not answer is unreachable: that is never proof of cheating.
"""

import contextlib
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import urlsplit

import orjson

from theriac_client.errors import AnswerError, ClientError, UnreachableError

SMALL_SIZE_BYTES_MAX = 256 * 1024
LARGE_SIZE_BYTES_MAX = 64 * 1024 * 1024
_CHUNK_SIZE_BYTES = 64 * 1024


class AddressError(ClientError):
    """This is no address of a server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer that came whole; ``headers`` have names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        """Whether the status says that it was done."""
        return self.status // 100 == 2  # noqa: PLR2004 - RFC 9110 section 15.3

    def problem(self) -> tuple[str, str]:
        """Return type and detail of a refusal, as far as it says any (RFC 9457, EPCIS)."""
        try:
            value = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            value = None
        members = value if isinstance(value, dict) else {}
        kind, detail = (str(members.get(name, ""))[:500] for name in ("type", "detail"))
        return kind, _one_line(detail) or f"status {self.status}"

    def json(self) -> dict[str, object]:
        """Return the object in the body; raise ``AnswerError``."""
        try:
            value = orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise AnswerError("the answer is no JSON") from error
        if not isinstance(value, dict):
            raise AnswerError("the answer is no JSON object")
        return value


@dataclass(frozen=True, slots=True)
class Web:
    """A server at ``address`` (``https://host[:port][/path]``); ``timeout_s`` is for one answer.

    Raise ``AddressError`` for what is no such address, or would send ``api_key`` in the clear to
    another machine.
    """

    address: str
    api_key: str = field(default="", repr=False)
    timeout_s: float = 30.0

    def __post_init__(self) -> None:
        """Refuse an address that could not be asked."""
        try:
            parts = urlsplit(self.address)
            bad = parts.port == 0
        except ValueError as error:
            raise AddressError(f"{self.address[:200]!a} is no address") from error
        plain = parts.username is None and not parts.query and not parts.fragment
        if bad or parts.scheme not in ("http", "https") or not parts.hostname or not plain:
            raise AddressError(f"{self.address[:200]!a} is not http(s)://host[:port][/path]")
        near = parts.hostname in ("localhost", "127.0.0.1", "::1")
        if self.api_key and parts.scheme == "http" and not near:
            raise AddressError(f"an API key goes over https only, not to {self.address[:200]}")

    def get(self, path: str, *, limit: int = SMALL_SIZE_BYTES_MAX) -> Answer:
        """Return the answer to GET; raise ``UnreachableError`` or ``AnswerError``."""
        return self._ask("GET", path, headers={"Cache-Control": "no-cache"}, limit=limit)

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Return the answer to POST; raise ``UnreachableError`` or ``AnswerError``."""
        return self._ask("POST", path, body=body, headers=headers, limit=LARGE_SIZE_BYTES_MAX)

    def _ask(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        limit: int,
        body: bytes | None = None,
    ) -> Answer:
        parts = urlsplit(self.address)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=self.timeout_s)
        sent = {"Connection": "close", "Accept-Encoding": "identity", **headers}
        if self.api_key:
            sent["Authorization"] = f"Bearer {self.api_key}"
        guard = _Guard(connection)
        guard.start(self.timeout_s)
        try:
            with contextlib.closing(connection):
                connection.connect()
                guard.socket = connection.sock
                connection.request(method, parts.path.rstrip("/") + path, body, sent)
                return _read(connection.getresponse(), limit)
        except (OSError, HTTPException, UnreachableError) as error:
            why = "it took too long" if guard.has_cut else _one_line(str(error))
            raise UnreachableError(
                f"no answer from {self.address}: {why or type(error).__name__}"
            ) from error
        finally:
            guard.stop()


class _Guard:
    """Cuts the line when the time for a whole answer is up.

    The time-out of a socket is for one read: who sends a byte a second would never run into it.
    """

    def __init__(self, connection: HTTPConnection) -> None:
        self.socket: socket.socket | None = None  # the connection forgets it before the body is in
        self.has_cut = False
        self._connection = connection
        self._timer: threading.Timer | None = None

    def start(self, timeout_s: float) -> None:
        self._timer = threading.Timer(timeout_s, self._cut)
        self._timer.daemon = True
        self._timer.start()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _cut(self) -> None:
        self.has_cut = True
        held = self.socket or self._connection.sock
        if held is not None:
            with contextlib.suppress(OSError):  # it ended by itself
                held.shutdown(socket.SHUT_RDWR)


def _read(response: HTTPResponse, limit: int) -> Answer:
    chunks, size = [], 0
    while chunk := response.read1(_CHUNK_SIZE_BYTES):
        size += len(chunk)
        if size > limit:
            raise AnswerError(f"an answer of more than {limit} bytes")
        chunks.append(chunk)
    # An answer that ends where the line does could be half of one, of its headers too.
    promised = response.headers.get("Content-Length", "")
    if not response.chunked and promised != str(size):
        raise UnreachableError(f"the answer broke off after {size} bytes")
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(status=response.status, headers=headers, body=b"".join(chunks))


def _one_line(text: str) -> str:
    return " ".join(text.split())[:500]
