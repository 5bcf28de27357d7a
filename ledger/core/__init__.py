"""Pure decisions of ledger: no clock, no randomness, no files, no framework."""
