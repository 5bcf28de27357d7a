"""People, organisations, memberships, roles, API keys."""
