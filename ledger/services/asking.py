"""Asking witnesses over HTTP: all at once, each for so long and no longer.

Only addresses of the policy are asked, nothing is followed, and of an answer only so much is read.
"""

import contextlib
import socket
from collections.abc import Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TypeVar
from urllib.parse import urlsplit

from ledger.core.witness import Reply

ANSWER_SIZE_BYTES_MAX = 64 * 1024
_HEADERS = {"Content-Type": "application/octet-stream", "Connection": "close"}

Who = TypeVar("Who", bound=Hashable)


@dataclass(slots=True, kw_only=True)
class Question:
    """A request to a witness; ``address`` is its submission prefix."""

    address: str
    body: bytes
    _socket: socket.socket | None = field(default=None, init=False)

    def put(self, *, timeout_s: float) -> Reply:
        """Return the reply; raise ``OSError`` or ``HTTPException`` where there is none."""
        parts = urlsplit(self.address)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=timeout_s)
        with contextlib.closing(connection):
            connection.connect()
            self._socket = connection.sock
            connection.request("POST", f"{parts.path}/add-checkpoint", self.body, _HEADERS)
            response = connection.getresponse()
            body = response.read(ANSWER_SIZE_BYTES_MAX)
            return Reply(
                status=response.status,
                media_type=response.headers.get("Content-Type", ""),
                body=body,
            )

    def give_up(self) -> None:
        """End the conversation, whoever waits in it."""
        if self._socket is not None:
            with contextlib.suppress(OSError):  # it ended by itself
                self._socket.shutdown(socket.SHUT_RDWR)


def ask_all(questions: Mapping[Who, Question], *, timeout_s: float) -> dict[Who, Reply | str]:
    """Return each one's reply, or in its place why there is none, ``timeout_s`` later at most."""
    pool = ThreadPoolExecutor(max(1, len(questions)), thread_name_prefix="witness")
    running = {
        pool.submit(question.put, timeout_s=timeout_s): who for who, question in questions.items()
    }
    done, late = wait(running, timeout=timeout_s)
    replies: dict[Who, Reply | str] = {}
    for future in late:
        questions[running[future]].give_up()
        replies[running[future]] = f"no answer in {timeout_s:g} s"
    pool.shutdown(wait=False)
    for future in done:
        try:
            replies[running[future]] = future.result()
        except (OSError, HTTPException) as error:
            replies[running[future]] = type(error).__name__
    return replies
