"""One runnable file per claim of speed; each prints a table and writes JSON."""
