"""A supply chain on a real database: members with GLNs, and what they record."""

import os
from dataclasses import dataclass
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import uuid4

import orjson

from accounts.services import organisation_admit
from foundation.core.actor import SYSTEM, Actor
from foundation.tenancy import acting_as
from provenance.core.custody_event import Custody
from provenance.core.verdict import Label, Question, Verdict
from provenance.models import ItemState
from provenance.selectors import verdict_for
from provenance.services import Captured, events_capture
from provenance.states import parse_state
from tests.conftest import NOW, Channel, organisation_actor
from tests.provenance.epcis_samples import document

GTIN = "00300010123455"
NDC = "0001-0123-45"
NDC_11 = "00001012345"
_NUMBERS = count(int.from_bytes(os.urandom(3)))


@dataclass(frozen=True)
class Member:
    """A member of the chain."""

    actor: Actor
    gln: str

    def record(self, *events: dict[str, Any]) -> Captured:
        return events_capture(
            actor=self.actor,
            document=orjson.dumps(document(*events), default=str),
            seeds=os.urandom,
            now=NOW,
        )

    def ask(self, epc: str, question: Question) -> Verdict:
        return verdict_for(actor=self.actor, scan=epc, question=question, now=NOW)


def member(channel: Channel, kind: str, *, named: bool = True) -> Member:
    """Admit an organisation, with a GLN of its own unless it stays unnamed."""
    body = f"030001{next(_NUMBERS) % 1_000_000:06d}"
    gln = body + _check_digit(body)
    organisation_id = uuid4()
    organisation_admit(
        actor=channel.operator,
        organisation_id=organisation_id,
        name=f"{kind} {gln}",
        kind=kind,
        gln=gln if named else None,
        now=NOW,
    )
    channel.sequence()
    return Member(actor=organisation_actor(organisation_id), gln=gln)


def packs(number: int) -> list[str]:
    """Return identifiers of packs that nobody used before."""
    lot = uuid4().hex[:10]
    return [f"https://id.gs1.org/01/{GTIN}/21/{lot}{index}" for index in range(number)]


def event(step: str, epcs: list[str], minute: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "type": "ObjectEvent",
        "eventID": f"urn:uuid:{uuid4()}",
        "eventTime": f"2026-11-24T08:{minute:02d}:00Z",
        "eventTimeZoneOffset": "+00:00",
        "action": "OBSERVE",
        "bizStep": step,
        "epcList": epcs,
        **more,
    }


def commission(epcs: list[str], content: int = 1) -> dict[str, Any]:
    ilmd = {
        "cbvmda:lotNumber": "L1",
        "cbvmda:itemExpirationDate": "2028-12-31",
        "theriac:contentQuantity": content,
    }
    return event("commissioning", epcs, action="ADD", ilmd=ilmd)


def ship(epcs: list[str], to: Member, minute: int) -> dict[str, Any]:
    target = f"https://id.gs1.org/417/{to.gln}"
    places = [{"type": "possessing_party", "destination": target}]
    return event("shipping", epcs, minute, destinationList=places)


def receive(epcs: list[str], minute: int) -> dict[str, Any]:
    return event("receiving", epcs, minute)


def dispense(epc: str, minute: int, quantity: int | None = None) -> dict[str, Any]:
    if quantity is None:
        return event("dispensing", [epc], minute)
    of = {"epcClass": f"https://id.gs1.org/01/{GTIN}", "quantity": Decimal(quantity)}
    amounts = [{**of, "quantity": quantity}]
    return event(
        "dispensing", [epc], minute, quantityList=amounts, disposition="partially_dispensed"
    )


def fill(
    epc: str, minute: int, quantity: int | None = None, *, number: str = "RX1", **more: Any
) -> dict[str, Any]:
    """Return a dispensing for a prescription of a patient; ``more`` changes its members."""
    given = dispense(epc, minute, quantity)
    given.pop("disposition", None)
    patient = {"system": "urn:mrn", "value": "M-1"}
    prescription = {"number": number, "fill": 0, "ndc": NDC, "patient": patient, **more}
    return {**given, "theriac:prescription": prescription}


def custody_of(epc: str) -> tuple[Custody, Label]:
    """Return the whole state of an item, which only the system sees."""
    with acting_as(SYSTEM):
        row = ItemState.objects.filter(epc=epc).first()
        return parse_state(row.custody if row else {})


def _check_digit(body: str) -> str:
    """Return the check digit of twelve digits (GS1 General Specifications 7.9.1)."""
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(body))
    return str(-total % 10)
