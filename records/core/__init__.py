"""Pure decisions of records: no clock, no randomness, no files, no framework."""
