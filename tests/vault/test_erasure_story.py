"""The whole of it: two organisations know a person, one erases; dumps, canaries, and a crowd."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.db import connections
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_decrypt
from nacl.exceptions import CryptoError

from foundation.core.problem import ProblemError
from foundation.tenancy import acting_as
from ledger.services.verification import log_verify
from tests.conftest import NOW
from tests.database import Databases
from tests.vault.conftest import LAB, NOTE, SEED, put
from tests.vault.erasing import Hospital, NewHospital
from vault.cipher import CipherError, open_envelope, unwrap_key
from vault.core.envelope import (
    EnvelopeError,
    KeyPurpose,
    dek_wrap_aad,
    kek_wrap_aad,
    record_aad,
)
from vault.core.erasure import ErasureState
from vault.errors import ErasedError
from vault.models import PersonalItem, Subject, SubjectKey
from vault.services import (
    erasure_approve,
    erasure_certify,
    lookup_put,
    personal_get,
    root_rotate,
    subject_ensure,
    subject_find,
    tag_next,
)

NAME, NUMBER = "Zqxwv Storycanary", "MRN-Story-90210"
DATA = f"{NAME}, {NUMBER}".encode()


@dataclass(frozen=True)
class Dump:
    """What a backup of the database holds of a person: the rows, byte for byte."""

    items: list[dict[str, Any]]
    keys: list[dict[str, Any]]

    def opens(self) -> int:
        """Return how many items open, by the cipher alone, with any file of the key folder."""
        files = [path.read_bytes() for path in settings.THERIAC_KEY_FOLDER.rglob("*.key")]
        return sum(
            any(self._opens(item, key, file) for key in self.keys for file in files)
            for item in self.items
        )

    def _opens(self, item: dict[str, Any], key: dict[str, Any], root: bytes) -> bool:
        wrapped = bytes(key["wrapped_key"])
        aad = kek_wrap_aad(
            organisation=key["organisation_id"],
            subject=key["subject_id"],
            kek_version=key["version"],
            epoch=key["epoch"],
        )
        try:
            kek = crypto_aead_xchacha20poly1305_ietf_decrypt(wrapped[24:], aad, wrapped[:24], root)
            dek = unwrap_key(
                wrapping_key=kek,
                purpose=KeyPurpose.DEK_WRAP,
                aad=dek_wrap_aad(
                    subject=item["subject_id"], record=item["id"], kek_version=item["kek_version"]
                ),
                envelope=bytes(item["wrapped_dek"]),
            )
            plaintext = open_envelope(
                key=dek,
                purpose=KeyPurpose.RECORD,
                aad=record_aad(
                    organisation=item["organisation_id"],
                    subject=item["subject_id"],
                    record=item["id"],
                    version=item["version"],
                    media_type=item["media_type"],
                    dek=item["dek_id"],
                ),
                envelope=bytes(item["envelope"]),
            )
        except (CryptoError, CipherError, EnvelopeError):
            return False
        return plaintext.startswith(SEED) and plaintext.endswith(DATA)


def dump_of(hospital: Hospital, subject_id: UUID) -> Dump:
    with acting_as(hospital.actor):
        return Dump(
            items=[
                dict(row) for row in PersonalItem.objects.filter(subject_id=subject_id).values()
            ],
            keys=[dict(row) for row in SubjectKey.objects.filter(subject_id=subject_id).values()],
        )


def known_to(hospital: Hospital) -> tuple[UUID, UUID]:
    """Keep a note and a lab result of the person; return the subject and the lab's item."""
    subject_id = subject_ensure(actor=hospital.actor, identifiers=[("urn:mrn", NUMBER)], now=NOW)
    put(hospital.actor, subject_id, uuid4(), DATA)
    item = put(hospital.actor, subject_id, uuid4(), DATA, holder=LAB).item_id
    lookup_put(actor=hospital.actor, subject_id=subject_id, holder=NOTE, parts=[NAME], ref=uuid4())
    return subject_id, item


def rotate(hospital: Hospital) -> None:
    root_rotate(actor=hospital.actor, now=NOW, progress=lambda *_: None)


def found_in(databases: Databases, *texts: str) -> set[str]:
    """Return the tables any of whose rows holds any of these texts, as it is or as bytes."""
    found = set()
    with databases.superuser() as superuser:
        tables = superuser.execute(
            "SELECT relname FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        ).fetchall()
        for (table,) in tables:
            for text in texts:
                for form in (text, text.encode().hex()):
                    row = superuser.execute(
                        f"SELECT count(*) FROM {table} AS t WHERE t::text LIKE %s".encode(),
                        [f"%{form}%"],
                    ).fetchone()
                    if row != (0,):
                        found.add(str(table))
    return found


def test_one_forgets_the_other_does_not_and_no_copy_remembers(
    new_hospital: NewHospital, databases: Databases
) -> None:
    here, there = new_hospital(), new_hospital()
    subject_here, _ = known_to(here)
    subject_there, item_there = known_to(there)
    dump, dump_there = dump_of(here, subject_here), dump_of(there, subject_there)
    assert (dump.opens(), dump_there.opens()) == (2, 2)
    erasure_id = here.erase(subject_here)
    assert here.info(erasure_id).state is ErasureState.CERTIFIED
    # Gone from the database; last week's dump still opens, and stage 1 does not say otherwise.
    assert dump_of(here, subject_here) == Dump(items=[], keys=[])
    assert dump.opens() == 2
    rotate(here)
    assert here.info(erasure_id).state is ErasureState.FINAL
    assert dump.opens() == 0
    # The other organisation knows the person as before, and its dumps open.
    assert personal_get(actor=there.actor, item_id=item_there) == DATA
    assert dump_there.opens() == 2
    assert subject_find(actor=there.actor, system="urn:mrn", value=NUMBER) == subject_there
    assert found_in(databases, NAME, NUMBER) == set()
    for path in settings.THERIAC_KEY_FOLDER.rglob("*.key"):
        assert len(path.read_bytes()) == 32
    here.world.channel.sequence()
    assert log_verify().sound


def test_a_categorys_dump_dies_with_the_root_and_what_stays_lives(clinic: Hospital) -> None:
    subject_id, lab = known_to(clinic)
    dump = dump_of(clinic, subject_id)
    clinic.erase(subject_id, "note")
    # The trap: were the old key not replaced, the dump's data keys would open under a living one.
    living = dump_of(clinic, subject_id)
    assert Dump(items=dump.items, keys=living.keys).opens() == 0
    assert living.opens() == 1
    rotate(clinic)
    assert (dump.opens(), dump_of(clinic, subject_id).opens()) == (0, 1)
    assert personal_get(actor=clinic.actor, item_id=lab) == DATA


@pytest.mark.parametrize("category", [None, "note"])
def test_who_reads_and_puts_during_an_erasure_gets_all_or_a_clean_refusal(
    clinic: Hospital, category: str | None
) -> None:
    subject_id, lab = known_to(clinic)
    erasure_id = clinic.propose(subject_id, category)
    erasure_approve(actor=clinic.officer, erasure_id=erasure_id, now=NOW)
    start, kept_items = Barrier(5), list[UUID]()

    def use(number: int) -> None:
        start.wait()
        try:
            for _ in range(8):
                if number % 2:
                    assert personal_get(actor=clinic.actor, item_id=lab) == DATA
                    tag_next(actor=clinic.actor, subject_id=subject_id)
                else:
                    ref = uuid4()
                    item = put(clinic.actor, subject_id, ref, DATA, holder=LAB).item_id
                    kept_items.append(item)
        except ErasedError:
            assert category is None
        finally:
            connections.close_all()

    def erase() -> None:
        start.wait()
        try:
            erasure_approve(actor=clinic.second, erasure_id=erasure_id, now=NOW)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(5) as pool:
        done = [*(pool.submit(use, number) for number in range(4)), pool.submit(erase)]
        for each in done:
            each.result()
    erasure_certify(actor=clinic.actor, erasure_id=erasure_id, now=NOW)
    assert clinic.info(erasure_id).state is ErasureState.CERTIFIED
    with acting_as(clinic.actor):
        assert Subject.objects.filter(id=subject_id).exists() is (category is not None)
    if category is None:
        for item in kept_items:
            with pytest.raises(ErasedError):
                personal_get(actor=clinic.actor, item_id=item)
    else:
        assert len(kept_items) == 16
        for item in [lab, *kept_items]:
            assert personal_get(actor=clinic.actor, item_id=item) == DATA


def test_who_meets_the_person_again_meanwhile_gets_somebody_new_or_the_old_one(
    clinic: Hospital,
) -> None:
    subject_id, _ = known_to(clinic)
    erasure_id = clinic.propose(subject_id)
    erasure_approve(actor=clinic.officer, erasure_id=erasure_id, now=NOW)
    start, met = Barrier(4), set[UUID]()

    def meet(_: int) -> None:
        start.wait()
        try:
            for _ in range(6):
                identifiers = [("urn:mrn", NUMBER), ("urn:card", "1")]
                met.add(subject_ensure(actor=clinic.actor, identifiers=identifiers, now=NOW))
        finally:
            connections.close_all()

    def erase() -> None:
        start.wait()
        try:
            erasure_approve(actor=clinic.second, erasure_id=erasure_id, now=NOW)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        done = [*(pool.submit(meet, number) for number in range(3)), pool.submit(erase)]
        for each in done:
            each.result()
    erasure_certify(actor=clinic.actor, erasure_id=erasure_id, now=NOW)
    assert len(met - {subject_id}) <= 1
    again = subject_ensure(actor=clinic.actor, identifiers=[("urn:mrn", NUMBER)], now=NOW)
    assert again != subject_id
    with acting_as(clinic.actor):
        assert not Subject.objects.filter(id=subject_id).exists()


def test_two_erasures_of_one_person_are_one(clinic: Hospital) -> None:
    subject_id, _ = known_to(clinic)
    ids = [clinic.propose(subject_id) for _ in range(2)]
    for erasure_id in ids:
        erasure_approve(actor=clinic.officer, erasure_id=erasure_id, now=NOW)
    start = Barrier(2)

    def approve(erasure_id: UUID) -> str:
        start.wait()
        try:
            erasure_approve(actor=clinic.second, erasure_id=erasure_id, now=NOW)
        except ProblemError as problem:
            return problem.slug
        finally:
            connections.close_all()
        return "done"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(approve, ids)) == ["done", "erased"]
