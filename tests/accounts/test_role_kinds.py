"""Roles are had where they make sense: an insurer makes nobody a clinician."""

from functools import partial

import pytest

from accounts.core.organisation import OrganisationKind
from accounts.core.scopes import Scope, roles_misplaced, scopes_of
from accounts.selectors import actor_for, membership_list
from accounts.services import membership_grant
from foundation.core.actor import AUTHENTICATION, SYSTEM, Role
from foundation.core.problem import BadInputError, ForbiddenError
from foundation.tenancy import acting_as
from tests.accounts.conftest import World
from tests.conftest import NOW
from tests.database import Databases

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


@pytest.mark.parametrize("granted", [{Role.CLINICIAN}, {Role.CLINICIAN, Role.AUDITOR}])
def test_a_role_from_before_the_rule_opens_nothing(
    world: World, databases: Databases, granted: set[Role]
) -> None:
    insurer = world.admit("insurer")
    person = world.person(insurer, Role.ADMIN)
    with databases.superuser() as superuser:
        superuser.execute(
            "UPDATE accounts_membership SET roles = %s WHERE user_id = %s",
            [sorted(granted), person.id],
        )
    left = granted - {Role.CLINICIAN}
    with acting_as(AUTHENTICATION):
        (membership,) = membership_list(person.id)
    assert membership.roles == left
    if left:
        actor = actor_for(person.id, insurer.organisation_id)
        assert (actor.roles, actor.scopes) == (frozenset(left), scopes_of(left))
        assert Scope.RECORDS_WRITE not in actor.scopes
    else:
        with pytest.raises(ForbiddenError, match="no role"):
            actor_for(person.id, insurer.organisation_id)
