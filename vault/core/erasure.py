"""Erasure: what would be destroyed, who objects, and the certificate that it happened.

The registry enumerates what the apps hold of a person and what stands against destroying it.
A certificate is made of probes only: each tried to open what was erased, and each must have
failed. It never rests on the word of the code that deleted.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from foundation.core.problem import BadInputError, ConflictError, UnprocessableError
from ledger.core.canonical import Json
from ledger.core.merkle import leaf_hash, tree_root

APPROVERS_MIN = 2
# The person themselves, in an erasure of everything: keys, tag secret, identifiers. What the
# ledger shows of it is the id of the key that dies.
SUBJECT_HOLDER, SUBJECT_CATEGORY = "vault.subject", "identity"


class ErasureReason(StrEnum):
    """Why it must go: the grounds of GDPR 17(1), (a) to (f). A code, for free text may name."""

    NO_LONGER_NECESSARY = "no_longer_necessary"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    OBJECTED = "objected"
    UNLAWFULLY_PROCESSED = "unlawfully_processed"
    LEGAL_OBLIGATION = "legal_obligation"
    OFFERED_TO_A_CHILD = "offered_to_a_child"


class ErasureState(StrEnum):
    """How far an erasure has come."""

    PROPOSED = "proposed"  # fewer than two persons approved
    ERASED = "erased"  # keys and ciphertexts are gone from the database
    CERTIFIED = "certified"  # probes failed to open any of it
    FINAL = "final"  # the root is destroyed: copies of the database do not open either


class ErasureRefusedError(ConflictError):
    """The law or a hold demands that it is kept; says the article and, where known, until when."""

    slug = "erasure-refused"
    title = "This must still be kept"


class ErasurePlanError(BadInputError):
    """The category is unknown, nothing is held, or an item is named twice."""

    slug = "bad-erasure"
    title = "No erasure can be planned of this"


class ErasureProbeError(UnprocessableError):
    """A probe opened what was erased, or one is missing: there is nothing to certify."""

    slug = "erasure-unproven"
    title = "The erasure is not proven"


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """One thing that an app holds of the person: ``commitment`` is what the ledger shows of it."""

    holder: str  # as registered: "records.record", "claims.decision"
    category: str
    item: UUID
    commitment: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    """A reason to keep: ``category`` None is everything, ``until`` None is until it is lifted."""

    holder: str
    article: str  # "GDPR 17(3)(b)"
    category: str | None = None
    until: dt.date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasurePlan:
    """What will be destroyed, in one fixed order, and the root over its commitments."""

    holdings: tuple[Holding, ...]
    category: str | None
    commitments_root: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What trying to unwrap and decrypt one item came to."""

    holder: str
    item: UUID
    opened: bool


def plan_erasure(
    holdings: Iterable[Holding],
    objections: Iterable[Objection],
    *,
    today: dt.date,
    category: str | None = None,
) -> ErasurePlan:
    """Return the plan to destroy all holdings, or those of one ``category``.

    Raise ``ErasureRefusedError`` where an objection still stands on ``today`` (its last day
    included) against any of them, ``ErasurePlanError`` where nothing of that category is held or
    an item is named twice.
    """
    chosen = sorted(
        (held for held in holdings if category in (None, held.category)),
        key=lambda held: (held.holder, held.item.bytes),
    )
    if not chosen:
        raise ErasurePlanError("nothing of this category is held")
    keys = Counter((held.holder, held.item) for held in chosen)
    (holder, item), times = keys.most_common(1)[0]
    if times > 1:
        raise ErasurePlanError(f"{holder} names the item {item} twice")
    _check_objections(objections, chosen, today)
    return ErasurePlan(
        holdings=tuple(chosen),
        category=category,
        commitments_root=tree_root(leaf_hash(held.commitment) for held in chosen),
    )


def erased_body(
    plan: ErasurePlan, *, tag: str, key_id: str, epoch: int, approvers: Sequence[str]
) -> dict[str, Json]:
    """Return the body of the entry that says what is destroyed: counts, root, key and epoch.

    ``key_id`` is the destroyed key's, used nowhere else; ``approvers`` are the ids of the
    personal keys of two persons. Raise ``ErasureProbeError`` for fewer than two.
    """
    if len(set(approvers)) < APPROVERS_MIN:
        raise ErasureProbeError("an erasure has two approvers")
    counts = Counter(held.holder for held in plan.holdings)
    body: dict[str, Json] = {
        "tag": tag,
        "count": len(plan.holdings),
        "holders": [{"holder": holder, "count": count} for holder, count in sorted(counts.items())],
        "commitments_root": plan.commitments_root.hex(),
        "key": key_id,
        "epoch": epoch,
        "approvers": sorted(set(approvers)),
    }
    return body if plan.category is None else {**body, "category": plan.category}


def certify_erasure(
    plan: ErasurePlan,
    probes: Sequence[Probe],
    *,
    tag: str,
    key_id: str,
    epoch: int,
    approvers: Sequence[str],
) -> dict[str, Json]:
    """Return the body of the certificate: what was destroyed, and how many probes failed.

    Raise ``ErasureProbeError`` unless there is exactly one probe for each item of the plan and
    none opened anything, and for fewer than two approvers.
    """
    opened = [probe for probe in probes if probe.opened]
    if opened:
        raise ErasureProbeError(f"{opened[0].holder} still opens {opened[0].item}")
    planned = Counter((held.holder, held.item) for held in plan.holdings)
    if Counter((probe.holder, probe.item) for probe in probes) != planned:
        raise ErasureProbeError(f"{len(probes)} probes are not one for each of {len(planned)}")
    body = erased_body(plan, tag=tag, key_id=key_id, epoch=epoch, approvers=approvers)
    return {**body, "probes_failed": len(probes)}


def _check_objections(
    objections: Iterable[Objection], chosen: Sequence[Holding], today: dt.date
) -> None:
    """Refuse with the objection that stands longest, so that the date given is the last one."""
    categories = {(held.holder, held.category) for held in chosen}
    standing = [
        objection
        for objection in objections
        if (objection.until is None or objection.until >= today)
        and any(
            holder == objection.holder and objection.category in (None, category)
            for holder, category in categories
        )
    ]
    if standing:
        longest = max(standing, key=lambda each: (each.until or dt.date.max, each.article))
        until = "it is lifted" if longest.until is None else longest.until.isoformat()
        raise ErasureRefusedError(
            f"{longest.article} demands that {longest.holder} keeps this until {until}",
            article=longest.article,
            until=until,
        )
