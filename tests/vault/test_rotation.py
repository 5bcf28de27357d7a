"""Rotation of roots: everything living opens, nothing of before does, and a stop loses nothing."""

import io
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connections
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_decrypt
from nacl.exceptions import CryptoError

from foundation.core.actor import Actor
from foundation.core.problem import ForbiddenError
from foundation.key_providers import UnwrapError, key_provider
from foundation.tenancy import acting_as
from ledger.core.entry import parse_entry
from ledger.selectors import entry_get
from tests.conftest import NOW, organisation_actor
from tests.database import Databases
from tests.vault.conftest import NOTE, person, put
from tests.vault.erased_rows import CANARY, kept
from tests.vault.erasing import Hospital
from vault.core.erasure import ErasureState
from vault.core.tag import find_tags
from vault.models import Keyring, RootDestruction, SubjectKey, SubjectTag
from vault.services import (
    Rotated,
    erasure_certify,
    lookup_find,
    personal_get,
    root_rotate,
    subject_find,
    tag_next,
    tags_next,
)
from vault.services import rotation as steps
from vault.services.keys import (
    lookup_key_aad,
    root_name,
    subject_key_aad,
    tag_secret,
    tag_secret_aad,
)
from vault.services.rotation import RotationError


def rotate(actor: Actor, progress: Callable[[int, int], None] = lambda *_: None) -> Rotated:
    return root_rotate(actor=actor, now=NOW, progress=progress)


def roots(actor: Actor) -> list[int]:
    """Return the epochs whose root the provider has."""
    names = {epoch: root_name(actor.organisation, epoch) for epoch in range(1, 6)}
    return [epoch for epoch, name in names.items() if key_provider().root_exists(name)]


def wraps(actor: Actor) -> list[tuple[bytes, bytes]]:
    """Return what a copy of the database holds now: each wrapped key, with what binds it."""
    with acting_as(actor):
        keyring = Keyring.objects.get()
        return [
            (bytes(keyring.wrapped_lookup_key), lookup_key_aad(actor.organisation)),
            *(
                (bytes(row.wrapped_key), subject_key_aad(row, row.epoch))
                for row in SubjectKey.objects.all()
            ),
            *(
                (bytes(row.wrapped_secret), tag_secret_aad(actor.organisation, row.subject_id))
                for row in SubjectTag.objects.all()
            ),
        ]


def opens(wrapped: bytes, aad: bytes) -> bool:
    """Try every file of the key folder, whatever its name, by the cipher alone."""
    for path in settings.THERIAC_KEY_FOLDER.rglob("*"):
        if path.is_file() and len(key := path.read_bytes()) == 32:
            try:
                crypto_aead_xchacha20poly1305_ietf_decrypt(wrapped[24:], aad, wrapped[:24], key)
            except CryptoError:
                continue
            return True
    return False


def test_everything_living_opens_under_the_new_root_and_nothing_of_before(
    clinic: Hospital,
) -> None:
    subject_id, items = kept(clinic)
    other = person(clinic.actor, "2")
    tags = [tag_next(actor=clinic.actor, subject_id=subject_id)]
    before, told = wraps(clinic.actor), list[tuple[int, int]]()
    assert len(before) == 5
    assert all(opens(*each) for each in before)
    rotated = rotate(clinic.actor, lambda done, total: told.append((done, total)))
    assert rotated == Rotated(epoch=2, wrapped=4, final=0)
    assert told == [(0, 4), (4, 4)]
    assert roots(clinic.actor) == [2]
    assert not any(opens(*each) for each in before)
    assert all(opens(*each) for each in wraps(clinic.actor))
    assert personal_get(actor=clinic.actor, item_id=items[0]) == CANARY
    assert lookup_find(actor=clinic.actor, holder=NOTE, parts=["rx"]) == (items[0],)
    assert subject_find(actor=clinic.actor, system="urn:mrn", value="2") == other
    tags += tags_next(actor=clinic.actor, subject_id=subject_id, count=2)
    with acting_as(clinic.actor):
        secret = tag_secret(SubjectTag.objects.get(subject_id=subject_id))
        destruction = RootDestruction.objects.get()
        entry = parse_entry(entry_get(bytes(destruction.entry_id)).content)
    assert find_tags(secret, 3, seen=tags).gaps == ()
    assert (entry.kind, entry.body) == ("vault.root.destroyed.v1", {"epoch": 1, "current": 2})
    # And once more: who came since, too.
    newcomer = put(clinic.actor, person(clinic.actor, "3"), uuid4(), b"new").item_id
    assert rotate(clinic.actor).epoch == 3
    assert roots(clinic.actor) == [3]
    assert personal_get(actor=clinic.actor, item_id=newcomer) == b"new"


def test_one_organisations_rotation_is_nobody_elses(
    clinic: Hospital, new_hospital: Callable[[], Hospital]
) -> None:
    there = new_hospital()
    kept(clinic)
    _, items = kept(there)
    rotate(clinic.actor)
    assert (roots(clinic.actor), roots(there.actor)) == ([2], [1])
    assert personal_get(actor=there.actor, item_id=items[0]) == CANARY


class Killed(Exception):  # noqa: N818 - it is no error of ours
    """The process stops here."""


STOPS = [
    ("root_create", "before", 1),
    ("root_create", "after", 1),
    ("_rewrap", "before", 1),
    ("_store", "after", 2),
    ("_rewrap", "after", 1),
    ("_rewrap", "after", 2),
    ("_verify_all", "before", 1),
    ("_verify_all", "after", 1),
    ("_keyring_take", "after", 2),
    ("root_destroy", "before", 1),
    ("root_destroy", "after", 1),
    ("_recorded", "after", 1),
    ("certify_final", "after", 1),
    ("_finish", "after", 1),
]


@pytest.mark.parametrize(("step", "when", "number"), STOPS)
def test_whatever_stops_it_nothing_is_lost_and_it_goes_on(
    clinic: Hospital, monkeypatch: pytest.MonkeyPatch, step: str, when: str, number: int
) -> None:
    monkeypatch.setattr(steps, "CHUNK", 2)
    subject_id, items = kept(clinic)
    people = [person(clinic.actor, str(each)) for each in range(2, 6)]
    gone = person(clinic.actor, "gone")
    put(clinic.actor, gone, uuid4(), b"x")
    erasure_id = clinic.erase(gone)
    before = wraps(clinic.actor)
    where: Any = key_provider() if step.startswith("root_") else steps
    original, calls = getattr(where, step), list[int]()

    def stopping(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        if len(calls) == number and when == "before":
            raise Killed
        result = original(*args, **kwargs)
        if len(calls) == number:
            raise Killed
        return result

    with monkeypatch.context() as patch:
        patch.setattr(where, step, stopping)
        with pytest.raises(Killed):
            rotate(clinic.actor)
    assert personal_get(actor=clinic.actor, item_id=items[0]) == CANARY
    for each in (subject_id, *people):
        tag_next(actor=clinic.actor, subject_id=each)
    late = put(clinic.actor, person(clinic.actor, "late"), uuid4(), b"late").item_id
    with acting_as(clinic.actor):
        finished = RootDestruction.objects.exists()
    assert finished is (step == "_finish")
    if not finished:
        assert rotate(clinic.actor).epoch == 2
    assert roots(clinic.actor) == [2]
    assert not any(opens(*each) for each in before)
    assert personal_get(actor=clinic.actor, item_id=items[2]) == CANARY
    assert personal_get(actor=clinic.actor, item_id=late) == b"late"
    assert clinic.info(erasure_id).state is ErasureState.FINAL
    with acting_as(clinic.actor):
        assert list(RootDestruction.objects.values_list("epoch", flat=True)) == [1]


def test_an_erasure_is_final_once_its_root_is_destroyed(clinic: Hospital) -> None:
    subject_id, _ = kept(clinic)
    neighbour, items = kept(clinic, "2")
    copy = wraps(clinic.actor)
    whole, part = clinic.erase(subject_id), clinic.erase(neighbour, "note")
    # Not certified yet when the root goes.
    late_subject, _ = kept(clinic, "3")
    late = clinic.propose(late_subject)
    clinic.approve(late)
    assert rotate(clinic.actor).final == 2
    assert not any(opens(*each) for each in copy)
    erasure_certify(actor=clinic.actor, erasure_id=late, now=NOW)
    for erasure_id in (whole, part, late):
        info = clinic.info(erasure_id)
        assert info.state is ErasureState.FINAL
        first, second = info.certificates
        with acting_as(clinic.actor):
            destroyed = bytes(RootDestruction.objects.get().entry_id).hex()
        assert second == {
            "erasure": str(erasure_id),
            "erased": info.entries[3].entry_id,
            "tag": first["tag"],
            "stage": 2,
            "epoch": 1,
            "root_destroyed": destroyed,
        }
    assert personal_get(actor=clinic.actor, item_id=items[2]) == CANARY
    # Erased under the second root: final only when that one goes.
    again = clinic.erase(neighbour)
    assert clinic.info(again).state is ErasureState.CERTIFIED
    assert rotate(clinic.actor).final == 1
    assert clinic.info(again).state is ErasureState.FINAL


@pytest.mark.parametrize("table", ["vault_subjectkey", "vault_subjecttag", "vault_keyring"])
def test_a_damaged_wrap_stops_it_before_anything_is_destroyed(
    clinic: Hospital, databases: Databases, table: str
) -> None:
    subject_id, items = kept(clinic)
    healthy, healthy_items = kept(clinic, "2")
    column = {
        "vault_subjectkey": "wrapped_key",
        "vault_subjecttag": "wrapped_secret",
        "vault_keyring": "wrapped_lookup_key",
    }[table]
    where = "organisation_id = %s" if table == "vault_keyring" else "subject_id = %s"
    flip = f"UPDATE {table} SET {column} = set_byte({column}, 30, 255 - get_byte({column}, 30))"
    of = clinic.actor.organisation if table == "vault_keyring" else subject_id
    with databases.superuser() as superuser:
        superuser.execute(f"{flip} WHERE {where}".encode(), [of])
    with pytest.raises(RotationError, match="does not open"):
        rotate(clinic.actor)
    assert 1 in roots(clinic.actor)
    assert personal_get(actor=clinic.actor, item_id=healthy_items[0]) == CANARY
    with databases.superuser() as superuser:
        superuser.execute(f"{flip} WHERE {where}".encode(), [of])
    assert rotate(clinic.actor).epoch == 2
    assert personal_get(actor=clinic.actor, item_id=items[0]) == CANARY
    assert tag_next(actor=clinic.actor, subject_id=healthy)


def test_a_root_that_only_claims_to_be_destroyed_is_found_out(
    clinic: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(clinic)
    with monkeypatch.context() as patch:
        patch.setattr(key_provider(), "root_destroy", lambda _: None)
        with pytest.raises(RotationError, match="still opens"):
            rotate(clinic.actor)
    with acting_as(clinic.actor):
        assert RootDestruction.objects.count() == 0
    assert rotate(clinic.actor).epoch == 2


def test_a_root_that_wraps_otherwise_is_found_out(
    clinic: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, items = kept(clinic)
    original = key_provider().root_wrap
    with monkeypatch.context() as patch:
        patch.setattr(
            key_provider(), "root_wrap", lambda name, key, aad: original(name, key[::-1], aad)
        )
        with pytest.raises(RotationError, match="does not open as it was"):
            rotate(clinic.actor)
    assert personal_get(actor=clinic.actor, item_id=items[0]) == CANARY


def test_who_reads_and_writes_meanwhile_notices_nothing(clinic: Hospital) -> None:
    subject_id, items = kept(clinic)
    for number in range(40):
        person(clinic.actor, f"p{number}")
    stop = Event()

    def use(number: int) -> int:
        made = 0
        try:
            while not stop.is_set() or not made:
                assert personal_get(actor=clinic.actor, item_id=items[number % 3]) == CANARY
                tag_next(actor=clinic.actor, subject_id=subject_id)
                fresh = person(clinic.actor, f"w{number}-{made}")
                put(clinic.actor, fresh, uuid4(), b"meanwhile")
                made += 1
        finally:
            connections.close_all()
        return made

    with ThreadPoolExecutor(3) as pool:
        users = [pool.submit(use, number) for number in range(3)]
        try:
            epochs = [rotate(clinic.actor).epoch for _ in range(3)]
        finally:
            stop.set()
        made = [user.result() for user in users]
    assert epochs == [2, 3, 4]
    with acting_as(clinic.actor):
        assert {row.epoch for row in SubjectTag.objects.all()} <= {4}
        assert SubjectTag.objects.get(subject_id=subject_id).counter == sum(made)
    assert personal_get(actor=clinic.actor, item_id=items[0]) == CANARY


def test_two_who_rotate_at_once_do_not_undo_each_other(clinic: Hospital) -> None:
    _, items = kept(clinic)

    def once(_: int) -> int:
        try:
            return rotate(clinic.actor).epoch
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        epochs = sorted(pool.map(once, range(2)))
    assert epochs in ([2, 2], [2, 3], [3, 3])
    assert roots(clinic.actor) == [epochs[1]]
    assert personal_get(actor=clinic.actor, item_id=items[0]) == CANARY


def test_who_may_not_rotate_and_who_has_nothing_to(clinic: Hospital) -> None:
    kept(clinic)
    _, key = clinic.world.key(clinic.actor, "records:write")
    with pytest.raises(ForbiddenError):
        rotate(key)
    assert roots(clinic.actor) == [1]
    with pytest.raises(RotationError, match="nothing personal"):
        rotate(organisation_actor(uuid4()))


@pytest.fixture
def organisation(clinic: Hospital) -> str:
    kept(clinic)
    return str(clinic.actor.organisation)


def test_the_command_rotates_and_says_what_holds(organisation: str) -> None:
    out = io.StringIO()
    call_command("vault_rotate", organisation=organisation, json=True, stdout=out)
    assert json.loads(out.getvalue()) == {"epoch": 2, "wrapped": 2, "final": 0}
    out = io.StringIO()
    call_command("vault_rotate", organisation=organisation, stdout=out)
    assert out.getvalue().startswith("epoch 3: its root wraps 2 keys")
    with pytest.raises(CommandError, match="nothing personal"):
        call_command("vault_rotate", organisation=str(uuid4()))


def test_the_command_says_what_to_do_about_a_provider_that_fails(organisation: str) -> None:
    key_provider().root_destroy(root_name(UUID(organisation), 1))
    with pytest.raises(CommandError, match="destroyed"):
        call_command("vault_rotate", organisation=organisation)


def test_the_file_provider_opens_nothing_of_another_root(clinic: Hospital) -> None:
    kept(clinic)
    wrapped, aad = wraps(clinic.actor)[0]
    rotate(clinic.actor)
    with pytest.raises(UnwrapError):
        key_provider().root_unwrap(root_name(clinic.actor.organisation, 2), wrapped, aad)
