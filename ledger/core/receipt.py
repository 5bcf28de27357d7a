"""Receipts: a signed promise that a submission will be in a published checkpoint by a time.

Signed under the receipt key alone, in a deterministic way: time and deadline are stored, so a
lost answer is repeated to the byte (docs/spec/receipt.md). A promise whose submission stands in
no checkpoint after its deadline is proof of cheating.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from foundation.core.problem import BadInputError
from ledger.core.canonical import CanonicalError, Json, canonical_bytes, parse_canonical
from ledger.core.ed25519 import (
    SIGNATURE_SIZE_BYTES,
    SignatureError,
    check_signature,
    key_id_of,
)
from ledger.core.members import (
    ORIGIN,
    Base64Error,
    Members,
    format_base64,
    format_time,
    parse_base64,
)
from ledger.core.merkle import HASH_SIZE_BYTES, tree_root

LABEL = b"theriac/receipt/v1\n"
RECEIPT_HEADER = "Theriac-Receipt"
_MESSAGE = LABEL + (
    b'{"deadline":"%(deadline)b","id":"%(id)b","key":"%(key)b","log":%(log)b,"n":%(n)d,'
    b'"org":"%(org)b","root":"%(root)b","stmt":"%(stmt)b","time":"%(time)b","v":1}'
)
_MEMBERS = ("v", "log", "org", "id", "n", "root", "stmt", "key", "time", "deadline")


class ReceiptError(BadInputError):
    """This is no receipt, or one that its key did not sign; the message says why."""

    slug = "bad-receipt"
    title = "This is not a receipt that holds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What a receipt says. ``id`` is the submission's, ``key_id`` that of the receipt key."""

    log: str
    organisation_id: UUID
    id: UUID
    n: int
    root: bytes
    statement_hash: bytes
    key_id: bytes
    time: datetime
    deadline: datetime

    def as_json(self) -> dict[str, Json]:
        """Return the promise as it is signed."""
        return {
            "v": 1,
            "log": self.log,
            "org": str(self.organisation_id),
            "id": str(self.id),
            "n": self.n,
            "root": self.root.hex(),
            "stmt": self.statement_hash.hex(),
            "key": self.key_id.hex(),
            "time": format_time(self.time),
            "deadline": format_time(self.deadline),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A signed promise. ``entry_ids`` are the leaf hashes in the order of the submission.

    They are not signed one by one: ``promise.root`` covers them. The header form leaves them out.
    """

    promise: Promise
    signature: bytes
    entry_ids: tuple[bytes, ...] = ()

    def as_json(self) -> dict[str, Json]:
        """Return the receipt as a response body carries it."""
        return {
            "receipt": self.promise.as_json(),
            "sig": format_base64(self.signature),
            "entry_ids": [entry_id.hex() for entry_id in self.entry_ids],
        }

    def header(self) -> str:
        """Return the one-line form for an HTTP header: base64 of canonical JSON."""
        value = self.as_json()
        del value["entry_ids"]
        return format_base64(canonical_bytes(value))


def receipt_message(promise: Promise) -> bytes:
    """Return what is signed; raise ``ReceiptError`` for a promise that breaks the format."""
    digests = (promise.root, promise.statement_hash, promise.key_id)
    if (
        promise.n < 1
        or promise.deadline < promise.time
        or any(len(digest) != HASH_SIZE_BYTES for digest in digests)
        or ORIGIN.fullmatch(promise.log) is None
    ):
        _read_promise(Members(promise.as_json(), "receipt", ReceiptError))
    # Every submission has one: the canonical form is written down, not made by a serialiser.
    return _MESSAGE % {
        b"deadline": format_time(promise.deadline).encode(),
        b"id": str(promise.id).encode(),
        b"key": promise.key_id.hex().encode(),
        b"log": canonical_bytes(promise.log),
        b"n": promise.n,
        b"org": str(promise.organisation_id).encode(),
        b"root": promise.root.hex().encode(),
        b"stmt": promise.statement_hash.hex().encode(),
        b"time": format_time(promise.time).encode(),
    }


def parse_receipt(value: object) -> Receipt:
    """Return the receipt that a JSON value is; raise ``ReceiptError`` for anything else."""
    members = Members(value, "$", ReceiptError)
    members.expect(("receipt", "sig"), ("entry_ids",))
    promise = _read_promise(members.members("receipt"))
    entry_ids = members.digests("entry_ids") if members.has("entry_ids") else ()
    if members.has("entry_ids") and len(entry_ids) != promise.n:
        raise members.fault("entry_ids", f"names {len(entry_ids)} entries of {promise.n}")
    return Receipt(
        promise=promise,
        signature=members.blob("sig", SIGNATURE_SIZE_BYTES),
        entry_ids=entry_ids,
    )


def parse_receipt_header(text: str) -> Receipt:
    """Return the receipt of the one-line form; raise ``ReceiptError``."""
    try:
        return parse_receipt(parse_canonical(parse_base64(text)))
    except (Base64Error, CanonicalError) as error:
        raise ReceiptError(f"not the header form of a receipt: {error}") from error


def check_receipt(receipt: Receipt, public_key: bytes) -> None:
    """Raise ``ReceiptError`` unless ``public_key`` signed it and it names its own entries."""
    promise = receipt.promise
    if promise.key_id != key_id_of(public_key):
        raise ReceiptError(f"signed under another key: {promise.key_id.hex()}")
    try:
        check_signature(public_key, receipt_message(promise), receipt.signature)
    except SignatureError as error:
        raise ReceiptError("the receipt key did not sign this promise") from error
    if receipt.entry_ids and tree_root(receipt.entry_ids) != promise.root:
        raise ReceiptError("the entry ids are not those of the signed root")


def _read_promise(members: Members) -> Promise:
    members.expect(_MEMBERS)
    members.literal("v", 1)
    promise = Promise(
        log=members.text("log", ORIGIN),
        organisation_id=members.uuid("org"),
        id=members.uuid("id"),
        n=members.integer("n", least=1),
        root=members.digest("root"),
        statement_hash=members.digest("stmt"),
        key_id=members.digest("key"),
        time=members.time("time"),
        deadline=members.time("deadline"),
    )
    if promise.deadline < promise.time:
        raise members.fault("deadline", "lies before the promise")
    return promise
