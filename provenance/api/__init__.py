"""Provenance over HTTP."""
