"""The sequenced receipt: where a promised submission stands in the log, with its proof.

A receipt promises; once the sequencer has been, the same receipt and these members show that the
promise was kept (docs/spec/receipt.md). Both ends of the submission are proven, its header leaf
and its last entry; a submission of one scan is proven whole. What stands between has its own
proof at ``/log/<channel>/proof/<entry id>``.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from foundation.core.values import Json
from ledger.core.checkpoint import CheckpointError, open_checkpoint
from ledger.core.members import Members, format_base64
from ledger.core.merkle import HASH_SIZE_BYTES, leaf_hash, next_chain_hash
from ledger.core.note import VerifierKey
from ledger.core.proof import ProofError, check_inclusion
from ledger.core.receipt import Receipt, ReceiptError
from ledger.core.statement import StatementError, parse_header, statement_hash

_MEMBERS = (
    "header",
    "header_index",
    "header_proof",
    "last_proof",
    "chain_before",
    "chain_after",
    "checkpoint",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequenced:
    """Where a submission stands: its header leaf at ``header_index``, entry i at i + 1 beyond.

    ``header_proof`` and ``last_proof`` lead from header leaf and last entry to the root of
    ``checkpoint``; the chain hashes are those before the header and at the last entry.
    """

    header: bytes
    header_index: int
    header_proof: tuple[bytes, ...]
    last_proof: tuple[bytes, ...]
    chain_before: bytes
    chain_after: bytes
    checkpoint: bytes

    def as_json(self) -> dict[str, Json]:
        """Return the member ``sequenced`` of a receipt."""
        return {
            "header": format_base64(self.header),
            "header_index": self.header_index,
            "header_proof": [format_base64(digest) for digest in self.header_proof],
            "last_proof": [format_base64(digest) for digest in self.last_proof],
            "chain_before": self.chain_before.hex(),
            "chain_after": self.chain_after.hex(),
            "checkpoint": format_base64(self.checkpoint),
        }


def parse_sequenced(value: object) -> Sequenced:
    """Return what the member ``sequenced`` says; raise ``ReceiptError`` for anything else."""
    members = Members(value, "sequenced", ReceiptError)
    members.expect(_MEMBERS)
    return Sequenced(
        header=members.blob("header"),
        header_index=members.integer("header_index"),
        header_proof=members.blobs("header_proof", HASH_SIZE_BYTES),
        last_proof=members.blobs("last_proof", HASH_SIZE_BYTES),
        chain_before=members.digest("chain_before"),
        chain_after=members.digest("chain_after"),
        checkpoint=members.blob("checkpoint"),
    )


def check_sequenced(receipt: Receipt, sequenced: Sequenced, vkey: VerifierKey) -> None:
    """Raise ``ReceiptError`` unless the log of ``vkey`` holds what the receipt promised.

    The receipt names its entries; whether its own signature holds, ``check_receipt`` says.
    """
    promise = receipt.promise
    if len(receipt.entry_ids) != promise.n:
        raise ReceiptError(f"the receipt names {len(receipt.entry_ids)} entries of {promise.n}")
    header_hash = leaf_hash(sequenced.header)
    try:
        stated = parse_header(sequenced.header).statement_bytes
        checkpoint = open_checkpoint(sequenced.checkpoint, vkey)
        for leaf, index, proof in (
            (header_hash, sequenced.header_index, sequenced.header_proof),
            (receipt.entry_ids[-1], sequenced.header_index + promise.n, sequenced.last_proof),
        ):
            check_inclusion(
                leaf=leaf, index=index, size=checkpoint.size, proof=proof, root=checkpoint.root
            )
    except (StatementError, CheckpointError, ProofError) as error:
        raise ReceiptError(f"the place does not hold: {error}") from error
    if statement_hash(stated) != promise.statement_hash:
        raise ReceiptError("the header leaf is that of another submission")
    if _chained(sequenced.chain_before, (header_hash, *receipt.entry_ids)) != sequenced.chain_after:
        raise ReceiptError("the chain does not lead from before the submission to behind it")


def _chained(chain_hash: bytes, leaves: Iterable[bytes]) -> bytes:
    for leaf in leaves:
        chain_hash = next_chain_hash(chain_hash, leaf)
    return chain_hash
