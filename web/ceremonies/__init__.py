"""Ceremonies: changes of members, keys and policies, word for word before anybody signs."""
