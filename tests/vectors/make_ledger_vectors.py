"""Make the ledger's test vectors: ``python -m tests.vectors.make_ledger_vectors``.

They are made from the small log of the tests, whose keys and times are fixed, so that making them
again gives the same bytes; a test does so.
"""

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from ledger.core.canonical import canonical_bytes
from ledger.core.endorsement import endorsement_message
from ledger.core.entry import endorse_entry, parse_entry
from ledger.core.members import format_base64
from ledger.core.merkle import EMPTY_ROOT, leaf_hash, next_chain_hash, tree_root
from ledger.core.note import format_vkey
from ledger.core.possession import possession_message
from ledger.core.qr_proof import format_qr_proof, format_qr_texts
from ledger.core.receipt import receipt_message
from ledger.core.statement import parse_header, statement_hash, statement_message
from tests.ledger.log_builder import (
    DONE,
    OPENING,
    PHARMACY,
    Signer,
    governed_log,
    opened_commitment,
    seed_of,
    small_log,
)
from tests.ledger.qr_codes import qr_proof_of, stored

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
    parts: dict[str, object] = {
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
    return {
        "ledger.json": as_text(parts),
        "bundle.json": bundle,
        "governance.json": as_text(governance_parts()),
        "endorsed-bundle.json": governed_log()[0].bundle(19),
        "qr.json": as_text(qr_parts()),
    }


def qr_parts() -> dict[str, object]:
    """Return the printed code of entry 11, and the two codes of an entry that needs two."""
    log, cast = small_log()
    large = log.draft(DONE, {"word": "".join(sha256(b"%d" % n).hexdigest() for n in range(20))})
    parts: dict[str, object] = {"vkey": format_vkey(log.vkey)}
    for name, index in (("one", 11), ("two", 15)):
        if name == "two":
            log.submit(cast.scanner, large)
        # Packed as no library packs: DEFLATE leaves that open.
        proof = replace(qr_proof_of(log, index), entry=stored(log.leaves[index]))
        payload = format_qr_proof(proof)
        parts[name] = {
            "index": index,
            "entry": log.leaves[index].decode(),
            "checkpoint": log.checkpoint().decode(),
            "payload": payload.hex(),
            "texts": format_qr_texts(payload),
        }
    return parts


def governance_parts() -> dict[str, object]:
    """Return the leaves that the governed log has beyond the small one, and what was signed."""
    log, cast = governed_log()
    endorsed, second = log.leaves[19], Signer("pharmacy 2", PHARMACY)
    entry = parse_entry(endorsed)
    message = endorsement_message(endorsed_hash=entry.endorsed_hash, policy_index=15)
    possession = possession_message(
        log=log.vkey.name, organisation_id=PHARMACY, public_key=second.public_key, holder="system"
    )
    return {
        "seeds": {name: bytes(seed_of(name)).hex() for name in (second.name, "pharmacy 3")},
        "endorsement": {
            "entry_without": endorse_entry(endorsed, []).decode(),
            "leaf_hash_without": entry.endorsed_hash.hex(),
            "policy": 15,
            "message": message.hex(),
            "sig_of_wholesaler": format_base64(cast.wholesaler.sign(message)),
        },
        "possession": {
            "message": possession.decode(),
            "sig": format_base64(second.possession("system")),
        },
        "leaves": [
            {"index": index, "leaf": leaf.decode(), "leaf_hash": leaf_hash(leaf).hex()}
            for index, leaf in enumerate(log.leaves)
            if index > 13
        ],
        "root": tree_root(log.hashes).hex(),
        "checkpoint": log.checkpoint().decode(),
    }


def as_text(parts: dict[str, object]) -> bytes:
    """Return JSON that people read."""
    return f"{json.dumps(parts, ensure_ascii=False, indent=1)}\n".encode()


def main() -> None:
    """Write the vectors."""
    FOLDER.mkdir(exist_ok=True)
    for name, data in vectors().items():
        (FOLDER / name).write_bytes(data)


if __name__ == "__main__":
    main()
