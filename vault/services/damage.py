"""What of the vault does not open: noted for its keeper, who alone can bring it back."""

import datetime as dt
import logging
from dataclasses import dataclass
from uuid import UUID

from foundation.core.actor import Actor
from foundation.tenancy import acting_as
from vault.errors import ErasedError, UnknownItemError, UnreadableItemError
from vault.models import UnreadableItem
from vault.services.items import opening_get

LIST_MAX = 100
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """An item that does not open, and since when that is known."""

    item_id: UUID
    found_at: dt.datetime


def damage_note(*, actor: Actor, error: UnreadableItemError, now: dt.datetime) -> None:
    """Note what ``actor``'s vault could not read, in a transaction of its own, and log it.

    After the one that failed: what that wrote is gone. A key above all items is only logged.
    """
    logger.error("an item of the vault cannot be read", exc_info=error)
    if error.item_id is None:
        return
    with acting_as(actor):
        UnreadableItem.objects.bulk_create(
            [
                UnreadableItem(
                    organisation_id=actor.organisation, item_id=error.item_id, found_at=now
                )
            ],
            ignore_conflicts=True,
        )


def damage_list(*, actor: Actor) -> tuple[Damage, ...]:
    """Return the items noted for ``actor`` that still do not open, the first ``LIST_MAX``.

    What opens again or was erased since is noted no longer. Nothing of an item is returned.
    """
    with acting_as(actor):
        rows = UnreadableItem.objects.filter(organisation_id=actor.organisation)
        noted = list(rows.order_by("found_at", "id")[:LIST_MAX])
        left = [row for row in noted if not _opens(actor, row.item_id)]
        mended = {row.pk for row in noted} - {row.pk for row in left}
        rows.filter(pk__in=mended).delete()
        return tuple(Damage(item_id=row.item_id, found_at=row.found_at) for row in left)


def _opens(actor: Actor, item_id: UUID) -> bool:
    """Return whether the item is as it should be: it opens, or it was erased by an entry."""
    try:
        opening_get(actor=actor, item_id=item_id)
    except ErasedError:
        return True
    except (UnknownItemError, UnreadableItemError):
        return False
    return True
