"""Those who speak in the story: over HTTP, an organisation under its key, a person in a session."""

import json
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any
from uuid import UUID

from ops.up import HOST

SHOWN_BYTES = 600
TIMEOUT_S = 120


class UnexpectedAnswerError(AssertionError):
    """The server answered other than the story says; the answer is in the message."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it came; names of headers in lower case, cookies as they were set."""

    status: int
    headers: dict[str, str]
    body: bytes
    cookies: list[str] = field(default_factory=list)

    def json(self) -> Any:
        """Return the body's JSON."""
        return json.loads(self.body)

    @property
    def shown(self) -> str:
        """The beginning of the body, to be read by a person."""
        return self.body[:SHOWN_BYTES].decode("utf-8", "replace")


class Speaker:
    """Sends requests to the story's server as somebody."""

    name: str
    port: int

    def request_headers(self) -> dict[str, str]:
        """Return what says who speaks."""
        raise NotImplementedError

    def took(self, answer: Answer) -> None:
        """Note what the answer changes for who speaks."""

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
        sent |= self.request_headers()
        if data:
            sent["Content-Type"] = media_type
        connection = HTTPConnection(HOST, self.port, timeout=TIMEOUT_S)
        try:
            connection.request(method, path, body=data or None, headers=sent)
            response = connection.getresponse()
            pairs = response.getheaders()
            answer = Answer(
                response.status,
                {name.lower(): value for name, value in pairs},
                response.read(),
                [value for name, value in pairs if name.lower() == "set-cookie"],
            )
        finally:
            connection.close()
        self.took(answer)
        return answer

    def expect(
        self, status: int, method: str, path: str, body: object = None, **headers: str
    ) -> Answer:
        """Return the answer, which has to have ``status``; raise ``UnexpectedAnswerError``."""
        answer = self.send(method, path, body, **headers)
        if answer.status != status:
            raise UnexpectedAnswerError(
                f"{self.name}: {method} {path} answered {answer.status}, not {status}:"
                f" {answer.shown}"
            )
        return answer


@dataclass(frozen=True)
class Party(Speaker):
    """An organisation; its requests carry its API key."""

    name: str
    organisation_id: UUID
    gln: str
    api_key: str
    port: int

    def request_headers(self) -> dict[str, str]:
        """Return the key, where there is one."""
        return {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}


def _json(value: object) -> bytes:
    return json.dumps(value).encode()
