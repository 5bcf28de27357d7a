"""Owner, holder and balance of a serialised item: a fold over its events.

Events are stored once and never changed; a correction is one more event. An event that breaks a
rule changes nothing and becomes an exception of a documented class. The state is always the
replay, by event time, of the events that were lawful; whether one was lawful is decided in the
order of the log, so that nothing that comes later can undo what was accepted before.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final, TypeAlias

from provenance.core.cbv import Disposition
from provenance.core.custody_event import Act, Custody, CustodyEvent, Role, Tier, act_of
from provenance.core.custody_exception import CustodyException, ExceptionClass

_Breach: TypeAlias = tuple[ExceptionClass, str] | None
_Guard: TypeAlias = Callable[[Custody, CustodyEvent], _Breach]
_Effect: TypeAlias = Callable[[Custody, CustodyEvent], Custody]


def fold_custody(events: Iterable[CustodyEvent]) -> tuple[Custody, list[CustodyException]]:
    """Return the custody after ``events``, in whatever order they are given, and what they broke.

    A late event gives ``late_event``. It is put in its place by event time where it breaks no
    rule, and nothing that was accepted before breaks one then; else the class of that breach
    stands beside.
    """
    custody, broken = Custody(), list[CustodyException]()
    accepted: list[CustodyEvent] = []
    for event in sorted(events, key=lambda event: event.sequence):
        after, exception = next_custody(custody, event)
        if exception is None:
            custody = after
            accepted.append(event)
            continue
        broken.append(exception)
        if exception.class_ is not ExceptionClass.LATE_EVENT:
            continue
        # What can be done once only goes by the order of the log: no date undoes that.
        breach = _first_breach(_ONCE, custody, event)
        timeline = _with_late(accepted, event)
        if breach is None:
            after, breach = _replay(timeline)
        if breach is None:
            custody, accepted = after, timeline
        else:
            broken.append(dataclasses.replace(breach, event=event))
    return custody, broken


def next_custody(custody: Custody, event: CustodyEvent) -> tuple[Custody, CustodyException | None]:
    """Return the custody after one more event; what breaks a rule changes nothing.

    An event before the last accepted one gives ``late_event``: ``fold_custody`` over all events
    decides whether it has a place.
    """
    act = act_of(event)
    guards, effect = _RULES[act]
    breach = _first_breach(guards, custody, event)
    if breach is not None:
        return custody, breach
    after = effect(custody, event)
    # A recall works from its place in the log on, whatever its time.
    is_recall = act is Act.RECALL
    after = dataclasses.replace(
        after,
        disposition=event.disposition or _DISPOSITIONS.get(act) or after.disposition,
        last_event_time=custody.last_event_time if is_recall else event.event_time,
        evidence=tuple(sorted({**dict(custody.evidence), act: event.entry_id}.items())),
    )
    return after, None


def _first_breach(
    guards: Iterable[_Guard], custody: Custody, event: CustodyEvent
) -> CustodyException | None:
    own, _ = _RULES[act_of(event)]
    for guard in guards:
        breach = guard(custody, event) if guard in own else None
        if breach is not None:
            class_, detail = breach
            return CustodyException(class_=class_, event=event, detail=detail)
    return None


def _with_late(accepted: Sequence[CustodyEvent], event: CustodyEvent) -> list[CustodyEvent]:
    """Return the accepted events with a late one in its place by time, recalls staying put."""
    place = next(
        i
        for i, other in enumerate(accepted)
        if act_of(other) is not Act.RECALL and other.event_time > event.event_time
    )
    return [*accepted[:place], event, *accepted[place:]]


def _replay(timeline: Iterable[CustodyEvent]) -> tuple[Custody, CustodyException | None]:
    custody = Custody()
    for event in timeline:
        custody, exception = next_custody(custody, event)
        if exception is not None:
            return custody, exception
    return custody, None


# --- guards: each names one rule, and the breach where it does not hold ----------------------


def _in_time(custody: Custody, event: CustodyEvent) -> _Breach:
    if custody.last_event_time is None or event.event_time >= custody.last_event_time:
        return None
    return ExceptionClass.LATE_EVENT, "later events of this item came in before"


def _alive(custody: Custody, _event: CustodyEvent) -> _Breach:
    if not custody.decommissioned:
        return None
    return ExceptionClass.DECOMMISSIONED, "the item was taken out of circulation"


def _fresh(custody: Custody, _event: CustodyEvent) -> _Breach:
    if not custody.known:
        return None
    return ExceptionClass.COMMISSIONED_TWICE, "the serial was in circulation before"


def _known(custody: Custody, _event: CustodyEvent) -> _Breach:
    if custody.known:
        return None
    return ExceptionClass.NOT_COMMISSIONED, "nobody commissioned or received the item"


def _held(custody: Custody, event: CustodyEvent) -> _Breach:
    if custody.holder_gln != event.party_gln:
        return ExceptionClass.NOT_HOLDER, "somebody else holds the item"
    if custody.in_transit:
        return ExceptionClass.NOT_HOLDER, "the item was shipped, and not received since"
    return None


def _held_or_new(custody: Custody, event: CustodyEvent) -> _Breach:
    return _held(custody, event) if custody.known else None


def _near(custody: Custody, event: CustodyEvent) -> _Breach:
    """Both ends of a hand-over may observe what is on its way."""
    if event.party_gln in {custody.holder_gln, custody.in_transit_to}:
        return None
    return ExceptionClass.NOT_HOLDER, "somebody else holds the item"


def _shipped_here(custody: Custody, event: CustodyEvent) -> _Breach:
    if custody.in_transit and custody.holder_gln == event.party_gln:
        return None
    return ExceptionClass.NOT_IN_TRANSIT, "this organisation has not shipped the item"


def _addressed(custody: Custody, event: CustodyEvent) -> _Breach:
    if not custody.known or (
        custody.in_transit and custody.in_transit_to in {None, event.party_gln}
    ):
        return None
    if custody.in_transit:
        return ExceptionClass.NOT_IN_TRANSIT, "the item was shipped to somebody else"
    if custody.holder_gln == event.party_gln:
        return ExceptionClass.NOT_IN_TRANSIT, "the item was received before"
    return ExceptionClass.NOT_IN_TRANSIT, "somebody else holds the item and has not shipped it"


def _may_go(custody: Custody, event: CustodyEvent) -> _Breach:
    if event.disposition in {Disposition.RETURNED, Disposition.RECALLED}:
        return None  # on its way back
    return _free(custody, event)


def _free(custody: Custody, _event: CustodyEvent) -> _Breach:
    if custody.recalled:
        return ExceptionClass.RECALLED, "the item is recalled"
    if custody.quarantined:
        return ExceptionClass.QUARANTINED, "the item is put aside"
    return None


def _left(custody: Custody, _event: CustodyEvent) -> _Breach:
    if custody.balance > 0 or not custody.known:
        return None
    return ExceptionClass.ALREADY_DISPENSED, "nothing of the item is left"


def _unspent(custody: Custody, _event: CustodyEvent) -> _Breach:
    """Nothing is left to give, whoever holds the item: of a serial and its copy one counts."""
    if custody.balance > 0:
        return None
    return ExceptionClass.BALANCE_EXCEEDED, f"0 of {custody.content} are left"


def _enough(custody: Custody, event: CustodyEvent) -> _Breach:
    if event.quantity is None and event.disposition == Disposition.PARTIALLY_DISPENSED:
        return ExceptionClass.QUANTITY_MISSING, "a part was dispensed, but not how much"
    if 0 < (event.quantity or custody.balance) <= custody.balance:
        return None
    return ExceptionClass.BALANCE_EXCEEDED, f"{custody.balance} of {custody.content} are left"


def _loose(custody: Custody, event: CustodyEvent) -> _Breach:
    if custody.parent is None or custody.parent == event.parent:
        return None
    return ExceptionClass.PARENT_MISMATCH, "the item is in a container"


def _unpacked(custody: Custody, _event: CustodyEvent) -> _Breach:
    if custody.parent is None:
        return None
    return ExceptionClass.PARENT_MISMATCH, "the item is in a container already"


def _inside(custody: Custody, event: CustodyEvent) -> _Breach:
    if event.role is not Role.CHILD or (custody.parent and custody.parent == event.parent):
        return None
    return ExceptionClass.PARENT_MISMATCH, "the item is not in this container"


def _may_recall(custody: Custody, event: CustodyEvent) -> _Breach:
    if event.authority or event.party_gln in {custody.commissioned_by, custody.holder_gln}:
        return None
    return ExceptionClass.NOT_AUTHORISED, "neither maker, authority nor holder"


# --- effects: what a lawful event changes ----------------------------------------------------


def _commission(custody: Custody, event: CustodyEvent) -> Custody:
    """Bring the item to life; its maker's signature is all there is to hand over so far."""
    content = event.quantity or Decimal(1)
    return dataclasses.replace(
        custody,
        commissioned_by=event.party_gln,
        owner_gln=event.party_gln,
        holder_gln=event.party_gln,
        content=content,
        balance=content,
        tier=Tier.T3,
    )


def _contain(custody: Custody, event: CustodyEvent) -> Custody:
    """Pack into the item: a container nobody saw before comes to life with its first packing."""
    return custody if custody.known else _commission(custody, event)


def _ship(custody: Custody, event: CustodyEvent) -> Custody:
    return dataclasses.replace(
        custody,
        in_transit=True,
        in_transit_to=event.holder_gln,
        next_owner_gln=event.owner_gln,
    )


def _stay(custody: Custody, _event: CustodyEvent) -> Custody:
    return dataclasses.replace(custody, in_transit=False, in_transit_to=None, next_owner_gln=None)


def _receive(custody: Custody, event: CustodyEvent) -> Custody:
    """Take the item in; scanned by itself, it has left its container."""
    if not custody.known:
        content = event.quantity or Decimal(1)
        custody = dataclasses.replace(custody, content=content, balance=content)
    signed_by_both = custody.in_transit_to == event.party_gln
    attested = Tier.T1 if event.attested or custody.known else Tier.T0
    return dataclasses.replace(
        _stay(custody, event),
        owner_gln=event.owner_gln or custody.next_owner_gln or custody.owner_gln or event.party_gln,
        holder_gln=event.party_gln,
        parent=event.parent,
        tier=Tier.T3 if signed_by_both else attested,
    )


def _dispense(custody: Custody, event: CustodyEvent) -> Custody:
    balance = custody.balance - (event.quantity or custody.balance)
    return dataclasses.replace(
        custody,
        balance=balance,
        parent=None,
        disposition=Disposition.PARTIALLY_DISPENSED if balance else Disposition.DISPENSED,
    )


def _decommission(custody: Custody, _event: CustodyEvent) -> Custody:
    return dataclasses.replace(custody, decommissioned=True)


def _recall(custody: Custody, _event: CustodyEvent) -> Custody:
    return dataclasses.replace(custody, recalled=True)


def _quarantine(custody: Custody, _event: CustodyEvent) -> Custody:
    return dataclasses.replace(custody, quarantined=True)


def _release(custody: Custody, _event: CustodyEvent) -> Custody:
    return dataclasses.replace(custody, quarantined=False)


def _pack(custody: Custody, event: CustodyEvent) -> Custody:
    return dataclasses.replace(custody, parent=event.parent)


def _unpack(custody: Custody, _event: CustodyEvent) -> Custody:
    return dataclasses.replace(custody, parent=None)


def _observe(custody: Custody, _event: CustodyEvent) -> Custody:
    return custody


_DISPOSITIONS: Final = {
    Act.COMMISSION: Disposition.ACTIVE,
    Act.SHIP: Disposition.IN_TRANSIT,
    Act.VOID_SHIP: Disposition.IN_PROGRESS,
    Act.RECEIVE: Disposition.IN_PROGRESS,
    Act.DECOMMISSION: Disposition.INACTIVE,
}
_RULES: Final[Mapping[Act, tuple[tuple[_Guard, ...], _Effect]]] = {
    Act.COMMISSION: ((_in_time, _alive, _fresh), _commission),
    Act.SHIP: ((_in_time, _alive, _known, _held, _left, _may_go, _loose), _ship),
    Act.VOID_SHIP: ((_in_time, _alive, _known, _shipped_here), _stay),
    Act.RECEIVE: ((_in_time, _alive, _left, _addressed), _receive),
    Act.PACK: ((_in_time, _alive, _known, _held, _left, _unpacked), _pack),
    Act.UNPACK: ((_in_time, _alive, _known, _held, _inside), _unpack),
    Act.CONTAIN: ((_in_time, _alive, _held_or_new), _contain),
    Act.DISPENSE: ((_in_time, _alive, _known, _unspent, _held, _free, _enough), _dispense),
    Act.DECOMMISSION: ((_in_time, _alive, _known, _held), _decommission),
    # An act of authority: it is never late, and reaches what nobody knows yet.
    Act.RECALL: ((_may_recall,), _recall),
    Act.QUARANTINE: ((_in_time, _alive, _known, _held), _quarantine),
    Act.RELEASE: ((_in_time, _alive, _known, _held), _release),
    Act.OBSERVE: ((_in_time, _alive, _known, _near, _inside), _observe),
}
# What a late event must satisfy in the order of the log too, where its act has these rules.
_ONCE: Final = (_alive, _fresh, _unspent, _free, _may_go, _left, _enough)
