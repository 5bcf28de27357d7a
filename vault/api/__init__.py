"""Interfaces of the vault over HTTP."""
