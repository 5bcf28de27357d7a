"""What an organisation's own systems anchor: who may, and that one is not all."""

import datetime as dt
from collections.abc import Sequence

from accounts.core.scopes import Scope, organisation_with
from foundation.core.actor import Actor
from foundation.core.problem import ProblemError
from ledger.core.receipt import Receipt
from ledger.core.sealed import SealedSubmission
from ledger.services import Sent, anchor_append, submissions_append


def organisation_anchor(
    *, actor: Actor, document: object, now: dt.datetime, sealed: SealedSubmission | None = None
) -> Receipt:
    """Anchor a document's commitments; raise as ``anchor_append``, or ``MissingScopeError``."""
    organisation_with(actor, Scope.LEDGER_WRITE)
    return anchor_append(actor=actor, document=document, now=now, sealed=sealed)


def organisation_anchor_many(
    *, actor: Actor, sent: Sequence[Sent | ProblemError], now: dt.datetime
) -> list[Receipt | ProblemError]:
    """Anchor many that were signed one by one; return a receipt or a refusal of each, in order.

    What is no anchor comes as its refusal, and stays one. Raise as ``submissions_append``, or
    ``MissingScopeError``.
    """
    organisation_with(actor, Scope.LEDGER_WRITE)
    good = [each for each in sent if isinstance(each, Sent)]
    outcomes = iter(submissions_append(actor=actor, sent=good, now=now))
    return [next(outcomes) if isinstance(each, Sent) else each for each in sent]
