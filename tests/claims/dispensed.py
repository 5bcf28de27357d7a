"""Packs of a drug that the small plan pays for, and the pharmacies that give them."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import uuid4

from accounts.core.credential import CredentialFacts, CredentialType
from accounts.services import credential_verify
from claims.core.model import ClaimLine, Drug
from provenance.core.gs1_linters import check_digit
from tests.accounts.conftest import World
from tests.claims import world as plan
from tests.claims.conftest import fresh_npi
from tests.conftest import NOW
from tests.provenance.world import Member, commission, fill, member, receive, ship

# The NDC of the plan's fee schedule, as FDA writes it: 5-3-2.
NDC = "99999-001-01"
_BODY = "003" + NDC.replace("-", "")
GTIN = f"{_BODY}{check_digit(_BODY)}"
DAY = date(2026, 11, 24)


@dataclass(frozen=True, kw_only=True)
class Pharmacy:
    """A pharmacy that an NPI names, with bottles in stock."""

    member: Member
    npi: str

    def gives(self, epc: str, quantity: int, minute: int = 5, **words: Any) -> None:
        """Dispense so much of a bottle for a prescription, RX1 where nothing else is said."""
        event = fill(epc, minute, quantity, **{"ndc": NDC, **words})
        event["quantityList"][0]["epcClass"] = f"https://id.gs1.org/01/{GTIN}"
        self.member.record(event)


@dataclass(frozen=True, kw_only=True)
class Chain:
    """A maker, and the pharmacies it sends to."""

    world: World
    maker: Member

    def pharmacy(self) -> Pharmacy:
        """Admit a pharmacy."""
        npi, admitted = fresh_npi(), member(self.world.channel, "pharmacy")
        facts = CredentialFacts(
            holder_id=admitted.actor.organisation,
            type=CredentialType.NPI,
            value=npi,
            evidence="register",
            valid_from=date(2026, 1, 1),
        )
        credential_verify(actor=self.world.operator, facts=facts, now=NOW)
        return Pharmacy(member=admitted, npi=npi)

    def bottle(self, to: Pharmacy, content: int = 100) -> str:
        """Bring a bottle to a pharmacy; return its identifier."""
        epc = f"https://id.gs1.org/01/{GTIN}/21/{uuid4().hex[:12]}"
        self.maker.record(commission([epc], content), ship([epc], to.member, 1))
        to.member.record(receive([epc], 2))
        return epc


def chain(world: World) -> Chain:
    """Return a maker without customers yet."""
    return Chain(world=world, maker=member(world.channel, "manufacturer"))


def drug(number: int = 1, quantity: int = 30, **changes: Any) -> ClaimLine:
    """Return a line that bills so much of the drug as given for RX1."""
    return plan.drug_line(
        number,
        **{
            "service_date": DAY,
            "drug": Drug(ndc=plan.NDC, quantity=Decimal(quantity), unit="UN"),
            **changes,
        },
    )
