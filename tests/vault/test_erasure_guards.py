"""Each guard of erasure and rotation can fail: here each one does, and nothing is lost."""

import io
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.management import CommandError, call_command

from foundation.key_providers import KeyProviderError, key_provider
from foundation.tenancy import acting_as
from tests.conftest import NOW
from tests.database import Databases
from tests.vault.conftest import NOTE, tamper
from tests.vault.erased_rows import CANARY, kept, rows_of
from tests.vault.erasing import Hospital
from vault.core.erasure import ErasureProbeError, ErasureState
from vault.errors import ErasedError, RootGoneError, UnknownItemError, UnreadableItemError
from vault.models import Keyring, SubjectKey
from vault.services import (
    erasure_approve,
    erasure_certify,
    lookup_find,
    openings_get,
    personal_get,
    root_rotate,
    shredding,
)
from vault.services import items as items_service
from vault.services import keys as keys_service
from vault.services import rotation as rotation_service
from vault.services.keys import kek_row, subject_key
from vault.services.rotation import RotationError

ALL = [1, 1, 1, 1, 2, 3]


def test_a_key_that_is_not_new_is_found_out_by_the_old_wraps(
    clinic: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject_id, items = kept(clinic)

    def the_old_one(keyring: Keyring, of: UUID, version: int) -> bytes:
        kek = subject_key(SubjectKey.objects.get(subject_id=of))
        kek_row(keyring, of, version, kek).save(force_insert=True)
        return kek

    erasure_id = clinic.propose(subject_id, "note")
    with monkeypatch.context() as patch:
        patch.setattr(shredding, "kek_make", the_old_one)
        with pytest.raises(ErasureProbeError, match="still opens"):
            clinic.approve(erasure_id)
    assert rows_of(clinic.actor, subject_id) == ALL
    assert clinic.info(erasure_id).state is ErasureState.PROPOSED
    assert personal_get(actor=clinic.actor, item_id=items[0]) == CANARY


def test_what_is_to_stay_must_open_before_and_after(
    clinic: Hospital, databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject_id, items = kept(clinic)
    erasure_id = clinic.propose(subject_id, "note")

    def another(item: Any, version: int, kek: bytes, dek: bytes) -> None:
        items_service.data_key_wrap(item, version, kek, dek[::-1])

    with monkeypatch.context() as patch:
        patch.setattr(shredding, "data_key_wrap", another)
        with pytest.raises(UnreadableItemError, match="was not wrapped anew"):
            clinic.approve(erasure_id)
    assert personal_get(actor=clinic.actor, item_id=items[2]) == CANARY
    tamper(
        databases,
        "UPDATE vault_personalitem SET wrapped_dek = set_byte(wrapped_dek, 40,"
        f" 255 - get_byte(wrapped_dek, 40)) WHERE id = '{items[2]}'",
    )
    with pytest.raises(UnreadableItemError, match="is to stay does not open"):
        erasure_approve(actor=clinic.second, erasure_id=erasure_id, now=NOW)
    assert rows_of(clinic.actor, subject_id) == ALL


def test_a_list_that_is_not_the_entrys_certifies_nothing(
    clinic: Hospital, databases: Databases
) -> None:
    subject_id, _ = kept(clinic)
    erasure_id = clinic.propose(subject_id)
    clinic.approve(erasure_id)
    with databases.superuser() as superuser, superuser.transaction():
        superuser.execute("ALTER TABLE vault_eraseditem DISABLE TRIGGER refuse_change")
        superuser.execute(
            "DELETE FROM vault_eraseditem WHERE execution_id = %s AND holder = %s",
            [erasure_id, NOTE],
        )
        superuser.execute("ALTER TABLE vault_eraseditem ENABLE ALWAYS TRIGGER refuse_change")
    with pytest.raises(ErasureProbeError, match="not what its entry says"):
        erasure_certify(actor=clinic.actor, erasure_id=erasure_id, now=NOW)


def test_a_categorys_old_key_played_back_denies_the_certificate(
    clinic: Hospital, databases: Databases
) -> None:
    subject_id, _ = kept(clinic)
    with acting_as(clinic.actor):
        old = SubjectKey.objects.filter(subject_id=subject_id).values().get()
    erasure_id = clinic.propose(subject_id, "note")
    clinic.approve(erasure_id)
    with databases.superuser() as superuser:
        superuser.execute(
            "INSERT INTO vault_subjectkey"
            " (subject_id, organisation_id, version, epoch, wrapped_key)"
            " VALUES (%s, %s, %s, %s, %s)",
            [
                old["subject_id"],
                old["organisation_id"],
                old["version"],
                old["epoch"],
                bytes(old["wrapped_key"]),
            ],
        )
    with pytest.raises(ErasureProbeError, match="under the destroyed key"):
        erasure_certify(actor=clinic.actor, erasure_id=erasure_id, now=NOW)


def test_of_several_items_those_that_were_erased_are_left_out(clinic: Hospital) -> None:
    subject_id, items = kept(clinic)
    clinic.erase(subject_id, "note")
    opened = openings_get(actor=clinic.actor, item_ids=items)
    assert {item: opening.data for item, opening in opened.items()} == {items[2]: CANARY}
    assert openings_get(actor=clinic.actor, item_ids=[]) == {}
    with pytest.raises(ErasedError):
        openings_get(actor=clinic.actor, item_ids=items[:2])
    with pytest.raises(UnknownItemError):
        openings_get(actor=clinic.actor, item_ids=[*items, uuid4()])


@pytest.mark.parametrize(
    ("service", "name"), [(items_service, "_opened"), (keys_service, "_lookup_key")]
)
def test_who_read_before_a_rotation_reads_again_after_it(
    clinic: Hospital, monkeypatch: pytest.MonkeyPatch, service: Any, name: str
) -> None:
    _, items = kept(clinic)
    original, failed = getattr(service, name), list[str]()

    def late(*args: Any) -> Any:
        if not failed:
            failed.append(name)
            raise RootGoneError("read before, opened after")
        return original(*args)

    monkeypatch.setattr(service, name, late)
    assert personal_get(actor=clinic.actor, item_id=items[0]) == CANARY
    assert lookup_find(actor=clinic.actor, holder=NOTE, parts=["rx"]) == (items[0],)
    assert failed == [name]


def test_a_key_that_appears_under_the_old_root_stops_the_destruction(
    clinic: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, items = kept(clinic)
    with monkeypatch.context() as patch:
        patch.setattr(rotation_service, "_rewrap", lambda *_, **__: 0)
        with pytest.raises(RotationError, match="still under an earlier root"):
            root_rotate(actor=clinic.actor, now=NOW, progress=lambda *_: None)
    assert personal_get(actor=clinic.actor, item_id=items[0]) == CANARY


def test_a_root_that_is_still_there_after_all_is_found_out(
    clinic: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(clinic)
    provider = key_provider()
    exists, asked = provider.root_exists, list[str]()

    def always(name: str) -> bool:
        asked.append(name)
        return exists(name) or len(asked) > 2

    monkeypatch.setattr(provider, "root_exists", always)
    with pytest.raises(RotationError, match="is still there"):
        root_rotate(actor=clinic.actor, now=NOW, progress=lambda *_: None)


def test_the_command_passes_on_what_the_provider_says(
    clinic: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(clinic)

    def full(name: str) -> None:
        raise KeyProviderError(f"no room for {name}", remedy="make some")

    monkeypatch.setattr(key_provider(), "root_create", full)
    with pytest.raises(CommandError, match="make some"):
        call_command(
            "vault_rotate", organisation=str(clinic.actor.organisation), stdout=io.StringIO()
        )
