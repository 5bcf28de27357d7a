"""What was paid for: never more of an item than was dispensed, whoever pays."""

from decimal import Decimal
from uuid import UUID

from django.db import connections

from foundation.core.actor import Actor
from foundation.tenancy import acting_as, current_alias
from provenance.errors import OverspentError


def serial_spend(
    *, actor: Actor, epc: str, quantity: Decimal, claim: UUID, entry_id: bytes
) -> None:
    """Record in the caller's transaction that ``claim`` pays for so many units of an item.

    ``entry_id`` is the decision's entry, submitted in the same transaction. Raise
    ``OverspentError`` where less was dispensed and is not paid for yet; an ``IntegrityError``
    says that the claim pays for the item already.
    """
    with acting_as(actor), connections[current_alias()].cursor() as cursor:
        cursor.execute(
            "SELECT system_fn.provenance_spend(%s, %s, %s, %s)", [epc, quantity, claim, entry_id]
        )
        if not cursor.fetchone()[0]:
            raise OverspentError("less of it was dispensed, or it is paid for", epc=epc)
