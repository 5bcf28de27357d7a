"""Erasure end to end on a real PostgreSQL: two persons, one entry, nothing left that opens."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from foundation.core.actor import Actor, Role
from foundation.core.problem import ForbiddenError, NotFoundError
from foundation.outbox import outbox_claim, outbox_run
from foundation.tenancy import acting_as
from ledger.core.entry import parse_entry
from ledger.core.merkle import leaf_hash, tree_root
from ledger.errors import NoKeyError
from ledger.models import Entry, KeyHolder
from ledger.selectors import entry_get
from ledger.services import key_add
from tests.conftest import NOW, organisation_actor
from tests.vault.conftest import LAB, NOTE, person, put
from tests.vault.erased_rows import CANARY, kept, rows_of
from tests.vault.erasing import REASON, Hospital, NewHospital
from vault.core.erasure import (
    ErasurePlanError,
    ErasureProbeError,
    ErasureRefusedError,
    ErasureState,
    Objection,
)
from vault.errors import ErasedError, ErasureStateError, UnknownItemError, UnknownSubjectError
from vault.models import (
    ErasedItem,
    Erasure,
    ErasureApproval,
    ErasureCertificate,
    ErasureExecution,
    PersonalItem,
    SubjectKey,
)
from vault.registry import HolderSpec, holder_register
from vault.services import (
    erasure_approve,
    erasure_certify,
    erasure_propose,
    lookup_find,
    personal_get,
    subject_ensure,
    subject_find,
    tag_next,
)

FACTS = (Erasure, ErasureApproval, ErasureExecution, ErasureCertificate, ErasedItem)


def written(actor: Actor) -> tuple[int, ...]:
    """Return how many entries and facts of erasure an organisation has."""
    with acting_as(actor):
        own = Entry.objects.filter(organisation_id=actor.organisation)
        return own.count(), *(model.objects.count() for model in FACTS)


def body_of(hospital: Hospital, entry_id: str) -> dict[str, object]:
    with acting_as(hospital.actor):
        return dict(parse_entry(entry_get(bytes.fromhex(entry_id)).content).body)


def test_everything_goes_with_one_entry_and_is_certified(clinic: Hospital) -> None:
    subject_id, items = kept(clinic)
    with acting_as(clinic.actor):
        commitments = dict(PersonalItem.objects.values_list("id", "commitment"))
    assert rows_of(clinic.actor, subject_id) == [1, 1, 1, 1, 2, 3]
    erasure_id = clinic.propose(subject_id)
    approved = clinic.approve(erasure_id)
    assert rows_of(clinic.actor, subject_id) == [0, 0, 0, 0, 0, 0]
    assert approved.info.state is ErasureState.ERASED
    assert approved.info.count == 4
    erasure_certify(actor=clinic.actor, erasure_id=erasure_id, now=NOW)
    erasure_certify(actor=clinic.actor, erasure_id=erasure_id, now=NOW)
    info = clinic.info(erasure_id)
    assert info.state is ErasureState.CERTIFIED
    assert [entry.kind for entry in info.entries] == [
        "vault.erasure.proposed.v1",
        "vault.erasure.approved.v1",
        "vault.erasure.approved.v1",
        "vault.subject.erased.v1",
        "vault.erasure.certified.v1",
    ]
    erased = body_of(clinic, info.entries[3].entry_id)
    leaves = [(LAB, items[2]), *sorted((NOTE, item) for item in items[:2])]
    key_id = bytes.fromhex(str(erased["key"]))
    root = tree_root(
        [*(leaf_hash(bytes(commitments[item])) for _, item in leaves), leaf_hash(key_id)]
    )
    assert erased == {
        "erasure": str(erasure_id),
        "tag": erased["tag"],
        "count": 4,
        "holders": [
            {"holder": LAB, "count": 1},
            {"holder": NOTE, "count": 2},
            {"holder": "vault.subject", "count": 1},
        ],
        "commitments_root": root.hex(),
        "key": erased["key"],
        "epoch": 1,
        "approvers": sorted(info.approvers),
    }
    assert body_of(clinic, info.entries[4].entry_id) == {
        **erased,
        "probes_failed": 4,
        "stage": 1,
        "erased": info.entries[3].entry_id,
    }


def test_what_was_erased_reads_as_erased_and_what_never_was_as_unknown(clinic: Hospital) -> None:
    subject_id, items = kept(clinic)
    info = clinic.info(clinic.erase(subject_id))
    for call in (
        lambda: personal_get(actor=clinic.actor, item_id=items[0]),
        lambda: put(clinic.actor, subject_id, uuid4(), b"x"),
        lambda: tag_next(actor=clinic.actor, subject_id=subject_id),
        lambda: clinic.propose(subject_id),
    ):
        with pytest.raises(ErasedError) as caught:
            call()
        assert caught.value.status == 410
        assert caught.value.members == {"entry": info.entries[3].entry_id}
    assert lookup_find(actor=clinic.actor, holder=NOTE, parts=["rx"]) == ()
    with pytest.raises(UnknownSubjectError):
        subject_find(actor=clinic.actor, system="urn:mrn", value="1")
    with pytest.raises(UnknownItemError):
        personal_get(actor=organisation_actor(uuid4()), item_id=items[0])
    # Who comes back is somebody new.
    assert person(clinic.actor, "1") != subject_id


def test_erasure_in_one_organisation_leaves_the_other(new_hospital: NewHospital) -> None:
    here, there = new_hospital(), new_hospital()
    subject_here, _ = kept(here)
    subject_there, items_there = kept(there)
    here.erase(subject_here)
    assert rows_of(there.actor, subject_there) == [1, 1, 1, 1, 2, 3]
    assert personal_get(actor=there.actor, item_id=items_there[0]) == CANARY
    with pytest.raises(UnknownSubjectError):
        here.propose(subject_there)


def test_one_category_goes_and_the_rest_stays_under_a_new_key(clinic: Hospital) -> None:
    subject_id, items = kept(clinic)
    info = clinic.info(clinic.erase(subject_id, "note"))
    assert (info.state, info.category, info.count) == (ErasureState.CERTIFIED, "note", 2)
    assert rows_of(clinic.actor, subject_id) == [1, 1, 1, 1, 1, 1]
    assert personal_get(actor=clinic.actor, item_id=items[2]) == CANARY
    with acting_as(clinic.actor):
        assert list(SubjectKey.objects.values_list("version", flat=True)) == [2]
        assert list(PersonalItem.objects.values_list("kek_version", flat=True)) == [2]
    for item in items[:2]:
        with pytest.raises(ErasedError):
            personal_get(actor=clinic.actor, item_id=item)
    assert lookup_find(actor=clinic.actor, holder=NOTE, parts=["rx"]) == ()
    assert lookup_find(actor=clinic.actor, holder=LAB, parts=["rx"]) == (items[2],)
    # Life goes on: more is kept, tags continue, and the rest can go too.
    later = put(clinic.actor, subject_id, uuid4(), b"later").item_id
    assert personal_get(actor=clinic.actor, item_id=later) == b"later"
    clinic.erase(subject_id, "note")
    clinic.erase(subject_id)
    assert rows_of(clinic.actor, subject_id) == [0, 0, 0, 0, 0, 0]


def test_an_unknown_category_reason_or_nothing_held_is_refused(clinic: Hospital) -> None:
    subject_id, _ = kept(clinic)
    before = written(clinic.actor)
    for category, reason, match in (
        ("genome", REASON, "no app holds"),
        ("coverage", REASON, "nothing of this category"),
        (None, "Zoe asked", "the reason is one of"),
    ):
        with pytest.raises(ErasurePlanError, match=match):
            erasure_propose(
                actor=clinic.officer,
                subject_id=subject_id,
                reason=reason,
                category=category,
                now=NOW,
            )
    with pytest.raises(UnknownSubjectError):
        clinic.propose(uuid4())
    assert written(clinic.actor) == before


def test_who_may_and_who_may_not(clinic: Hospital, new_hospital: NewHospital) -> None:
    subject_id, items = kept(clinic)
    erasure_id = clinic.propose(subject_id)
    outsider, patient = new_hospital(), replace(clinic.officer, roles=frozenset({Role.PATIENT}))
    clinician = replace(
        clinic.world.person(clinic.actor, Role.CLINICIAN).actor, reauthenticated_at=NOW
    )
    _, reader = clinic.world.key(clinic.actor, "records:read")
    before = written(clinic.actor)
    for actor in (clinician, patient, reader):
        with pytest.raises(ForbiddenError):
            erasure_propose(actor=actor, subject_id=subject_id, reason=REASON, now=NOW)
    with pytest.raises(NotFoundError):
        erasure_approve(actor=outsider.officer, erasure_id=erasure_id, now=NOW)
    _, writer = clinic.world.key(clinic.actor, "records:write")
    for actor in (clinician, patient, reader, writer, clinic.actor):
        with pytest.raises(ForbiddenError):
            erasure_approve(actor=actor, erasure_id=erasure_id, now=NOW)
    assert written(clinic.actor) == before
    assert personal_get(actor=clinic.actor, item_id=items[0]) == CANARY
    # A system of the organisation's may propose: two persons decide.
    info, _ = erasure_propose(actor=writer, subject_id=subject_id, reason=REASON, now=NOW)
    assert info.state is ErasureState.PROPOSED


def test_two_persons_with_keys_of_their_own_just_logged_in(clinic: Hospital) -> None:
    subject_id, items = kept(clinic)
    erasure_id = clinic.propose(subject_id)
    late = NOW + dt.timedelta(minutes=6)
    keyless = replace(clinic.world.person(clinic.actor, Role.ADMIN).actor, reauthenticated_at=NOW)
    for actor, now in ((clinic.officer, late), (keyless, NOW)):
        with pytest.raises(NoKeyError):
            erasure_approve(actor=actor, erasure_id=erasure_id, now=now)
    erasure_approve(actor=clinic.officer, erasure_id=erasure_id, now=NOW)
    # The same person with another key is not two persons.
    key_add(actor=clinic.actor, holder=KeyHolder.PERSON, person_id=clinic.people[0].id, now=NOW)
    clinic.world.channel.sequence()
    with pytest.raises(ErasureStateError, match="two different persons"):
        erasure_approve(actor=clinic.officer, erasure_id=erasure_id, now=NOW)
    with pytest.raises(ErasureStateError, match="two persons approve"):
        erasure_certify(actor=clinic.actor, erasure_id=erasure_id, now=NOW)
    assert personal_get(actor=clinic.actor, item_id=items[0]) == CANARY
    erasure_approve(actor=clinic.second, erasure_id=erasure_id, now=NOW)
    with pytest.raises(ErasureStateError, match="erased already"):
        erasure_approve(actor=clinic.second, erasure_id=erasure_id, now=NOW)


@pytest.mark.usefixtures("_registry_as_it_was")
def test_an_objection_refuses_with_article_and_date_until_it_ends(clinic: Hospital) -> None:
    until = dt.date(2026, 12, 31)

    def objects(*, actor: Actor, subject_id: UUID, today: dt.date) -> Sequence[Objection]:
        assert (actor.organisation, subject_id) == (clinic.actor.organisation, wanted)
        assert today >= NOW.date()
        return [Objection(holder="tests.held", article="GDPR 17(3)(b)", until=until)]

    holder_register(HolderSpec(name="tests.held", category="held", objections=objects))
    wanted = person(clinic.actor, "1")
    item = put(clinic.actor, wanted, uuid4(), b"x", holder="tests.held").item_id
    put(clinic.actor, wanted, uuid4(), b"y")
    for category in (None, "held"):
        with pytest.raises(ErasureRefusedError) as caught:
            clinic.propose(wanted, category)
        assert caught.value.members == {"article": "GDPR 17(3)(b)", "until": "2026-12-31"}
    # What it does not cover goes.
    clinic.erase(wanted, "note")
    assert personal_get(actor=clinic.actor, item_id=item) == b"x"
    later = dt.datetime(2027, 1, 1, tzinfo=dt.UTC)
    erasure_propose(actor=clinic.officer, subject_id=wanted, reason=REASON, now=later)


@pytest.mark.usefixtures("_registry_as_it_was")
def test_an_objection_that_arises_before_the_second_approval_stops_it(clinic: Hospital) -> None:
    holds: list[Objection] = []
    holder_register(
        HolderSpec(name="tests.held", category="held", objections=lambda **_: list(holds))
    )
    subject_id = person(clinic.actor, "1")
    item = put(clinic.actor, subject_id, uuid4(), b"x", holder="tests.held").item_id
    erasure_id = clinic.propose(subject_id)
    holds.append(Objection(holder="tests.held", article="a court's hold"))
    with pytest.raises(ErasureRefusedError, match="until it is lifted"):
        clinic.approve(erasure_id)
    assert personal_get(actor=clinic.actor, item_id=item) == b"x"
    assert clinic.info(erasure_id).state is ErasureState.PROPOSED
    holds.clear()
    erasure_approve(actor=clinic.second, erasure_id=erasure_id, now=NOW)
    assert clinic.info(erasure_id).state is ErasureState.ERASED


@pytest.mark.usefixtures("_registry_as_it_was")
def test_what_an_app_keeps_beside_the_vault_goes_and_is_probed(clinic: Hospital) -> None:
    beside = {"count": 2}
    asked: list[UUID] = []

    def destroy(*, actor: Actor, subject_id: UUID) -> None:
        assert actor.organisation == clinic.actor.organisation
        asked.append(subject_id)
        beside["count"] -= 1

    holder_register(
        HolderSpec(
            name="tests.beside",
            category="beside",
            destroy=destroy,
            probe=lambda **_: beside["count"],
        )
    )
    subject_id, _ = kept(clinic)
    clinic.erase(subject_id, "note")
    assert asked == []
    erasure_id = clinic.propose(subject_id)
    clinic.approve(erasure_id)
    assert asked == [subject_id]
    with pytest.raises(ErasureProbeError, match=r"tests\.beside still holds 1"):
        erasure_certify(actor=clinic.actor, erasure_id=erasure_id, now=NOW)
    assert clinic.info(erasure_id).state is ErasureState.ERASED
    beside["count"] = 0
    erasure_certify(actor=clinic.actor, erasure_id=erasure_id, now=NOW)
    assert clinic.info(erasure_id).state is ErasureState.CERTIFIED


def test_the_relay_certifies_once_it_is_committed(clinic: Hospital) -> None:
    subject_id, _ = kept(clinic)
    erasure_id = clinic.propose(subject_id)
    clinic.approve(erasure_id)
    for message_id in outbox_claim(now=NOW, limit=1000):
        outbox_run(message_id, now=NOW)
    assert clinic.info(erasure_id).state is ErasureState.CERTIFIED


def test_identifiers_name_again_only_whom_they_name_now(clinic: Hospital) -> None:
    subject_id, _ = kept(clinic)
    assert subject_find(actor=clinic.actor, system="urn:mrn", value="1") == subject_id
    clinic.erase(subject_id)
    again = subject_ensure(actor=clinic.actor, identifiers=[("urn:mrn", "1")], now=NOW)
    assert subject_find(actor=clinic.actor, system="urn:mrn", value="1") == again != subject_id
