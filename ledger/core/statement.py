"""Submission statements: what is signed, and the header leaf that carries it.

One signature covers the RFC 6962 root over the entries that were submitted together, so each of
them has its own proof back to it (docs/spec/submission.md). Keys that a member or a device holds
chain their statements: ``first`` counts the entries before, ``prev`` is the hash of the statement
before; a gap or a fork shows.
"""

import re
from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from foundation.core.problem import BadInputError
from ledger.core.canonical import CanonicalError, Json, canonical_bytes, parse_canonical
from ledger.core.ed25519 import SIGNATURE_SIZE_BYTES
from ledger.core.members import ORIGIN, Members, TimeError, format_time, parse_time

LABEL = b"theriac/submission/v1\n"
# What ``prev`` says where there is no statement before.
NO_STATEMENT = bytes(32)
_MEMBERS = ("v", "log", "org", "key", "id", "n", "root", "time")
_CHAIN_MEMBERS = ("first", "prev")

_UUID = rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
# An origin without what JSON escapes, and numbers of so few digits that they are below 2^53.
_PLAIN = re.compile(
    rb'\{(?:"first":(?P<first>0|[1-9][0-9]{0,14}),)?"id":"(?P<id>%(uuid)b)"'
    rb',"key":"(?P<key>[0-9a-f]{64})","log":"(?P<log>[!#-*,-\[\]-~]{1,255})"'
    rb',"n":(?P<n>[1-9][0-9]{0,14}),"org":"(?P<org>%(uuid)b)"'
    rb'(?(first),"prev":"(?P<prev>[0-9a-f]{64})"),"root":"(?P<root>[0-9a-f]{64})"'
    rb',"time":"(?P<time>[-0-9T:.]{23}Z)","v":1\}' % {b"uuid": _UUID}
)


class StatementError(BadInputError):
    """The bytes are not a submission statement or a header leaf; the message names the member."""

    slug = "bad-statement"
    title = "This is not a submission statement"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyChain:
    """The place of a statement in the chain of its key."""

    first: int = 0
    prev: bytes = NO_STATEMENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What one signature says: these ``n`` entries under ``root``, for this log.

    ``id`` is the submission's, made by whoever builds it. ``chain`` is there for keys that a
    member or a device holds, and only for them.
    """

    log: str
    organisation_id: UUID
    key_id: bytes
    id: UUID
    n: int
    root: bytes
    time: datetime
    chain: KeyChain | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """A header leaf: the statement, its canonical bytes and the signature over them."""

    statement: Statement
    statement_bytes: bytes
    signature: bytes


def build_statement(statement: Statement) -> bytes:
    """Return the canonical bytes of a statement; raise ``StatementError``."""
    value: dict[str, Json] = {
        "v": 1,
        "log": statement.log,
        "org": str(statement.organisation_id),
        "key": statement.key_id.hex(),
        "id": str(statement.id),
        "n": statement.n,
        "root": statement.root.hex(),
        "time": format_time(statement.time),
    }
    if statement.chain is not None:
        value["first"] = statement.chain.first
        value["prev"] = statement.chain.prev.hex()
    _read(value, "statement")
    return canonical_bytes(value)


def parse_statement(data: bytes) -> Statement:
    """Return the statement that ``data`` is; raise ``StatementError`` for anything else."""
    return _plain(data) or _read(_canonical_value(data), "statement")


def statement_message(statement_bytes: bytes) -> bytes:
    """Return what is signed: the label, then the canonical bytes."""
    return LABEL + statement_bytes


def statement_hash(statement_bytes: bytes) -> bytes:
    """Return SHA-256 of what is signed: the name of a statement in receipts and ``prev``."""
    return sha256(statement_message(statement_bytes)).digest()


def build_header(*, statement_bytes: bytes, signature: bytes) -> bytes:
    """Return the header leaf of a submission; raise ``StatementError`` for bad parts."""
    parse_statement(statement_bytes)
    if len(signature) != SIGNATURE_SIZE_BYTES:
        raise StatementError(f"a signature of {len(signature)} bytes, not 64")
    return join_header(statement_bytes=statement_bytes, signature=signature)


def join_header(*, statement_bytes: bytes, signature: bytes) -> bytes:
    """Return the header leaf of parts that are known to be good.

    Canonical JSON inside canonical JSON is its bytes, so nothing is parsed.
    """
    return b'{"sig":"%b","stmt":%b}' % (b64encode(signature), statement_bytes)


def parse_header(data: bytes) -> Header:
    """Return the header leaf that ``data`` is; raise ``StatementError`` for anything else."""
    members = Members(_canonical_value(data), "header", StatementError)
    members.expect(("sig", "stmt"))
    value = members.mapping("stmt")
    return Header(
        statement=_read(value, "header.stmt"),
        # Canonical JSON inside canonical JSON: serialising the member again gives its bytes.
        statement_bytes=canonical_bytes(value),
        signature=members.blob("sig", SIGNATURE_SIZE_BYTES),
    )


def _canonical_value(data: bytes) -> Json:
    try:
        return parse_canonical(data)
    except CanonicalError as error:
        raise StatementError(f"the statement is not canonical JSON: {error}") from error


def _plain(data: bytes) -> Statement | None:
    """Return the statement where it is spelled as nearly all are, else ``None``.

    A canonical form has one spelling, so an expression reads it, several times as fast as member
    by member; that still finds the words for what is wrong.
    """
    found = _PLAIN.fullmatch(data)
    if found is None:
        return None
    text = {name: value.decode() for name, value in found.groupdict(b"").items()}
    chain = None
    if text["first"]:
        chain = KeyChain(first=int(text["first"]), prev=bytes.fromhex(text["prev"]))
        if (chain.first == 0) != (chain.prev == NO_STATEMENT):
            return None
    try:
        time = parse_time(text["time"])
    except TimeError:
        return None
    return Statement(
        log=text["log"],
        organisation_id=UUID(text["org"]),
        key_id=bytes.fromhex(text["key"]),
        id=UUID(text["id"]),
        n=int(text["n"]),
        root=bytes.fromhex(text["root"]),
        time=time,
        chain=chain,
    )


def _read(value: object, path: str) -> Statement:
    members = Members(value, path, StatementError)
    members.expect(_MEMBERS, _CHAIN_MEMBERS)
    members.literal("v", 1)
    if members.has("first") != members.has("prev"):
        raise members.fault("first", "and prev come together")
    chain = None
    if members.has("first"):
        chain = KeyChain(first=members.integer("first"), prev=members.digest("prev"))
        if (chain.first == 0) != (chain.prev == NO_STATEMENT):
            raise members.fault("prev", "is zero for the first statement of a key, only there")
    return Statement(
        log=members.text("log", ORIGIN),
        organisation_id=members.uuid("org"),
        key_id=members.digest("key"),
        id=members.uuid("id"),
        n=members.integer("n", least=1),
        root=members.digest("root"),
        time=members.time("time"),
        chain=chain,
    )
