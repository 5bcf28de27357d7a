"""Organisations and credentials: who may admit and verify, and rows that rebuild."""

import datetime as dt
from collections.abc import Callable
from uuid import uuid4

import pytest
from django.db import DatabaseError, connections

from accounts.core.credential import CredentialFacts, CredentialType, parse_credential
from accounts.core.identifiers import IdentifierError
from accounts.core.organisation import OrganisationError, OrganisationKind
from accounts.core.scopes import MissingScopeError
from accounts.models import Credential, Organisation
from accounts.selectors import (
    credential_valid,
    organisation_by_gln,
    organisation_by_npi,
    organisation_get,
    organisation_list,
)
from accounts.services import (
    CredentialTakenError,
    OrganisationExistsError,
    credential_verify,
    operator_project,
    organisation_admit,
    organisations_project,
)
from foundation.core.actor import PUBLIC, SYSTEM, Actor, Role
from foundation.core.problem import ForbiddenError, NotFoundError
from foundation.tenancy import acting_as
from ledger.core.entry import parse_entry
from ledger.errors import GovernanceRefusedError
from ledger.selectors import entry_get
from tests.accounts.conftest import World
from tests.conftest import NOW, Channel

TODAY = NOW.date()
DAY = dt.timedelta(days=1)
Gln = Callable[[], str]


def npi_of(number: int) -> str:
    """Return the NPI with this body: 80840 and it add up by Luhn."""
    body = f"1{number % 10**8:08}"
    return body + next(d for d in "0123456789" if _luhn_ok(f"80840{body}{d}"))


def _luhn_ok(digits: str) -> bool:
    total = 0
    for at, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if at % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def facts(holder: Actor, type_: CredentialType, value: str, **period: dt.date) -> CredentialFacts:
    return CredentialFacts(
        holder_id=holder.organisation,
        type=type_,
        value=value,
        evidence="https://register.example/1",
        valid_from=period.get("valid_from", TODAY),
        expires_on=period.get("expires_on"),
    )


def counts() -> tuple[int, int]:
    with acting_as(SYSTEM):
        return Organisation.objects.count(), Credential.objects.count()


def test_an_admitted_organisation_is_known_to_all_members_at_once(world: World, gln: Gln) -> None:
    number, other = gln(), world.admit("wholesaler")
    organisation_id = uuid4()
    organisation_admit(
        actor=world.operator,
        organisation_id=organisation_id,
        name="Rialto",
        kind="pharmacy",
        gln=number,
        now=NOW,
    )
    with acting_as(other):
        found = organisation_get(organisation_id)
        assert (found.name, found.kind, found.gln, found.npi) == (
            "Rialto",
            OrganisationKind.PHARMACY,
            number,
            None,
        )
        assert organisation_by_gln(number) == found
        assert found in organisation_list()
        assert credential_valid(organisation_id, CredentialType.GLN, TODAY)
        assert not credential_valid(organisation_id, CredentialType.GLN, TODAY - DAY)
    world.channel.sequence()


def test_the_operator_is_an_organisation_too(world: World) -> None:
    with acting_as(world.admit()):
        found = organisation_get(world.operator.organisation)
    assert (found.name, found.kind) == ("Operator", OrganisationKind.OPERATOR)
    operator_project(actor=world.operator)
    assert counts()[0] >= 2


@pytest.mark.parametrize("kind", ["pharmacy", "regulator"])
def test_nobody_but_the_operator_admits(world: World, kind: str) -> None:
    actors = [world.admit(kind), world.person(world.admit(kind), Role.ADMIN).actor]
    before = counts()
    for actor in actors:
        with pytest.raises(GovernanceRefusedError):
            organisation_admit(
                actor=actor,
                organisation_id=uuid4(),
                name="X",
                kind="pharmacy",
                gln=None,
                now=NOW,
            )
    auditor = world.person(world.operator, Role.AUDITOR).actor
    with pytest.raises(MissingScopeError):
        organisation_admit(
            actor=auditor, organisation_id=uuid4(), name="X", kind="pharmacy", gln=None, now=NOW
        )
    with pytest.raises(ForbiddenError):
        organisation_admit(
            actor=PUBLIC, organisation_id=uuid4(), name="X", kind="pharmacy", gln=None, now=NOW
        )
    assert counts() == before


def test_a_person_with_the_role_operator_admits(world: World) -> None:
    operator = world.person(world.operator, Role.OPERATOR).actor
    organisation_id = uuid4()
    organisation_admit(
        actor=operator, organisation_id=organisation_id, name="X", kind="insurer", gln=None, now=NOW
    )
    with acting_as(operator):
        assert organisation_get(organisation_id).kind is OrganisationKind.INSURER
    world.channel.sequence()


def test_an_organisation_is_admitted_once_sequenced_or_not(world: World) -> None:
    organisation_id = uuid4()

    def admit() -> None:
        organisation_admit(
            actor=world.operator,
            organisation_id=organisation_id,
            name="X",
            kind="pharmacy",
            gln=None,
            now=NOW,
        )

    admit()
    before = counts()
    with pytest.raises(OrganisationExistsError):
        admit()
    world.channel.sequence()
    with pytest.raises(OrganisationExistsError):
        admit()
    assert counts() == before


@pytest.mark.parametrize(
    ("name", "kind", "gln", "error"),
    [
        ("", "pharmacy", None, OrganisationError),
        (" ", "pharmacy", None, OrganisationError),
        ("a\x00", "pharmacy", None, OrganisationError),
        ("a" * 201, "pharmacy", None, OrganisationError),
        ("A", "florist", None, OrganisationError),
        ("A", "operator", None, OrganisationError),
        ("A", "pharmacy", "9501101020017", IdentifierError),
    ],
)
def test_what_cannot_be_admitted_leaves_nothing(
    world: World, *, name: str, kind: str, gln: str | None, error: type[Exception]
) -> None:
    before = counts()
    with pytest.raises(error):
        organisation_admit(
            actor=world.operator, organisation_id=uuid4(), name=name, kind=kind, gln=gln, now=NOW
        )
    assert counts() == before


def test_a_gln_is_one_organisations_and_refusal_undoes_the_admission(
    world: World, gln: Gln
) -> None:
    number = gln()
    world.admit(gln=number)
    before = counts()
    with pytest.raises(CredentialTakenError):
        world.admit(gln=number)
    assert counts() == before


def test_a_credentials_entry_carries_its_columns(world: World) -> None:
    regulator, pharmacy = world.admit("regulator"), world.admit()
    stated = facts(pharmacy, CredentialType.LICENCE, "PHY 1", expires_on=TODAY + DAY)
    receipt = credential_verify(actor=regulator, facts=stated, now=NOW)
    with acting_as(pharmacy):
        row = Credential.objects.get(holder_id=pharmacy.organisation)
        entry = entry_get(receipt.entry_ids[0])
    assert bytes(row.entry_id) == entry.entry_id
    assert row.organisation_id == entry.organisation_id == regulator.organisation
    assert parse_credential(parse_entry(entry.content).body) == stated
    assert (row.type, row.value, row.evidence) == (stated.type, stated.value, stated.evidence)
    assert (row.valid_from, row.expires_on) == (stated.valid_from, stated.expires_on)
    world.channel.sequence()


def test_nobody_but_operator_and_regulators_verifies(world: World) -> None:
    pharmacy, regulator = world.admit(), world.admit("regulator")
    auditor = world.person(regulator, Role.AUDITOR).actor
    before = counts()
    licence = facts(pharmacy, CredentialType.LICENCE, "PHY 1")
    for actor in (pharmacy, world.admit("hospital"), PUBLIC, auditor):
        with pytest.raises(ForbiddenError):
            credential_verify(actor=actor, facts=licence, now=NOW)
    with pytest.raises(ForbiddenError, match="of its own"):
        credential_verify(
            actor=regulator, facts=facts(regulator, CredentialType.LICENCE, "R 1"), now=NOW
        )
    assert counts() == (before[0] + 1, before[1])


def test_a_credential_of_nobody_is_refused(world: World) -> None:
    nobody = Actor(kind=world.operator.kind, organisation_id=uuid4())
    before = counts()
    with pytest.raises(NotFoundError):
        credential_verify(
            actor=world.operator, facts=facts(nobody, CredentialType.LICENCE, "L 1"), now=NOW
        )
    assert counts() == before


def test_an_npi_names_one_organisation_a_day(world: World) -> None:
    first, second, npi = world.admit(), world.admit(), npi_of(uuid4().int)

    def verify(holder: Actor, begins: int, ends: int | None) -> None:
        period = {"valid_from": TODAY + begins * DAY}
        if ends is not None:
            period["expires_on"] = TODAY + ends * DAY
        stated = facts(holder, CredentialType.NPI, npi, **period)
        credential_verify(actor=world.operator, facts=stated, now=NOW)

    verify(first, 0, 10)
    for begins, ends in ((10, None), (5, 6), (-5, 0), (-5, None)):
        with pytest.raises(CredentialTakenError):
            verify(second, begins, ends)
    verify(second, 11, None)
    verify(first, -5, -1)
    with acting_as(first):
        holders = [
            organisation_by_npi(npi, TODAY + days * DAY).id for days in (-5, -1, 0, 10, 11, 99)
        ]
        assert holders == [first.organisation_id] * 4 + [second.organisation_id] * 2
        with pytest.raises(NotFoundError):
            organisation_by_npi(npi, TODAY - 6 * DAY)
        assert organisation_get(first.organisation).npi == npi
    world.channel.sequence()


def test_an_organisation_keeps_its_first_gln_and_is_found_by_those_of_its_places(
    world: World, gln: Gln
) -> None:
    pharmacy, own, place = world.admit(), gln(), gln()
    for number in (own, place):
        stated = facts(pharmacy, CredentialType.GLN, number)
        credential_verify(actor=world.admit("regulator"), facts=stated, now=NOW)
    with acting_as(pharmacy):
        assert organisation_get(pharmacy.organisation).gln == own
        assert {organisation_by_gln(number).id for number in (own, place)} == {
            pharmacy.organisation_id
        }
        with pytest.raises(NotFoundError):
            organisation_by_gln(gln())
        with pytest.raises(NotFoundError):
            organisation_get(uuid4())
    world.channel.sequence()


def test_the_rows_rebuild_from_the_log(fresh_db: Channel, gln: Gln) -> None:
    world = World(channel=fresh_db)
    world.admit("wholesaler", gln=gln())
    pharmacy = world.admit()
    stated = facts(pharmacy, CredentialType.GLN, gln())
    credential_verify(actor=world.operator, facts=stated, now=NOW)
    fresh_db.sequence()

    def rows() -> list[tuple[object, ...]]:
        with acting_as(SYSTEM):
            found = Organisation.objects.order_by("id")
            return list(found.values_list("id", "name", "kind", "gln", "entry_id"))

    live = rows()
    with acting_as(SYSTEM):
        Organisation.objects.filter(id=pharmacy.organisation).update(
            name="Wrong", kind="insurer", gln=None, entry_id=bytes(32)
        )
    assert rows() != live
    assert len(organisations_project()) == 3
    assert rows() == live


def test_the_rebuild_makes_what_is_missing(fresh_db: Channel) -> None:
    member = fresh_db.admit("hospital")
    assert {found.id for found in organisations_project()} == {
        fresh_db.operator.organisation_id,
        member.organisation_id,
    }
    with acting_as(member):
        assert organisation_get(member.organisation).kind is OrganisationKind.HOSPITAL


@pytest.mark.parametrize("statement", ["UPDATE {} SET value = ''", "DELETE FROM {}", "TRUNCATE {}"])
@pytest.mark.parametrize("alias", ["default", "system"])
def test_credentials_never_change_nor_go(world: World, statement: str, alias: str) -> None:
    world.admit()
    actor = SYSTEM if alias == "system" else world.operator
    with (
        pytest.raises(DatabaseError, match=r"permission denied|insert-only"),
        acting_as(actor),
        connections[alias].cursor() as cursor,
    ):
        cursor.execute(statement.format("accounts_credential"))


def test_a_credential_without_its_entry_is_refused_by_the_database(world: World) -> None:
    pharmacy = world.admit()
    with (
        pytest.raises(DatabaseError, match="no entry of this transaction"),
        acting_as(world.operator),
    ):
        Credential.objects.create(
            organisation_id=world.operator.organisation,
            holder_id=pharmacy.organisation,
            type="LICENCE",
            value="L 1",
            evidence="none",
            valid_from=TODAY,
            entry_id=bytes(32),
        )
