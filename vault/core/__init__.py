"""Pure decisions of vault: no clock, no randomness, no files, no framework."""
