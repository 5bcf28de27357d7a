"""May I take, sell or give this, now? One scan, one answer, its rule, and what to do next.

The rules stand in one table, the gravest first; the first that has something to say decides.
Unknown is never counterfeit: an item that nobody recorded gets *unknown*, and a way forward.
Nobody learns from a verdict who else holds an item.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final, TypeAlias

from provenance.core.custody_event import Act, Custody, Tier
from provenance.core.gs1 import ElementString


class Question(StrEnum):
    """What the person with the item in hand wants to know."""

    CHECK = "check"  # is it genuine?
    TAKE_IN = "take_in"
    SHIP = "ship"
    SELL = "sell"
    DISPENSE = "dispense"


class Answer(StrEnum):
    """What we say."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What is printed beside the serial, or recorded for it; ``None`` where it is not."""

    lot: str | None = None
    expiry_date: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the asking organisation may see recorded of an item, in the vocabulary's word."""

    step: str
    on_date: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The answer, the rule that gave it, and the ids of the entries that prove it."""

    answer: Answer
    rule: str
    text: str
    next_step: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """Everything that a rule may look at."""

    custody: Custody
    question: Question
    holder_gln: str
    on_date: date
    scan: Label
    recorded: Label
    product_only: bool
    seen: Sequence[Seen]

    @property
    def mine(self) -> bool:
        return self.custody.holder_gln == self.holder_gln

    @property
    def coming_to_me(self) -> bool:
        if self.custody.in_transit_to is None:
            return self.custody.in_transit and not self.mine
        return self.custody.in_transit_to == self.holder_gln


@dataclass(frozen=True, slots=True)
class _Finding:
    """What a rule says; ``acts`` name the events whose entries prove it."""

    answer: Answer
    text: str
    next_step: str
    acts: tuple[Act, ...] = ()


_Rule: TypeAlias = Callable[[_Case], _Finding | None]


def label_of(scan: ElementString, *, on_date: date) -> Label:
    """Return lot and expiry as scanned; ``on_date`` gives the century."""
    return Label(lot=scan.lot, expiry_date=scan.expiry_date(on_date=on_date))


def verdict(
    custody: Custody | None,
    *,
    question: Question,
    holder_gln: str,
    on_date: date,
    scan: Label,
    recorded: Label | None = None,
    product_only: bool = False,
    seen: Sequence[Seen] = (),
) -> Verdict:
    """Return the answer for the organisation ``holder_gln``, which has the item in hand.

    ``custody`` is the fold over the item's events, ``None`` where there are none; ``scan`` what
    its symbol says, ``recorded`` what its maker recorded. ``product_only``: the symbol names a
    product or a lot, and no single item. ``seen`` is what the organisation may see recorded of
    an item of which no custody came.
    """
    case = _Case(
        custody=custody or Custody(),
        question=question,
        holder_gln=holder_gln,
        on_date=on_date,
        scan=scan,
        recorded=recorded or Label(),
        product_only=product_only,
        seen=seen,
    )
    # The last rule always speaks.
    name, finding = next((name, found) for name, rule in _RULES if (found := rule(case)))
    entries = (case.custody.entry_of(act) for act in finding.acts)
    return Verdict(
        answer=finding.answer,
        rule=name,
        text=finding.text,
        next_step=finding.next_step,
        evidence=tuple(entry for entry in entries if entry),
    )


def _no_serial(case: _Case) -> _Finding | None:
    if not case.product_only:
        return None
    return _Finding(
        Answer.UNKNOWN,
        "This code names a product, not the one pack in your hand: it holds no serial number.",
        "Scan the pack's DataMatrix, the square code with the serial number.",
    )


def _decommissioned(case: _Case) -> _Finding | None:
    if not case.custody.decommissioned:
        return None
    return _Finding(
        Answer.NO,
        "This was taken out of circulation.",
        "Put it aside as suspect. Do not give it to anybody.",
        (Act.DECOMMISSION,),
    )


def _recalled(case: _Case) -> _Finding | None:
    if not case.custody.recalled:
        return None
    return _Finding(
        Answer.NO,
        "This is recalled.",
        "Put it aside, and return it as the recall says.",
        (Act.RECALL,),
    )


def _used_up(case: _Case) -> _Finding | None:
    if not case.custody.known or case.custody.balance > 0:
        return None
    return _Finding(
        Answer.NO,
        "This was dispensed before. The one in your hand may be a copy.",
        "Put it aside as suspect, and report it.",
        (Act.DISPENSE,),
    )


def _label_differs(case: _Case) -> _Finding | None:
    pairs = [
        (case.scan.lot, case.recorded.lot),
        (case.scan.expiry_date, case.recorded.expiry_date),
    ]
    if all(None in pair or pair[0] == pair[1] for pair in pairs):
        return None
    return _Finding(
        Answer.NO,
        "Lot or expiry on the label are not what its maker recorded.",
        "Put it aside as suspect, and report it.",
        (Act.COMMISSION,),
    )


def _expired(case: _Case) -> _Finding | None:
    dates = [label.expiry_date for label in (case.scan, case.recorded) if label.expiry_date]
    if not dates or case.on_date <= min(dates) or case.question is Question.CHECK:
        return None
    return _Finding(
        Answer.NO, f"This expired on {min(dates)}.", "Put it aside for return or disposal."
    )


def _put_aside(case: _Case) -> _Finding | None:
    if not case.custody.quarantined or case.question is Question.CHECK:
        return None
    return _Finding(
        Answer.NO,
        "This is put aside while it is investigated.",
        "Leave it there until the investigation is over.",
        (Act.QUARANTINE,),
    )


def _never_received(case: _Case) -> _Finding | None:
    """Something was recorded of it, and nothing that would say how it came there."""
    if case.custody.known or not case.seen:
        return None
    told = ", ".join(f"{one.step.replace('_', ' ')} ({one.on_date})" for one in case.seen)
    return _Finding(
        Answer.UNKNOWN,
        f"Recorded of this: {told}. Nobody recorded that it was made or taken in.",
        "Record its receipt with the supplier's papers; declare wrong what is.",
    )


def _nobody_knows(case: _Case) -> _Finding | None:
    if case.custody.known:
        return None
    if case.question is Question.TAKE_IN:
        step = "Compare it with the supplier's papers. If they match, take it in with them."
    else:
        step = "Receive it first, with the supplier's papers."
    return _Finding(
        Answer.UNKNOWN,
        "Nobody has recorded this yet. That does not mean that it is counterfeit.",
        step,
    )


def _genuine(case: _Case) -> _Finding | None:
    if case.question is not Question.CHECK:
        return None
    if case.custody.commissioned:
        return _Finding(
            Answer.YES,
            "Its maker recorded it, and nothing speaks against it.",
            "Nothing to do.",
            (Act.COMMISSION,),
        )
    return _Finding(
        Answer.UNKNOWN,
        "A member took it in with its supplier's papers; its maker has not recorded it.",
        "If in doubt, ask the maker.",
        (Act.RECEIVE,),
    )


def _here_already(case: _Case) -> _Finding | None:
    if case.question is not Question.TAKE_IN or not case.mine or case.custody.in_transit:
        return None
    return _Finding(
        Answer.NO,
        "You have this already.",
        "If it was scanned twice, do nothing. If there are two of it, put both aside.",
        (Act.RECEIVE, Act.COMMISSION),
    )


def _take_in(case: _Case) -> _Finding | None:
    if case.question is not Question.TAKE_IN:
        return None
    if case.coming_to_me and case.custody.in_transit_to is None:
        return _Finding(
            Answer.YES,
            "This is on its way, and no receiver is named.",
            "Compare it with the supplier's papers. If they match, record its receipt.",
            (Act.SHIP,),
        )
    if case.coming_to_me:
        return _Finding(
            Answer.YES, "This was sent to you.", "Take it in: record its receipt.", (Act.SHIP,)
        )
    if case.custody.in_transit:
        return _Finding(
            Answer.NO,
            "This was sent to somebody else.",
            "Do not take it in. Ask the supplier.",
            (Act.SHIP,),
        )
    return _Finding(
        Answer.NO,
        "This was never sent to you: somebody else has it, or a copy of it.",
        "Put it aside as suspect. Ask the supplier.",
        (Act.RECEIVE, Act.COMMISSION),
    )


def _not_received(case: _Case) -> _Finding | None:
    """Everything from here on asks for something that only a holder may do."""
    if not case.custody.in_transit:
        return None
    if case.coming_to_me:
        return _Finding(Answer.NO, "This is on its way.", "Record its receipt first.", (Act.SHIP,))
    return _Finding(
        Answer.NO,
        "This was shipped, and not to you.",
        "If you shipped it, void the shipment. Otherwise put it aside, and ask the supplier.",
        (Act.SHIP,),
    )


def _not_mine(case: _Case) -> _Finding | None:
    if case.mine:
        return None
    return _Finding(
        Answer.NO,
        "Somebody else has this, or a copy of it.",
        "Put it aside as suspect. Ask the supplier.",
        (Act.RECEIVE, Act.COMMISSION),
    )


def _no_papers(case: _Case) -> _Finding | None:
    if case.custody.tier is not Tier.T0:
        return None
    return _Finding(
        Answer.UNKNOWN,
        "You took this in without the supplier's papers.",
        "Add the supplier's transaction information before you pass it on.",
        (Act.RECEIVE,),
    )


def _fine(case: _Case) -> _Finding | None:
    return _Finding(
        Answer.YES,
        "It is yours, and nothing speaks against it.",
        f"Go on: {case.question.value.replace('_', ' ')} it.",
        (Act.COMMISSION, Act.RECEIVE),
    )


_RULES: Final[tuple[tuple[str, _Rule], ...]] = (
    ("no_serial", _no_serial),
    ("decommissioned", _decommissioned),
    ("recalled", _recalled),
    ("already_dispensed", _used_up),
    ("label_differs", _label_differs),
    ("expired", _expired),
    ("quarantined", _put_aside),
    ("never_received", _never_received),
    ("unknown", _nobody_knows),
    ("genuine", _genuine),
    ("already_here", _here_already),
    ("addressee", _take_in),
    ("not_received", _not_received),
    ("not_held", _not_mine),
    ("no_papers", _no_papers),
    ("sound", _fine),
)
