"""Health records, anchored on the ledger and read under consent."""
