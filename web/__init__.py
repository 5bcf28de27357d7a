"""HTML pages. No models, no rules."""
