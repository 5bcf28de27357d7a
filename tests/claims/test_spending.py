"""What lines spend of serials: in order, once, and never more than is left, in small worlds."""

import itertools
from dataclasses import replace
from decimal import Decimal

from claims.core.codec import format_json, parse_as
from claims.core.contract import Contract
from claims.core.decision import Decision, LineStatus, format_decision, parse_decision
from claims.core.facts import DispensedItem, DispensingEvidence, Facts
from claims.core.model import ClaimLine, Drug
from claims.core.spending import items_of
from tests.claims import world


def item(name: str, left: int) -> DispensedItem:
    return DispensedItem(
        epc=f"https://id.gs1.org/01/00300010123455/21/{name}",
        entry_id=world.ENTRY.entry_id,
        dispensed_quantity=Decimal(9),
        available_quantity=Decimal(left),
    )


def evidence(*lefts: int) -> DispensingEvidence:
    items = tuple(item(str(place), left) for place, left in enumerate(lefts))
    return world.dispensed(items=items, available_quantity=Decimal(sum(lefts)))


def drug(number: int, quantity: int) -> ClaimLine:
    # Different products, so that no line looks like another's duplicate.
    code = ("J0696", None, "J0696")[number - 1]
    return world.drug_line(
        number,
        procedure_code=code,
        modifiers=("TC",) if number == 3 else (),
        charge_amount=Decimal(10 * number),
        service_date=world.DAY.replace(day=number),
        drug=Drug(ndc=world.NDC, quantity=Decimal(quantity), unit="UN"),
    )


def decide(quantities: tuple[int, ...], found: DispensingEvidence, by: Contract) -> Decision:
    lines = [drug(number, quantity) for number, quantity in enumerate(quantities, 1)]
    known = world.facts(*(world.evidence(line.number, dispensing=found) for line in lines))
    return world.decide(world.claim(*lines), known, by=by)


def test_lines_over_the_same_items_never_spend_more_than_is_left() -> None:
    contract = world.contract()
    for lefts in itertools.product(range(3), repeat=2):
        for quantities in itertools.product((1, 2, 3), repeat=2):
            decision = decide(quantities, evidence(*lefts), contract)
            spends = [spend for line in decision.lines for spend in line.spends or ()]
            left, paid = sum(lefts), 0
            for line, quantity in zip(decision.lines, quantities, strict=True):
                fits = quantity <= left - paid
                assert (line.status is LineStatus.PAID) == fits
                assert sum(each.quantity for each in line.spends or ()) == quantity * fits
                paid += quantity * fits
            for place, most in enumerate(lefts):
                epc = item(str(place), 0).epc
                assert sum(each.quantity for each in spends if each.epc == epc) <= most


def test_a_line_takes_from_the_items_in_their_order() -> None:
    decision = decide((1, 3), evidence(2, 5), world.contract())
    taken = [
        [(each.epc[-1], each.quantity) for each in line.spends or ()] for line in decision.lines
    ]
    assert taken == [[("0", Decimal(1))], [("0", Decimal(1)), ("1", Decimal(2))]]
    assert parse_decision(format_decision(decision)) == decision


def test_evidence_without_serials_is_weighed_and_spends_none() -> None:
    decision = decide((3, 3), world.dispensed(), world.contract())
    assert [line.status for line in decision.lines] == [LineStatus.PAID, LineStatus.DENIED]
    assert [line.spends for line in decision.lines] == [None, None]
    assert b"spends" not in format_decision(decision)


def test_where_the_contract_asks_for_no_dispensing_nothing_is_spent() -> None:
    terms = [{**each, "dispensing": False, "tier": "T0"} for each in world.terms_json()["evidence"]]
    decision = decide((1,), evidence(5), world.contract(evidence=terms))
    assert (decision.lines[0].status, decision.lines[0].spends) == (LineStatus.PAID, None)


def test_evidence_without_an_amount_has_no_items() -> None:
    assert items_of(None) == ()
    assert items_of(world.dispensed(available_quantity=None)) == ()
    bare = replace(world.dispensed(), dispensing=world.MISSING)
    assert items_of(bare)[0].entry_id == ""
    known = world.facts(world.evidence(dispensing=evidence(1)))
    assert parse_as(Facts, format_json(known)) == known
