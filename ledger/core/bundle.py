"""Proof bundles: one JSON file from which anyone can check an entry offline.

It holds the entry, its path to the root that was signed, the header with that signature, both
leaves' proofs in a signed checkpoint, and the governance entries before it, each proven in the
same way (docs/spec/bundle.md). What a bundle cannot show is what it leaves out: that the key had
not been revoked is as good as the list of governance entries; the whole log settles it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from foundation.core.problem import BadInputError
from ledger.core.canonical import CanonicalError, Json, canonical_bytes, parse_canonical
from ledger.core.checkpoint import Checkpoint, CheckpointError, open_checkpoint
from ledger.core.commitment import KEY_SIZE_BYTES, CommitmentError, check_commitment
from ledger.core.ed25519 import SignatureError, check_signature
from ledger.core.entry import Entry, EntryError, parse_entry
from ledger.core.governance import GENESIS_INDEX, Governance, GovernanceError
from ledger.core.members import Members, format_base64
from ledger.core.merkle import HASH_SIZE_BYTES, leaf_hash
from ledger.core.note import NoteError, VerifierKey, parse_vkey
from ledger.core.proof import ProofError, check_inclusion
from ledger.core.statement import StatementError, parse_header, statement_message
from ledger.core.verify import HeaderError, check_entry_signer, signing_key_of

_MEMBERS = ("v", "vkey", "checkpoint", "entry", "governance")
_PROVEN_MEMBERS = ("entry", "index", "proof", "path", "header", "header_index", "header_proof")
_OPENING_MEMBERS = ("commitment", "key", "header", "data")


class BundleError(BadInputError):
    """The bundle is malformed, or it does not prove what it holds; the message says where."""

    slug = "bad-bundle"
    title = "This proof bundle does not hold"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenEntry:
    """An entry with all that leads from its bytes to the checkpoint and to its signature.

    ``path`` proves it in the root of its statement, ``proof`` and ``header_proof`` prove the two
    leaves in the log; ``index`` and ``header_index`` are log indices.
    """

    entry: bytes
    index: int
    proof: tuple[bytes, ...]
    path: tuple[bytes, ...]
    header: bytes
    header_index: int
    header_proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What opens commitment number ``commitment`` of the entry, counted from 0."""

    commitment: int
    key: bytes
    header: bytes
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A proof bundle; ``governance`` holds the governance entries before the entry, in order."""

    vkey: str
    checkpoint: bytes
    entry: ProvenEntry
    governance: tuple[ProvenEntry, ...]
    openings: tuple[Opening, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedBundle:
    """What a sound bundle proves."""

    entry: Entry
    index: int
    checkpoint: Checkpoint
    governance: Governance


def format_bundle(bundle: Bundle) -> bytes:
    """Return the file: canonical JSON; raise ``BundleError`` for parts that make no bundle."""
    value: dict[str, Json] = {
        "v": 1,
        "vkey": bundle.vkey,
        "checkpoint": format_base64(bundle.checkpoint),
        "entry": _proven_json(bundle.entry),
        "governance": [_proven_json(proven) for proven in bundle.governance],
    }
    if bundle.openings:
        value["openings"] = [
            {
                "commitment": opening.commitment,
                "key": format_base64(opening.key),
                "header": format_base64(opening.header),
                "data": format_base64(opening.data),
            }
            for opening in bundle.openings
        ]
    data = canonical_bytes(value)
    parse_bundle(data)  # refuses what could not be read again
    return data


def parse_bundle(data: bytes) -> Bundle:
    """Return the parts of the file, nothing of it checked; raise ``BundleError``."""
    try:
        members = Members(parse_canonical(data), "bundle", BundleError)
    except CanonicalError as error:
        raise BundleError(f"the bundle is not canonical JSON: {error}") from error
    members.expect(_MEMBERS, ("openings",))
    members.literal("v", 1)
    openings = members.each("openings") if members.has("openings") else []
    if members.has("openings") and not openings:
        raise members.fault("openings", "is empty; leave it out")
    return Bundle(
        vkey=members.text("vkey"),
        checkpoint=members.blob("checkpoint"),
        entry=_read_proven(members.members("entry")),
        governance=tuple(_read_proven(each) for each in members.each("governance")),
        openings=tuple(_read_opening(each) for each in openings),
    )


def check_bundle(bundle: Bundle, vkey: VerifierKey) -> CheckedBundle:
    """Return what the bundle proves under the log key that the caller trusts.

    Raise ``BundleError`` at the first thing that does not hold.
    """
    try:
        if parse_vkey(bundle.vkey) != vkey:
            raise BundleError("the bundle is of a log with another key")
        checkpoint = open_checkpoint(bundle.checkpoint, vkey)
    except (NoteError, CheckpointError) as error:
        raise BundleError(str(error)) from error
    governance = Governance(vkey)
    indices = [proven.index for proven in (*bundle.governance, bundle.entry)]
    if indices != sorted(set(indices)):
        raise BundleError("the governance entries are not in order before the entry")
    for proven in bundle.governance:
        _check_proven(proven, checkpoint, governance)
    entry = _check_proven(bundle.entry, checkpoint, governance)
    for opening in bundle.openings:
        _check_opening(opening, entry.commitments)
    return CheckedBundle(
        entry=entry, index=bundle.entry.index, checkpoint=checkpoint, governance=governance
    )


def _check_proven(proven: ProvenEntry, checkpoint: Checkpoint, governance: Governance) -> Entry:
    """Check one entry under the governance so far, and let governance take it."""
    try:
        header = parse_header(proven.header)
        entry = parse_entry(proven.entry)
        statement = header.statement
        leaf = leaf_hash(proven.entry)
        _check_in_log(leaf, proven.index, proven.proof, checkpoint)
        _check_in_log(
            leaf_hash(proven.header), proven.header_index, proven.header_proof, checkpoint
        )
        check_inclusion(
            leaf=leaf,
            index=proven.index - proven.header_index - 1,
            size=statement.n,
            proof=proven.path,
            root=statement.root,
        )
        check_entry_signer(entry, statement)
        # Only the genesis names the key that signs it, so only there governance moves first.
        if proven.index == GENESIS_INDEX:
            governance.apply(entry, proven.index, header_index=proven.header_index)
        key = signing_key_of(governance, statement, proven.header_index)
        check_signature(key.public_key, statement_message(header.statement_bytes), header.signature)
        if proven.index != GENESIS_INDEX:
            governance.apply(entry, proven.index, header_index=proven.header_index)
    except (
        EntryError,
        StatementError,
        ProofError,
        HeaderError,
        SignatureError,
        GovernanceError,
    ) as error:
        raise BundleError(f"entry {proven.index}: {error}") from error
    return entry


def _check_in_log(leaf: bytes, index: int, proof: Sequence[bytes], checkpoint: Checkpoint) -> None:
    check_inclusion(leaf=leaf, index=index, size=checkpoint.size, proof=proof, root=checkpoint.root)


def _check_opening(opening: Opening, commitments: Sequence[bytes]) -> None:
    if opening.commitment >= len(commitments):
        raise BundleError(f"the entry has no commitment {opening.commitment}")
    try:
        check_commitment(
            commitment=commitments[opening.commitment],
            key=opening.key,
            header=opening.header,
            data=opening.data,
        )
    except CommitmentError as error:
        raise BundleError(f"opening of commitment {opening.commitment}: {error}") from error


def _proven_json(proven: ProvenEntry) -> dict[str, Json]:
    return {
        "entry": format_base64(proven.entry),
        "index": proven.index,
        "proof": [format_base64(digest) for digest in proven.proof],
        "path": [format_base64(digest) for digest in proven.path],
        "header": format_base64(proven.header),
        "header_index": proven.header_index,
        "header_proof": [format_base64(digest) for digest in proven.header_proof],
    }


def _read_proven(members: Members) -> ProvenEntry:
    members.expect(_PROVEN_MEMBERS)
    return ProvenEntry(
        entry=members.blob("entry"),
        index=members.integer("index"),
        proof=members.blobs("proof", HASH_SIZE_BYTES),
        path=members.blobs("path", HASH_SIZE_BYTES),
        header=members.blob("header"),
        header_index=members.integer("header_index"),
        header_proof=members.blobs("header_proof", HASH_SIZE_BYTES),
    )


def _read_opening(members: Members) -> Opening:
    members.expect(_OPENING_MEMBERS)
    return Opening(
        commitment=members.integer("commitment"),
        key=members.blob("key", KEY_SIZE_BYTES),
        header=members.blob("header"),
        data=members.blob("data"),
    )
