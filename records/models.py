"""The tables of records: none yet. What decides is in ``core``; anchoring brings its tables."""
