"""A party of the story: an organisation that speaks HTTP with a key of its own."""

import json
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any
from uuid import UUID

from ops.up import HOST


class UnexpectedAnswerError(AssertionError):
    """The server answered other than the story says; the answer is in the message."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it came; names of headers in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body's JSON."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Party:
    """Sends requests under one organisation's API key."""

    name: str
    organisation_id: UUID
    gln: str
    api_key: str
    port: int

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        media_type: str = "application/json",
        **headers: str,
    ) -> Answer:
        """Return the server's answer to one request; a body that is no bytes goes as JSON."""
        data = body if isinstance(body, bytes) else b"" if body is None else _json(body)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.api_key:
            sent["Authorization"] = f"Bearer {self.api_key}"
        if data:
            sent["Content-Type"] = media_type
        connection = HTTPConnection(HOST, self.port, timeout=60)
        try:
            connection.request(method, path, body=data or None, headers=sent)
            response = connection.getresponse()
            headers_in = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, headers_in, response.read())
        finally:
            connection.close()

    def expect(
        self, status: int, method: str, path: str, body: object = None, **headers: str
    ) -> Answer:
        """Return the answer, which has to have ``status``; raise ``UnexpectedAnswerError``."""
        answer = self.send(method, path, body, **headers)
        if answer.status != status:
            shown = answer.body[:600].decode("utf-8", "replace")
            raise UnexpectedAnswerError(
                f"{self.name}: {method} {path} answered {answer.status}, not {status}: {shown}"
            )
        return answer


def _json(value: object) -> bytes:
    return json.dumps(value).encode()
