"""The ledger over HTTP: C2SP endpoints, and receipts and proofs as JSON."""
