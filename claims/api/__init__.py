"""The interfaces of claims."""
