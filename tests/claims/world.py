"""A small plan, a claim on it and everything known about it, of our own making."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from claims.core.adjudicate import adjudicate
from claims.core.codec import format_json, parse_as
from claims.core.contract import (
    Contract,
    Expected,
    ExpectedLine,
    GoldenClaim,
    Terms,
    format_contract,
    parse_contract,
)
from claims.core.contract_check import expected_of
from claims.core.decision import Decision, Engine
from claims.core.facts import (
    Accumulators,
    Coverage,
    DispensingEvidence,
    EntryRef,
    Fact,
    Facts,
    LineEvidence,
    RecordEvidence,
    State,
    Tier,
)
from claims.core.model import Claim, ClaimLine, Drug
from claims.core.money import ZERO

DAY = date(2026, 3, 2)
ENGINE = Engine(name="cel-expr-python", version="0.1.3")
ENTRY = EntryRef(entry_id="ab" * 32, log_index=7)
OTHER_ENTRY = EntryRef(entry_id="cd" * 32)
PROVEN = Fact(state=State.PROVEN, entries=(ENTRY,))
CONTRADICTED = Fact(state=State.CONTRADICTED, note="shown", entries=(OTHER_ENTRY,))
MISSING = Fact(state=State.MISSING, note="wanted")
NOTHING_MET = Accumulators(deductible_met_amount=ZERO, oop_met_amount=ZERO)
NDC = "99999000101"


def terms_json() -> dict[str, Any]:
    """Return the plan as an analyst would write it, golden claims left empty."""
    return {
        "v": 1,
        "plan": "SILVER",
        "payer": "PAYER1",
        "dos": {"from": "2026-01-01", "to": "2026-12-31"},
        "received": {"from": "2026-01-01"},
        "cel": "theriac-cel-1",
        "facts": {
            "line.units": "int",
            "fee.mue": "int",
            "line.code": "string",
            "line.modifiers": "list(string)",
            "line.has_prior_authorization": "bool",
        },
        "evidence": [
            {
                "category": "drug",
                "dispensing": True,
                "tier": "T1",
                "record": False,
                "deny": ["CO", "151"],
                "clause": "7.1 A drug is paid when its dispensing and custody are proven.",
            },
            {
                "category": "device",
                "dispensing": False,
                "tier": "T0",
                "record": True,
                "deny": ["CO", "150"],
                "clause": "7.2 A device is paid when the record supports it.",
            },
        ],
        "tables": {
            "fee": {
                "cols": ["code", "mod", "category", "amount", "mue"],
                "rows": [
                    ["G0439", "", "", "116.81", ""],
                    ["G0101", "", "", "34.22", "2"],
                    ["G0130", "", "", "32.79", ""],
                    ["G0130", "TC", "", "22.67", ""],
                    ["J0696", "", "drug", "96.50", "20"],
                    ["E0100", "", "device", "40.00", ""],
                    [NDC, "", "drug", "1.50", "90"],
                ],
            }
        },
        "edits": [
            {"edit": "eligibility", "group": "PR", "clause": "1.1 Coverage on the day."},
            {"edit": "filing", "group": "CO", "clause": "1.2 Filed within 365 days."},
            {"edit": "duplicate", "group": "OA", "clause": "1.3 Paid once."},
            {"edit": "schedule", "group": "CO", "clause": "2.1 As listed."},
            {"edit": "evidence", "group": "CO", "clause": "7 Evidence."},
        ],
        "guards": [
            {
                "id": "G10",
                "when": "line.code in ['G0101', 'J0696'] && line.units > fee.mue",
                "deny": ["CO", "151"],
                "clause": "4.2 No more units a day than the table says.",
            },
            {
                "id": "G20",
                "when": "line.modifiers.exists(m, m == 'GZ') && !line.has_prior_authorization",
                "pend": ["CO", "197"],
                "clause": "4.3 Expected denials are reviewed.",
            },
        ],
        "steps": [
            {"step": "allowed", "clause": "3.1 The lower of charge and fee."},
            {"step": "copay", "clause": "3.2 Copay."},
            {"step": "deductible", "clause": "3.3 Deductible."},
            {"step": "coinsurance", "clause": "3.4 Coinsurance."},
            {"step": "oop", "clause": "3.5 Out-of-pocket limit."},
        ],
        "params": {
            "filing_days": 365,
            "unlisted": "deny",
            "copay": "0.00",
            "deductible": {"individual": "500.00"},
            "coinsurance_bp": 2000,
            "oop_max": {"individual": "3000.00"},
        },
        "golden": [],
    }


def line(number: int = 1, **changes: Any) -> ClaimLine:
    """Return a line for one visit, charged above the fee."""
    return replace(
        ClaimLine(
            number=number,
            procedure_code="G0439",
            charge_amount=Decimal("150.00"),
            units=Decimal(1),
            service_date=DAY,
            diagnosis_pointers=(1,),
        ),
        **changes,
    )


def drug_line(number: int = 1, **changes: Any) -> ClaimLine:
    """Return a line for ten units of a drug."""
    return line(
        number,
        **{
            "procedure_code": "J0696",
            "charge_amount": Decimal("1500.00"),
            "units": Decimal(10),
            "drug": Drug(ndc=NDC, quantity=Decimal(5), unit="UN"),
            "prescription_number": "RX1",
            **changes,
        },
    )


def claim(*lines: ClaimLine, **changes: Any) -> Claim:
    """Return a claim of ``lines``; a visit where there are none."""
    return replace(
        Claim(
            claim_id="A1",
            payer_id="PAYER1",
            billing_provider_npi="1234567893",
            member_id="M1",
            frequency_code="1",
            place_of_service="11",
            diagnoses=("Z0000",),
            lines=lines or (line(),),
        ),
        **changes,
    )


def dispensed(**changes: Any) -> DispensingEvidence:
    """Return a dispensing proven in every respect, five units left to pay."""
    return replace(
        DispensingEvidence(
            dispensing=PROVEN,
            custody=PROVEN,
            condition=PROVEN,
            tier=Tier.T3,
            dispensed_quantity=Decimal(5),
            available_quantity=Decimal(5),
            unit="UN",
        ),
        **changes,
    )


def evidence(number: int = 1, **changes: Any) -> LineEvidence:
    """Return the evidence of a line, complete."""
    return replace(
        LineEvidence(
            number=number,
            dispensing=dispensed(),
            record=RecordEvidence(anchored=PROVEN, consent=PROVEN),
        ),
        **changes,
    )


def facts(*lines: LineEvidence, **changes: Any) -> Facts:
    """Return the facts of a covered member's claim, received in time."""
    return replace(
        Facts(
            received_date=date(2026, 3, 10),
            coverage=Coverage(from_date=date(2026, 1, 1)),
            lines=lines or (evidence(),),
        ),
        **changes,
    )


def contract(**changes: Any) -> Contract:
    """Return the plan with other members and a golden claim that comes out right."""
    wanted = {**terms_json(), **changes}
    golden = GoldenClaim(
        claim=claim(drug_line()),
        facts=facts(),
        accumulators=Accumulators(deductible_met_amount=Decimal("300.00"), oop_met_amount=ZERO),
        as_of=date(2026, 3, 11),
        expect=Expected(status="paid", lines=(ExpectedLine(status="paid", paid=ZERO),)),
    )
    terms = parse_as(Terms, wanted | {"golden": [format_json(golden)]})
    decided = decide(
        golden.claim, golden.facts, golden.accumulators, parse_contract(format_contract(terms))
    )
    right = replace(golden, expect=expected_of(decided))
    return parse_contract(format_contract(replace(terms, golden=(right,))))


def remarked(reason_code: str, remark_code: str) -> Contract:
    """Return the plan where evidence denies with these codes."""
    demands = [
        {**each, "deny": ["CO", reason_code, remark_code]} for each in terms_json()["evidence"]
    ]
    return contract(evidence=demands)


def decide(
    of: Claim | None = None,
    known: Facts | None = None,
    met: Accumulators = NOTHING_MET,
    by: Contract | None = None,
) -> Decision:
    """Return the decision on a claim of this small world."""
    return adjudicate(
        claim=of or claim(),
        facts=known or facts(),
        accumulators=met,
        contract=by or contract(),
        as_of=date(2026, 3, 11),
        engine=ENGINE,
    )


def adjustments(decision: Decision, number: int = 1) -> list[tuple[str, str, str]]:
    """Return a line's adjustments as (group, CARC, amount)."""
    return [
        (each.group_code, each.reason_code, str(each.amount))
        for each in decision.lines[number - 1].adjustments
    ]
