"""Roles are had where they make sense: an insurer makes nobody a clinician."""

from functools import partial

import pytest

from accounts.core.organisation import OrganisationKind
from accounts.core.scopes import roles_misplaced
from accounts.selectors import actor_for
from accounts.services import membership_grant
from foundation.core.actor import SYSTEM, Role
from foundation.core.problem import BadInputError
from tests.accounts.conftest import World
from tests.conftest import NOW

_CARE, _PAYER = {"hospital", "pharmacy"}, {"insurer"}
_ALL = {kind.value for kind in OrganisationKind}


@pytest.mark.parametrize(
    ("role", "kinds"),
    [
        (Role.CLINICIAN, _CARE),
        (Role.PHARMACIST, _CARE),
        (Role.ADJUDICATOR, _PAYER),
        (Role.ANALYST, _PAYER),
        (Role.OPERATOR, {"operator"}),
        (Role.PATIENT, set()),
        *((role, _ALL) for role in (Role.WAREHOUSE, Role.PRIVACY_OFFICER)),
        *((role, _ALL) for role in (Role.AUDITOR, Role.ADMIN)),
    ],
)
def test_a_role_is_had_where_it_makes_sense(role: Role, kinds: set[str]) -> None:
    assert {kind for kind in OrganisationKind if not roles_misplaced([role], kind)} == kinds


@pytest.mark.parametrize("role", [Role.CLINICIAN, Role.PHARMACIST])
def test_an_insurer_makes_nobody_a_carer(world: World, role: Role) -> None:
    insurer, hospital = world.admit("insurer"), world.admit("hospital")
    for organisation, granted in ((insurer, False), (hospital, True)):
        admin = world.person(organisation, Role.ADMIN)
        for actor in (admin.actor, SYSTEM):
            grant = partial(
                membership_grant,
                actor=actor,
                user_id=admin.id,
                organisation_id=organisation.organisation,
                roles=[Role.ADMIN, role],
                now=NOW,
            )
            if granted:
                grant()
            else:
                with pytest.raises(BadInputError, match=role):
                    grant()
        found = actor_for(admin.id, organisation.organisation_id).roles
        assert found == {Role.ADMIN, *([role] if granted else [])}
