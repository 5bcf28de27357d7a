"""What was paid for: never more of a dispensing than was given, whoever pays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias
from uuid import UUID

from django.db import connections

from foundation.core.actor import Actor
from foundation.tenancy import acting_as, current_alias
from provenance.errors import OverspentError

# A dispensing from one item: the id of its event's entry, and the item.
Given: TypeAlias = tuple[bytes, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Amounts:
    """How much was given, and how much of it nobody has paid for; both 0 if it does not count."""

    given: Decimal
    remaining: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidFor:
    """So much of a dispensing, paid for by a claim's line."""

    given: Given
    quantity: Decimal
    line: int


def dispensings_hold(*, actor: Actor, wanted: Sequence[Given]) -> Mapping[Given, Amounts]:
    """Return what is left of these dispensings, and hold them until the transaction ends.

    Whoever would pay for them meanwhile waits, so that what is read here can be spent here. Only
    dispensings that the acting organisation was told of are answered.
    """
    with acting_as(actor), connections[current_alias()].cursor() as cursor:
        cursor.execute(
            "SELECT entry_id, epc, given, remaining"
            " FROM system_fn.provenance_amounts_told(%s::bytea[], %s::text[])",
            [[entry_id for entry_id, _ in wanted], [epc for _, epc in wanted]],
        )
        return {
            (bytes(entry_id), epc): Amounts(given=given, remaining=remaining)
            for entry_id, epc, given, remaining in cursor.fetchall()
        }


def serials_spend(
    *, actor: Actor, payments: Sequence[PaidFor], claim: UUID, entry_id: bytes
) -> None:
    """Record in the caller's transaction what a claim's lines pay for; one query for any number.

    ``entry_id`` is the decision's entry, submitted in the same transaction. Raise
    ``OverspentError`` where the payer was not told of one, less was given, or it is paid for; an
    ``IntegrityError`` says that the line pays for it already.
    """
    if not payments:
        return
    with acting_as(actor), connections[current_alias()].cursor() as cursor:
        cursor.execute(
            "SELECT paid.epc"
            " FROM unnest(%s::bytea[], %s::text[], %s::numeric[], %s::integer[])"
            " WITH ORDINALITY AS paid (given, epc, quantity, line, place)"
            " WHERE NOT system_fn.provenance_spend(%s, paid.given, paid.epc, paid.quantity, %s,"
            " paid.line) ORDER BY paid.place",
            [
                [each.given[0] for each in payments],
                [each.given[1] for each in payments],
                [each.quantity for each in payments],
                [each.line for each in payments],
                entry_id,
                claim,
            ],
        )
        refused = cursor.fetchone()
        if refused is not None:
            raise OverspentError("less of it was given, or it is paid for", epc=refused[0])
