"""Accounts over HTTP: who is let in, what is answered once, and what is shown once."""

from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.test import Client
from drf_spectacular.generators import SchemaGenerator

from accounts.core.organisation import OrganisationKind
from accounts.core.scopes import Scope, roles_misplaced
from accounts.models import ApiKey, Organisation, User
from accounts.services import membership_grant, membership_revoke
from foundation.core.actor import AUTHENTICATION, SYSTEM, Role
from foundation.tenancy import acting_as
from tests.accounts.conftest import Person, World
from tests.conftest import NOW

pytestmark = pytest.mark.urls("tests.accounts.urls")
JSON = "application/json"


def bearer(text: str) -> Client:
    return Client(headers={"Authorization": f"Bearer {text}"})


def logged_in(person: Person, **options: Any) -> Client:
    client = Client(**options)
    with acting_as(AUTHENTICATION):
        user = User.objects.get(id=person.id)
    client.force_login(user, backend="accounts.backends.EmailBackend")
    return client


def post(client: Client, path: str, body: object, **headers: str) -> Any:
    return client.post(f"/api/v1/{path}", orjson.dumps(body), JSON, headers=headers)


def key_ids() -> set[UUID]:
    with acting_as(SYSTEM):
        return set(ApiKey.objects.values_list("id", flat=True))


def test_a_key_says_who_it_is(world: World) -> None:
    organisation = world.admit()
    text, actor = world.key(organisation, "epcis:write", "epcis:read")
    me = bearer(text).get("/api/v1/me").json()
    assert me["organisation"]["id"] == str(organisation.organisation_id)
    assert (me["kind"], me["person_id"], me["roles"]) == ("organisation", None, [])
    assert me["api_key_id"] == str(actor.api_key_id)
    assert me["scopes"] == ["epcis:read", "epcis:write"]


@pytest.mark.parametrize(
    "authorization", ["Bearer thk_x", "Bearer", "bearer rubbish", "Bearer \xff"]
)
@pytest.mark.usefixtures("world")
def test_a_bad_key_is_refused_with_a_challenge(authorization: str) -> None:
    answer = Client(headers={"Authorization": authorization}).get("/api/v1/me")
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == 'Bearer realm="theriac"'
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:theriac:problem:unauthenticated"


@pytest.mark.parametrize("authorization", [None, "Basic eDp5"])
@pytest.mark.parametrize("path", ["me", "organisations", "api-keys"])
def test_without_credentials_nothing_is_told(
    *, world: World, path: str, authorization: str | None
) -> None:
    assert world.operator.organisation_id is not None
    headers = {} if authorization is None else {"Authorization": authorization}
    assert Client(headers=headers).get(f"/api/v1/{path}").status_code == 401


def test_members_are_listed_for_everybody(world: World) -> None:
    organisation = world.admit("insurer")
    text, _ = world.key(organisation, "epcis:read")
    found = bearer(text).get("/api/v1/organisations").json()
    assert {"insurer", "operator"} <= {info["kind"] for info in found}
    assert [info["id"] for info in found].count(str(organisation.organisation_id)) == 1


def test_a_key_is_shown_once_and_opens(world: World) -> None:
    text, _ = world.key(world.admit(), *Scope)
    body = {"name": "till", "scopes": ["accounts:read"], "networks": ["127.0.0.0/8"]}
    first = post(bearer(text), "api-keys", body, **{"Idempotency-Key": "a"})
    again = post(bearer(text), "api-keys", body, **{"Idempotency-Key": "a"})
    assert (first.status_code, again.status_code) == (201, 201)
    shown = first.json()
    secret = shown.pop("key")
    assert again.json() == shown
    listed = bearer(secret).get("/api/v1/api-keys").json()
    assert shown in listed
    assert secret not in orjson.dumps(listed).decode()


def test_another_body_under_the_same_key_is_refused(world: World) -> None:
    text, _ = world.key(world.admit(), *Scope)
    for name, status in (("one", 201), ("two", 422)):
        body = {"name": name, "scopes": ["epcis:read"]}
        answer = post(bearer(text), "api-keys", body, **{"Idempotency-Key": "a"})
        assert answer.status_code == status


def test_a_revoked_key_opens_nothing_from_then_on(world: World) -> None:
    text, actor = world.key(world.admit(), "accounts:write", "accounts:read")
    client = bearer(text)
    gone = client.delete(f"/api/v1/api-keys/{actor.api_key_id}")
    assert (gone.status_code, gone.json()["revoked_at"] is None) == (200, False)
    assert client.get("/api/v1/me").status_code == 401


def test_foreign_and_missing_keys_are_the_same_404(world: World) -> None:
    text, _ = world.key(world.admit(), "accounts:write")
    _, foreign = world.key(world.admit(), "epcis:read")
    answers = [
        bearer(text).delete(f"/api/v1/api-keys/{id_}") for id_ in (foreign.api_key_id, uuid4())
    ]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].content == answers[1].content


@pytest.mark.parametrize(
    "body",
    [
        [],
        None,
        {},
        {"name": "x"},
        {"name": "", "scopes": ["epcis:read"]},
        {"name": "x", "scopes": []},
        {"name": "x", "scopes": "epcis:read"},
        {"name": "x", "scopes": [["epcis:read"]]},
        {"name": "x", "scopes": ["epcis"]},
        {"name": "x", "scopes": ["epcis:read"], "expires": "2030-01-01T00:00:00Z"},
        {"name": "x", "scopes": ["epcis:read"], "expires_at": "2020-01-01T00:00:00Z"},
        {"name": "x", "scopes": ["epcis:read"], "networks": ["x"]},
        {"name": "x", "scopes": ["epcis:read"], "networks": [{}]},
    ],
)
def test_a_bad_body_makes_no_key(world: World, body: object) -> None:
    text, _ = world.key(world.admit(), *Scope)
    before = key_ids()
    answer = post(bearer(text), "api-keys", body)
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert key_ids() == before


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.PATIENT])
def test_only_who_may_write_accounts_writes(world: World, role: Role) -> None:
    kind = next(kind for kind in OrganisationKind if not roles_misplaced([role], kind))
    organisation = world.operator if role is Role.OPERATOR else world.admit(kind)
    client = logged_in(world.person(organisation, role))
    before = key_ids()
    answer = post(client, "api-keys", {"name": "x", "scopes": ["epcis:read"]})
    if role in (Role.ADMIN, Role.OPERATOR):
        assert answer.status_code == 201
        assert {UUID(answer.json()["id"])} == key_ids() - before
    else:
        assert (answer.status_code, answer.json()["scope"]) == (403, "accounts:write")
        assert key_ids() == before


def test_a_session_writes_with_its_token_only(world: World) -> None:
    client = logged_in(world.person(world.admit(), Role.ADMIN), enforce_csrf_checks=True)
    before = key_ids()
    answer = post(client, "api-keys", {"name": "x", "scopes": ["epcis:read"]})
    assert answer.status_code == 403
    assert key_ids() == before
    assert client.get("/api/v1/me").status_code == 200
    token = get_token(HttpRequest())
    client.cookies["csrftoken"] = token
    answer = post(
        client, "api-keys", {"name": "x", "scopes": ["epcis:read"]}, **{"X-CSRFToken": token}
    )
    assert answer.status_code == 201
    assert {UUID(answer.json()["id"])} == key_ids() - before


def test_who_belongs_to_several_organisations_says_for_which(world: World) -> None:
    first, second, third = world.admit(), world.admit(), world.admit()
    person = world.person(first, Role.ADMIN)
    client = logged_in(person)

    def me(**headers: str) -> Any:
        return client.get("/api/v1/me", headers=headers)

    assert me().json()["organisation"]["id"] == str(first.organisation_id)
    membership_grant(
        actor=SYSTEM,
        user_id=person.id,
        organisation_id=second.organisation,
        roles=[Role.AUDITOR],
        now=NOW,
    )
    assert me().status_code == 403
    assert client.get("/who").status_code == 401
    chosen = me(**{"Theriac-Organisation": str(second.organisation_id)})
    assert chosen.json()["roles"] == ["auditor"]
    assert me(**{"Theriac-Organisation": str(third.organisation_id)}).status_code == 403
    assert me(**{"Theriac-Organisation": "x"}).status_code == 400
    session = client.session
    session["organisation_id"] = str(second.organisation_id)
    session.save()
    assert client.get("/who").content.decode() == str(second.organisation_id)
    membership_revoke(actor=SYSTEM, user_id=person.id, organisation_id=second.organisation)
    assert client.get("/who").content.decode() == str(first.organisation_id)


def test_who_is_a_member_of_nothing_is_a_patient(world: World) -> None:
    organisation = world.admit()
    person = world.person(organisation, Role.ADMIN)
    client = logged_in(person)
    membership_revoke(actor=SYSTEM, user_id=person.id, organisation_id=organisation.organisation)
    me = client.get("/api/v1/me").json()
    assert (me["kind"], me["person_id"], me["organisation"]) == ("patient", str(person.id), None)
    assert client.get("/api/v1/api-keys").status_code == 403


def test_a_page_knows_who_asks(world: World) -> None:
    organisation = world.admit()
    text, _ = world.key(organisation, "epcis:read")
    client = logged_in(world.person(organisation, Role.ADMIN))
    assert client.get("/who").content.decode() == str(organisation.organisation_id)
    assert Client().get("/who").status_code == 401
    assert bearer(text).get("/who").status_code == 401


def test_the_operator_admits_once_per_key(world: World) -> None:
    text, _ = world.key(world.operator, "accounts:write")
    body = {"name": "Rialto", "kind": "pharmacy"}
    headers = {"Idempotency-Key": str(uuid4())}
    first = post(bearer(text), "organisations", body, **headers)
    again = post(bearer(text), "organisations", body, **headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    with acting_as(SYSTEM):
        row = Organisation.objects.get(id=first.json()["organisation_id"])
    assert (row.name, bytes(row.entry_id).hex()) == ("Rialto", first.json()["entry_ids"][0])
    world.channel.sequence()


def test_a_member_admits_nobody(world: World) -> None:
    text, _ = world.key(world.admit(), *Scope)
    with acting_as(SYSTEM):
        before = Organisation.objects.count()
    answer = post(bearer(text), "organisations", {"name": "X", "kind": "pharmacy"})
    assert (answer.status_code, answer.json()["type"]) == (
        403,
        "urn:theriac:problem:governance-refused",
    )
    with acting_as(SYSTEM):
        assert Organisation.objects.count() == before


def test_a_credential_is_verified_with_its_receipt(world: World) -> None:
    holder = world.admit()
    text, _ = world.key(world.admit("regulator"), "accounts:write")
    body = {
        "holder_id": str(holder.organisation_id),
        "type": "LICENCE",
        "value": "PHY 1",
        "evidence": "https://register.example/1",
        "valid_from": "2026-01-01",
        "expires_on": "2027-12-31",
    }
    answer = post(bearer(text), "credentials", body)
    assert (answer.status_code, len(answer.json()["entry_ids"])) == (201, 1)
    wrong = post(bearer(text), "credentials", {**body, "type": "GLN"})
    assert (wrong.status_code, wrong.json()["path"]) == (400, "value")
    world.channel.sequence()


def test_the_documentation_describes_every_address() -> None:
    generator: Any = SchemaGenerator
    schema = generator(urlconf="tests.accounts.urls").get_schema(request=None, public=True)
    found = {
        (path, method, operation["operationId"])
        for path, operations in schema["paths"].items()
        for method, operation in operations.items()
    }
    assert found == {
        ("/api/v1/organisations", "get", "organisation_list"),
        ("/api/v1/organisations", "post", "organisation_admit"),
        ("/api/v1/credentials", "post", "credential_verify"),
        ("/api/v1/me", "get", "me"),
        ("/api/v1/api-keys", "get", "api_key_list"),
        ("/api/v1/api-keys", "post", "api_key_create"),
        ("/api/v1/api-keys/{api_key_id}", "delete", "api_key_revoke"),
        ("/api/v1/keys", "get", "key_list"),
        ("/api/v1/keys", "post", "key_add"),
        ("/api/v1/keys/mine", "post", "key_add_mine"),
        ("/api/v1/keys/{key_id}/revoke", "post", "key_revoke"),
        ("/api/v1/keys/{key_id}/head", "get", "key_head"),
        ("/api/v1/keys/{key_id}/rotate", "post", "key_rotate"),
        ("/api/v1/organisations/{organisation_id}/leave", "post", "organisation_leave"),
        ("/api/v1/anchors", "post", "anchor"),
        ("/api/v1/anchors/many", "post", "anchor_many"),
        ("/api/v1/channels", "get", "channel_list"),
        ("/api/v1/channels", "post", "channel_open"),
        ("/api/v1/channels/{channel}/members", "post", "channel_admit"),
        ("/api/v1/channels/{channel}/links", "post", "channel_link"),
        ("/api/v1/policies", "get", "policy_list"),
        ("/api/v1/policies", "post", "policy_set"),
        ("/api/v1/proposals", "get", "proposal_list"),
        ("/api/v1/proposals", "post", "proposal_make"),
        ("/api/v1/proposals/{proposal_id}", "get", "proposal_get"),
        ("/api/v1/proposals/{proposal_id}/entry", "get", "proposal_entry"),
        ("/api/v1/proposals/{proposal_id}/endorse", "post", "proposal_endorse"),
        ("/api/v1/proposals/{proposal_id}/submit", "post", "proposal_submit"),
        ("/api/v1/proposals/{proposal_id}/withdraw", "post", "proposal_withdraw"),
    }
    assert set(schema["components"]["securitySchemes"]) == {"api_key", "session"}
