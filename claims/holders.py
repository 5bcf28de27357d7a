"""What claims holds of people, as the vault's registry knows it.

A claim that was paid is kept as long as the law demands. What was received, pended or denied
goes when it is asked for, and with the decisions goes what they added to the person's year.
"""

import datetime as dt
from collections.abc import Sequence
from functools import partial
from uuid import UUID

from django.db.models import QuerySet

from claims.core.retention import ARTICLE, kept_until
from claims.keeping import Holder
from claims.models import AccumulatorRow, Payment
from foundation.core.actor import Actor
from vault.core.erasure import Objection
from vault.registry import HolderSpec, holder_register


def paid_objections(
    holder: str, *, actor: Actor, subject_id: UUID, today: dt.date
) -> Sequence[Objection]:
    """Object to erasing claims of a person for whom anything was paid, until the law lets go."""
    payments = Payment.objects.filter(
        organisation_id=actor.organisation, claim__subject_id=subject_id
    )
    last = payments.order_by("-paid_at").values_list("paid_at", flat=True).first()
    if last is None or kept_until(last.date()) < today:
        return ()
    return [Objection(holder=holder, article=ARTICLE, until=kept_until(last.date()))]


def accumulators_destroy(*, actor: Actor, subject_id: UUID) -> None:
    """Destroy what decisions added to a person's plan years."""
    _accumulators(actor, subject_id).delete()


def accumulators_probe(*, actor: Actor, subject_id: UUID) -> int:
    """Return how many such rows are left."""
    return _accumulators(actor, subject_id).count()


def _accumulators(actor: Actor, subject_id: UUID) -> QuerySet[AccumulatorRow]:
    return AccumulatorRow.objects.filter(organisation_id=actor.organisation, subject_id=subject_id)


holder_register(
    HolderSpec(
        name=Holder.CLAIM.value,
        category="claim",
        objections=partial(paid_objections, Holder.CLAIM.value),
    ),
    HolderSpec(
        name=Holder.DECISION.value,
        category="claim",
        objections=partial(paid_objections, Holder.DECISION.value),
        destroy=accumulators_destroy,
        probe=accumulators_probe,
    ),
    HolderSpec(name=Holder.COVERAGE.value, category="coverage"),
)
