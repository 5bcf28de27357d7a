"""Events that broke a rule of custody: their classes, what each means, and what to do."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from provenance.core.custody_event import CustodyEvent


class ExceptionClass(StrEnum):
    """Why an event changed nothing, or (``late_event`` alone) took a place in the past.

    ``EXCEPTION_GUIDE`` says of each what it means and what to do.
    """

    NOT_COMMISSIONED = "not_commissioned"
    COMMISSIONED_TWICE = "commissioned_twice"
    NOT_HOLDER = "not_holder"
    NOT_IN_TRANSIT = "not_in_transit"
    BALANCE_EXCEEDED = "balance_exceeded"
    ALREADY_DISPENSED = "already_dispensed"
    QUANTITY_MISSING = "quantity_missing"
    DECOMMISSIONED = "decommissioned"
    PARENT_MISMATCH = "parent_mismatch"
    QUARANTINED = "quarantined"
    RECALLED = "recalled"
    NOT_AUTHORISED = "not_authorised"
    LATE_EVENT = "late_event"


EXCEPTION_GUIDE: Final[Mapping[ExceptionClass, tuple[str, str]]] = {
    ExceptionClass.NOT_COMMISSIONED: (
        "Nobody in this log commissioned the item, and nobody received it with papers.",
        "Receive it first, with the supplier's transaction information; or ask the supplier.",
    ),
    ExceptionClass.COMMISSIONED_TWICE: (
        "The serial was commissioned, or in circulation, before.",
        "Hold the item. Its maker must find out whether the serial was printed twice.",
    ),
    ExceptionClass.NOT_HOLDER: (
        "Whoever recorded this did not hold the item, or had shipped it already.",
        "Receive it first. If you have it in hand, put it aside: there may be two of it.",
    ),
    ExceptionClass.NOT_IN_TRANSIT: (
        "The item was received, but it was not on its way to this receiver.",
        "If it was scanned twice, do nothing. Otherwise put it aside and ask the supplier.",
    ),
    ExceptionClass.BALANCE_EXCEEDED: (
        "More was dispensed than was left in the item, or a sealed pack was dispensed again.",
        "Check quantity and serial; if nothing was left, put it aside: one of two is no original.",
    ),
    ExceptionClass.ALREADY_DISPENSED: (
        "All of the item was dispensed before, and it was moved on all the same.",
        "Put it aside as suspect: one of the two is no original, or was scanned by mistake.",
    ),
    ExceptionClass.QUANTITY_MISSING: (
        "A part was dispensed, but not how much.",
        "Record the dispensing again with its quantity.",
    ),
    ExceptionClass.DECOMMISSIONED: (
        "The item was taken out of circulation before.",
        "Put it aside as suspect: it should not exist any more.",
    ),
    ExceptionClass.PARENT_MISMATCH: (
        "The item is in another container than the event says.",
        "Unpack it from its container first, or scan the container.",
    ),
    ExceptionClass.QUARANTINED: (
        "The item is put aside, and was moved on all the same.",
        "Bring it back. Release it only when the investigation is over.",
    ),
    ExceptionClass.RECALLED: (
        "The item is recalled, and was moved on all the same.",
        "Bring it back, and return it as the recall says.",
    ),
    ExceptionClass.NOT_AUTHORISED: (
        "Only its maker, an authority or its holder may recall an item.",
        "Ask the maker or the authority to record the recall.",
    ),
    ExceptionClass.LATE_EVENT: (
        "The event came in after later ones. It took its place only where all stay lawful.",
        "Record events when they happen. Check the clock of the device.",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CustodyException:
    """An event that broke a rule; it is kept as evidence."""

    class_: ExceptionClass
    event: CustodyEvent
    detail: str
