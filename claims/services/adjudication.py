"""A claim decided with its evidence: who holds it is asked, then the claim is decided.

The holders answer in transactions of their own, so no transaction can hold the claim meanwhile.
The claim's turn does: two requests never ask for it, nor decide it, at the same time.
"""

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar
from uuid import UUID

from django.db import connections

from claims.errors import BeingDecidedError
from claims.keeping import Seeds
from claims.services.decisions import Decided, claim_adjudicate
from claims.services.evidence_dispensings import dispensings_gather
from claims.services.evidence_records import records_gather
from foundation.core.actor import Actor
from foundation.tenancy import APP_ALIAS

T = TypeVar("T")


def claim_decide(
    *,
    actor: Actor,
    claim_id: UUID,
    stored: Callable[[], T | None],
    once: Callable[[Callable[[], Decided]], T],
    seeds: Seeds,
    now: dt.datetime,
) -> T:
    """Ask for a claim's evidence and decide it, while nobody else does; outside any transaction.

    ``stored`` returns the answer that this request had before: then nobody is asked again, for
    each telling is a disclosure. ``once`` opens the decision's transaction, calls what it is
    given there, and returns the answer. Raise ``BeingDecidedError`` where another request has
    the claim's turn, or what ``claim_adjudicate`` raises.
    """
    with _turn(claim_id):
        answer = stored()
        if answer is not None:
            return answer
        dispensings = dispensings_gather(actor=actor, claim_id=claim_id, seeds=seeds, now=now)
        records = records_gather(actor=actor, claim_id=claim_id, seeds=seeds, now=now)
        return once(
            lambda: claim_adjudicate(
                actor=actor,
                claim_id=claim_id,
                dispensings=dispensings,
                records=records,
                seeds=seeds,
                now=now,
            )
        )


@contextmanager
def _turn(claim_id: UUID) -> Iterator[None]:
    """Hold a claim's turn: across transactions, and no longer than the connection lives."""
    name = f"claims/deciding/{claim_id}"
    with connections[APP_ALIAS].cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 13))", [name])
        if not cursor.fetchone()[0]:
            raise BeingDecidedError("repeat the request in a moment")
    try:
        yield
    finally:
        with connections[APP_ALIAS].cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 13))", [name])
