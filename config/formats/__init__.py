"""How pages write things, by language; Django looks for it by name."""
