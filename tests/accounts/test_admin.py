"""The admin: what staff see and do there, and that it shows no secret twice."""

import re
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from accounts.models import ApiKey, Membership, User
from accounts.selectors import actor_for
from accounts.sessions import PROVED_KEY
from foundation.core.actor import SYSTEM, Role
from foundation.tenancy import acting_as
from tests.accounts.conftest import PASSWORD, Person, World

pytestmark = pytest.mark.urls("tests.accounts.urls")
PAGES = ("user", "organisation", "credential", "membership", "apikey")


def staff(world: World, person: Person) -> Client:
    client = Client()
    answer = client.post(
        "/admin/login/?next=/admin/", {"username": person.email, "password": PASSWORD}
    )
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")
    assert world.channel.log.id == 1
    return client


def text_of(answer: Any) -> str:
    assert answer.status_code == 200, answer.content
    return str(answer.content.decode())


def test_log_in_proves_who_it_is(world: World) -> None:
    client = staff(world, world.person(world.admit(), Role.ADMIN, is_staff=True))
    assert PROVED_KEY in client.session
    assert client.post("/admin/logout/").status_code == 200
    assert client.get("/admin/").status_code == 302


def test_a_wrong_password_or_no_staff_stays_outside(world: World) -> None:
    insider = world.person(world.admit(), Role.ADMIN, is_staff=True)
    outsider = world.person(world.admit(), Role.ADMIN)
    for email, password in ((insider.email, "wrong"), (outsider.email, PASSWORD)):
        client = Client()
        answer = client.post("/admin/login/", {"username": email, "password": password})
        assert answer.status_code == 200
        assert PROVED_KEY not in client.session
        assert client.get("/admin/accounts/user/").status_code == 302


def test_staff_see_their_organisations_rows_and_all_members(world: World) -> None:
    own, other = world.admit(), world.admit()
    admin, stranger = world.person(own, Role.ADMIN, is_staff=True), world.person(other, Role.ADMIN)
    client = staff(world, admin)
    pages = {page: text_of(client.get(f"/admin/accounts/{page}/")) for page in PAGES}
    assert admin.email in pages["user"]
    assert stranger.email not in "".join(pages.values())
    searched = text_of(client.get(f"/admin/accounts/organisation/?q={other.organisation_id}"))
    assert "Select organisation" in searched
    detail = client.get(f"/admin/accounts/organisation/{other.organisation_id}/change/")
    assert str(other.organisation_id) in text_of(detail)
    shown = text_of(client.get(f"/admin/accounts/user/{admin.id}/change/"))
    assert "md5$" not in shown
    assert client.get(f"/admin/accounts/user/{stranger.id}/change/").status_code == 302


@pytest.mark.parametrize("role", [Role.WAREHOUSE, Role.CLINICIAN])
def test_staff_without_the_scope_see_nothing(world: World, role: Role) -> None:
    client = staff(world, world.person(world.admit(), role, is_staff=True))
    assert {client.get(f"/admin/accounts/{page}/").status_code for page in PAGES} == {403}
    assert "accounts" not in text_of(client.get("/admin/")).lower().replace("/admin/", "")


def test_an_auditor_reads_and_changes_nothing(world: World) -> None:
    organisation = world.admit()
    client = staff(world, world.person(organisation, Role.AUDITOR, is_staff=True))
    assert {client.get(f"/admin/accounts/{page}/").status_code for page in PAGES} == {200}
    assert {client.get(f"/admin/accounts/{page}/add/").status_code for page in PAGES} == {403}


def test_an_admin_adds_a_colleague_with_roles(world: World) -> None:
    organisation = world.admit()
    client = staff(world, world.person(organisation, Role.ADMIN, is_staff=True))
    assert client.get("/admin/accounts/user/add/").status_code == 200
    email = f"{uuid4()}@Example.org"
    form = {"email": email, "name": "Bo", "password": PASSWORD, "roles": ["warehouse", "auditor"]}
    assert client.post("/admin/accounts/user/add/", form).status_code == 302
    with acting_as(organisation):
        user_id = User.objects.get(email=email.lower()).id
    roles = actor_for(user_id, organisation.organisation_id).roles
    assert roles == {Role.WAREHOUSE, Role.AUDITOR}
    refused = client.post("/admin/accounts/user/add/", {**form, "email": "nobody"})
    assert "no e-mail address" in text_of(refused)


def test_a_refusal_of_a_service_undoes_the_page(world: World) -> None:
    organisation = world.admit()
    stranger = world.person(world.admit(), Role.ADMIN)
    client = staff(world, world.person(organisation, Role.ADMIN, is_staff=True))
    form = {"email": stranger.email, "name": "", "password": PASSWORD, "roles": ["warehouse"]}
    answer = client.post("/admin/accounts/user/add/", form)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:theriac:problem:email-taken")
    with acting_as(organisation):
        assert Membership.objects.count() == 1


def test_an_admin_changes_and_ends_a_membership(world: World) -> None:
    organisation = world.admit()
    client = staff(world, world.person(organisation, Role.ADMIN, is_staff=True))
    people = [world.person(organisation, Role.WAREHOUSE) for _ in range(3)]
    with acting_as(organisation):
        ids = {row.user_id: row.id for row in Membership.objects.all()}
    page = f"/admin/accounts/membership/{ids[people[0].id]}"
    assert 'value="warehouse"' in text_of(client.get(f"{page}/change/"))
    assert client.post(f"{page}/change/", {"roles": ["pharmacist"]}).status_code == 302
    assert actor_for(people[0].id, organisation.organisation_id).roles == {Role.PHARMACIST}
    assert client.post(f"{page}/delete/", {"post": "yes"}).status_code == 302
    chosen = [str(ids[person.id]) for person in people[1:]]
    form = {"action": "delete_selected", "_selected_action": chosen, "post": "yes"}
    assert client.post("/admin/accounts/membership/", form).status_code == 302
    with acting_as(organisation):
        assert Membership.objects.count() == 1


def test_a_new_key_is_shown_once_and_revoked_by_an_action(world: World) -> None:
    organisation = world.admit()
    client = staff(world, world.person(organisation, Role.ADMIN, is_staff=True))
    assert client.get("/admin/accounts/apikey/add/").status_code == 200
    form = {"name": "till", "scopes": ["epcis:read"], "networks": "127.0.0.0/8\n::1"}
    dates = {"expires_at_0": "2099-01-01", "expires_at_1": "00:00:00"}
    added = client.post("/admin/accounts/apikey/add/", {**form, **dates}, follow=True)
    (text,) = re.findall(r"thk_[0-9a-f]{12}_[\w-]{43}", text_of(added))
    with acting_as(organisation):
        row = ApiKey.objects.get()
    assert (row.networks, row.expires_at is None) == (["127.0.0.0/8", "::1/128"], False)
    assert text not in text_of(client.get("/admin/accounts/apikey/"))
    assert row.prefix in text_of(client.get(f"/admin/accounts/apikey/{row.pk}/change/"))
    action = {"action": "revoke", "_selected_action": [str(row.pk)]}
    assert client.post("/admin/accounts/apikey/", action).status_code == 302
    with acting_as(SYSTEM):
        assert ApiKey.objects.get(id=row.pk).revoked_at is not None
    bad = client.post("/admin/accounts/apikey/add/", {**form, "networks": "everywhere"})
    assert "is no network" in text_of(bad)


def test_staff_who_have_to_choose_an_organisation_first_see_nothing(world: World) -> None:
    person = world.person(world.admit(), Role.ADMIN, is_staff=True)
    client = staff(world, person)
    second = world.admit()
    with acting_as(SYSTEM):
        Membership.objects.create(
            user_id=person.id,
            organisation_id=second.organisation,
            roles=["admin"],
            granted_at=world.channel.now,
        )
    assert client.get("/admin/accounts/user/").status_code == 403
