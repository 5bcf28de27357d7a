"""How each column of the log is covered: ``ledger_verify`` hashes or recomputes all but some.

A test fails on a column of these tables that is not listed here.
"""

HASHED, RECOMPUTED, TRANSIENT = "hashed", "recomputed", "transient"
COLUMNS: dict[str, dict[str, str]] = {
    "ledger_submission": {
        "id": TRANSIENT,
        "log_id": RECOMPUTED,
        "organisation_id": RECOMPUTED,
        "submission_id": RECOMPUTED,
        "key_id": RECOMPUTED,
        "count": RECOMPUTED,
        "first": RECOMPUTED,
        "statement": HASHED,
        "statement_hash": RECOMPUTED,
        "signature": HASHED,
        "received_at": RECOMPUTED,  # the receipt's signature covers it
        "deadline_at": RECOMPUTED,
        "receipt_signature": RECOMPUTED,
    },
    "ledger_entry": {
        "entry_id": RECOMPUTED,
        "log_id": RECOMPUTED,
        "submission_id": RECOMPUTED,
        "position": RECOMPUTED,
        "organisation_id": RECOMPUTED,
        "uuid": RECOMPUTED,
        "kind": RECOMPUTED,
        "content": HASHED,
    },
    "ledger_leaf": {
        "log_id": RECOMPUTED,
        "log_index": RECOMPUTED,
        "leaf_hash": RECOMPUTED,
        "chain_hash": RECOMPUTED,
        "submission_id": RECOMPUTED,
        "position": RECOMPUTED,
    },
    "ledger_checkpoint": {
        "id": TRANSIENT,
        "log_id": RECOMPUTED,
        "size": RECOMPUTED,
        "prev_size": RECOMPUTED,
        "root_hash": RECOMPUTED,
        "chain_hash": RECOMPUTED,
        "note": HASHED,
        "signed_at": TRANSIENT,
    },
    "ledger_cosignature": {
        "id": TRANSIENT,
        "log_id": RECOMPUTED,
        "size": RECOMPUTED,
        "vkey": RECOMPUTED,  # the line names its hash, and its signature holds under it
        "line": HASHED,
        "timestamp_s": RECOMPUTED,
        "received_at": TRANSIENT,
    },
}
