"""What a decision asks of the database is the same, however many claims came before it."""

import re
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from claims.core.decision import ClaimStatus
from claims.core.facts import DispensingEvidence
from claims.core.model import Claim
from claims.services import Decided, claim_adjudicate
from claims.services.evidence_dispensings import dispensings_gather
from foundation.core.actor import Actor
from tests.claims import world as plan
from tests.claims.conftest import SEEDS, Insurer
from tests.claims.dispensed import chain, drug
from tests.conftest import NOW

# What every write about a person costs, whoever makes it: the transaction, the ledger's entries,
# the vault's item and tags.
OF_EVERY_WRITE = re.compile(
    r"^BEGIN|^COMMIT|set_config|SAVEPOINT|ledger_|hashtext\("
    r'|FOR SHARE|vault_subjecttag|INTO vault_|MAX\("vault_'
)


@pytest.fixture
def ready(insurer: Insurer) -> Insurer:
    """An insurer with its contract in force and a member covered."""
    insurer.in_force()
    insurer.covers()
    return insurer


def earlier(ready: Insurer, number: int) -> Claim:
    """Return a claim like no other."""
    day = plan.DAY + timedelta(days=number)
    line = plan.line(procedure_code="G0130", charge_amount=Decimal(100), service_date=day)
    return ready.claim(line, claim_id=f"E{number}")


def decide(
    ready: Insurer,
    claim: Claim,
    sender: Actor | None = None,
) -> tuple[Decided, list[str]]:
    """Take and decide a claim; return the decision, and what it asked of the database."""
    claim_id = ready.takes(claim, sender)
    told: Mapping[int, DispensingEvidence] = dispensings_gather(
        actor=ready.actor, claim_id=claim_id, seeds=SEEDS, now=NOW
    )
    with CaptureQueriesContext(connections["default"]) as caught:
        made = claim_adjudicate(
            actor=ready.actor, claim_id=claim_id, dispensings=told, seeds=SEEDS, now=NOW
        )
    return made, [query["sql"].lstrip() for query in caught.captured_queries]


def test_a_decision_asks_no_more_where_many_came_before(ready: Insurer) -> None:
    decide(ready, ready.claim())  # the deductible is met, and the contract is parsed
    counts = {}
    for number in range(1, 12):
        made, asked = decide(ready, earlier(ready, number))
        assert made.paid_amount == Decimal("26.23")
        counts[number] = len(asked)
        own = [each for each in asked if not OF_EVERY_WRITE.search(each)]
        assert len(own) == 10, own
    assert len(set(counts.values())) == 1, counts


def test_a_decision_asks_no_more_for_many_lines(ready: Insurer) -> None:
    supply = chain(ready.world)
    pharmacy = supply.pharmacy()
    decide(ready, ready.claim())
    counts = {}
    for count in (1, 4):
        lines = []
        for number in range(1, count + 1):
            prescription = f"RX{count}{number}"
            pharmacy.gives(supply.bottle(pharmacy), 30, number=prescription)
            lines.append(drug(number, prescription_number=prescription))
        claim = ready.claim(*lines, billing_provider_npi=pharmacy.npi, claim_id=f"L{count}")
        made, asked = decide(ready, claim, pharmacy.member.actor)
        assert (made.status, made.needed) == (ClaimStatus.PAID, ())
        counts[count] = len(asked)
    assert counts[1] == counts[4]
