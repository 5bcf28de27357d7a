"""What one log says of another: that it begins, and that a head of it is known.

Both stand in the log as a commitment (docs/spec/channels.md); here is what is committed to. Of a
channel that everybody may read, its beginning is said in clear.
"""

import re
from dataclasses import dataclass

from foundation.core.problem import BadInputError
from ledger.core.canonical import canonical_bytes
from ledger.core.checkpoint import Checkpoint
from ledger.core.commitment import commit
from ledger.core.governance import CHANNEL_CREATED, CHANNEL_LINKED
from ledger.core.merkle import HASH_SIZE_BYTES

# A word in the address /log/<channel>/; the database keeps 40 characters.
_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")


class ChannelNameError(BadInputError):
    """The text cannot be the name of a channel."""

    slug = "bad-channel-name"
    title = "This cannot be the name of a channel"


def check_channel_name(text: str) -> None:
    """Raise ``ChannelNameError`` unless the text may be a channel's name."""
    if _NAME.fullmatch(text) is None:
        raise ChannelNameError(
            "a name has 1 to 40 of a to z, 0 to 9 and -, and begins with a letter"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LogOpening:
    """What opens a commitment of one log to something about another."""

    key: bytes
    header: bytes
    data: bytes

    @property
    def commitment(self) -> bytes:
        """The commitment that it opens."""
        return commit(key=self.key, header=self.header, data=self.data)


def announcement(*, directory: str, origin: str, vkey: str, key: bytes) -> LogOpening:
    """Return what commits the log ``directory`` to the beginning of another, under ``key``."""
    return LogOpening(
        key=key,
        header=_header(directory, CHANNEL_CREATED),
        data=canonical_bytes({"origin": origin, "vkey": vkey}),
    )


def link(*, log: str, linked: Checkpoint, key: bytes) -> LogOpening:
    """Return what commits ``log`` to a head of another log, under ``key``."""
    assert len(linked.root) == HASH_SIZE_BYTES
    return LogOpening(
        key=key,
        header=_header(log, CHANNEL_LINKED),
        data=canonical_bytes(
            {"origin": linked.origin, "root": linked.root.hex(), "size": linked.size}
        ),
    )


def _header(log: str, kind: str) -> bytes:
    return canonical_bytes({"kind": kind, "log": log})
