"""The explorer over HTTP: what it shows, that odd input is answered, and what it costs."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from uuid import uuid4

import pytest
from django.conf import LazySettings
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.services import operator_project
from foundation.core.actor import SYSTEM, Actor, Role
from foundation.tenancy import acting_as
from ledger import exploring
from ledger.core.entry import EntryDraft
from ledger.core.note import format_vkey
from ledger.core.policy import parse_policy
from ledger.models import Cosignature
from ledger.selectors import checkpoint_latest, inclusion_proof
from ledger.services import (
    Sequencer,
    key_add_system,
    key_revoke,
    key_rotate,
    policy_set,
    submission_append,
)
from ledger.services.channels import channel_open
from ledger.services.witness import witnessed_log_add
from tests.accounts.conftest import World
from tests.conftest import NOW, Channel
from tests.ledger.other_log import OtherLog
from tests.ledger.scripted_witness import ScriptedWitness
from tests.web.test_ceremonies import logged_in

KIND = "test.thing.done.v1"
PARTS = ["", "entries/", "members/", "keys/", "policies/", "witnesses/", "head"]


def write(channel: Channel, actor: Actor, count: int = 1, *, kind: str = KIND) -> list[bytes]:
    """Submit entries together and sequence them; return their ids."""
    drafts = [EntryDraft(kind=kind, id=uuid4(), body={"n": n}) for n in range(count)]
    receipt = submission_append(actor=actor, entries=drafts, now=NOW)
    channel.sequence()
    return list(receipt.entry_ids)


def words(answer: object) -> str:
    """Return the text of a page, without tags and with single spaces."""
    text = answer.content.decode()  # type: ignore[attr-defined]
    return " ".join(re.sub("<[^>]*>", " ", text).split())


@contextmanager
def queries() -> Iterator[CaptureQueriesContext]:
    with CaptureQueriesContext(connections["default"]) as found:
        yield found


def test_the_first_address_leads_to_the_log(channel: Channel, anyone: Client) -> None:
    answer = anyone.get("/explorer/")
    assert (answer.status_code, answer["Location"]) == (302, f"/explorer/{channel.log.name}/")


def test_the_head_names_size_root_and_key(channel: Channel, anyone: Client) -> None:
    write(channel, channel.operator)
    with acting_as(SYSTEM):
        head = checkpoint_latest(channel.log)
    assert head is not None
    page = words(anyone.get("/explorer/main/"))
    assert f"Leaves signed {head.size} " in page
    assert head.root_hash.hex() in page
    assert channel.log.vkey in page.replace("&#x2B;", "+")
    assert "nobody: no witness is asked for" in page
    piece = anyone.get("/explorer/main/head")
    assert piece["Cache-Control"] == "public, max-age=2"
    assert f'data-size="{head.size}"' in piece.content.decode()
    assert "<html" not in piece.content.decode()


def test_what_the_quorum_lacks_is_provisional_and_has_no_proof(
    fresh_db: Channel, anyone: Client, settings: LazySettings
) -> None:
    first = write(fresh_db, fresh_db.operator)[0]
    witness = ScriptedWitness(name="w.example", log_vkey=fresh_db.log.vkey)
    settings.WITNESS_POLICY = parse_policy(
        f"witness w {format_vkey(witness.key)} http://w.example/\nquorum w\n".encode()
    )
    with acting_as(SYSTEM):
        head = checkpoint_latest(fresh_db.log)
        assert head is not None
        line = witness.line(head.note.partition("\n\n")[0] + "\n").decode().removesuffix("\n")
        Cosignature.objects.create(
            log_id=fresh_db.log.id,
            size=head.size,
            vkey=format_vkey(witness.key),
            line=line,
            timestamp_s=1_790_000_000,
            received_at=NOW,
        )
    second = write(fresh_db, fresh_db.operator)[0]
    page = words(anyone.get("/explorer/main/"))
    assert f"Leaves signed {head.size + 2} provisional Leaves published {head.size}" in page
    assert "Cosigned by w.example" in page
    proven, open_ = (
        words(anyone.get(f"/explorer/main/entry/{each.hex()}/")) for each in (first, second)
    )
    assert "Its proof From the leaf" in proven
    assert "There is none yet" in open_
    assert "2 leaves behind" in words(anyone.get("/explorer/main/witnesses/"))


def test_entries_are_found_by_kind_organisation_index_and_id(
    channel: Channel, anyone: Client
) -> None:
    pharmacy, hospital = channel.admit("pharmacy"), channel.admit("hospital")
    mine = write(channel, pharmacy, 3)
    theirs = write(channel, hospital, kind="test.other.done.v1")
    of = f"/explorer/main/entries/?organisation={pharmacy.organisation_id}"
    shown = re.findall("/entry/([0-9a-f]{64})/", anyone.get(of).content.decode())
    assert shown == [each.hex() for each in reversed(mine)]
    shown = re.findall(
        "/entry/([0-9a-f]{64})/",
        anyone.get("/explorer/main/entries/?kind=test.other").content.decode(),
    )
    assert shown[0] == theirs[0].hex()
    page = words(anyone.get(f"/explorer/main/entry/{mine[0].hex()}/"))
    index = int(re.findall("Entry ([0-9]+)", page)[0])
    for wanted in (str(index), str(index - 1), mine[0].hex(), mine[0].hex().upper()):
        answer = anyone.get("/explorer/main/find", {"q": wanted})
        assert answer["Location"] == f"/explorer/main/entry/{mine[0].hex()}/"


def test_pages_of_entries_lead_through_the_whole_log_once(
    fresh_db: Channel, anyone: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [each for _ in range(3) for each in write(fresh_db, fresh_db.operator, 40)]
    rare = write(fresh_db, fresh_db.admit("pharmacy"))
    write(fresh_db, fresh_db.operator, 40)
    seen: list[str] = []
    address: str | None = "/explorer/main/entries/"
    while address is not None:
        text = anyone.get(address).content.decode()
        seen += re.findall("/entry/([0-9a-f]{64})/", text)
        more = re.search(r'rel="next"\s+href="([^"]+)"', text)
        address = more and f"/explorer/main/entries/{more[1].replace('&amp;', '&')}"
    assert len(seen) == len(set(seen)) == 120 + 1 + 40 + 2  # with the genesis and an admission
    assert {each.hex() for each in (*ids, *rare)} <= set(seen)
    # A filter looks at so many leaves, says which, and goes on from there.
    monkeypatch.setattr(exploring, "LEAVES_LOOKED_AT", 30)
    answer = words(anyone.get("/explorer/main/entries/?kind=test.other"))
    assert "None of the leaves 140 to 169 is such an entry." in answer
    assert "Older than 140" in answer


def test_an_entry_shows_its_bytes_its_signature_and_its_endorsements(
    channel: Channel, anyone: Client
) -> None:
    pharmacy = channel.admit("pharmacy")
    (entry_id,) = write(channel, pharmacy)
    answer = anyone.get(f"/explorer/main/entry/{entry_id.hex()}/")
    page = words(answer)
    assert "✓ holds pharmacy" in page
    assert "{&quot;body&quot;:{&quot;n&quot;:0}" in answer.content.decode()
    assert "held by system" in page
    text = answer.content.decode()
    # Of each step two hashes are drawn, and the root; each of them has its line upward.
    steps = text.count("<li>", text.index('class="words"'))
    assert (text.count("<rect"), text.count("<line")) == (2 * steps + 1, 2 * steps)
    assert steps > 1
    assert f"/log/main/proof/{entry_id.hex()}" in text


def test_keys_say_how_they_ended_and_policies_what_they_asked(
    fresh_db: Channel, anyone: Client
) -> None:
    pharmacy = fresh_db.admit("pharmacy")
    first = key_add_system(actor=pharmacy, now=NOW)[0]
    fresh_db.sequence()
    key_rotate(actor=pharmacy, key_id=first, now=NOW)
    fresh_db.sequence()
    second = key_add_system(actor=pharmacy, now=NOW)[0]
    fresh_db.sequence()
    key_revoke(actor=pharmacy, key_id=second, reason="lost", now=NOW)
    fresh_db.sequence()
    page = words(anyone.get(f"/explorer/main/keys/?organisation={pharmacy.organisation_id}"))
    states = re.findall("held by system (valid|rotated|revoked)", page)
    assert states == ["valid", "rotated", "valid", "revoked"]
    policy_set(
        actor=fresh_db.operator,
        kind=KIND,
        n=1,
        organisations=[pharmacy.organisation],
        now=NOW,
    )
    fresh_db.sequence()
    policy_set(actor=fresh_db.operator, kind=KIND, n=1, member_kind="pharmacy", now=NOW)
    fresh_db.sequence()
    page = words(anyone.get("/explorer/main/policies/"))
    assert f"{KIND} newest 1 of all members of the kind pharmacy" in page
    assert f"{KIND} 1 of pharmacy 1" in page
    members = words(anyone.get("/explorer/main/members/"))
    assert "Operator operator" in members
    assert "pharmacy 1 pharmacy" in members


@pytest.mark.parametrize(
    "address",
    [
        "entries/?before=x&kind=A%27&organisation=1",
        "entries/?before=99999999999999999999&kind=%25&organisation=",
        "entries/?before=-1",
        "entries/?kind=" + "a" * 5000,
        "keys/?after=9999999999999999&key=%ff&organisation=zz",
        "members/?after=1e9",
        "policies/?before=0",
        "head?x=%F0",
    ],
)
@pytest.mark.usefixtures("channel")
def test_odd_parameters_are_answered(anyone: Client, address: str) -> None:
    assert anyone.get(f"/explorer/main/{address}").status_code == 200


@pytest.mark.parametrize(
    "address",
    [
        "nowhere/",
        "nowhere/entries/",
        "main/entry/" + "0" * 64 + "/",
        "main/entry/xx/",
        "main/find?q=",
        "main/find?q=99999999999999999999999999",
        "main/find?q=%D9%A3",
        "main/find?q=-1",
        "main/find?q=" + "g" * 64,
    ],
)
@pytest.mark.usefixtures("channel")
def test_what_is_not_there_is_not_found(anyone: Client, address: str) -> None:
    answer = anyone.get(f"/explorer/{address}")
    assert answer.status_code == 404
    assert answer["Content-Type"].startswith("text/html")


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.usefixtures("channel")
def test_nothing_is_taken(anyone: Client, part: str) -> None:
    assert anyone.post(f"/explorer/main/{part}").status_code == 405


def test_a_promised_entry_says_so_and_not_what_it_holds(channel: Channel, anyone: Client) -> None:
    draft = EntryDraft(kind=KIND, id=uuid4(), body={"word": "unsequenced"})
    receipt = submission_append(actor=channel.operator, entries=[draft], now=NOW)
    page = anyone.get(f"/explorer/main/entry/{receipt.entry_ids[0].hex()}/").content.decode()
    assert "Promised, not in the log yet" in page
    assert "unsequenced" not in page
    channel.sequence()
    page = anyone.get(f"/explorer/main/entry/{receipt.entry_ids[0].hex()}/").content.decode()
    assert "unsequenced" in page


def test_a_channel_for_members_is_there_for_members_alone(
    fresh_db: Channel, anyone: Client, settings: LazySettings
) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    world = World(channel=fresh_db)
    operator_project(actor=fresh_db.operator)
    name = "closed"
    log, _ = channel_open(actor=fresh_db.operator, name=name, members_only=True, now=NOW)
    Sequencer(log).flush(now=NOW)
    parts = [f"/explorer/{name}/{part}" for part in PARTS]
    member = logged_in(world.person(fresh_db.operator, Role.ADMIN, is_staff=True))
    stranger = logged_in(world.person(world.admit(), Role.ADMIN, is_staff=True))
    for client in (anyone, stranger):
        assert [client.get(part).status_code for part in parts] == [404] * len(parts)
        assert name not in client.get("/explorer/", follow=True).content.decode()
    for part in parts:
        answer = member.get(part)
        assert (answer.status_code, answer["Cache-Control"]) == (200, "private, no-store")
    assert name in member.get("/explorer/").content.decode()


def test_a_page_costs_the_same_however_much_there_is(fresh_db: Channel, anyone: Client) -> None:
    counts = []
    entry_id = write(fresh_db, fresh_db.operator)[0]
    for _ in range(2):
        found = []
        for part in (*PARTS, f"entry/{entry_id.hex()}/"):
            with queries() as caught:
                assert anyone.get(f"/explorer/main/{part}").status_code == 200
            found.append(len(caught))
        counts.append(found)
        for _ in range(3):
            write(fresh_db, fresh_db.admit("pharmacy"), 100)
    small, large = counts
    # A larger tree has a tile or two more, all else is the same.
    assert small[:-1] == large[:-1]
    assert max(large) <= 22, dict(zip((*PARTS, "entry"), large, strict=True))
    assert large[-1] - small[-1] <= 4


def test_a_log_that_forked_is_shown_with_both_heads(fresh_db: Channel, anyone: Client) -> None:
    assert fresh_db.log.name == "main"
    other, honest = OtherLog(), OtherLog()
    for log in (other, honest):
        witnessed_log_add(vkey=format_vkey(log.key), now=NOW)
    forked = other.leaves(5, "forked", common=4)
    for log, leaves, old in ((honest, honest.leaves(3), 0), (other, other.leaves(5), 0)):
        anyone.post(
            "/witness/add-checkpoint", log.request(leaves, old), content_type="application/x"
        )
    anyone.post("/witness/add-checkpoint", other.request(forked, 5), content_type="application/x")
    page = words(anyone.get("/explorer/main/witnesses/"))
    assert f"{honest.origin} one history cosigned up to 3 leaves" in page
    assert f"{other.origin} 1 contradicting head cosigned up to 5 leaves Fork: one size" in page
    text = unescape(anyone.get("/explorer/main/witnesses/").content.decode())
    assert other.note(forked).decode() in text
    assert other.note(other.leaves(5)).decode() in text


@pytest.mark.usefixtures("channel")
def test_a_tree_that_was_changed_is_no_proof(
    channel: Channel, anyone: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    (entry_id,) = write(channel, channel.operator)
    whole = inclusion_proof
    monkeypatch.setattr(
        exploring,
        "inclusion_proof",
        lambda log, *, index, size: [bytes(32), *whole(log, index=index, size=size)[1:]],
    )
    page = words(anyone.get(f"/explorer/main/entry/{entry_id.hex()}/"))
    assert "The stored tree does not lead to the root that was signed." in page
    assert "<svg" not in page
