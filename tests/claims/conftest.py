"""An insurer with its contract in force, a provider, and a member who is covered."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from secrets import token_bytes
from typing import Any
from uuid import UUID, uuid4

import pytest
from pytest_django.fixtures import Settings

from accounts.core.credential import CredentialFacts, CredentialType
from accounts.core.identifiers import IdentifierError, parse_npi
from accounts.services import credential_verify, operator_project
from claims.core.contract import format_contract
from claims.core.facts import Coverage
from claims.core.model import Claim, ClaimDocument, ClaimLine, PersonalPart
from claims.keeping import new_id
from claims.services import (
    claim_submit,
    contract_activate,
    contract_propose,
    contract_sign,
    coverage_state,
    payer_profile_put,
)
from foundation.core.actor import Actor, Role
from ledger.models import KeyHolder
from ledger.services import key_add
from tests.accounts.conftest import Person, World
from tests.claims import world as plan
from tests.conftest import NOW, Channel

SEEDS = partial(token_bytes, 32)
# No name of anybody: what must be found in no byte of the ledger.
CANARY = "Zqxwvcanary"
PROFILE = {
    "trace_id": "1123456789",
    "street": "1 MAIN ST",
    "city": "SPRINGFIELD",
    "state": "IL",
    "postal_code": "62701",
    "contact_name": "CLAIMS",
    "contact_phone": "5555550100",
}


@pytest.fixture
def world(channel: Channel, settings: Settings) -> World:
    """The worker's channel, with the operator's row and claims' addresses."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.ROOT_URLCONF = "tests.claims.urls"
    operator_project(actor=channel.operator)
    return World(channel=channel)


@dataclass(frozen=True, kw_only=True)
class Insurer:
    """An insurer and the two persons who sign its contracts."""

    world: World
    actor: Actor
    author: Actor
    approver: Actor
    payer: str

    def terms(self) -> bytes:
        """Return a contract whose deductible is 100.00, of this insurer's payer."""
        params = {**plan.terms_json()["params"], "deductible": {"individual": "100.00"}}
        terms = plan.contract(params=params).terms
        golden = tuple(
            replace(each, claim=replace(each.claim, payer_id=self.payer)) for each in terms.golden
        )
        return format_contract(replace(terms, payer=self.payer, golden=golden))

    def in_force(self) -> str:
        """Propose, sign and activate the contract; return its id."""
        info, _ = contract_propose(actor=self.actor, content=self.terms(), new_id=fresh_id, now=NOW)
        for role, person in (("author", self.author), ("approver", self.approver)):
            contract_sign(
                actor=person, contract_id=info.contract_id, role=role, new_id=fresh_id, now=NOW
            )
        contract_activate(actor=self.actor, contract_id=info.contract_id, new_id=fresh_id, now=NOW)
        return info.contract_id

    def covers(self, member_id: str = "M1") -> None:
        """State that a member is covered for all of the year."""
        coverage_state(
            actor=self.actor,
            payer_id=self.payer,
            member_id=member_id,
            coverage=Coverage(from_date=date(2026, 1, 1)),
            seeds=SEEDS,
            now=NOW,
        )

    def claim(self, *lines: ClaimLine, **changes: Any) -> Claim:
        """Return a claim on this insurer."""
        return plan.claim(*lines, payer_id=self.payer, **changes)

    def takes(self, claim: Claim | None = None, sender: Actor | None = None) -> UUID:
        """Take a claim that ``sender`` sent, or that came on paper; return its id."""
        document = ClaimDocument(
            claim=claim or self.claim(), personal=PersonalPart(family_name=CANARY)
        )
        taken = claim_submit(
            actor=self.actor,
            submitter_id=(sender or self.actor).organisation,
            documents=[document],
            seeds=SEEDS,
            now=NOW,
        )
        return taken.claim_ids[0]


def fresh_id() -> UUID:
    """Return an id as interfaces make them."""
    return new_id(SEEDS)


@pytest.fixture
def new_insurer(world: World) -> Callable[[], Insurer]:
    """Make an insurer with two persons, each with a key, its coverage desk and profile."""

    def make() -> Insurer:
        actor = world.admit("insurer")
        author, approver = (
            signer(world, actor, world.person(actor, Role.ANALYST)) for _ in range(2)
        )
        world.channel.sequence()
        payer_profile_put(actor=actor, profile=PROFILE)
        payer = f"{uuid4().int % 10**6:06d}"
        return Insurer(world=world, actor=actor, author=author, approver=approver, payer=payer)

    return make


@pytest.fixture
def insurer(new_insurer: Callable[[], Insurer]) -> Insurer:
    """An insurer with nothing in force yet."""
    return new_insurer()


@pytest.fixture
def provider(world: World) -> Callable[[str], Actor]:
    """Admit a pharmacy that has this NPI."""

    def make(npi: str) -> Actor:
        actor = world.admit("pharmacy")
        facts = CredentialFacts(
            holder_id=actor.organisation,
            type=CredentialType.NPI,
            value=npi,
            evidence="register",
            valid_from=date(2026, 1, 1),
        )
        credential_verify(actor=world.operator, facts=facts, now=NOW)
        return actor

    return make


def fresh_npi() -> str:
    """Return an NPI that nobody has: random digits and their check digit."""
    body = f"1{uuid4().int % 10**8:08d}"
    return body + next(digit for digit in "0123456789" if _is_npi(body + digit))


def _is_npi(text: str) -> bool:
    try:
        parse_npi(text)
    except IdentifierError:
        return False
    return True


def signer(world: World, organisation: Actor, person: Person) -> Actor:
    """Give a person of an organisation a key; return them as they have just logged in."""
    key_add(actor=organisation, holder=KeyHolder.PERSON, person_id=person.id, now=NOW)
    del world
    return replace(person.actor, reauthenticated_at=NOW)
