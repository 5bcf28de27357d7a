"""Pure decisions of foundation: no clock, no randomness, no files, no framework."""
