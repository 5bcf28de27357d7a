"""An EPCIS event as each of its items sees it: the way from a document to custody."""

from decimal import Decimal

from provenance.core.cbv import SourceDestType
from provenance.core.custody_event import CustodyEvent, Role
from provenance.core.epc import Epc
from provenance.core.epcis_event import EpcisEvent, Party


def custody_events(
    event: EpcisEvent,
    *,
    entry_id: str,
    sequence: int,
    party_gln: str,
    authority: bool = False,
) -> dict[str, CustodyEvent]:
    """Return the event as seen by each item it names, by the item's canonical EPC.

    A receipt is attested where it names the supplier, its source's owning party. Quantities of
    a class count for a thing only where the event names one thing and one quantity of its
    product: so much was dispensed from it, or received in it. A ``DELETE`` without children,
    which takes all of them out, gives the parent alone: whoever knows the children adds them.
    An event that declares an error says nothing of its own: it gives no views, and whoever
    folds leaves out the event of the same id that it declares wrong.
    """
    if event.error_declaration is not None:
        return {}

    def seen(role: Role, *, parent: str | None = None) -> CustodyEvent:
        return CustodyEvent(
            entry_id=entry_id,
            sequence=sequence,
            event_time=event.event_time,
            party_gln=party_gln,
            action=event.action,
            biz_step=event.biz_step,
            disposition=event.disposition,
            role=role,
            owner_gln=_gln(event.destinations, SourceDestType.OWNING_PARTY),
            holder_gln=_receiver_gln(event.destinations),
            parent=parent,
            quantity=event.content or _quantity(event),
            attested=_gln(event.sources, SourceDestType.OWNING_PARTY) is not None,
            authority=authority,
        )

    views = {epc.uri: seen(Role.SUBJECT) for epc in event.epcs}
    if event.parent is not None:
        views[event.parent.uri] = seen(Role.PARENT)
        for child in event.child_epcs:
            views[child.uri] = seen(Role.CHILD, parent=event.parent.uri)
    return views


def _gln(parties: tuple[Party, ...], type_: SourceDestType) -> str | None:
    return next((party.id.gln for party in parties if party.type == type_), None)


def _receiver_gln(destinations: tuple[Party, ...]) -> str | None:
    """Return who will hold the item: the possessing party, else the owner, else the place."""
    for type_ in (
        SourceDestType.POSSESSING_PARTY,
        SourceDestType.OWNING_PARTY,
        SourceDestType.LOCATION,
    ):
        gln = _gln(destinations, type_)
        if gln is not None:
            return gln
    return None


def _quantity(event: EpcisEvent) -> Decimal | None:
    if len(event.epcs) != 1 or len(event.quantities) != 1:
        return None
    (epc,), (quantity,) = event.epcs, event.quantities
    return quantity.quantity if _same_product(epc, quantity.epc_class) else None


def _same_product(one: Epc, other: Epc) -> bool:
    return one.gtin is not None and one.gtin == other.gtin
