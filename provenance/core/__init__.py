"""Pure decisions of provenance: no clock, no randomness, no files, no framework."""
