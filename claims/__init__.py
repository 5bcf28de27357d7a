"""Contracts that decide: adjudication from proven evidence."""
