"""Deployment: settings, URLs, Celery, the GraphQL root. No domain code."""
