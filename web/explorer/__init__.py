"""The explorer: what is in a log, for anybody who may read it, and how each entry is proven."""
