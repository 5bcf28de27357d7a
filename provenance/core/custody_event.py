"""What one event means for one item, and what an item's state is: the values of custody."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

from provenance.core.cbv import BizStep, Disposition
from provenance.core.epcis_event import Action


class Role(StrEnum):
    """What an item is in an event: its subject, or the parent or a child in an aggregation."""

    SUBJECT = "subject"
    PARENT = "parent"
    CHILD = "child"


class Act(StrEnum):
    """What an event does to an item, once step, action, role and disposition are weighed."""

    COMMISSION = "commission"
    SHIP = "ship"
    VOID_SHIP = "void_ship"
    RECEIVE = "receive"
    PACK = "pack"
    UNPACK = "unpack"
    CONTAIN = "contain"
    DISPENSE = "dispense"
    DECOMMISSION = "decommission"
    RECALL = "recall"
    QUARANTINE = "quarantine"
    RELEASE = "release"
    OBSERVE = "observe"


class Tier(StrEnum):
    """How well the last hand-over of an item is proven; the values sort by strength.

    T2 (also verified with the manufacturer) and T4 (the whole chain) are not given yet.
    """

    T0 = "T0"  # nothing is known
    T1 = "T1"  # the receiver alone attests what its supplier stated
    T2 = "T2"
    T3 = "T3"  # signed by both sides: the holder named the receiver, who received it
    T4 = "T4"


@dataclass(frozen=True, slots=True, kw_only=True)
class CustodyEvent:
    """One event as one item sees it.

    ``sequence`` is the place in the log: unique, and the order of submission. ``party_gln`` is
    the organisation that signed the event. ``owner_gln`` and ``holder_gln`` are the destination's
    owning and possessing party, ``parent`` the canonical EPC of the parent: of a child in an
    aggregation, or of the container through which a subject was shipped or received unseen.
    ``quantity`` counts units of content: what the item holds (commissioning, first receipt) or
    what is dispensed; ``None`` is one unit, or all that is left. ``attested``: the receiver
    states that its supplier gave transaction information. ``authority``: the signer may recall
    what it does not hold.
    """

    entry_id: str
    sequence: int
    event_time: datetime
    party_gln: str
    action: Action
    biz_step: str | None = None
    disposition: str | None = None
    role: Role = Role.SUBJECT
    owner_gln: str | None = None
    holder_gln: str | None = None
    parent: str | None = None
    quantity: Decimal | None = None
    attested: bool = False
    authority: bool = False

    def __post_init__(self) -> None:
        """Refuse what the readers of events never let through."""
        assert self.quantity is None or self.quantity > 0
        assert self.event_time.tzinfo is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Custody:
    """The state of one item.

    While ``in_transit``, ``holder_gln`` is still the shipper, and ``in_transit_to`` the receiver
    it named, if any. ``content`` is what the item held at first, ``balance`` what is left of it,
    ``dispensed`` the difference. ``evidence`` maps each fact to the entry that proves it, the
    latest where there are several.
    """

    commissioned_by: str | None = None
    owner_gln: str | None = None
    holder_gln: str | None = None
    in_transit: bool = False
    in_transit_to: str | None = None
    next_owner_gln: str | None = None
    parent: str | None = None
    disposition: str | None = None
    content: Decimal = Decimal(0)
    balance: Decimal = Decimal(0)
    quarantined: bool = False
    recalled: bool = False
    decommissioned: bool = False
    tier: Tier = Tier.T0
    last_event_time: datetime | None = None
    evidence: tuple[tuple[Act, str], ...] = ()

    @property
    def commissioned(self) -> bool:
        """Whether its maker brought it to life in this log."""
        return self.commissioned_by is not None

    @property
    def known(self) -> bool:
        """Whether anybody ever held it, as far as this log knows."""
        return self.holder_gln is not None

    @property
    def dispensed(self) -> Decimal:
        """How much of it was dispensed."""
        return self.content - self.balance

    def entry_of(self, act: Act) -> str | None:
        """Return the entry id of the latest such act, or ``None``."""
        return dict(self.evidence).get(act)


_STEPS: Final[dict[str, Act]] = {
    BizStep.COMMISSIONING: Act.COMMISSION,
    BizStep.SHIPPING: Act.SHIP,
    BizStep.VOID_SHIPPING: Act.VOID_SHIP,
    BizStep.RECEIVING: Act.RECEIVE,
    BizStep.DISPENSING: Act.DISPENSE,
    BizStep.RETAIL_SELLING: Act.DISPENSE,
    BizStep.DECOMMISSIONING: Act.DECOMMISSION,
    BizStep.DESTROYING: Act.DECOMMISSION,
}
_AGGREGATION: Final = {
    (Role.CHILD, Action.ADD): Act.PACK,
    (Role.CHILD, Action.DELETE): Act.UNPACK,
    (Role.PARENT, Action.ADD): Act.CONTAIN,
}
# Holding or inspecting something with one of these puts it aside; with one of those below it
# may go on.
_ASIDE: Final = frozenset(
    {
        Disposition.DAMAGED,
        Disposition.EXPIRED,
        Disposition.MISMATCH_CLASS,
        Disposition.MISMATCH_INSTANCE,
        Disposition.MISMATCH_QUANTITY,
        Disposition.NO_PEDIGREE_MATCH,
        Disposition.NON_CONFORMANT,
        Disposition.NON_SELLABLE_OTHER,
        Disposition.SELLABLE_NOT_ACCESSIBLE,
    }
)
_CLEARED: Final = frozenset({Disposition.CONFORMANT, Disposition.SELLABLE_ACCESSIBLE})


def act_of(event: CustodyEvent) -> Act:
    """Return what the event does to the item; what has no rule of its own is an observation."""
    if event.role is not Role.SUBJECT:
        return _AGGREGATION.get((event.role, event.action), Act.OBSERVE)
    act = _STEPS.get(event.biz_step or "", Act.OBSERVE)
    if act is not Act.OBSERVE:
        return act
    if event.disposition == Disposition.RECALLED:
        return Act.RECALL
    if event.biz_step in {BizStep.HOLDING, BizStep.INSPECTING}:
        if event.disposition in _ASIDE:
            return Act.QUARANTINE
        if event.disposition in _CLEARED:
            return Act.RELEASE
    return Act.OBSERVE
