from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from claims.core.decision import Decision
from claims.core.facts import LineEvidence
from claims.core.kernel import Adjustment
from claims.core.model import PersonalPart
from claims.core.x12 import parse_interchanges
from claims.core.x12_835 import (
    Address,
    Payee,
    Payer,
    ProviderAdjustment,
    Remittance,
    RemittanceError,
    RemittedClaim,
    format_835,
    remit_claim,
)
from claims.core.x12_balance import Level, check_balance
from tests.claims import world
from tests.claims.x12_files import ENVELOPE, one, oracle_accepts
from tests.vectors_at import shared_vectors

PATIENT = PersonalPart(family_name="POLO", given_name="MARINA")
CLAIM = world.claim(world.line(), world.drug_line(2), world.line(3, procedure_code="G9999"))
KNOWN = world.facts(world.evidence(2))


def remitted(of: Any = CLAIM, decision: Decision | None = None) -> RemittedClaim:
    return remit_claim(
        decision=decision or world.decide(of, KNOWN),
        claim=of,
        patient=PATIENT,
        payer_claim_number="T1",
    )


def remittance(*claims: RemittedClaim, **changes: Any) -> Remittance:
    return replace(
        Remittance(
            payer=Payer(
                name="LION HEALTH PLAN",
                trace_id="1123456789",
                address=Address(
                    street="1 SQUARE", city="SPRINGFIELD", state="IL", postal_code="627010001"
                ),
                contact_name="CLAIMS",
                contact_phone="5555550199",
            ),
            payee=Payee(name="RIALTO CLINIC", npi="1234567893"),
            trace_number="P1",
            payment_date=date(2026, 3, 12),
            claims=claims,
            filing_code="12",
        ),
        **changes,
    )


def written(remit: Remittance) -> list[str]:
    return format_835(remit, ENVELOPE).decode().split("~")


def test_a_decided_claim_is_remitted_line_by_line() -> None:
    segments = written(remittance(remitted()))
    assert segments[2:] == [
        "ST*835*0001",
        "BPR*I*465.45*C*CHK************20260312",
        "TRN*1*P1*1123456789",
        "DTM*405*20260312",
        "N1*PR*LION HEALTH PLAN",
        "N3*1 SQUARE",
        "N4*SPRINGFIELD*IL*627010001",
        "PER*BL*CLAIMS*TE*5555550199",
        "N1*PE*RIALTO CLINIC*XX*1234567893",
        "LX*1",
        "CLP*A1*1*1800*465.45*616.36*12*T1",
        "NM1*QC*1*POLO*MARINA****MI*M1",
        "SVC*HC:G0439*150*0**1",
        "DTM*472*20260302",
        "CAS*CO*45*33.19",
        "CAS*PR*1*116.81",
        "REF*6R*1",
        "SVC*HC:J0696*1500*465.45**10",
        "DTM*472*20260302",
        "CAS*CO*45*535",
        "CAS*PR*1*383.19**2*116.36",
        "REF*6R*2",
        "SVC*HC:G9999*150*0**1",
        "DTM*472*20260302",
        "CAS*CO*204*150",
        "REF*6R*3",
        "SE*27*0001",
        "GE*1*9",
        "IEA*1*000000007",
        "",
    ]


def test_the_oracle_accepts_what_we_write() -> None:
    data = format_835(remittance(remitted()), ENVELOPE)
    assert oracle_accepts(data)
    assert not oracle_accepts(data.replace(b"CAS*CO", b"CAS*ZZ"))


def test_a_drug_without_a_procedure_is_remitted_by_ndc_and_a_remark_follows() -> None:
    spent = world.dispensed(available_quantity=Decimal(1))
    of = world.claim(world.drug_line(procedure_code=None, control_number="L9"))
    remarked = world.remarked("16", "M119")
    decision = world.decide(of, world.facts(world.evidence(dispensing=spent)), by=remarked)
    segments = written(remittance(remitted(of, decision)))
    assert segments[14:19] == [
        f"SVC*N4:{world.NDC}*1500*0**10",
        "DTM*472*20260302",
        "CAS*CO*16*1500",
        "REF*6R*L9",
        "LQ*HE*M119",
    ]
    assert segments[3] == "BPR*H*0*C*NON************20260312"


def test_a_claim_that_pends_is_not_remitted() -> None:
    pended = world.decide(CLAIM, world.facts(LineEvidence(number=2)))
    with pytest.raises(RemittanceError, match="A1 pends"):
        remitted(decision=pended)


def test_provider_adjustments_lower_the_payment() -> None:
    owed = ProviderAdjustment(reason_code="FB", reference="T0", amount=Decimal("100.00"))
    interest = ProviderAdjustment(reason_code="L6", reference="T1", amount=Decimal("-4.11"))
    segments = written(remittance(remitted(), provider_adjustments=(owed, interest)))
    assert segments[3].startswith("BPR*I*369.56*")
    assert segments[-5] == "PLB*1234567893*20261231*FB:T0*100*L6:T1*-4.11"


def test_a_payment_below_nothing_is_not_written() -> None:
    owed = ProviderAdjustment(reason_code="FB", reference="T0", amount=Decimal("9999.00"))
    with pytest.raises(RemittanceError, match="carry it forward"):
        written(remittance(remitted(), provider_adjustments=(owed,)))
    with pytest.raises(RemittanceError, match="PLB holds six"):
        written(
            remittance(remitted(), provider_adjustments=(replace(owed, amount=Decimal(0)),) * 7)
        )


def test_what_does_not_balance_is_not_written() -> None:
    good = remitted()
    cent = Decimal("0.01")
    line = good.lines[0]
    spoilt = [
        replace(good, paid_amount=good.paid_amount - cent),
        replace(good, charge_amount=good.charge_amount + cent),
        replace(good, patient_amount=good.patient_amount + cent),
        replace(good, lines=(replace(line, paid_amount=cent), *good.lines[1:])),
        replace(good, lines=(replace(line, charge_amount=cent), *good.lines[1:])),
        replace(good, lines=(replace(line, adjustments=line.adjustments[:1]), *good.lines[1:])),
    ]
    for claim in spoilt:
        with pytest.raises(RemittanceError):
            written(remittance(claim))


def test_more_adjustments_of_a_group_than_a_segment_holds_are_refused() -> None:
    cent = Adjustment(group_code="CO", reason_code="45", amount=Decimal("0.01"))
    good = remitted()
    line = replace(good.lines[0], adjustments=(cent,) * 7)
    with pytest.raises(RemittanceError, match="CAS holds six"):
        written(remittance(replace(good, lines=(line,))))
    six = replace(
        good.lines[0],
        charge_amount=Decimal("0.06"),
        paid_amount=Decimal(0),
        adjustments=(cent,) * 6,
    )
    claim = replace(
        good,
        charge_amount=Decimal("0.06"),
        paid_amount=Decimal(0),
        patient_amount=Decimal(0),
        lines=(six,),
    )
    assert "CAS*CO" + "*45*0.01*" * 5 + "*45*0.01" in written(remittance(claim))


LINUX = "LinuxForHealth+x12/src/tests/resources/835_005010X221A1"
MOOV = "moov-io+x12/examples/example_5010_835"
VERDICTS: list[tuple[str, list[list[Level]]]] = [
    (f"{LINUX}/secondary-payment.835", [[]]),
    (f"{LINUX}/tertiary-payment.835", [[Level.LINE]]),
    (f"{MOOV}/sample1.txt", [[Level.CLAIM], []]),
    (f"{MOOV}/sample2.txt", [[Level.CLAIM]]),
    ("azoner+pyx12/pyx12/tests/835_mult_loops.txt", [[]]),
]


@pytest.mark.parametrize(("path", "levels"), VERDICTS)
def test_remittances_of_others_balance_or_not_as_known(
    path: str, levels: list[list[Level]]
) -> None:
    data = (shared_vectors("x12") / path).read_bytes()
    sets = [
        each
        for interchange in parse_interchanges(data)
        for group in interchange.groups
        for each in group.sets
    ]
    assert [[fault.level for fault in check_balance(each)] for each in sets] == levels


def balance_of(*changes: tuple[str, str]) -> list[tuple[Level, int]]:
    """Return what does not balance in our own file after ``changes``."""
    text = format_835(remittance(remitted()), ENVELOPE).decode()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    faults = check_balance(one(text.encode()).groups[0].sets[0])
    return [(fault.level, fault.position) for fault in faults]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("BPR*I*465.45*", "BPR*I*465.46*", [(Level.PAYMENT, 2)]),
        ("BPR*I*465.45*", "BPR*I*x*", [(Level.PAYMENT, 2)] * 2),
        ("BPR*", "XPR*", [(Level.PAYMENT, 1)]),
        ("*465.45*616.36*", "*465.45*616.37*", [(Level.CLAIM, 11)]),
        ("*465.45*616.36*", "*465.45**", []),
        ("SVC*HC:G0439*150*0", "SVC*HC:G0439*150*1", [(Level.LINE, 13)]),
        ("LX*1~", "CAS*CO*45*1~LX*1~", []),
    ],
)
def test_each_level_is_balanced_on_its_own(
    old: str, new: str, expected: list[tuple[Level, int]]
) -> None:
    assert balance_of((old, new)) == expected
