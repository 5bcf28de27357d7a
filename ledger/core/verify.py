"""The engine of ``ledger_verify``: a whole log checked leaf by leaf, from any source.

It trusts the log's verifier key and nothing else: it hashes every leaf again, replays governance,
and checks each signature under the keys that are valid at that index. Memory is bounded by
governance, the heads of key chains and the ids seen; hand ``ids`` in to keep those elsewhere.
A cut tail shows only against checkpoints or receipts that somebody outside kept.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NoReturn, Protocol

from foundation.core.problem import BadInputError
from ledger.core.checkpoint import CheckpointError, open_checkpoint
from ledger.core.ed25519 import SignatureError, check_signature
from ledger.core.entry import Entry, EntryError, parse_entry
from ledger.core.governance import GENESIS_INDEX, Governance, GovernanceError, SigningKey
from ledger.core.merkle import CHAIN_START, TreeBuilder, leaf_hash, next_chain_hash
from ledger.core.note import VerifierKey
from ledger.core.receipt import Receipt, ReceiptError, check_receipt
from ledger.core.statement import (
    Header,
    KeyChain,
    Statement,
    StatementError,
    parse_header,
    statement_hash,
    statement_message,
)


class HeaderError(BadInputError):
    """The statement may not stand there: another log's, or its key must not sign it so."""

    slug = "bad-header"
    title = "This submission may not stand there"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLeaf:
    """A leaf as stored; the hashes are compared where the source keeps them."""

    index: int
    data: bytes
    leaf_hash: bytes | None = None
    chain_hash: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCheckpoint:
    """A checkpoint as stored: its signed note, and the size by which it is sorted."""

    size: int
    note: bytes
    root: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong, and at which leaf."""

    index: int
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureTask:
    """A signature to verify elsewhere: verification spreads over processes, replay does not."""

    index: int
    public_key: bytes
    message: bytes
    signature: bytes


class SeenIds(Protocol):
    """A set of 33-byte ids; Python's ``set`` is one, a table of a database another."""

    def __contains__(self, seen: object, /) -> bool:
        """Return whether the id was added."""
        ...

    def add(self, seen: bytes, /) -> None:
        """Add an id."""
        ...


def signing_key_of(governance: Governance, statement: Statement, header_index: int) -> SigningKey:
    """Return the key under which the statement at ``header_index`` has to be signed.

    Raise ``HeaderError`` for another log's statement, a key that is not valid there, and a
    statement that is chained though its key is not, or the reverse.
    """
    try:
        key = governance.key_for(
            key_id=statement.key_id,
            organisation_id=statement.organisation_id,
            header_index=header_index,
        )
    except GovernanceError as error:
        raise HeaderError(str(error)) from error
    if statement.log != governance.log:
        raise HeaderError(f"a statement for another log: {statement.log}")
    if key.holder.chains != (statement.chain is not None):
        raise HeaderError(f"first and prev do not go with a key held by {key.holder}")
    return key


def check_entry_signer(entry: Entry, statement: Statement) -> None:
    """Raise ``HeaderError`` unless log, organisation and key of both are the same."""
    theirs = (statement.log, statement.organisation_id, statement.key_id)
    if (entry.log, entry.organisation_id, entry.key_id) != theirs:
        raise HeaderError("the entry names another log, organisation or key than its statement")


class _BrokenError(Exception):
    """What follows cannot be read; the fault is noted already."""


class _Submission:
    """The submission that is being read."""

    def __init__(self, index: int, header: Header) -> None:
        self.index = index
        self.header = header
        self.tree = TreeBuilder()


class LogVerifier:
    """One pass over a log. After ``faults`` is exhausted the counts say what was covered."""

    def __init__(
        self,
        *,
        vkey: VerifierKey,
        checkpoints: Iterable[StoredCheckpoint] = (),
        receipts: Iterable[Receipt] = (),
        ids: SeenIds | None = None,
        defer: Callable[[SignatureTask], None] | None = None,
    ) -> None:
        """Verify under ``vkey`` against ``checkpoints`` (in order of size) and ``receipts``.

        With ``defer`` the signatures of statements are handed over instead of verified.
        """
        self.governance = Governance(vkey)
        self.submissions = 0
        self.entries = 0
        self._vkey = vkey
        self._checkpoints = iter(checkpoints)
        self._checkpoint = next(self._checkpoints, None)
        self._receipts = list(receipts)
        self._promised = {receipt.promise.statement_hash: receipt for receipt in self._receipts}
        self._ids: SeenIds = set() if ids is None else ids
        self._defer = defer
        self._tree = TreeBuilder()
        self._chain_hash = CHAIN_START
        self._heads: dict[bytes, KeyChain] = {}
        self._open: _Submission | None = None
        self._faults: list[Fault] = []

    @property
    def size(self) -> int:
        """How many leaves were read."""
        return self._tree.size

    @property
    def root(self) -> bytes:
        """The root over the leaves that were read."""
        return self._tree.root()

    @property
    def chain_hash(self) -> bytes:
        """The chain hash after the leaves that were read."""
        return self._chain_hash

    def faults(self, leaves: Iterable[StoredLeaf]) -> Iterator[Fault]:
        """Yield what is wrong, the first bad index first; nothing for a sound log.

        What makes the rest unreadable (a gap, a header that is none, a bad genesis) is the last.
        """
        try:
            self._meet_checkpoints()
            for leaf in leaves:
                self._take(leaf)
                # Faults of one submission come together, so that they are in order of index.
                if self._open is None and self._faults:
                    yield from self._flush()
            self._end()
        except _BrokenError:
            pass
        yield from self._flush()

    def _flush(self) -> Iterator[Fault]:
        yield from sorted(self._faults, key=lambda fault: fault.index)
        self._faults.clear()

    def _fault(self, index: int, what: str) -> None:
        self._faults.append(Fault(index=index, what=what))

    def _break(self, index: int, what: str) -> NoReturn:
        self._fault(index, what)
        raise _BrokenError

    def _take(self, leaf: StoredLeaf) -> None:
        index = self.size
        if leaf.index != index:
            self._break(index, f"the next leaf has index {leaf.index}")
        digest = leaf_hash(leaf.data)
        self._chain_hash = next_chain_hash(self._chain_hash, digest)
        if leaf.leaf_hash not in (None, digest):
            self._fault(index, "the stored leaf hash is not that of the stored bytes")
        if leaf.chain_hash not in (None, self._chain_hash):
            self._fault(index, "the stored chain hash does not follow from the leaves")
        self._tree.append(digest)
        if self._open is None:
            self._open_submission(index, leaf.data)
        else:
            self._take_entry(self._open, index, leaf.data, digest)
        self._meet_checkpoints()

    def _open_submission(self, index: int, data: bytes) -> None:
        try:
            header = parse_header(data)
        except StatementError as error:
            self._break(index, str(error))
        self._open = _Submission(index, header)
        self.submissions += 1
        statement = header.statement
        self._see(index, b"S", statement.organisation_id.bytes + statement.id.bytes)
        # The genesis names the key that signs it: it is read before its header is checked.
        if index + 1 != GENESIS_INDEX:
            self._check_header(self._open)

    def _check_header(self, submission: _Submission) -> None:
        header, index = submission.header, submission.index
        digest = statement_hash(header.statement_bytes)
        self._promised.pop(digest, None)
        try:
            key = signing_key_of(self.governance, header.statement, index)
            self._check_signature(index, key, header)
        except (HeaderError, SignatureError) as error:
            self._fault(index, str(error))
            return
        chain = header.statement.chain
        if chain is not None:
            if chain != self._heads.get(key.key_id, KeyChain()):
                self._fault(index, "first or prev does not follow the key's statement before")
            self._heads[key.key_id] = KeyChain(first=chain.first + header.statement.n, prev=digest)

    def _check_signature(self, index: int, key: SigningKey, header: Header) -> None:
        message = statement_message(header.statement_bytes)
        if self._defer is None:
            check_signature(key.public_key, message, header.signature)
        else:
            self._defer(
                SignatureTask(
                    index=index,
                    public_key=key.public_key,
                    message=message,
                    signature=header.signature,
                )
            )

    def _take_entry(self, submission: _Submission, index: int, data: bytes, digest: bytes) -> None:
        self.entries += 1
        submission.tree.append(digest)
        statement = submission.header.statement
        try:
            entry = parse_entry(data)
            self._see(index, b"E", entry.organisation_id.bytes + entry.id.bytes)
            check_entry_signer(entry, statement)
            self.governance.apply(entry, index, header_index=submission.index)
        except (EntryError, HeaderError, GovernanceError) as error:
            self._fault(index, str(error))
            if index == GENESIS_INDEX:
                raise _BrokenError from error
        if index == GENESIS_INDEX:
            self._check_header(submission)
        if submission.tree.size == statement.n:
            if submission.tree.root() != statement.root:
                # The root does not say which entry it is; a fault of one of them may.
                first = min((fault.index for fault in self._faults), default=submission.index)
                self._fault(first, "the entries are not those of the signed root")
            self._open = None

    def _see(self, index: int, label: bytes, identity: bytes) -> None:
        if label + identity in self._ids:
            self._fault(index, "the id was used before by this organisation")
        self._ids.add(label + identity)

    def _meet_checkpoints(self) -> None:
        while self._checkpoint is not None and self._checkpoint.size == self.size:
            self._check_checkpoint(self._checkpoint)
            self._checkpoint = next(self._checkpoints, None)

    def _check_checkpoint(self, stored: StoredCheckpoint) -> None:
        index = max(self.size - 1, 0)
        try:
            checkpoint = open_checkpoint(stored.note, self._vkey)
        except CheckpointError as error:
            self._fault(index, f"checkpoint of size {stored.size}: {error}")
            return
        if checkpoint.size != stored.size or stored.root not in (None, checkpoint.root):
            self._fault(index, f"the checkpoint stored under size {stored.size} says otherwise")
        if checkpoint.root != self.root:
            self._fault(index, f"the checkpoint of size {stored.size} has another root")
        if self._open is not None:
            self._fault(index, f"the checkpoint of size {stored.size} splits a submission")

    def _end(self) -> None:
        if self._open is not None:
            self._fault(self._open.index, "the log ends inside this submission")
        if self._checkpoint is not None:
            self._fault(self.size, f"missing: a checkpoint covers {self._checkpoint.size} leaves")
        for receipt in self._receipts:
            self._check_receipt(receipt)

    def _check_receipt(self, receipt: Receipt) -> None:
        promise = receipt.promise
        try:
            check_receipt(receipt, self.governance.receipt_key.public_key)
        except (ReceiptError, GovernanceError) as error:
            self._fault(self.size, f"the receipt of submission {promise.id}: {error}")
            return
        if promise.statement_hash in self._promised:
            self._fault(self.size, f"missing: submission {promise.id}, promised by a receipt")
