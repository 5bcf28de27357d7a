"""From a document to custody: what each item of an event sees."""

from decimal import Decimal
from typing import Any

from provenance.core.custody import fold_custody
from provenance.core.custody_event import CustodyEvent, Role, Tier
from provenance.core.custody_view import custody_events
from provenance.core.epcis import read_document
from tests.provenance.epcis_samples import (
    CASE,
    COMMISSIONING,
    LOT,
    PACK,
    PACKING,
    PARTY,
    PLACE,
    SHIPPING,
    document,
)

GLN = "0300011111116"
MAKER = "0300012222221"


def views(event: dict[str, Any], sequence: int = 1, party: str = MAKER) -> dict[str, CustodyEvent]:
    (read,) = read_document(document(event))
    return custody_events(read, entry_id=f"entry-{sequence}", sequence=sequence, party_gln=party)


def simple(step: str, hour: int, **more: object) -> dict[str, Any]:
    return {
        "type": "ObjectEvent",
        "eventTime": f"2026-11-24T{hour}:00:00Z",
        "eventTimeZoneOffset": "+00:00",
        "action": "OBSERVE",
        "bizStep": step,
        "epcList": [PACK],
        **more,
    }


def parties(*types: str) -> list[dict[str, str]]:
    return [{"type": name, "destination": PLACE if name == "location" else PARTY} for name in types]


def test_parent_and_children_see_one_packing_from_both_sides() -> None:
    seen = views(PACKING)
    assert set(seen) == {CASE, PACK}
    assert (seen[CASE].role, seen[CASE].parent) == (Role.PARENT, None)
    assert (seen[PACK].role, seen[PACK].parent) == (Role.CHILD, CASE)


def test_the_receiver_is_the_possessing_party_else_the_owner_else_the_place() -> None:
    for types, owner, holder in [
        (["owning_party", "possessing_party"], GLN, GLN),
        (["owning_party"], GLN, GLN),
        (["location"], None, GLN),
        ([], None, None),
    ]:
        seen = views(simple("shipping", 11, destinationList=parties(*types)))[PACK]
        assert (seen.owner_gln, seen.holder_gln) == (owner, holder)


def test_a_quantity_counts_where_there_is_no_doubt_of_what() -> None:
    part = {"epcClass": LOT, "quantity": 30}
    assert views(simple("dispensing", 11, quantityList=[part]))[PACK].quantity == 30
    assert views(simple("dispensing", 11, quantityList=[part, part]))[PACK].quantity is None
    other = {"epcClass": "https://id.gs1.org/01/00312345678906", "quantity": 30}
    assert views(simple("dispensing", 11, quantityList=[other]))[PACK].quantity is None
    assert views(simple("dispensing", 11))[PACK].quantity is None
    unknown = {"epcList": ["urn:x:1"], "quantityList": [{"epcClass": "urn:x:2", "quantity": 3}]}
    assert views(simple("dispensing", 11, **unknown))["urn:x:1"].quantity is None
    assert views(COMMISSIONING)[PACK].quantity == Decimal(100)


def test_a_receipt_that_names_its_supplier_is_attested() -> None:
    source = [{"type": "owning_party", "source": PARTY}]
    assert views(simple("receiving", 11, sourceList=source))[PACK].attested
    assert not views(simple("receiving", 11))[PACK].attested


def test_documents_make_custody() -> None:
    part = [{"epcClass": LOT, "quantity": 30}]
    both = parties("owning_party", "possessing_party")
    events = [
        views(COMMISSIONING, 1)[PACK],
        views(simple("shipping", 11, destinationList=both), 2)[PACK],
        views(simple("receiving", 12), 3, GLN)[PACK],
        views(simple("dispensing", 13, quantityList=part), 4, GLN)[PACK],
    ]
    custody, broken = fold_custody(events)
    assert broken == []
    assert (custody.owner_gln, custody.holder_gln, custody.tier) == (GLN, GLN, Tier.T3)
    assert (custody.balance, custody.content) == (Decimal(70), Decimal(100))


def test_a_declaration_of_error_is_no_act() -> None:
    assert views(SHIPPING) == {}
