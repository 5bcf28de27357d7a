"""Many at once, and things found by keyed hashes: same results, few queries, nothing legible."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from foundation.core.actor import Actor
from foundation.core.problem import BadInputError
from foundation.tenancy import acting_as
from tests.conftest import organisation_actor
from tests.database import Databases
from tests.vault.conftest import LAB, NOTE, SEED, person, put
from vault.core.tag import find_tags
from vault.errors import UnknownSubjectError
from vault.models import PersonalItem, SubjectLookup, SubjectTag
from vault.registry import HolderSpec, UnregisteredHolderError, holder_list, holder_register
from vault.services import (
    ItemDraft,
    LookupDraft,
    lookup_find,
    lookup_put,
    lookup_put_many,
    personal_get,
    personal_put_many,
    tag_next,
    tags_next,
    tags_next_for,
)
from vault.services.keys import tag_secret

CANARY = "RX-Canary-77"


def draft(subject_id: UUID, data: bytes, *, ref: UUID | None = None) -> ItemDraft:
    return ItemDraft(
        subject_id=subject_id,
        holder=NOTE,
        ref=ref or uuid4(),
        media_type="text/plain",
        data=data,
        header=b"{}",
        seed=SEED,
    )


def test_many_items_of_several_people_are_put_with_few_queries(hospital: Actor) -> None:
    people = [person(hospital, str(number)) for number in range(3)]
    drafts = [draft(people[number % 3], b"%d" % number) for number in range(300)]
    with acting_as(hospital), CaptureQueriesContext(connections["default"]) as queries:
        sealed = personal_put_many(actor=hospital, items=drafts)
    assert len(queries) == 3
    for number in (0, 1, 2, 299):
        assert personal_get(actor=hospital, item_id=sealed[number].item_id) == b"%d" % number
    assert personal_put_many(actor=hospital, items=[]) == ()


def test_one_thing_named_often_in_a_batch_gets_versions_in_order(hospital: Actor) -> None:
    subject_id, ref = person(hospital, "1"), uuid4()
    put(hospital, subject_id, ref, b"1")
    drafts = [draft(subject_id, b"%d" % number, ref=ref) for number in (2, 3, 4)]
    sealed = personal_put_many(actor=hospital, items=drafts)
    with acting_as(hospital):
        rows = PersonalItem.objects.filter(ref=ref).order_by("version")
        assert list(rows.values_list("version", flat=True)) == [1, 2, 3, 4]
        assert [row.id for row in rows[1:]] == [each.item_id for each in sealed]


def test_batches_that_meet_at_the_same_things_both_apply(hospital: Actor) -> None:
    subject_id, refs = person(hospital, "1"), [uuid4() for _ in range(20)]

    def once(number: int) -> None:
        order = refs if number % 2 else refs[::-1]
        try:
            personal_put_many(
                actor=hospital, items=[draft(subject_id, b"x", ref=ref) for ref in order]
            )
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(once, range(8)))
    with acting_as(hospital):
        for ref in refs:
            rows = PersonalItem.objects.filter(ref=ref).order_by("version")
            assert list(rows.values_list("version", flat=True)) == list(range(1, 9))


def test_a_batch_with_one_unknown_person_puts_nothing(hospital: Actor) -> None:
    drafts = [draft(person(hospital, "1"), b"x"), draft(uuid4(), b"y")]
    with pytest.raises(UnknownSubjectError):
        personal_put_many(actor=hospital, items=drafts)
    with acting_as(hospital):
        assert PersonalItem.objects.count() == 0


def test_what_no_app_registered_is_not_kept(hospital: Actor) -> None:
    subject_id = person(hospital, "1")
    with pytest.raises(UnregisteredHolderError, match=r"tests\.unheard"):
        put(hospital, subject_id, uuid4(), b"x", holder="tests.unheard")
    with pytest.raises(UnregisteredHolderError):
        lookup_put(
            actor=hospital, subject_id=subject_id, holder="tests.unheard", parts=["1"], ref=uuid4()
        )
    with acting_as(hospital):
        assert (PersonalItem.objects.count(), SubjectLookup.objects.count()) == (0, 0)


def test_a_name_means_one_thing_for_ever() -> None:
    holder_register(HolderSpec(name=NOTE, category="note"))
    with pytest.raises(ValueError, match="registered as something else"):
        holder_register(HolderSpec(name=NOTE, category="other"))
    with pytest.raises(ValueError, match="come together"):
        HolderSpec(name="tests.half", category="half", probe=lambda **_: 0)
    names = [spec.name for spec in holder_list()]
    assert names == sorted(names)
    assert {NOTE, LAB} <= set(names)


def test_many_tags_continue_the_count_without_a_gap(hospital: Actor) -> None:
    one, two = person(hospital, "1"), person(hospital, "2")
    tags = [
        tag_next(actor=hospital, subject_id=one),
        *tags_next(actor=hospital, subject_id=one, count=3),
    ]
    with acting_as(hospital), CaptureQueriesContext(connections["default"]) as queries:
        mixed = tags_next_for(actor=hospital, subject_ids=[two, one, two, one])
    assert len(queries) == 3
    with acting_as(hospital):
        secrets = {row.subject_id: tag_secret(row) for row in SubjectTag.objects.all()}
    search = find_tags(secrets[one], 6, seen=[*tags, mixed[1], mixed[3]])
    assert (search.found, search.gaps) == ((1, 2, 3, 4, 5, 6), ())
    assert find_tags(secrets[two], 2, seen=[mixed[0], mixed[2]]).gaps == ()
    assert tags_next(actor=hospital, subject_id=one, count=0) == ()
    with pytest.raises(UnknownSubjectError):
        tags_next(actor=organisation_actor(uuid4()), subject_id=one, count=2)


def test_tags_asked_for_at_once_are_all_different(hospital: Actor) -> None:
    people = [person(hospital, str(number)) for number in range(3)]

    def once(number: int) -> tuple[str, ...]:
        order = people if number % 2 else people[::-1]
        try:
            return tags_next_for(actor=hospital, subject_ids=order)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        found = [tag for tags in pool.map(once, range(12)) for tag in tags]
    assert len(set(found)) == 36
    with acting_as(hospital):
        assert {row.counter for row in SubjectTag.objects.all()} == {12}


def test_a_thing_is_found_by_exactly_its_parts(hospital: Actor) -> None:
    subject_id, ref, other = person(hospital, "1"), uuid4(), uuid4()
    for number in (ref, other, ref):
        lookup_put(
            actor=hospital, subject_id=subject_id, holder=NOTE, parts=["rx", "12"], ref=number
        )
    assert lookup_find(actor=hospital, holder=NOTE, parts=["rx", "12"]) == (ref, other)
    for holder, parts in ((NOTE, ["rx1", "2"]), (NOTE, ["12", "rx"]), (LAB, ["rx", "12"])):
        assert lookup_find(actor=hospital, holder=holder, parts=parts) == ()


def test_nobody_else_finds_it(hospital: Actor) -> None:
    subject_id = person(hospital, "1")
    lookup_put(actor=hospital, subject_id=subject_id, holder=NOTE, parts=["a"], ref=uuid4())
    stranger, neighbour = organisation_actor(uuid4()), organisation_actor(uuid4())
    person(neighbour, "1")
    for actor in (stranger, neighbour):
        assert lookup_find(actor=actor, holder=NOTE, parts=["a"]) == ()
        with pytest.raises(UnknownSubjectError):
            lookup_put(actor=actor, subject_id=subject_id, holder=NOTE, parts=["a"], ref=uuid4())
    with acting_as(hospital):
        assert SubjectLookup.objects.count() == 1


@pytest.mark.parametrize("parts", [[], ["\ud800"]])
def test_a_look_up_is_made_of_texts(hospital: Actor, parts: list[str]) -> None:
    with pytest.raises(BadInputError):
        lookup_find(actor=hospital, holder=NOTE, parts=parts)
    with pytest.raises(BadInputError):
        lookup_put(
            actor=hospital, subject_id=person(hospital, "1"), holder=NOTE, parts=parts, ref=uuid4()
        )


def test_many_look_ups_are_put_with_few_queries_and_read_by_nobody(
    hospital: Actor, databases: Databases
) -> None:
    subject_id = person(hospital, "1")
    drafts = [
        LookupDraft(subject_id=subject_id, holder=NOTE, parts=[CANARY, str(number)], ref=uuid4())
        for number in range(200)
    ]
    with acting_as(hospital), CaptureQueriesContext(connections["default"]) as queries:
        lookup_put_many(actor=hospital, lookups=drafts)
    assert len(queries) == 3
    lookup_put_many(actor=hospital, lookups=[])
    assert lookup_find(actor=hospital, holder=NOTE, parts=[CANARY, "7"]) == (drafts[7].ref,)
    with databases.superuser() as superuser:
        rows = superuser.execute(
            "SELECT count(*) FROM vault_subjectlookup AS t"
            " WHERE t::text LIKE %s OR t::text LIKE %s",
            [f"%{CANARY}%", f"%{CANARY.encode().hex()}%"],
        ).fetchone()
    assert rows == (0,)
    assert CANARY not in repr(drafts[0])
