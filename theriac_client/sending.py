"""Sending what was written, until it is answered: the very same bytes, again and again.

An answer is one of three: a receipt that holds, a refusal for good, or nothing that could be
relied on. Only the first two end a submission.
"""

import time
from dataclasses import dataclass
from http import HTTPStatus
from uuid import UUID

from foundation.core.problem import BadInputError
from ledger.core.receipt import (
    RECEIPT_HEADER,
    Receipt,
    check_receipt,
    parse_receipt,
    parse_receipt_header,
)
from ledger.core.statement import KeyChain
from theriac_client.errors import (
    AnswerError,
    PendingError,
    PromiseError,
    RefusedError,
    UnreachableError,
)
from theriac_client.journal import Journal, Record
from theriac_client.settings import Settings
from theriac_client.web import LARGE_SIZE_BYTES_MAX, Answer, Web

SEALED = "application/vnd.theriac.sealed+json"
ATTEMPTS = 5
_AGAIN_LATER = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
_IN_FLIGHT = "urn:theriac:problem:in-flight"


class HeadConflictError(RefusedError):
    """The statement does not follow what the server has of the key; ``head`` is what it has."""

    def __init__(self, message: str, head: KeyChain) -> None:
        """Keep the head that the server told."""
        super().__init__(message)
        self.head = head


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Sends records to the server of the settings."""

    web: Web
    settings: Settings
    journal: Journal
    attempts: int = ATTEMPTS
    pause_s: float = 0.5
    key_wait_s: int = 10

    def send(self, record: Record) -> Receipt:
        """Return the receipt for a record, verified.

        Raise ``RefusedError`` where the server has nothing of it and takes nothing of it
        (``HeadConflictError`` with the head), ``PromiseError`` where its receipt does not hold, and
        ``PendingError`` where it may have it: then send again later.
        """
        body = self.journal.body(record.id)
        headers = {"Content-Type": record.media_type, "Idempotency-Key": str(record.id)}
        if record.activates is not None and self.key_wait_s:
            headers["Prefer"] = f"wait={self.key_wait_s}"
        said = "it was never asked"
        for attempt in range(self.attempts):
            if attempt:
                time.sleep(self.pause_s * 2 ** (attempt - 1))
            try:
                answer = self.web.post(record.path, body, headers)
            except (UnreachableError, AnswerError) as error:
                said = str(error)
                continue
            if answer.is_success:
                return self._receipt(record, answer)
            kind, said = answer.problem()
            if answer.status == HTTPStatus.UNAUTHORIZED:
                break  # with an API key that is valid it may be taken yet
            if not _is_for_later(answer, kind):
                return self._refused(record, answer, said)
        raise PendingError(f"not answered yet, nothing is lost: run it again ({said})")

    def stored(self, record_id: UUID) -> dict[str, object] | None:
        """Return what the server has of a submission, ``None`` where it has nothing.

        Raise ``UnreachableError`` or ``AnswerError`` where that does not become known.
        """
        answer = self.web.get(f"/api/v1/ledger/receipts/{record_id}", limit=LARGE_SIZE_BYTES_MAX)
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        if not answer.is_success:
            raise AnswerError(f"the receipt is not given: {answer.problem()[1]}")
        return answer.json()

    def check(self, record: Record, receipt: Receipt) -> Receipt:
        """Return the receipt if it is the log's promise of this record; raise ``PromiseError``."""
        try:
            check_receipt(receipt, self.settings.receipt_key)
        except BadInputError as error:
            raise PromiseError(f"the receipt does not hold: {error.detail}") from error
        promise = receipt.promise
        if (promise.log, promise.organisation_id) != (
            self.settings.vkey.name,
            self.settings.organisation_id,
        ):
            raise PromiseError("the receipt is for another log or organisation")
        if record.own is not None and (
            promise.statement_hash != record.own.statement_hash
            or promise.id != record.id
            or receipt.entry_ids != record.own.entry_ids
        ):
            raise PromiseError("the receipt promises another submission than was sent")
        return receipt

    def _receipt(self, record: Record, answer: Answer) -> Receipt:
        """Return the receipt that an answer carries, in its header or, for ours, its body."""
        try:
            if record.own is None:
                body = answer.json()
                members = ("receipt", "sig", "entry_ids")
                receipt = parse_receipt({name: body.get(name) for name in members})
            else:
                bare = parse_receipt_header(answer.headers.get(RECEIPT_HEADER.lower(), ""))
                receipt = Receipt(
                    promise=bare.promise,
                    signature=bare.signature,
                    entry_ids=record.own.entry_ids,
                )
        except (BadInputError, AnswerError) as error:
            raise PromiseError(f"the server took it without a receipt: {error}") from error
        return self.check(record, receipt)

    def _refused(self, record: Record, answer: Answer, said: str) -> Receipt:
        """Return the receipt after all, where an earlier try was taken; else raise."""
        if record.own is not None:
            try:
                stored = self.stored(record.id)
            except (UnreachableError, AnswerError) as error:
                raise PendingError(f"refused, and what it has is not known: {error}") from error
            if stored is not None:
                return self.check(record, receipt_of(stored))
        if answer.status == HTTPStatus.CONFLICT and (head := _head_of(answer)) is not None:
            raise HeadConflictError(said, head)
        raise RefusedError(f"refused ({answer.status}): {said}")


def receipt_of(stored: dict[str, object]) -> Receipt:
    """Return the receipt in what the server has; raise ``PromiseError``."""
    try:
        return parse_receipt({name: stored.get(name) for name in ("receipt", "sig", "entry_ids")})
    except BadInputError as error:
        raise PromiseError(f"the server's receipt cannot be read: {error.detail}") from error


def _is_for_later(answer: Answer, kind: str) -> bool:
    server_failed = answer.status // 100 == 5  # noqa: PLR2004 - RFC 9110 section 15.6
    return server_failed or answer.status in _AGAIN_LATER or kind == _IN_FLIGHT


def _head_of(answer: Answer) -> KeyChain | None:
    """Return the head that a 409 tells, as far as it is one."""
    try:
        problem = answer.json()
        first, prev = problem.get("first"), problem.get("prev")
        if isinstance(first, int) and isinstance(prev, str):
            return KeyChain(first=first, prev=bytes.fromhex(prev))
    except (AnswerError, ValueError):
        return None
    return None
