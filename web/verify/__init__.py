"""The page that checks proofs: everything happens in the reader's browser."""
