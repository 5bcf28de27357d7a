"""The console for GraphQL: staff only."""
