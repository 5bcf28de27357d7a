"""The scan page: one scan, one answer."""
