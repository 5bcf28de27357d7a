"""The ledger in the admin: staff read all of it, and nobody changes any of it there."""

import re
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from accounts.models import User
from accounts.services import operator_project, user_create
from foundation.core.actor import AUTHENTICATION, SYSTEM, Actor, Role
from foundation.tenancy import acting_as
from ledger.core.entry import EntryDraft
from ledger.core.merkle import tree_root
from ledger.core.note import format_vkey
from ledger.models import (
    Checkpoint,
    Entry,
    KeyHolder,
    Log,
    LogFreeze,
    Member,
    SigningKey,
    Submission,
    WitnessConflict,
    WitnessedLog,
)
from ledger.services import key_add, key_revoke, submission_append
from ledger.services.witness import checkpoint_cosign, witnessed_log_add, witnessed_log_drop
from tests.accounts.conftest import World
from tests.conftest import NOW, Channel
from tests.ledger.other_log import OtherLog

PAGES = (
    *("log", "entry", "submission", "checkpoint", "member", "signingkey"),
    *("witnessedlog", "witnessconflict"),
)
MODELS = (
    *(Log, Entry, Submission, Checkpoint, Member, SigningKey),
    *(WitnessedLog, WitnessConflict),
)


@pytest.fixture(autouse=True)
def _quick_hasher_and_no_static_files(settings: Settings, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def world(channel: Channel) -> World:
    """The worker's channel, with the operator's row."""
    operator_project(actor=channel.operator)
    return World(channel=channel)


def staff(world: World, organisation: Actor, *roles: Role) -> Client:
    """Return the browser of somebody who is logged in, staff of an organisation."""
    return browser_of(world.person(organisation, *roles, is_staff=True).id)


def browser_of(user_id: UUID) -> Client:
    client = Client()
    with acting_as(AUTHENTICATION):
        user = User.objects.get(id=user_id)
    client.force_login(user, backend="accounts.backends.EmailBackend")
    return client


def name_of(organisation: Actor) -> str:
    with acting_as(organisation):
        return Member.objects.get(organisation_id=organisation.organisation).name


def text_of(answer: Any) -> str:
    assert answer.status_code == 200, answer.content
    return str(answer.content.decode())


def write(channel: Channel, actor: Actor, count: int = 1, kind: str = "test.thing.done.v1") -> Any:
    drafts = [EntryDraft(kind=kind, id=uuid4(), body={"n": n}) for n in range(count)]
    receipt = submission_append(actor=actor, entries=drafts, now=NOW)
    channel.sequence()
    return receipt


def found(client: Client, term: object, page: str = "entry") -> list[str]:
    """Return what leads to the rows that a search lists."""
    text = text_of(client.get(f"/admin/ledger/{page}/", {"q": str(term)}))
    links = re.findall(
        rf'<th class="field-[^>]*><a href="/admin/ledger/{page}/([^/]+)/change', text
    )
    return [str(link) for link in links]


@pytest.mark.parametrize("role", [Role.ADMIN, Role.PHARMACIST, Role.AUDITOR])
def test_whoever_reads_the_ledger_sees_every_page(world: World, role: Role) -> None:
    organisation = world.admit("pharmacy")
    client = staff(world, organisation, role)
    index = text_of(client.get("/admin/"))
    for page in PAGES:
        assert f"/admin/ledger/{page}/" in index
        text = text_of(client.get(f"/admin/ledger/{page}/"))
        assert f"/admin/ledger/{page}/add/" not in text + index
        assert 'name="action"' not in text
    assert str(organisation.organisation) in text_of(
        client.get(f"/admin/ledger/member/?q={organisation.organisation}")
    )


@pytest.mark.usefixtures("world")
def test_whoever_does_not_read_it_sees_nothing(anyone: Client) -> None:
    email = f"{uuid4().hex}@example.org"
    id_ = user_create(actor=SYSTEM, email=email, password=uuid4().hex, is_staff=True, now=NOW)
    nobody = browser_of(id_)  # a member of no organisation, so nobody but a patient
    assert {nobody.get(f"/admin/ledger/{page}/").status_code for page in PAGES} == {403}
    assert "/admin/ledger/" not in text_of(nobody.get("/admin/"))
    assert {anyone.get(f"/admin/ledger/{page}/").status_code for page in PAGES} == {302}


def test_an_entrys_page_shows_its_bytes_its_receipt_and_the_ways_to_its_proof(
    world: World,
) -> None:
    alice, bob = world.admit("pharmacy"), world.admit("insurer")
    receipt = write(world.channel, alice, 3)
    entry_id = receipt.entry_ids[1].hex()
    address = f"/admin/ledger/entry/{entry_id}/change/"
    own = text_of(staff(world, alice, Role.PHARMACIST).get(address))
    with acting_as(alice):
        content = bytes(Entry.objects.get(entry_id=receipt.entry_ids[1]).content).decode()
    exact = f'<pre class="exact" tabindex="0">{content.replace(chr(34), "&quot;")}</pre>'
    assert exact in own
    assert receipt.as_json()["sig"] in own.replace("&#x2B;", "+")
    other = text_of(staff(world, bob, Role.ANALYST).get(address))
    assert exact in other
    assert receipt.as_json()["sig"] not in other.replace("&#x2B;", "+")
    assert "given to the organisation that submitted" in other
    links = re.findall(r'href="(/log/[^"]+|/verify/)" download|href="(/verify/)"', other)
    downloads = [link for link, _ in links if link]
    assert downloads == [f"/log/main/proof/{entry_id}", f"/log/main/proof/{entry_id}.tlog-proof"]
    assert '<a href="/verify/">Check a proof</a>' in other
    for link in downloads:
        file = Client().get(link)
        assert (file.status_code, file["Content-Disposition"][:11]) == (200, "attachment;")


def test_entries_are_found_by_all_that_names_them(world: World) -> None:
    alice = world.admit("wholesaler")
    client = staff(world, alice, Role.WAREHOUSE)
    word = "".join(chr(97 + int(digit, 16)) for digit in uuid4().hex)
    kind = f"test.{word}.done.v1"
    receipt = write(world.channel, alice, 2, kind)
    first, second = (entry_id.hex() for entry_id in receipt.entry_ids)
    text = text_of(client.get("/admin/ledger/entry/"))
    index = int(re.findall(r'<th class="field-log_index"><a [^>]*>(\d+)</a>', text)[0])
    assert found(client, index) == [second]
    assert found(client, index - 1) == [first]
    assert found(client, index - 2) == [second, first]  # the header of both
    assert found(client, first) == [first]
    assert found(client, receipt.promise.id) == [second, first]
    assert found(client, alice.organisation) == [second, first]
    assert found(client, name_of(alice))[:2] == [second, first]
    assert found(client, kind[:-3]) == [second, first]
    for term in (10**17, "9" * 40, "٣", "00" * 32, uuid4(), "no.such", "%", "'", "zz" * 32):
        assert found(client, term) == []
    missing = client.get(f"/admin/ledger/entry/{'00' * 32}/change/")
    assert (missing.status_code, missing["Location"]) == (302, "/admin/")
    assert client.get("/admin/ledger/entry/no/change/").status_code == 302


def test_submissions_keys_and_heads_are_found(world: World) -> None:
    alice = world.admit("pharmacy")
    client = staff(world, alice, Role.AUDITOR)
    receipt = write(world.channel, alice)
    with acting_as(alice):
        row = Submission.objects.get(submission_id=receipt.promise.id)
        head = Checkpoint.objects.order_by("-size")[0]
    assert found(client, receipt.promise.id, "submission") == [str(row.pk)]
    assert str(row.pk) in found(client, alice.organisation, "submission")
    assert str(row.pk) in found(client, row.key_id, "submission")
    page = text_of(client.get(f"/admin/ledger/submission/{row.pk}/change/"))
    assert receipt.promise.root.hex() in page
    assert found(client, row.key_id[:12], "signingkey") == [row.key_id]
    assert found(client, alice.organisation, "signingkey") == [row.key_id]
    assert found(client, head.size, "checkpoint") == [str(head.pk)]
    assert found(client, "many", "checkpoint") == []
    assert head.note.splitlines()[2] in text_of(
        client.get(f"/admin/ledger/checkpoint/{head.pk}/change/")
    ).replace("&#x2B;", "+")


def test_a_promised_submission_says_so(world: World) -> None:
    alice = world.admit("pharmacy")
    draft = EntryDraft(kind="test.thing.done.v1", id=uuid4(), body={})
    receipt = submission_append(actor=alice, entries=[draft], now=NOW)
    client = staff(world, alice, Role.PHARMACIST)
    text = text_of(client.get(f"/admin/ledger/submission/?q={receipt.promise.id}"))
    assert '<td class="field-header_index">promised</td>' in text
    assert found(client, receipt.entry_ids[0].hex()) == []
    world.channel.sequence()
    assert found(client, receipt.entry_ids[0].hex()) == [receipt.entry_ids[0].hex()]


def test_keys_show_their_holder_and_from_which_index_to_which_they_sign(world: World) -> None:
    alice = world.admit("pharmacy")
    key_add(actor=alice, holder=KeyHolder.SYSTEM, now=NOW)
    world.channel.sequence()
    client = staff(world, alice, Role.ADMIN)
    with acting_as(alice):
        keys = SigningKey.objects.filter(organisation_id=alice.organisation)
        key = keys.order_by("-added_index")[0]
    added = key.key_id
    page = f"/admin/ledger/signingkey/{added}/change/"
    assert f"after {key.added_index}</div>" in text_of(client.get(page))
    key_revoke(actor=alice, key_id=added, reason="rotated", now=NOW)
    world.channel.sequence()
    with acting_as(alice):
        key = SigningKey.objects.get(key_id=added)
    text = text_of(client.get(page))
    assert f"after {key.added_index}, before {key.revoked_index}</div>" in text
    assert '<div class="readonly">System</div>' in text
    assert name_of(alice) in text


def test_a_frozen_log_says_so(fresh_db: Channel) -> None:
    operator_project(actor=fresh_db.operator)
    world = World(channel=fresh_db)
    client = staff(world, world.operator, Role.OPERATOR)
    assert '<td class="field-state">open</td>' in text_of(client.get("/admin/ledger/log/"))
    with acting_as(SYSTEM):
        LogFreeze.objects.create(log_id=fresh_db.log.id, reason="leaf 3 differs", frozen_at=NOW)
    text = text_of(client.get("/admin/ledger/log/"))
    assert "FROZEN since 2026-11-24 09:00:00 UTC: leaf 3 differs" in text


def test_what_a_log_signed_against_itself_is_shown_with_both_heads(world: World) -> None:
    log = OtherLog()
    client = staff(world, world.operator, Role.AUDITOR)
    witnessed_log_add(vkey=format_vkey(log.key), now=NOW)
    with acting_as(SYSTEM):
        pk = WitnessedLog.objects.get(origin=log.origin).pk
    assert found(client, log.origin[5:], "witnessedlog") == [str(pk)]
    address = f"/admin/ledger/witnessedlog/{pk}/change/"
    assert '<pre tabindex="0">none yet</pre>' in text_of(client.get(address))
    for body in (
        log.request(log.leaves(5)),
        log.request(log.leaves(5, "forked"), 5),
        log.request(log.leaves(7, "forked", common=3), 5),
    ):
        checkpoint_cosign(data=body, now=NOW)
    page = text_of(client.get(address)).replace("&#x2B;", "+")
    assert log.note(log.leaves(5)).decode() in page
    assert tree_root(log.leaves(5)).hex() in page
    assert '<div class="readonly">witnessed</div>' in page
    assert '<div class="readonly">2</div>' in page
    newest, oldest = (int(pk) for pk in found(client, log.origin, "witnessconflict"))
    for pk, leaves, meaning in (
        (oldest, log.leaves(5, "forked"), "it keeps two histories"),
        (newest, log.leaves(7, "forked", common=3), "ask the log for another before"),
    ):
        page = text_of(client.get(f"/admin/ledger/witnessconflict/{pk}/change/"))
        page = page.replace("&#x2B;", "+")
        assert meaning in page
        assert log.note(leaves).decode() in page
        assert log.note(log.leaves(5)).decode() in page
        assert ('<pre tabindex="0">none</pre>' in page) is (pk == oldest)
    witnessed_log_drop(origin=log.origin)
    assert '<div class="readonly">dropped</div>' in text_of(client.get(address))


def rows() -> list[list[Any]]:
    with acting_as(SYSTEM):
        return [list(model.objects.order_by("pk").values_list()) for model in MODELS]


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.ADMIN])
def test_nothing_is_added_changed_or_deleted(world: World, role: Role) -> None:
    write(world.channel, world.operator)
    client = staff(world, world.operator, role)
    log = OtherLog()
    witnessed_log_add(vkey=format_vkey(log.key), now=NOW)
    for history in ("", "forked"):
        checkpoint_cosign(data=log.request(log.leaves(5, history), 5 if history else 0), now=NOW)
    before = rows()
    with acting_as(SYSTEM):
        newest = {
            "log": str(world.channel.log.id),
            "entry": bytes(Entry.objects.order_by("-submission_id")[0].pk).hex(),
            "submission": str(Submission.objects.order_by("-id")[0].pk),
            "checkpoint": str(Checkpoint.objects.order_by("-size")[0].pk),
            "member": str(Member.objects.order_by("-id")[0].pk),
            "signingkey": SigningKey.objects.order_by("-added_index")[0].pk,
            "witnessedlog": str(WitnessedLog.objects.order_by("-id")[0].pk),
            "witnessconflict": str(WitnessConflict.objects.order_by("-id")[0].pk),
        }
    for page, pk in newest.items():
        address, form = f"/admin/ledger/{page}/", {"name": "x", "kind": "x", "holder": "device"}
        assert client.get(f"{address}{pk}/change/").status_code == 200
        statuses = [
            client.post(f"{address}add/", form).status_code,
            client.post(f"{address}{pk}/change/", {**form, "_save": "Save"}).status_code,
            client.post(f"{address}{pk}/delete/", {"post": "yes"}).status_code,
        ]
        assert statuses == [403, 403, 403], page
        chosen = {"action": "delete_selected", "_selected_action": [pk], "post": "yes"}
        assert client.post(address, chosen).status_code in (200, 302, 403)
    assert rows() == before
