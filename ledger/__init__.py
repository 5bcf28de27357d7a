"""The signed, append-only log. It knows nothing of medicine."""
