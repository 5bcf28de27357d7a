"""What a state folder knows of its log: the server, the key trusted, the organisation, the keys.

Written once the first key is registered. The log's verifier key is pinned: another is another log.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

from foundation.core.problem import BadInputError
from ledger.core.ed25519 import PUBLIC_KEY_SIZE_BYTES
from ledger.core.members import Members, format_base64
from ledger.core.note import VerifierKey, format_vkey, parse_vkey
from theriac_client.durable import read_json, write_json
from theriac_client.errors import StateError

FILE = "settings.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The log and the member. ``key_id`` is the key that signs now; ``receipt_key`` the log's."""

    server: str
    channel: str
    vkey: VerifierKey
    organisation_id: UUID
    receipt_key: bytes
    key_id: bytes

    def with_key(self, key_id: bytes) -> "Settings":
        """Return the same with another key that signs."""
        return replace(self, key_id=key_id)


def write_settings(folder: Path, settings: Settings) -> None:
    """Keep the settings durably."""
    write_json(
        folder / FILE,
        {
            "v": 1,
            "server": settings.server,
            "channel": settings.channel,
            "vkey": format_vkey(settings.vkey),
            "organisation": str(settings.organisation_id),
            "receipt_key": format_base64(settings.receipt_key),
            "key": settings.key_id.hex(),
        },
    )


def read_settings(folder: Path) -> Settings:
    """Return the folder's settings; raise ``StateError`` where no key was registered from it."""
    if not (folder / FILE).exists():
        raise StateError(f"{folder} knows no log yet: run `theriac-client key register`")
    try:
        members = Members(read_json(folder / FILE), FILE, BadInputError)
        members.expect(("v", "server", "channel", "vkey", "organisation", "receipt_key", "key"))
        members.literal("v", 1)
        return Settings(
            server=members.text("server"),
            channel=members.text("channel"),
            vkey=parse_vkey(members.text("vkey")),
            organisation_id=members.uuid("organisation"),
            receipt_key=members.blob("receipt_key", PUBLIC_KEY_SIZE_BYTES),
            key_id=members.digest("key"),
        )
    except BadInputError as error:
        raise StateError(f"{folder / FILE} is damaged: {error}") from error
