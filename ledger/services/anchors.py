"""Anchors: a member's own commitments into the log, one entry or many at once."""

import datetime as dt
from uuid import uuid4

from foundation.core.actor import Actor
from ledger.core.anchor import AnchorError, anchor_draft
from ledger.core.receipt import Receipt
from ledger.core.sealed import SealedSubmission, sealed_parts
from ledger.services.intake import Sent
from ledger.services.submissions import submission_append


def anchor_append(
    *, actor: Actor, document: object, now: dt.datetime, sealed: SealedSubmission | None = None
) -> Receipt:
    """Anchor what a JSON document commits to, in one entry; return the receipt.

    Raise ``AnchorError`` for another document, or as ``submission_append``.
    """
    if sealed is None:
        draft = anchor_draft(document, entry_id=uuid4())
    else:
        (draft,) = anchor_sent(document, sealed).drafts
    return submission_append(actor=actor, entries=[draft], now=now, sealed=sealed)


def anchor_sent(document: object, sealed: SealedSubmission) -> Sent:
    """Return a sealed submission with the entry that the server makes of its document.

    Raise ``AnchorError`` where there is not exactly one.
    """
    parts = sealed_parts(sealed)
    if len(parts) != 1:
        raise AnchorError(f"an anchor is one entry; {len(parts)} were signed")
    return Sent(sealed=sealed, drafts=[anchor_draft(document, entry_id=parts[0].id)])
