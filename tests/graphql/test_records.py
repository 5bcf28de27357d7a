"""Records in GraphQL: decided and entered exactly as on the FHIR façade."""

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from accounts.core.scopes import Scope
from foundation.core.actor import Role
from foundation.tenancy import acting_as
from ledger.models import Entry
from records.models import Disclosure
from tests.accounts.conftest import World
from tests.graphql.conftest import Asker, counted, person, system
from tests.records.conftest import House
from tests.records.house import CANARY, Caller, bundle, consent, observation, patient, recipient
from tests.records.house import purpose as of_purpose

MRN = "urn:example:mrn"
TREAT = {"Theriac-Purpose": "TREAT"}
SHOWN = (
    "{edges{cursor node{resourceType id version document}} pageInfo{hasNextPage endCursor} receipt}"
)
RECORDS = (
    "query($p:String!,$t:String!,$c:UUID,$n:Int,$a:String)"
    f"{{records(patient:$p,type:$t,custodian:$c,first:$n,after:$a){SHOWN}}}"
)


@pytest.fixture
def hospital(world: World) -> House:
    """A hospital with a patient of three observations."""
    actor = world.admit("hospital")
    key, _ = world.key(actor, Scope.RECORDS_READ, Scope.RECORDS_WRITE)
    house = House(world=world, actor=actor, system=Caller(key=key, client=Client()))
    resources = [patient("p1", (MRN, "7")), *(observation(f"o{n}") for n in range(3))]
    assert house.system.post(bundle(*resources)).status_code == 200
    return house


def reader(world: World, house: House) -> Asker:
    asker = system(world, house.actor, Scope.RECORDS_READ)
    asker.headers.update(TREAT)
    return asker


def clinic_of(world: World) -> tuple[House, Asker]:
    actor = world.admit("hospital")
    key, _ = world.key(actor, Scope.RECORDS_READ)
    house = House(world=world, actor=actor, system=Caller(key=key, client=Client()))
    return house, reader(world, house)


def ids(found: Any) -> list[str]:
    return [edge["node"]["id"] for edge in found["edges"]]


def written(house: House) -> tuple[int, int]:
    """Return how many disclosures and entries the house has."""
    with acting_as(house.actor):
        entries = Entry.objects.filter(organisation_id=house.actor.organisation)
        return Disclosure.objects.count(), entries.count()


def test_each_field_is_one_disclosure(world: World, hospital: House) -> None:
    asker = reader(world, hospital)
    queries = {
        f'{{patient(identifier:"{MRN}|7"){SHOWN}}}': ["p1"],
        f'{{records(patient:"p1",type:"Observation"){SHOWN}}}': ["o0", "o1", "o2"],
        f'{{consents(patient:"p1"){SHOWN}}}': [],
        f'{{record(type:"Observation",id:"o1"){SHOWN}}}': ["o1"],
        f'{{record(type:"Observation",id:"none"){SHOWN}}}': [],
    }
    for query, wanted in queries.items():
        before = written(hospital)
        (found,) = asker.data(query).values()
        assert ids(found) == wanted, query
        assert found["receipt"]
        assert written(hospital) == (before[0] + 1, before[1] + 1)


def test_what_is_shown_is_what_was_received(world: World, hospital: House) -> None:
    found = reader(world, hospital).data(f'{{record(type:"Observation",id:"o1"){SHOWN}}}')
    node = found["record"]["edges"][0]["node"]
    assert node["document"] == observation("o1")
    assert (node["resourceType"], node["version"]) == ("Observation", 1)


def test_another_organisation_reads_by_consent_alone_as_on_the_facade(
    world: World, hospital: House
) -> None:
    clinic, asker = clinic_of(world)
    custodian = str(hospital.actor.organisation_id)
    asked = {"p": "p1", "t": "Observation", "c": custodian}
    before = written(hospital)
    assert ids(asker.data(RECORDS, **asked)["records"]) == []
    assert written(hospital) == (before[0] + 1, before[1] + 1)
    permit = consent(
        base="OPTOUT", actor=[recipient(clinic.reference)], purpose=[of_purpose("TREAT")]
    )
    assert hospital.system.put(permit).status_code == 201
    assert ids(asker.data(RECORDS, **asked)["records"]) == ["o0", "o1", "o2"]
    asker.headers["Theriac-Purpose"] = "HRESCH"
    assert ids(asker.data(RECORDS, **asked)["records"]) == []
    asker.headers.update(TREAT)
    hospital.system.put(consent(base="OPTOUT"))
    assert ids(asker.data(RECORDS, **asked)["records"]) == []


def test_missing_and_refused_answer_alike(world: World, hospital: House) -> None:
    _, asker = clinic_of(world)
    answers = []
    for who in ("p1", "nobody", f"{MRN}|7", f"{MRN}|8"):
        found = asker.data(RECORDS, p=who, t="Observation", c=str(hospital.actor.organisation_id))[
            "records"
        ]
        del found["receipt"]
        answers.append(found)
    empty = {"edges": [], "pageInfo": {"hasNextPage": False, "endCursor": None}}
    assert answers == [empty] * 4


def test_pages_follow_each_other(world: World, hospital: House) -> None:
    asker = reader(world, hospital)
    first = asker.data(RECORDS, p="p1", t="Observation", n=2)["records"]
    assert (ids(first), first["pageInfo"]["hasNextPage"]) == (["o0", "o1"], True)
    after = first["pageInfo"]["endCursor"]
    second = asker.data(RECORDS, p="p1", t="Observation", n=2, a=after)["records"]
    assert (ids(second), second["pageInfo"]["hasNextPage"]) == (["o2"], False)


@pytest.mark.parametrize("purpose", [None, "", "treat", "Zqxwvcanary"])
def test_without_a_purpose_nothing_is_read_nor_written(
    world: World, hospital: House, purpose: str | None
) -> None:
    asker = reader(world, hospital)
    asker.headers = {} if purpose is None else {"Theriac-Purpose": purpose}
    before = written(hospital)
    answer = asker.ask(f'{{records(patient:"p1",type:"Observation"){SHOWN}}}')
    assert answer["errors"][0]["extensions"]["code"] == "PURPOSE_REQUIRED"
    assert CANARY not in str(answer)
    assert written(hospital) == before


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ('{records(patient:"",type:"Observation"){receipt}}', "BAD_SEARCH"),
        ('{records(patient:"|",type:"Observation"){receipt}}', "BAD_SEARCH"),
        ('{records(patient:"p1",type:"Zqxwvcanary"){receipt}}', "NOT_FOUND"),
        ('{records(patient:"p1",type:"Observation",first:101){receipt}}', "BAD_INPUT"),
        ('{records(patient:"p1",type:"Observation",after:"x"){receipt}}', "BAD_CURSOR"),
        (
            f'{{record(type:"Patient",id:"p1",custodian:"{uuid4.__name__}"){{receipt}}}}',
            "BAD_QUERY",
        ),
    ],
)
def test_what_cannot_be_asked_is_refused(
    world: World, hospital: House, query: str, code: str
) -> None:
    before = written(hospital)
    assert reader(world, hospital).code(query) == code
    assert written(hospital) == before


def test_a_key_without_the_scope_and_who_acts_for_nobody_read_nothing(
    world: World, hospital: House
) -> None:
    other = system(world, hospital.actor, "ledger:read")
    other.headers.update(TREAT)
    before = written(hospital)
    for query in (
        '{records(patient:"p1",type:"Observation"){receipt}}',
        '{disclosures(patient:"p1"){receipt}}',
        '{accessDecision(patient:"p1"){receipt}}',
    ):
        assert other.code(query) == "MISSING_SCOPE"
    assert written(hospital) == before


def test_the_feed_is_the_privacy_officers_and_tells_of_every_reading(
    world: World, hospital: House
) -> None:
    reader(world, hospital).data(RECORDS, p="p1", t="Observation")
    query = """{disclosures(patient:"p1"){receipt lines{
        disclosedAt organisationId personId count entryId records{recordId version} decision}}}"""
    officer = person(world, hospital.actor, Role.PRIVACY_OFFICER)
    lines = officer.data(query)["disclosures"]["lines"]
    assert [line["count"] for line in lines] == [3]
    assert lines[0]["organisationId"] == str(hospital.actor.organisation_id)
    assert lines[0]["decision"]["permit"] is True
    assert len(officer.data(query)["disclosures"]["lines"]) == 2
    assert person(world, hospital.actor, Role.CLINICIAN).code(query) == "FEED_REFUSED"


def test_a_decision_is_explained_to_the_holders_people_and_entered(
    world: World, hospital: House
) -> None:
    query = '{accessDecision(patient:"p1"){permit reasons explanation receipt}}'
    asker = reader(world, hospital)
    before = written(hospital)
    found = asker.data(query)["accessDecision"]
    assert (found["permit"], found["explanation"]["permit"]) == (True, True)
    assert written(hospital) == (before[0] + 1, before[1] + 1)
    hospital.system.put(consent(base="OPTOUT"))
    assert asker.data(query)["accessDecision"]["permit"] is False


@pytest.mark.slow
def test_fifty_records_take_as_many_queries_as_one(world: World, hospital: House) -> None:
    resources = [observation(f"m{n}") for n in range(50)]
    assert hospital.system.post(bundle(*resources)).status_code == 200
    asker = reader(world, hospital)
    sent = []
    for size in (1, 50):
        assert len(asker.data(RECORDS, p="p1", t="Observation", n=size)["records"]["edges"]) == size
        with counted() as statements:
            asker.data(RECORDS, p="p1", t="Observation", n=size)
        sent.append(list(statements))
    assert len(sent[0]) == len(sent[1])
