"""The log's leaves, replayed one by one: whose they are, and whether they may stand there.

The leaves were proven to lead to a signed head before they come here. Signatures, the roots of
submissions and governance are judged again; that ids are used once and that chains of keys go on,
``ledger_verify`` judges over a whole export.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

from foundation.core.problem import BadInputError
from ledger.core.ed25519 import SignatureError, check_signature
from ledger.core.entry import Entry, EntryError, parse_entry
from ledger.core.governance import (
    GENESIS_INDEX,
    KEY_ADDED,
    KEY_REVOKED,
    KEY_ROTATED,
    MEMBER_LEFT,
    PREFIX,
)
from ledger.core.merkle import CompactRange, leaf_hash
from ledger.core.statement import Header, Statement, StatementError, parse_header, statement_hash
from ledger.core.statement import statement_message as message_of
from ledger.core.verify import HeaderError, check_entry_signer, signing_key_of
from theriac_client.monitor.evidence import Kind
from theriac_client.monitor.member import Member
from theriac_client.monitor.memory import Memory, OpenSubmission


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A leaf at ``index`` that is a matter for somebody.

    Without ``kind`` it is news of the log's governance. ``header_index`` is that of its
    submission; ``public_key`` is the key that its statement names, where that decides.
    """

    kind: Kind | None
    what: str
    index: int
    leaf: bytes
    header_index: int
    header: bytes
    public_key: bytes | None = None


class UnreadableError(Exception):
    """What follows cannot be read: ``finding`` says why."""

    def __init__(self, finding: Finding) -> None:
        """Keep the finding."""
        super().__init__(finding.what)
        self.finding = finding


@dataclass
class Replay:
    """Goes on where ``memory`` stands; ``open`` is the submission that is being read."""

    memory: Memory
    member: Member | None
    size: int
    open: OpenSubmission | None
    _header: Header | None = None
    _brings_own_key: bool = field(default=False)

    def __post_init__(self) -> None:
        """Read again the header of a submission that was left half read."""
        if self.open is not None:
            self._header = parse_header(self.open.header)

    def take(self, leaf: bytes) -> Iterator[Finding]:
        """Take the next leaf; yield what there is to say of it. Raise ``UnreadableError``."""
        index = self.size
        if self.open is None or self._header is None:
            self._begin(index, leaf)
            if index + 1 != GENESIS_INDEX:
                yield from self._signed()
        else:
            yield from self._entry(index, leaf)
        self.size += 1
        if self._header is not None and self.open is not None:
            yield from self._ended(self._header, self.open)

    def end(self) -> Iterator[Finding]:
        """Yield a finding where the head ends inside a submission."""
        if self.open is not None:
            yield self._finding(
                Kind.INVALID, "the head ends inside this submission", self.open.index
            )

    def _begin(self, index: int, leaf: bytes) -> None:
        try:
            self._header = parse_header(leaf)
        except StatementError as error:
            raise UnreadableError(
                Finding(
                    kind=Kind.INVALID,
                    what=f"no header leaf: {error.detail}",
                    index=index,
                    leaf=leaf,
                    header_index=index,
                    header=leaf,
                )
            ) from error
        self.open = OpenSubmission(index=index, header=leaf, entries=CompactRange())
        self._brings_own_key = False
        statement = self._header.statement
        if self.member is not None and statement.organisation_id == self.member.organisation_id:
            digest = statement_hash(self._header.statement_bytes)
            self.memory.own_seen(digest, index)

    def _signed(self) -> Iterator[Finding]:
        """Yield a finding unless the statement is signed under a key that is valid there."""
        assert self.open is not None
        assert self._header is not None
        public_key = None
        try:
            key = signing_key_of(self.memory.governance, self._header.statement, self.open.index)
            public_key = key.public_key
            check_signature(
                public_key, message_of(self._header.statement_bytes), self._header.signature
            )
        except HeaderError as error:
            yield self._finding(Kind.INVALID, error.detail, self.open.index)
        except SignatureError as error:
            yield self._finding(Kind.INVALID, error.detail, self.open.index, public_key)

    def _entry(self, index: int, leaf: bytes) -> Iterator[Finding]:
        assert self.open is not None
        assert self._header is not None
        before = self.open
        self.open = OpenSubmission(
            index=before.index,
            header=before.header,
            entries=before.entries.extend([leaf_hash(leaf)]),
        )
        try:
            entry = parse_entry(leaf)
            check_entry_signer(entry, self._header.statement)
            concerned = self._concerns(entry)
            self.memory.governance.apply(entry, index, header_index=before.index)
        except (EntryError, BadInputError) as error:
            yield self._finding(Kind.INVALID, error.detail, index, leaf=leaf)
        else:
            if entry.kind.startswith(PREFIX):
                self.memory.governed(leaf, index, before.index)
                yield self._news(entry, index, leaf, concerned=concerned)
        if index == GENESIS_INDEX:
            yield from self._signed()

    def _news(self, entry: Entry, index: int, leaf: bytes, *, concerned: bool) -> Finding:
        own = self.member is not None and self._is_sent(self.member)
        if self.member is not None and self.member.brings_own_key(entry):
            self._brings_own_key = own = True
        what = f"{entry.kind} by {entry.organisation_id}"
        return self._finding(
            Kind.UNEXPECTED if concerned and not own else None, what, index, leaf=leaf
        )

    def _concerns(self, entry: Entry) -> bool:
        """Return whether governance changes the keys or membership of the watching member."""
        if self.member is None:
            return False
        mine, body = self.member.organisation_id, entry.body
        if entry.kind in (KEY_ADDED, KEY_ROTATED):
            return entry.organisation_id == mine
        if entry.kind == MEMBER_LEFT:
            return body.get("org") == str(mine)
        if entry.kind == KEY_REVOKED:
            return self._owner(str(body.get("key"))) == mine
        return False

    def _owner(self, key_id: str) -> UUID | None:
        keys = self.memory.governance.keys.values()
        owners = (key.organisation_id for key in keys if key.key_id.hex() == key_id)
        return next(owners, None)

    def _ended(self, header: Header, submission: OpenSubmission) -> Iterator[Finding]:
        statement = header.statement
        if submission.entries.size < statement.n:
            return
        if submission.entries.root() != statement.root:
            yield self._finding(
                Kind.INVALID, "the entries are not those of the signed root", submission.index
            )
        if not self._is_expected(statement):
            key = self.memory.governance.keys.get(statement.key_id)
            yield self._finding(
                Kind.UNEXPECTED,
                f"{statement.n} entries under {statement.key_id.hex()}, sent by no client here",
                submission.index,
                None if key is None else key.public_key,
            )
        self.open = self._header = None

    def _is_sent(self, member: Member) -> bool:
        assert self._header is not None
        return member.sent(statement_hash(self._header.statement_bytes))

    def _is_expected(self, statement: Statement) -> bool:
        """Return whether this is another's submission, or one that the member knows of."""
        member = self.member
        if member is None or statement.organisation_id != member.organisation_id:
            return True
        if self._is_sent(member) or (self._brings_own_key and statement.n == 1):
            return True
        key = self.memory.governance.keys.get(statement.key_id)
        return member.server_signs and key is not None and not key.holder.chains

    def _finding(
        self,
        kind: Kind | None,
        what: str,
        index: int,
        public_key: bytes | None = None,
        *,
        leaf: bytes | None = None,
    ) -> Finding:
        assert self.open is not None
        return Finding(
            kind=kind,
            what=what,
            index=index,
            leaf=self.open.header if leaf is None else leaf,
            header_index=self.open.index,
            header=self.open.header,
            public_key=public_key,
        )
