"""What a dispensing proves: the custody of its item as it stood then, and no later.

Everything is judged at the moment of the dispensing, by the times of events: a recall or a
quarantine dated afterwards does not count. A dispensing that broke a rule proves the breach.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from provenance.core.custody import fold_custody
from provenance.core.custody_event import Act, Custody, CustodyEvent, Tier
from provenance.core.custody_exception import CustodyException, ExceptionClass
from provenance.core.verdict import Label


class Standing(StrEnum):
    """How something stands: shown, not known, or shown to be otherwise."""

    PROVEN = "proven"
    UNKNOWN = "unknown"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing judged; ``entries`` are the ids of the entries that show it, in hex."""

    standing: Standing
    note: str = ""
    entries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DispensingFacts:
    """What is known of one item given.

    ``lawful``: the dispensing broke no rule. ``custody``: the giver held it. ``condition``: it
    was neither recalled, quarantined nor expired.
    """

    lawful: bool
    tier: Tier
    custody: Finding
    condition: Finding


_TAKEN_IN: Final = (Act.SHIP, Act.RECEIVE, Act.COMMISSION)


def judge_dispensing(
    recorded: Sequence[tuple[CustodyEvent, Label]], *, entry_id: str, on_date: date
) -> DispensingFacts:
    """Return what the events of an item say of its dispensing ``entry_id`` on a day.

    Each comes with what it records of the label; the maker's counts.
    """
    labels = {event.entry_id: label for event, label in recorded}
    every = [event for event, _ in recorded]
    gave = next(event for event in every if event.entry_id == entry_id)
    _, broken = fold_custody(every)
    breaches = [
        each
        for each in broken
        if each.event is gave and each.class_ is not ExceptionClass.LATE_EVENT
    ]
    earlier = [
        event for event in every if event is not gave and event.event_time <= gave.event_time
    ]
    then, _ = fold_custody(earlier)
    return DispensingFacts(
        lawful=not breaches,
        tier=then.tier,
        custody=_custody(then, gave, breaches),
        condition=_condition(
            then,
            gave,
            breaches,
            label=labels.get(then.entry_of(Act.COMMISSION) or "", Label()),
            on_date=on_date,
        ),
    )


def _custody(then: Custody, gave: CustodyEvent, breaches: list[CustodyException]) -> Finding:
    shown = _entries(then, *_TAKEN_IN)
    classes = {each.class_ for each in breaches}
    if then.decommissioned or ExceptionClass.DECOMMISSIONED in classes:
        return Finding(
            standing=Standing.BROKEN,
            note="it was taken out of circulation before",
            entries=(gave.entry_id, *_entries(then, Act.DECOMMISSION)),
        )
    if not then.known:
        return Finding(standing=Standing.UNKNOWN, note="how the pharmacy came by it")
    if then.holder_gln != gave.party_gln or ExceptionClass.NOT_HOLDER in classes:
        return Finding(
            standing=Standing.BROKEN,
            note="the pharmacy did not hold it",
            entries=(gave.entry_id, *shown),
        )
    if then.tier is Tier.T0:
        return Finding(standing=Standing.UNKNOWN, note="the supplier's papers", entries=shown)
    return Finding(standing=Standing.PROVEN, entries=shown)


def _condition(
    then: Custody,
    gave: CustodyEvent,
    breaches: list[CustodyException],
    *,
    label: Label,
    on_date: date,
) -> Finding:
    classes = {each.class_ for each in breaches}
    found: list[tuple[str, Act]] = []
    if then.recalled or ExceptionClass.RECALLED in classes:
        found.append(("recalled", Act.RECALL))
    if then.quarantined or ExceptionClass.QUARANTINED in classes:
        found.append(("quarantined", Act.QUARANTINE))
    if label.expiry_date is not None and label.expiry_date < on_date:
        found.append((f"expired on {label.expiry_date}", Act.COMMISSION))
    if found:
        return Finding(
            standing=Standing.BROKEN,
            note=", ".join(words for words, _ in found),
            entries=(gave.entry_id, *_entries(then, *(act for _, act in found))),
        )
    return Finding(
        standing=Standing.PROVEN, entries=_entries(then, Act.COMMISSION) or (gave.entry_id,)
    )


def _entries(custody: Custody, *acts: Act) -> tuple[str, ...]:
    return tuple(entry for act in acts if (entry := custody.entry_of(act)))
