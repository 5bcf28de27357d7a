"""Key ceremonies: word for word before anything is signed, a password, a receipt, and who may."""

import json
import re
from base64 import b64decode, b64encode
from datetime import timedelta
from html import unescape
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import LazySettings
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from nacl.signing import SigningKey as Seed

from accounts.models import User
from accounts.services import operator_project
from foundation.core.actor import AUTHENTICATION, Actor, Role
from foundation.tenancy import acting_as
from ledger.core.possession import possession_message
from ledger.models import Entry, KeyHolder, SigningKey
from ledger.services import key_add, policy_set
from tests.accounts.conftest import PASSWORD, Person, World
from tests.conftest import NOW, Channel

GOVERNANCE = "/admin/governance/"


@pytest.fixture
def world(fresh_db: Channel, settings: LazySettings) -> World:
    """A channel of the test's own, whose people log in quickly."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    operator_project(actor=fresh_db.operator)
    return World(channel=fresh_db)


def staff(world: World, organisation: Actor, *roles: Role) -> Client:
    """Return a logged-in person of an organisation, who proved nothing lately."""
    return logged_in(world.person(organisation, *(roles or (Role.ADMIN,)), is_staff=True))


def logged_in(person: Person) -> Client:
    client = Client()
    with acting_as(AUTHENTICATION):
        user = User.objects.get(id=person.id)
    client.force_login(user, backend="accounts.backends.EmailBackend")
    return client


def shown(answer: Any) -> str:
    """Return the text of a page."""
    return " ".join(unescape(re.sub("<[^>]*>", " ", answer.content.decode())).split())


def step(client: Client, slug: str, at: str, /, **data: object) -> Any:
    return client.post(f"{GOVERNANCE}{slug}/", {"step": at, **data})


def do(client: Client, slug: str, /, **data: object) -> Any:
    """Go through a ceremony, with the password at the end."""
    look = step(client, slug, "look", **data)
    assert look.status_code == 200, shown(look)
    once = re.findall('name="once" value="([0-9a-f]+)"', look.content.decode())[0]
    return step(client, slug, "do", once=once, password=PASSWORD, **data)


def keys_of(organisation: Actor) -> list[str]:
    """Return the ids of the valid keys of an organisation."""
    with acting_as(organisation):
        rows = SigningKey.objects.filter(
            organisation_id=organisation.organisation, revoked_index=None
        )
        return list(rows.order_by("added_index", "key_id").values_list("key_id", flat=True))


def count(organisation: Actor) -> int:
    with acting_as(organisation):
        return Entry.objects.count()


def written(organisation: Actor, answer: HttpResponse) -> dict[str, Any]:
    """Return the entry that a ceremony led to."""
    assert answer.status_code == 302, shown(answer)
    submission_id = UUID(answer["Location"].rstrip("/").rsplit("/", 1)[1])
    with acting_as(organisation):
        entry = Entry.objects.get(submission__submission_id=submission_id)
    found: dict[str, Any] = json.loads(bytes(entry.content))
    return found


def test_a_key_is_revoked_as_it_was_read_once_and_with_a_receipt(world: World) -> None:
    pharmacy = world.admit()
    client = staff(world, pharmacy)
    made = do(client, "system-key", label="second")
    assert written(pharmacy, made)["body"]["label"] == "second"
    world.channel.sequence()
    first = keys_of(pharmacy)[0]
    data = {"key": first, "reason": "lost"}
    look = step(client, "revoke", "look", **data)
    text = shown(look)
    said = json.loads(text[text.index("{ ") : text.index(" The server adds")])
    assert said == {"kind": "ledger.key.revoked.v1", "body": data}
    assert "1 valid key of that organisation is left" in text
    once = re.findall('name="once" value="([0-9a-f]+)"', look.content.decode())[0]
    answers = [step(client, "revoke", "do", once=once, **data) for _ in range(2)]
    assert answers[1]["Location"] == answers[0]["Location"]
    entry = written(pharmacy, answers[0])
    assert (entry["kind"], entry["body"]) == (said["kind"], said["body"])
    other = step(client, "revoke", "do", once=once, key=first, reason="rotated")
    assert "This Idempotency-Key was used with another body" in shown(other)
    page = client.get(answers[0]["Location"])
    assert "Step 3 of 3: keep the receipt" in shown(page)
    assert re.search("/explorer/main/entry/[0-9a-f]{64}/", page.content.decode())


def test_what_would_lock_out_its_author_is_refused_before_anything_is_signed(
    world: World,
) -> None:
    pharmacy = world.admit()
    client = staff(world, pharmacy)
    (only,) = keys_of(pharmacy)
    device = bytes(Seed.generate().verify_key)
    before = count(pharmacy)
    refused = step(client, "revoke", "look", key=only, reason="lost")
    assert refused.status_code == 403
    assert "its organisation would be locked out" in shown(refused)
    key_add(actor=pharmacy, holder=KeyHolder.DEVICE, public_key=device, now=NOW)
    world.channel.sequence()
    refused = step(client, "revoke", "look", key=only, reason="lost")
    assert "the last key under which the organisation can add keys" in shown(refused)
    refused = step(client, "revoke", "do", key=only, reason="lost", password=PASSWORD)
    assert refused.status_code == 403
    assert count(pharmacy) == before + 1
    assert only in keys_of(pharmacy)


def test_without_the_password_nothing_is_done_and_five_minutes_later_it_is_asked_again(
    world: World,
) -> None:
    pharmacy = world.admit()
    client = staff(world, pharmacy)
    before = count(pharmacy)
    for given in ({}, {"password": "wrong"}):
        answer = step(client, "system-key", "do", label="", **given)
        assert answer.status_code == 401
        assert 'type="password"' in answer.content.decode()
    assert count(pharmacy) == before
    assert do(client, "system-key", label="").status_code == 302
    assert 'type="password"' not in step(client, "system-key", "look").content.decode()
    session = client.session
    then = timezone.now() - timedelta(minutes=5, seconds=1)  # noqa: TID251 - a page's clock
    session["reauthenticated_at"] = then.isoformat()
    session.save()
    assert step(client, "system-key", "do", label="").status_code == 401
    assert count(pharmacy) == before + 1


def test_a_key_of_ones_own_proves_that_it_is_held(world: World) -> None:
    pharmacy, seed = world.admit(), Seed.generate()
    client = staff(world, pharmacy)
    public = b64encode(bytes(seed.verify_key)).decode()
    data = {"holder": "member", "public_key": public, "label": "till"}
    asked = step(client, "offer", "look", **data)
    assert asked.status_code == 422
    text = asked.content.decode()
    message = b64decode(re.findall('as base64">([A-Za-z0-9+/=]+)</pre>', unescape(text))[0])
    assert message == possession_message(
        log=world.channel.log.origin,
        organisation_id=pharmacy.organisation,
        public_key=bytes(seed.verify_key),
        holder="member",
    )
    wrong = b64encode(Seed.generate().sign(message).signature).decode()
    assert do(client, "offer", **data, possession=wrong).status_code == 400
    right = b64encode(seed.sign(message).signature).decode()
    entry = written(pharmacy, do(client, "offer", **data, possession=right))
    assert entry["body"]["public_key"] == public
    world.channel.sequence()
    # Rotated to another one, which proves itself too.
    new = Seed.generate()
    data = {"key": entry["body"]["key"], "public_key": b64encode(bytes(new.verify_key)).decode()}
    asked = unescape(step(client, "rotate", "look", **data).content.decode())
    message = b64decode(re.findall('as base64">([A-Za-z0-9+/=]+)</pre>', asked)[0])
    signed = b64encode(new.sign(message).signature).decode()
    turned = written(pharmacy, do(client, "rotate", **data, possession=signed))
    assert turned["body"]["old"] == entry["body"]["key"]


def test_keys_that_the_server_holds_are_made_and_rotated_there(world: World) -> None:
    pharmacy = world.admit()
    client = staff(world, pharmacy)
    (first,) = keys_of(pharmacy)
    look = shown(step(client, "rotate", "look", key=first))
    assert f'"old": "{first}"' in look
    assert "made by the server once you confirm" in look
    turned = written(pharmacy, do(client, "rotate", key=first, label="of 2027"))
    assert (turned["body"]["old"], turned["body"]["label"]) == (first, "of 2027")
    world.channel.sequence()
    assert keys_of(pharmacy) == [turned["body"]["key"]]
    mine = written(pharmacy, do(client, "my-key"))
    assert mine["body"]["holder"] == "person"
    # Another's key is none to rotate, and a person's is not rotated.
    world.channel.sequence()
    for key in (keys_of(world.operator)[0], mine["body"]["key"]):
        public = b64encode(bytes(Seed.generate().verify_key)).decode()
        assert step(client, "rotate", "look", key=key, public_key=public).status_code in (403, 422)
        assert step(client, "rotate", "do", key=key, password=PASSWORD).status_code == 403


def test_leaving_under_a_policy_is_proposed(world: World) -> None:
    pharmacy = world.admit()
    policy_set(
        actor=world.operator,
        kind="ledger.member.left.v1",
        n=1,
        organisations=[world.operator.organisation],
        now=NOW,
    )
    world.channel.sequence()
    client = staff(world, pharmacy)
    data = {"organisation": pharmacy.organisation, "reason": "closed"}
    assert do(client, "leave", **data)["Location"] == GOVERNANCE
    page = shown(client.get(GOVERNANCE))
    assert "Nothing was written in the log yet." in page
    assert "0 of 1 endorsements; not yet: Operator" in page


def test_the_operator_admits_sets_a_policy_and_takes_a_member_out(world: World) -> None:
    client = staff(world, world.operator)
    id_ = str(uuid4())
    entry = written(
        world.operator,
        do(client, "admit", organisation=id_, name="New Pharmacy", kind="pharmacy", gln=""),
    )
    assert (entry["kind"], entry["body"]["name"]) == ("ledger.member.admitted.v1", "New Pharmacy")
    world.channel.sequence()
    data = {"kind": "test.thing.done.v1", "n": "1", "organisations": id_, "member_kind": ""}
    entry = written(world.operator, do(client, "policy", **data))
    assert entry["body"] == {"kind": "test.thing.done.v1", "n": 1, "orgs": [id_]}
    world.channel.sequence()
    assert "1 of New Pharmacy" in shown(client.get(GOVERNANCE))
    # Who is needed by a policy stays: refused with the reason, before anything is signed.
    refused = step(client, "leave", "look", organisation=id_, reason="closed")
    assert "fewer than 1 could endorse test.thing.done.v1" in shown(refused)
    written(world.operator, do(client, "policy", **{**data, "n": "0", "organisations": ""}))
    world.channel.sequence()
    left = do(client, "leave", organisation=id_, reason="closed")
    assert written(world.operator, left)["kind"] == "ledger.member.left.v1"


def test_what_needs_endorsements_is_proposed_endorsed_and_submitted(world: World) -> None:
    pharmacy = world.admit()
    policy_set(
        actor=world.operator,
        kind="ledger.policy.set.v1",
        n=1,
        organisations=[pharmacy.organisation],
        now=NOW,
    )
    world.channel.sequence()
    operator, member = staff(world, world.operator), staff(world, pharmacy)
    data = {"kind": "test.a.b.v1", "n": "1", "organisations": "", "member_kind": "pharmacy"}
    look = step(operator, "policy", "look", **data)
    assert "A policy asks for 1 endorsement first" in shown(look)
    assert do(operator, "policy", **data)["Location"] == GOVERNANCE
    page = member.get(GOVERNANCE).content.decode()
    (proposal,) = set(re.findall("endorse/[?]proposal=([0-9a-f-]{36})", page))
    assert "test.a.b.v1" in shown(step(member, "endorse", "look", proposal=proposal))
    for slug in ("endorse", "withdraw", "endorse"):
        assert do(member, slug, proposal=proposal)["Location"] == GOVERNANCE
    entry = written(world.operator, do(operator, "submit", proposal=proposal))
    assert [each["org"] for each in entry["endorsements"]] == [str(pharmacy.organisation)]
    over = step(member, "withdraw", "look", proposal=proposal)
    assert "the proposal is submitted" in shown(over)


def test_who_may_not_is_told_so_and_strangers_log_in(world: World, anyone: Client) -> None:
    pharmacy = world.admit()
    answer = anyone.get(GOVERNANCE)
    assert answer["Location"] == f"/admin/login/?next={GOVERNANCE}"
    reader = staff(world, pharmacy, Role.AUDITOR)
    assert reader.get(GOVERNANCE).status_code == 200
    (only,) = keys_of(pharmacy)
    for slug, data in (
        ("revoke", {"key": only, "reason": "lost"}),
        ("system-key", {}),
        ("leave", {"organisation": pharmacy.organisation, "reason": "closed"}),
        ("admit", {"organisation": uuid4(), "name": "X", "kind": "pharmacy"}),
    ):
        for name in ("look", "do"):
            refused = step(reader, slug, name, password=PASSWORD, **data)
            assert refused.status_code == 403, slug
    # A role that was taken away opens nothing, whatever page is open still.
    member = staff(world, pharmacy)
    assert (
        step(member, "admit", "look", organisation=uuid4(), name="X", kind="pharmacy").status_code
        == 403
    )
    plain = logged_in(world.person(pharmacy, Role.ADMIN, is_staff=False))
    assert plain.get(GOVERNANCE).status_code == 302


def test_a_get_changes_nothing_and_a_post_needs_its_token(world: World) -> None:
    pharmacy = world.admit()
    person = world.person(pharmacy, Role.ADMIN, is_staff=True)
    client, before = logged_in(person), count(pharmacy)
    (only,) = keys_of(pharmacy)
    for slug in ("revoke", "system-key", "my-key", "leave", "rotate", "offer", "endorse"):
        page = client.get(f"{GOVERNANCE}{slug}/", {"step": "do", "key": only, "password": PASSWORD})
        assert page.status_code == 200
    assert client.get(f"{GOVERNANCE}nothing/").status_code == 404
    assert client.get(f"{GOVERNANCE}done/{uuid4()}/").status_code == 404
    assert client.post(GOVERNANCE).status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = client.cookies
    assert strict.post(f"{GOVERNANCE}my-key/", {"step": "do"}).status_code == 403
    assert count(pharmacy) == before


@pytest.mark.parametrize(
    ("slug", "data"),
    [
        ("revoke", {"key": "zz", "reason": "Lost it"}),
        ("revoke", {"key": "0" * 64, "reason": "lost"}),
        ("offer", {"holder": "person", "public_key": "AAAA"}),
        ("offer", {"holder": "device", "public_key": "é", "possession": "x"}),
        ("rotate", {"key": "0" * 64, "public_key": b64encode(bytes(32)).decode()}),
        ("policy", {"kind": "x", "n": "99999999999", "organisations": "x"}),
        ("policy", {"kind": "nothing", "n": "1", "organisations": "", "member_kind": ""}),
        ("leave", {"organisation": "1", "reason": ""}),
        ("endorse", {"proposal": str(UUID(int=1))}),
        ("submit", {"proposal": "x"}),
        ("admit", {"organisation": "x", "name": "\n", "kind": "operator", "gln": "1"}),
    ],
)
def test_odd_input_is_refused_with_its_reason(
    world: World, slug: str, data: dict[str, str]
) -> None:
    client = staff(world, world.operator)
    before = count(world.operator)
    for name in ("look", "do", "?"):
        answer = step(client, slug, name, password=PASSWORD, **data)
        assert 400 <= answer.status_code < 500
        assert "<h1>" in answer.content.decode()
    assert count(world.operator) == before
