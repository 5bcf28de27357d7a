"""A small, valid log in memory: an operator, two members, keys of every holder that chains or not.

Everything is derived from fixed seeds, so that a log is the same each time it is built.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from uuid import UUID

from nacl.signing import SigningKey as Seed

from ledger.core.bundle import Bundle, Opening, ProvenEntry, format_bundle
from ledger.core.canonical import Json
from ledger.core.checkpoint import format_checkpoint
from ledger.core.commitment import commit
from ledger.core.ed25519 import key_id_of
from ledger.core.endorsement import Endorsement, endorsement_message
from ledger.core.entry import EntryDraft, build_entry, endorse_entry, parse_entry
from ledger.core.governance import POLICY_SET, PREFIX
from ledger.core.members import format_base64
from ledger.core.merkle import leaf_hash, next_chain_hash, tree_root
from ledger.core.note import (
    KeyType,
    VerifierKey,
    format_note,
    format_signature_line,
    format_vkey,
)
from ledger.core.possession import possession_message
from ledger.core.proof import node_reader, prove_inclusion
from ledger.core.receipt import Promise, Receipt, receipt_message
from ledger.core.statement import (
    KeyChain,
    Statement,
    build_header,
    build_statement,
    parse_header,
    statement_hash,
    statement_message,
)
from ledger.core.tiles import export_files
from ledger.core.verify import StoredCheckpoint, StoredLeaf

ORIGIN = "ledger.example/7f3a9c"
START = dt.datetime(2026, 11, 24, 9, 0, tzinfo=dt.UTC)
OPERATOR = UUID("00000000-0000-4000-8000-000000000001")
WHOLESALER = UUID("00000000-0000-4000-8000-000000000002")
PHARMACY = UUID("00000000-0000-4000-8000-000000000003")

DONE = "test.thing.done.v1"
OPENING = Opening(commitment=0, key=bytes(range(32)), header=b"{}", data=b"abc")


def opened_commitment() -> bytes:
    """Return the commitment that ``OPENING`` opens."""
    return commit(key=OPENING.key, header=OPENING.header, data=OPENING.data)


def seed_of(name: str) -> Seed:
    """Return the key pair that belongs to a name."""
    return Seed(sha256(name.encode()).digest())


@dataclass
class Signer:
    """A key of an organisation, and where its chain stands if it has one."""

    name: str
    organisation_id: UUID
    chain: KeyChain | None = None

    @property
    def public_key(self) -> bytes:
        return bytes(seed_of(self.name).verify_key)

    @property
    def key_id(self) -> bytes:
        return key_id_of(self.public_key)

    def sign(self, message: bytes) -> bytes:
        return seed_of(self.name).sign(message).signature

    def key_json(self) -> dict[str, Json]:
        return {"key": self.key_id.hex(), "public_key": format_base64(self.public_key)}

    def possession(self, holder: str) -> bytes:
        """Return the key's proof that it is held."""
        message = possession_message(
            log=ORIGIN,
            organisation_id=self.organisation_id,
            public_key=self.public_key,
            holder=holder,
        )
        return self.sign(message)

    def endorse(self, entry: bytes, policy_index: int) -> Endorsement:
        """Return the organisation's word for an entry, whatever endorsements that has."""
        message = endorsement_message(
            endorsed_hash=leaf_hash(endorse_entry(entry, [])), policy_index=policy_index
        )
        return Endorsement(
            organisation_id=self.organisation_id,
            key_id=self.key_id,
            policy_index=policy_index,
            signature=self.sign(message),
        )


@dataclass
class LogBuilder:
    """Appends submissions as a sequencer would; ``headers`` maps a leaf to its header's index."""

    leaves: list[bytes] = field(default_factory=list)
    headers: list[int] = field(default_factory=list)
    checkpoints: list[StoredCheckpoint] = field(default_factory=list)
    ids: int = 0

    operator = Signer("operator", OPERATOR)
    receipt_signer = Signer("receipts", OPERATOR)
    log_signer = Signer("log", OPERATOR)

    @property
    def vkey(self) -> VerifierKey:
        return VerifierKey(
            name=ORIGIN, key_type=KeyType.ED25519, public_key=self.log_signer.public_key
        )

    @property
    def hashes(self) -> list[bytes]:
        return [leaf_hash(leaf) for leaf in self.leaves]

    def next_id(self) -> UUID:
        self.ids += 1
        return UUID(bytes=sha256(b"id %d" % self.ids).digest()[:16], version=4)

    def time(self) -> dt.datetime:
        return START + dt.timedelta(seconds=len(self.leaves))

    def draft(self, kind: str, body: Mapping[str, Json], *commitments: bytes) -> EntryDraft:
        return EntryDraft(kind=kind, id=self.next_id(), body=body, commitments=commitments)

    def submit(self, signer: Signer, *drafts: EntryDraft) -> Receipt:
        """Append one submission, signed and chained as its key demands; return the receipt."""
        return self.append(signer, [self.entry(signer, draft) for draft in drafts])

    def submit_endorsed(
        self, signer: Signer, draft: EntryDraft, policy_index: int, *endorsers: Signer
    ) -> Receipt:
        """Append a submission of one entry, which these endorse."""
        entry = self.entry(signer, draft)
        endorsements = [endorser.endorse(entry, policy_index) for endorser in endorsers]
        return self.append(signer, [endorse_entry(entry, endorsements)])

    def entry(self, signer: Signer, draft: EntryDraft) -> bytes:
        """Return the entry of a draft, signed by nobody yet."""
        return build_entry(
            draft=draft,
            log=ORIGIN,
            organisation_id=signer.organisation_id,
            key_id=signer.key_id,
            time=self.time(),
        )

    def append(self, signer: Signer, entries: Sequence[bytes]) -> Receipt:
        """Append built entries, whatever they are."""
        entry_ids = tuple(leaf_hash(entry) for entry in entries)
        statement = Statement(
            log=ORIGIN,
            organisation_id=signer.organisation_id,
            key_id=signer.key_id,
            id=self.next_id(),
            n=len(entries),
            root=tree_root(entry_ids),
            time=self.time(),
            chain=signer.chain,
        )
        statement_bytes = build_statement(statement)
        digest = statement_hash(statement_bytes)
        if signer.chain is not None:
            signer.chain = KeyChain(first=signer.chain.first + len(entries), prev=digest)
        header = build_header(
            statement_bytes=statement_bytes,
            signature=signer.sign(statement_message(statement_bytes)),
        )
        self.headers += [len(self.leaves)] * (1 + len(entries))
        self.leaves += [header, *entries]
        return self.receipt(statement, digest, entry_ids)

    def receipt(self, statement: Statement, digest: bytes, entry_ids: tuple[bytes, ...]) -> Receipt:
        promise = Promise(
            log=ORIGIN,
            organisation_id=statement.organisation_id,
            id=statement.id,
            n=statement.n,
            root=statement.root,
            statement_hash=digest,
            key_id=self.receipt_signer.key_id,
            time=statement.time,
            deadline=statement.time + dt.timedelta(minutes=1),
        )
        signature = self.receipt_signer.sign(receipt_message(promise))
        return Receipt(promise=promise, signature=signature, entry_ids=entry_ids)

    def checkpoint(self) -> bytes:
        """Return the signed checkpoint of the log as it is, and keep it."""
        root = tree_root(self.hashes)
        text = format_checkpoint(origin=ORIGIN, size=len(self.leaves), root=root)
        signature = self.log_signer.sign(text.encode())
        line = format_signature_line(ORIGIN, self.vkey.key_hash, signature)
        note = format_note(text, [line])
        self.checkpoints.append(StoredCheckpoint(size=len(self.leaves), note=note, root=root))
        return note

    def stored(self) -> list[StoredLeaf]:
        """Return the leaves as a database keeps them."""
        rows: list[StoredLeaf] = []
        chain_hash = bytes(32)
        for index, leaf in enumerate(self.leaves):
            digest = leaf_hash(leaf)
            chain_hash = next_chain_hash(chain_hash, digest)
            rows.append(StoredLeaf(index=index, data=leaf, leaf_hash=digest, chain_hash=chain_hash))
        return rows

    def proven(self, index: int) -> ProvenEntry:
        """Return entry ``index`` with its proofs in the log as it is."""
        read_node = node_reader(self.hashes)
        size = len(self.leaves)
        at = self.headers[index]
        n = parse_header(self.leaves[at]).statement.n
        entries = node_reader(self.hashes[at + 1 : at + 1 + n])
        return ProvenEntry(
            entry=self.leaves[index],
            index=index,
            proof=prove_inclusion(index=index, size=size, read_node=read_node),
            path=prove_inclusion(index=index - at - 1, size=n, read_node=entries),
            header=self.leaves[at],
            header_index=at,
            header_proof=prove_inclusion(index=at, size=size, read_node=read_node),
        )

    def bundle(self, index: int, openings: Sequence[Opening] = ()) -> bytes:
        """Return the proof bundle of entry ``index``."""
        governance = [
            at
            for at in range(index)
            if self.headers[at] != at and parse_entry(self.leaves[at]).kind.startswith(PREFIX)
        ]
        return format_bundle(
            Bundle(
                vkey=format_vkey(self.vkey),
                checkpoint=self.checkpoint(),
                entry=self.proven(index),
                governance=tuple(self.proven(at) for at in governance),
                openings=tuple(openings),
            )
        )

    def export(self) -> list[tuple[str, bytes]]:
        """Return the files of an export."""
        return list(
            export_files(
                leaves=self.leaves, checkpoint=self.checkpoint(), vkey=format_vkey(self.vkey)
            )
        )

    def genesis(self) -> EntryDraft:
        operator = {
            "org": str(OPERATOR),
            "name": "Example Operator",
            **self.operator.key_json(),
        }
        body: dict[str, Json] = {
            "origin": ORIGIN,
            "channel": "Example channel",
            "vkey": format_vkey(self.vkey),
            "operator": operator,
            "receipt_key": self.receipt_signer.key_json(),
            "quorum": "none",
        }
        return self.draft("ledger.genesis.v1", body)

    def admission(self, signer: Signer, name: str, kind: str, holder: str) -> EntryDraft:
        body: dict[str, Json] = {
            "org": str(signer.organisation_id),
            "name": name,
            "kind": kind,
            "first_key": {**signer.key_json(), "holder": holder},
        }
        return self.draft("ledger.member.admitted.v1", body)

    def key_added(self, signer: Signer, holder: str) -> EntryDraft:
        return self.draft("ledger.key.added.v1", {**signer.key_json(), "holder": holder})

    def key_rotated(self, old: Signer, new: Signer, holder: str, **members: Json) -> EntryDraft:
        possession = format_base64(new.possession(holder))
        body = {"old": old.key_id.hex(), **new.key_json(), "possession": possession, **members}
        return self.draft("ledger.key.rotated.v1", body)

    def member_left(self, signer: Signer, reason: str = "closed") -> EntryDraft:
        body = {"org": str(signer.organisation_id), "reason": reason}
        return self.draft("ledger.member.left.v1", body)

    def policy_set(self, kind: str, n: int, *meant: UUID | str) -> EntryDraft:
        """Return a policy for organisations, or for a kind of member where that is a word."""
        if len(meant) == 1 and isinstance(meant[0], str):
            return self.draft(POLICY_SET, {"kind": kind, "n": n, "member_kind": meant[0]})
        orgs: list[Json] = [*sorted(str(organisation_id) for organisation_id in meant)]
        return self.draft(POLICY_SET, {"kind": kind, "n": n, "orgs": orgs})

    def key_revoked(self, signer: Signer, reason: str = "rotated") -> EntryDraft:
        body = {"key": signer.key_id.hex(), "reason": reason}
        return self.draft("ledger.key.revoked.v1", body)


@dataclass
class Cast:
    """The signers of the small log."""

    operator: Signer
    wholesaler: Signer
    pharmacy: Signer
    scanner: Signer


def small_log() -> tuple[LogBuilder, Cast]:
    """Return a log of 14 leaves: genesis, two members, a scanner, plain and chained writes."""
    log = LogBuilder()
    cast = Cast(
        operator=log.operator,
        wholesaler=Signer("wholesaler", WHOLESALER, KeyChain()),
        pharmacy=Signer("pharmacy", PHARMACY),
        scanner=Signer("scanner", PHARMACY, KeyChain()),
    )
    log.submit(cast.operator, log.genesis())
    log.checkpoint()
    log.submit(
        cast.operator,
        log.admission(cast.wholesaler, "Example Wholesale", "wholesaler", "member"),
        log.admission(cast.pharmacy, "Example Pharmacy", "pharmacy", "system"),
    )
    log.submit(cast.pharmacy, log.key_added(cast.scanner, "device"))
    log.submit(cast.wholesaler, *(log.draft(DONE, {"step": step}) for step in (1, 2)))
    log.checkpoint()
    log.submit(cast.scanner, log.draft(DONE, {"step": 3}, opened_commitment()))
    log.submit(cast.scanner, log.draft(DONE, {"step": 4}))
    log.checkpoint()
    return log, cast


def governed_log() -> tuple[LogBuilder, Cast]:
    """Return the small log with endorsement policies, a rotation and a member that leaves.

    Entry 19 is endorsed by two; entry 17 rotates the key that signs it, 23 revokes the new one.
    """
    log, cast = small_log()
    second, third = Signer("pharmacy 2", PHARMACY), Signer("pharmacy 3", PHARMACY)
    log.submit(cast.operator, log.policy_set(DONE, 2, OPERATOR, WHOLESALER, PHARMACY))
    log.submit(cast.pharmacy, log.key_rotated(cast.pharmacy, second, "system", label="of 2027"))
    done = log.draft(DONE, {"step": 6})
    log.submit_endorsed(second, done, 15, cast.wholesaler, cast.operator)
    log.submit(second, log.key_added(third, "system"))
    log.submit(third, log.key_revoked(second, "lost"))
    log.submit(cast.operator, log.policy_set(POLICY_SET, 1, "wholesaler"))
    over = log.policy_set(DONE, 0)
    log.submit_endorsed(cast.operator, over, 25, cast.wholesaler)
    log.submit(third, log.draft(DONE, {"step": 7}))
    free = log.policy_set(POLICY_SET, 1, OPERATOR)
    log.submit_endorsed(cast.operator, free, 25, cast.wholesaler)
    log.submit(cast.wholesaler, log.member_left(cast.wholesaler))
    log.submit(third, log.draft(DONE, {"step": 8}))
    log.checkpoint()
    return log, cast
