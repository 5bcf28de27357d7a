"""Sealed submissions: what a client that holds its own key sends.

Media type ``application/vnd.theriac.sealed+json`` (docs/spec/submission.md): the document, the
entries that the client made of it, the keys that open their commitments, the statement and its
signature. The server rebuilds the entries from the document and compares them byte for byte.
"""

import re
from dataclasses import dataclass
from itertools import islice
from uuid import UUID

from foundation.core.problem import BadInputError
from ledger.core.commitment import KEY_SIZE_BYTES
from ledger.core.ed25519 import SIGNATURE_SIZE_BYTES
from ledger.core.entry import Entry, EntryError, parse_entry
from ledger.core.members import Members
from ledger.core.merkle import leaf_hash, tree_root
from ledger.core.statement import Statement, StatementError, parse_statement

MEDIA_TYPE = "application/vnd.theriac.sealed+json"
_MEDIA_TYPE = re.compile("[ -~]{1,255}")
_MEMBERS = ("document", "media_type", "entries", "openings", "statement", "signature")


class SealedError(BadInputError):
    """This is no sealed submission; the message names the member or the entry."""

    slug = "bad-sealed-submission"
    title = "This is not a sealed submission"


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedSubmission:
    """A sealed submission whose parts agree; the signature is not verified yet.

    ``openings`` are the 32-byte commitment keys, entry by entry in the order of commitments.
    """

    document: bytes
    media_type: str
    entries: tuple[bytes, ...]
    openings: tuple[bytes, ...]
    statement: bytes
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedPart:
    """What only the client can say of one entry: its id, and the keys of its commitments."""

    id: UUID
    openings: tuple[bytes, ...]


def sealed_parts(sealed: SealedSubmission) -> tuple[SealedPart, ...]:
    """Return, entry by entry, what a service takes from the client instead of chance.

    Everything else of an entry is rebuilt from the document. Raise ``EntryError`` for a value
    that ``parse_sealed`` did not make.
    """
    openings = iter(sealed.openings)
    parts = []
    for data in sealed.entries:
        entry = parse_entry(data)
        keys = tuple(islice(openings, len(entry.commitments)))
        parts.append(SealedPart(id=entry.id, openings=keys))
    return tuple(parts)


def parse_sealed(value: object, *, opened: bool = True) -> SealedSubmission:
    """Return the sealed submission that a JSON value is.

    ``opened``: the server makes the commitments again, so it needs the keys that open them; else
    it must not get any. Raise ``SealedError`` for a member that is missing, unknown or misspelt,
    for an entry that is none or of another log, organisation or key than the statement, and where
    number or root of the statement are not those of the entries.
    """
    members = Members(value, "sealed", SealedError)
    members.expect(_MEMBERS)
    sealed = SealedSubmission(
        document=members.blob("document"),
        media_type=members.text("media_type", _MEDIA_TYPE),
        entries=members.blobs("entries"),
        openings=members.blobs("openings", KEY_SIZE_BYTES),
        statement=members.blob("statement"),
        signature=members.blob("signature", SIGNATURE_SIZE_BYTES),
    )
    try:
        statement = parse_statement(sealed.statement)
    except StatementError as error:
        raise members.fault("statement", f"is none: {error}") from error
    if statement.n != len(sealed.entries):
        raise members.fault("entries", f"are {len(sealed.entries)}; the statement has other n")
    commitments = 0
    for index, data in enumerate(sealed.entries):
        entry = _entry(data, f"entries[{index}]", members)
        _check_same_signer(entry, statement, members.fault(f"entries[{index}]", "is another's"))
        commitments += len(entry.commitments)
    wanted = commitments if opened else 0
    if wanted != len(sealed.openings):
        raise members.fault(
            "openings", f"are {len(sealed.openings)} for {wanted} commitments to open"
        )
    if tree_root(leaf_hash(data) for data in sealed.entries) != statement.root:
        raise members.fault("statement", "is signed over another root")
    return sealed


def _entry(data: bytes, name: str, members: Members) -> Entry:
    try:
        return parse_entry(data)
    except EntryError as error:
        raise members.fault(name, f"is no entry: {error}") from error


def _check_same_signer(entry: Entry, statement: Statement, fault: BadInputError) -> None:
    theirs = (statement.log, statement.organisation_id, statement.key_id)
    if (entry.log, entry.organisation_id, entry.key_id) != theirs:
        raise fault
