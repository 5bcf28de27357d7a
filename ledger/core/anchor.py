"""Anchors: commitments that a member's own system puts into the log, whatever they stand for.

The document is ``{"commitments": ["<64 hex digits>", …]}``; the entry carries them and nothing
else, so the log learns how many, and when (docs/reference/anchors.md).
"""

from uuid import UUID

from foundation.core.problem import BadInputError
from ledger.core.entry import EntryDraft
from ledger.core.members import Members

ANCHORED = "member.anchored.v1"
COMMITMENTS_MAX = 500  # an entry of 65,535 bytes holds 970


class AnchorError(BadInputError):
    """The document is no list of commitments; the message names the member."""

    slug = "bad-anchor"
    title = "This is nothing to anchor"


def anchor_draft(document: object, *, entry_id: UUID) -> EntryDraft:
    """Return the entry that a JSON document asks for; raise ``AnchorError``."""
    members = Members(document, "anchor", AnchorError)
    members.expect(("commitments",))
    commitments = members.digests("commitments")
    if not 1 <= len(commitments) <= COMMITMENTS_MAX:
        raise members.fault("commitments", f"are {len(commitments)}: 1 to {COMMITMENTS_MAX} go in")
    return EntryDraft(kind=ANCHORED, id=entry_id, body={}, commitments=commitments)
