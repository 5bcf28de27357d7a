"""Theriac for its members: write to the ledger under a key of your own, and watch the log.

``Client`` signs, sends and keeps; ``theriac-client`` and ``ledger_monitor`` are its commands. It
needs PyNaCl and orjson, no server and no database.
"""

from theriac_client.client import Client
from theriac_client.errors import ClientError
from theriac_client.keyfile import MemberKey
from theriac_client.settings import Settings
from theriac_client.web import Web

__all__ = ["Client", "ClientError", "MemberKey", "Settings", "Web"]
