"""Claims shown to their parties: the rows, and of the vault the number that the biller gave.

No entry is written: whoever is a party to a claim sent that number or received it, and it is
told to nobody else. What describes the patient is read elsewhere, and each reading is an entry.
"""

import dataclasses
import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Sequence
from uuid import UUID

from accounts.core.scopes import Scope, check_scope
from claims.core.codec import parse_as
from claims.core.model import ClaimDocument
from claims.keeping import kept_many
from claims.models import Claim
from claims.selectors import ClaimInfo, claim_get, claim_list, claim_page
from foundation.core.actor import Actor
from foundation.tenancy import acting_as
from ledger.core.canonical import parse_canonical


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ClaimShown(ClaimInfo):
    """A claim, how it stands and what its biller calls it (CLM01): ``None`` where erased."""

    control_number: str | None


def claim_shown(*, actor: Actor, claim_id: UUID) -> ClaimShown:
    """Return a claim that the actor is a party to; raise ``NotFoundError``."""
    check_scope(actor, Scope.CLAIMS_READ)
    with acting_as(actor):
        found = claim_get(claim_id)
    return _shown(actor, [found])[0]


def claims_shown(*, actor: Actor) -> list[ClaimShown]:
    """Return the claims that the actor is a party to, the newest first, at most 200."""
    check_scope(actor, Scope.CLAIMS_READ)
    with acting_as(actor):
        found = claim_list()
    return _shown(actor, found)


def claims_page_shown(
    *,
    actor: Actor,
    after: tuple[dt.datetime, UUID] | None,
    limit: int,
    status: str | None = None,
) -> list[ClaimShown]:
    """Return claims as ``selectors.claim_page`` does, each with its biller's number."""
    check_scope(actor, Scope.CLAIMS_READ)
    with acting_as(actor):
        found = claim_page(after=after, limit=limit, status=status)
    return _shown(actor, found)


def _shown(actor: Actor, found: Sequence[ClaimInfo]) -> list[ClaimShown]:
    by_insurer: dict[UUID, list[UUID]] = defaultdict(list)
    for info in found:
        by_insurer[info.organisation_id].append(info.id)
    numbers: dict[UUID, str] = {}
    for insurer_id, claim_ids in by_insurer.items():
        numbers |= _numbers(actor.acting_for(insurer_id), claim_ids)
    return [
        ClaimShown(**dataclasses.asdict(info), control_number=numbers.get(info.id))
        for info in found
    ]


def _numbers(insurer: Actor, claim_ids: Collection[UUID]) -> dict[UUID, str]:
    """Return what their billers call these claims; what was erased is left out."""
    with acting_as(insurer):
        items = dict(Claim.objects.filter(id__in=claim_ids).values_list("item_id", "id"))
        found = kept_many(actor=insurer, item_ids=items)
    return {
        items[item_id]: parse_as(ClaimDocument, parse_canonical(data)).claim.claim_id
        for item_id, data in found.items()
    }
