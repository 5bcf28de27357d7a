"""The values that an EPCIS event is read into: words bare, identifiers canonical, times aware."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from provenance.core.epc import Epc


class EventType(StrEnum):
    """The types of events that are read."""

    OBJECT = "ObjectEvent"
    AGGREGATION = "AggregationEvent"


class Action(StrEnum):
    """How an event relates to the life of what it names (EPCIS 2.0 section 7.3.2)."""

    ADD = "ADD"
    OBSERVE = "OBSERVE"
    DELETE = "DELETE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """So much of a class of things; without ``uom`` a count, without ``quantity`` unknown."""

    epc_class: Epc
    quantity: Decimal | None = None
    uom: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BizTransaction:
    """A business document that the event belongs to."""

    biz_transaction: str
    type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """A source or destination: ``owning_party``, ``possessing_party`` or ``location``."""

    type: str
    id: Epc


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorDeclaration:
    """A statement that an earlier event with the same id was wrong."""

    declaration_time: datetime
    reason: str | None = None
    corrective_event_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EpcisEvent:
    """One event. Words are bare, identifiers canonical; ``extensions`` and ``ilmd`` verbatim.

    ``event_time`` is cut to microseconds; ``event_time_text`` is as received. ``lot``,
    ``expiry_date`` and ``content`` come from ``ilmd``, by local name under any namespace:
    ``lotNumber``, ``itemExpirationDate`` (CBV 2.0 section 9.2) and ``contentQuantity``, the
    number of units that each thing holds.
    """

    type: EventType
    event_time: datetime
    event_time_text: str
    event_time_zone_offset: str
    action: Action
    event_id: str | None = None
    epcs: tuple[Epc, ...] = ()
    quantities: tuple[Quantity, ...] = ()
    parent: Epc | None = None
    child_epcs: tuple[Epc, ...] = ()
    child_quantities: tuple[Quantity, ...] = ()
    biz_step: str | None = None
    disposition: str | None = None
    dispositions_set: tuple[str, ...] = ()
    dispositions_unset: tuple[str, ...] = ()
    read_point: Epc | None = None
    biz_location: Epc | None = None
    biz_transactions: tuple[BizTransaction, ...] = ()
    sources: tuple[Party, ...] = ()
    destinations: tuple[Party, ...] = ()
    ilmd: Mapping[str, object] = field(default_factory=dict)
    lot: str | None = None
    expiry_date: date | None = None
    content: Decimal | None = None
    error_declaration: ErrorDeclaration | None = None
    extensions: Mapping[str, object] = field(default_factory=dict)
