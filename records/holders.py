"""What records hold of people, as the vault's registry knows it."""

import datetime as dt
from collections.abc import Sequence
from functools import partial
from uuid import UUID

from foundation.core.actor import Actor
from records.core.accounting import ARTICLE, kept_until
from records.keeping import Holder
from records.models import Disclosure
from vault.core.erasure import Objection
from vault.registry import HolderSpec, holder_register


def accounting_objections(
    holder: str, *, actor: Actor, subject_id: UUID, today: dt.date
) -> Sequence[Objection]:
    """Object to erasing who saw a person's records while the law lets the person ask."""
    rows = Disclosure.objects.filter(organisation_id=actor.organisation, subject_id=subject_id)
    last = rows.order_by("-disclosed_at").values_list("disclosed_at", flat=True).first()
    if last is None or kept_until(last.date()) < today:
        return ()
    return [Objection(holder=holder, article=ARTICLE, until=kept_until(last.date()))]


holder_register(
    HolderSpec(name=Holder.RECORD.value, category="record"),
    HolderSpec(
        name=Holder.DISCLOSURE.value,
        category="disclosure",
        objections=partial(accounting_objections, Holder.DISCLOSURE.value),
    ),
    HolderSpec(
        name=Holder.GLASS.value,
        category="disclosure",
        objections=partial(accounting_objections, Holder.GLASS.value),
    ),
)
