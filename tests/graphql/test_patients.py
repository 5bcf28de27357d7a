"""A patient, who belongs to no organisation, is answered or refused: never by a bug of ours."""

from uuid import uuid4

import pytest
from django.test import Client

from accounts.models import User
from accounts.services import user_create
from foundation.core.actor import AUTHENTICATION, SYSTEM
from foundation.tenancy import acting_as
from tests.accounts.conftest import PASSWORD, World
from tests.conftest import NOW
from tests.graphql.conftest import Asker

NOBODY = "00000000-0000-4000-8000-000000000007"
EPC = "https://id.gs1.org/01/00300010123455/21/A"


@pytest.fixture
def patient(world: World) -> Asker:
    """Somebody who is logged in and a member of nothing."""
    del world
    email = f"{uuid4().hex}@example.org"
    user_id = user_create(actor=SYSTEM, email=email, password=PASSWORD, is_staff=False, now=NOW)
    client = Client()
    with acting_as(AUTHENTICATION):
        user = User.objects.get(id=user_id)
    client.force_login(user, backend="accounts.backends.EmailBackend")
    return Asker(client, headers={"Theriac-Purpose": "TREAT"})


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{organisation{name}}", "FORBIDDEN"),
        (f'{{pack(epc:"{EPC}"){{epc}}}}', "FORBIDDEN"),
        (f'{{claim(id:"{NOBODY}"){{status}}}}', "NOT_FOUND"),
        ('{records(patient:"p1",type:"Observation"){receipt}}', "BAD_INPUT"),
        (
            f'{{records(patient:"p1",type:"Observation",custodian:"{NOBODY}"){{receipt}}}}',
            "FORBIDDEN",
        ),
        ('{disclosures(patient:"p1"){receipt}}', "FORBIDDEN"),
        ('{accessDecision(patient:"p1"){permit}}', "BAD_INPUT"),
    ],
)
def test_what_only_organisations_do_is_refused(patient: Asker, query: str, code: str) -> None:
    assert patient.code(query) == code


@pytest.mark.parametrize("field", ["events", "claims", "contracts"])
def test_lists_hold_nothing_of_others(patient: Asker, field: str) -> None:
    assert patient.data(f"{{{field}{{edges{{cursor}}}}}}")[field] == {"edges": []}


def test_what_everybody_may_know_a_patient_may(patient: Asker) -> None:
    found = patient.data("{me{kind organisationId roles} members{edges{node{id}}}}")
    assert found["me"] == {"kind": "patient", "organisationId": None, "roles": ["patient"]}
    assert found["members"]["edges"]


def test_a_scan_over_rest_is_refused_too(patient: Asker) -> None:
    answer = patient.client.post("/api/v1/scan", {"scan": EPC}, content_type="application/json")
    assert answer.status_code == 403
