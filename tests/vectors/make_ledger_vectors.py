"""Make the ledger's test vectors: ``python -m tests.vectors.make_ledger_vectors``.

They are made from the small log of the tests, whose keys and times are fixed, so that making them
again gives the same bytes; a test does so.
"""

import json
from pathlib import Path

from ledger.core.canonical import canonical_bytes
from ledger.core.members import format_base64
from ledger.core.merkle import EMPTY_ROOT, leaf_hash, next_chain_hash, tree_root
from ledger.core.note import format_vkey
from ledger.core.receipt import receipt_message
from ledger.core.statement import parse_header, statement_hash, statement_message
from tests.ledger.log_builder import OPENING, opened_commitment, seed_of, small_log

FOLDER = Path(__file__).parent / "theriac"
SIGNERS = ("log", "operator", "receipts", "wholesaler", "pharmacy", "scanner")


def vectors() -> dict[str, bytes]:
    """Return the vectors by file name."""
    log, cast = small_log()
    bundle = log.bundle(11, [OPENING])
    checkpoint = log.checkpoint()
    receipt = log.submit(cast.pharmacy, log.draft("test.thing.done.v1", {"step": 5}))
    header = parse_header(log.leaves[7])
    chain_hash = bytes(32)
    leaves = []
    for index, leaf in enumerate(log.leaves[:14]):
        chain_hash = next_chain_hash(chain_hash, leaf_hash(leaf))
        leaves.append(
            {
                "index": index,
                "leaf": leaf.decode(),
                "leaf_hash": leaf_hash(leaf).hex(),
                "chain_hash": chain_hash.hex(),
            }
        )
    parts = {
        "canonical": {
            "value": {"b": [1, True, "é\n"], "a": {"z": -1, "A": ""}},
            "bytes": canonical_bytes({"b": [1, True, "é\n"], "a": {"z": -1, "A": ""}}).decode(),
        },
        "commitment": {
            "key": OPENING.key.hex(),
            "header": OPENING.header.decode(),
            "data": OPENING.data.decode(),
            "commitment": opened_commitment().hex(),
        },
        "seeds": {name: bytes(seed_of(name)).hex() for name in SIGNERS},
        "public_keys": {name: bytes(seed_of(name).verify_key).hex() for name in SIGNERS},
        "vkey": format_vkey(log.vkey),
        "statement": {
            "statement": header.statement_bytes.decode(),
            "message": statement_message(header.statement_bytes).decode(),
            "hash": statement_hash(header.statement_bytes).hex(),
            "signature": format_base64(header.signature),
            "header_leaf": log.leaves[7].decode(),
        },
        "receipt": {
            "message": receipt_message(receipt.promise).decode(),
            "json": receipt.as_json(),
            "header": receipt.header(),
        },
        "tree": {
            "empty_root": EMPTY_ROOT.hex(),
            "roots": [tree_root(log.hashes[:size]).hex() for size in range(15)],
        },
        "leaves": leaves,
        "checkpoint": checkpoint.decode(),
    }
    text = json.dumps(parts, ensure_ascii=False, indent=1)
    return {"ledger.json": f"{text}\n".encode(), "bundle.json": bundle}


def main() -> None:
    """Write the vectors."""
    FOLDER.mkdir(exist_ok=True)
    for name, data in vectors().items():
        (FOLDER / name).write_bytes(data)


if __name__ == "__main__":
    main()
