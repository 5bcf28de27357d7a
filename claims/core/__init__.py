"""Pure decisions of claims: no clock, no randomness, no files, no framework."""
