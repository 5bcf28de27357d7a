"""What a file of evidence proves: the check that anybody can repeat offline."""

from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime

from foundation.core.problem import BadInputError
from ledger.core.ed25519 import PUBLIC_KEY_SIZE_BYTES, SignatureError, check_signature, key_id_of
from ledger.core.entry import parse_entry
from ledger.core.members import Members, format_time
from ledger.core.merkle import HASH_SIZE_BYTES, leaf_hash, tree_root
from ledger.core.proof import check_consistency, check_inclusion
from ledger.core.receipt import Receipt, check_receipt, parse_receipt
from ledger.core.statement import Header, StatementError, parse_header, statement_hash
from ledger.core.statement import statement_message as message_of
from theriac_client.monitor.evidence import Evidence, EvidenceError, Kind, Place

Lines = list[str]


def check_evidence(evidence: Evidence, *, leaves: Iterable[bytes] | None = None) -> Lines:
    """Return, a line each, what the evidence proves and what it does not.

    ``leaves`` are those of the log that its head covers, from an export: they decide about a
    missing submission that the file alone cannot. Raise ``EvidenceError`` where nothing follows.
    """
    try:
        return [*_heads(evidence), *_JUDGES[evidence.kind](evidence, leaves)]
    except BadInputError as error:
        raise EvidenceError(f"this does not follow: {error}") from error


def _heads(evidence: Evidence) -> Lines:
    said = [f"log key {evidence.vkey.name}: compare it with what others have"]
    for head in evidence.heads:
        cosigned = ", ".join(
            f"{signed.key.name} at {_time(signed.timestamp_s or 0)}" for signed in head.cosigned
        )
        said.append(f"the log signed {head.size} leaves, root {head.root.hex()}")
        if cosigned:
            said.append(f"  cosigned by {cosigned}")
    return said


def _forked(evidence: Evidence, _: Iterable[bytes] | None) -> Lines:
    first, second = evidence.heads
    prefix_root = evidence.members.digest("prefix_root")
    check_consistency(
        size1=first.size,
        size2=second.size,
        root1=prefix_root,
        root2=second.root,
        proof=evidence.members.blobs("proof", HASH_SIZE_BYTES),
    )
    if prefix_root == first.root:
        raise EvidenceError("the second head extends the first: there is one history")
    said = f"the second head says of its first {first.size} leaves {prefix_root.hex()}, not"
    return [f"PROVEN: {said} what the first head says: the log's key signed two histories"]


def _rolled_back(evidence: Evidence, _: Iterable[bytes] | None) -> Lines:
    first, second = evidence.heads
    if first.size <= second.size:
        raise EvidenceError("the second head is not smaller than the first")
    # No time in the heads decides: one witness may be asked later than another for less.
    return [
        f"PROVEN: the log's key signed {first.size} leaves; who finds fewer there now sees it too",
        f"that {second.size} were shown later is the word of who watched",
    ]


def _missing(evidence: Evidence, leaves: Iterable[bytes] | None) -> Lines:
    head, members = evidence.heads[0], evidence.members
    receipt = parse_receipt(members.mapping("receipt"))
    check_receipt(receipt, members.blob("receipt_key", PUBLIC_KEY_SIZE_BYTES))
    promise = receipt.promise
    if promise.log != evidence.vkey.name:
        raise EvidenceError("the receipt is of another log")
    said = [
        f"the receipt promises submission {promise.id} by {format_time(promise.deadline)}",
        f"  under {promise.key_id.hex()}: that this is the receipt key, the log's genesis says",
    ]
    if leaves is not None:
        hashes = _without(receipt, leaves)
    elif members.has("leaves") and members.has("header"):
        hashes = _hashes(members, receipt)
    else:
        return [*said, "NOT PROVEN YET: give the leaves of the head with --export"]
    if tree_root(hashes) != head.root or len(hashes) != head.size:
        raise EvidenceError("the leaves are not those of the head")
    after = head.quorum_at_s(evidence.policy) > promise.deadline.timestamp()
    when = "by the times of the policy's quorum" if after else "by the word of who watched"
    if not after and evidence.found_at <= promise.deadline:
        raise EvidenceError("the promise was not due yet")
    return [*said, f"PROVEN: none of the {head.size} leaves is it; the head is later, {when}"]


def _hashes(members: Members, receipt: Receipt) -> list[bytes]:
    """Return the hashes of all leaves, once the submission's header is none of them."""
    data, header = members.blob("leaves"), members.blob("header")
    if len(data) % HASH_SIZE_BYTES:
        raise members.fault("leaves", "are not hashes of 32 bytes")
    # An Ed25519 signature cannot be varied by who lacks the key: the header leaf has one form.
    if statement_hash(parse_header(header).statement_bytes) != receipt.promise.statement_hash:
        raise members.fault("header", "is not that of the promised statement")
    hashes = [data[at : at + HASH_SIZE_BYTES] for at in range(0, len(data), HASH_SIZE_BYTES)]
    _check_absent(leaf_hash(header), hashes)
    return hashes


def _without(receipt: Receipt, leaves: Iterable[bytes]) -> list[bytes]:
    """Return the hashes of all leaves, once no header among them is the promised one."""
    hashes = []
    for leaf in leaves:
        hashes.append(leaf_hash(leaf))
        try:
            stated = statement_hash(parse_header(leaf).statement_bytes)
        except StatementError:
            continue  # an entry
        if stated == receipt.promise.statement_hash:
            raise EvidenceError(f"the submission stands at index {len(hashes) - 1}")
    return hashes


def _check_absent(digest: bytes, hashes: Collection[bytes]) -> None:
    if digest in hashes:
        raise EvidenceError("the submission is among the leaves")


def _unexpected(evidence: Evidence, _: Iterable[bytes] | None) -> Lines:
    members = evidence.members
    organisation_id = members.uuid("organisation")
    place, header = _header(evidence, members.members("header"))
    said = [f"PROVEN: the log holds at index {place.index} a submission of {header.statement.n}"]
    if members.has("entry"):
        entry_place = _place(evidence, members.members("entry"))
        entry = parse_entry(entry_place.leaf)
        if not place.index < entry_place.index <= place.index + header.statement.n:
            raise EvidenceError("the entry is not of that submission")
        said.append(
            f"  and at index {entry_place.index} {entry.kind}, by {entry.organisation_id}: it"
            f" concerns {organisation_id}"
        )
    elif header.statement.organisation_id != organisation_id:
        raise EvidenceError("the submission names another organisation")
    if members.has("public_key"):
        public_key = members.blob("public_key", PUBLIC_KEY_SIZE_BYTES)
        if key_id_of(public_key) != header.statement.key_id:
            raise members.fault("public_key", "is not the key of the statement")
        check_signature(public_key, message_of(header.statement_bytes), header.signature)
        said.append(f"  signed under {header.statement.key_id.hex()}")
    return [*said, "that nobody of the organisation sent it is the organisation's word"]


def _invalid(evidence: Evidence, _: Iterable[bytes] | None) -> Lines:
    members = evidence.members
    if not members.has("public_key"):
        place = _place(evidence, members.members("place"))
        return [
            f"PROVEN: the log holds this leaf at index {place.index}",
            f"that it may not stand there ({evidence.what}) shows whoever verifies an export",
        ]
    place, header = _header(evidence, members.members("place"))
    public_key = members.blob("public_key", PUBLIC_KEY_SIZE_BYTES)
    if key_id_of(public_key) != header.statement.key_id:
        raise members.fault("public_key", "is not the key of the statement")
    try:
        check_signature(public_key, message_of(header.statement_bytes), header.signature)
    except SignatureError:
        return [f"PROVEN: the statement at index {place.index} is not signed by the key it names"]
    raise EvidenceError("the statement is signed by the key it names")


def _stale(evidence: Evidence, _: Iterable[bytes] | None) -> Lines:
    seen_at = evidence.members.time("seen_at")
    if evidence.found_at < seen_at:
        raise EvidenceError("the head was seen after it was found stale")
    times = (
        f"first seen at {format_time(seen_at)}, nothing newer by {format_time(evidence.found_at)}"
    )
    return [f"the word of who watched: {times}"]


def _header(evidence: Evidence, members: Members) -> tuple[Place, Header]:
    place = _place(evidence, members)
    return place, parse_header(place.leaf)


def _place(evidence: Evidence, members: Members) -> Place:
    """Return a leaf that is proven to stand under the evidence's head."""
    members.expect(("leaf", "index", "proof"))
    head = evidence.heads[0]
    place = Place(
        leaf=members.blob("leaf"),
        index=members.integer("index"),
        proof=members.blobs("proof", HASH_SIZE_BYTES),
    )
    check_inclusion(
        leaf=leaf_hash(place.leaf),
        index=place.index,
        size=head.size,
        proof=place.proof,
        root=head.root,
    )
    return place


def _time(seconds: int) -> str:
    try:
        return format_time(datetime.fromtimestamp(seconds, UTC))
    except (ValueError, OverflowError, OSError):
        return f"{seconds} s"


_JUDGES: dict[Kind, Callable[[Evidence, Iterable[bytes] | None], Lines]] = {
    Kind.MISSING: _missing,
    Kind.ROLLED_BACK: _rolled_back,
    Kind.FORKED: _forked,
    Kind.UNEXPECTED: _unexpected,
    Kind.INVALID: _invalid,
    Kind.STALE: _stale,
}
