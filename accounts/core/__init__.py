"""Pure decisions of accounts: no clock, no randomness, no files, no framework."""
