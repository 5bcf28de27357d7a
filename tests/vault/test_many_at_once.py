"""Many people, look-ups and items at once are the same ones, in a few queries."""

from uuid import UUID, uuid4

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from foundation.core.actor import Actor
from foundation.core.problem import BadInputError
from foundation.tenancy import acting_as
from tests.conftest import NOW, organisation_actor
from tests.database import Databases
from tests.vault.conftest import NOTE, person, put
from vault.errors import UnknownItemError, UnreadableItemError
from vault.services import (
    lookup_find,
    lookup_find_many,
    lookup_put,
    openings_get,
    subjects_ensure,
    subjects_find,
)
from vault.services.subjects import AmbiguousIdentifiersError


def people(actor: Actor, *named: list[tuple[str, str]]) -> tuple[UUID, ...]:
    return subjects_ensure(actor=actor, people=named, now=NOW)


def test_people_named_together_are_those_named_one_by_one(hospital: Actor) -> None:
    known = person(hospital, "1")
    first, second, third = people(
        hospital,
        [("urn:mrn", "2"), ("urn:card", "9")],
        [("urn:mrn", "1")],
        [("urn:card", "9"), ("urn:mrn", "3")],
    )
    assert (second, third) == (known, first)
    assert first != known
    with pytest.raises(AmbiguousIdentifiersError):
        people(hospital, [("urn:mrn", "4")], [("urn:mrn", "1"), ("urn:mrn", "2")])
    with pytest.raises(BadInputError):
        people(hospital, [("urn:mrn", "4")], [])
    wanted = [("urn:mrn", "3"), ("urn:mrn", "1"), ("urn:mrn", "4"), ("", "1")]
    found = subjects_find(actor=hospital, identifiers=wanted)
    assert found == {("urn:mrn", "3"): first, ("urn:mrn", "1"): known}
    assert subjects_find(actor=organisation_actor(uuid4()), identifiers=wanted) == {}


def test_look_ups_asked_together_answer_as_one_by_one(hospital: Actor) -> None:
    subject_id, refs = person(hospital, "1"), [uuid4(), uuid4()]
    for number, ref in enumerate(refs):
        parts = ["rx", str(number)]
        lookup_put(actor=hospital, subject_id=subject_id, holder=NOTE, parts=parts, ref=ref)
    wanted = [["rx", "1"], ["rx", "2"], ["rx", "0"], ["rx", "1"]]
    found = lookup_find_many(actor=hospital, holder=NOTE, wanted=wanted)
    assert found == ((refs[1],), (), (refs[0],), (refs[1],))
    alone = [lookup_find(actor=hospital, holder=NOTE, parts=parts) for parts in wanted]
    assert list(found) == alone
    nobody = organisation_actor(uuid4())
    assert lookup_find_many(actor=nobody, holder=NOTE, wanted=wanted) == ((), (), (), ())


def test_many_items_open_with_as_many_queries_as_few(hospital: Actor) -> None:
    one, two = person(hospital, "1"), person(hospital, "2")
    items = [put(hospital, one if n % 2 else two, uuid4(), b"%d" % n).item_id for n in range(12)]

    def queries(count: int) -> int:
        with acting_as(hospital), CaptureQueriesContext(connections["default"]) as caught:
            opened = openings_get(actor=hospital, item_ids=items[:count])
        assert [opened[item].data for item in items[:count]] == [b"%d" % n for n in range(count)]
        return len(caught)

    assert queries(12) == queries(2)


def test_nobody_else_opens_many_and_without_the_key_nobody_does(
    hospital: Actor, databases: Databases
) -> None:
    subject_id = person(hospital, "1")
    sealed = put(hospital, subject_id, uuid4(), b"data")
    with pytest.raises(UnknownItemError):
        openings_get(actor=organisation_actor(uuid4()), item_ids=[sealed.item_id])
    with databases.superuser() as superuser, superuser.transaction():
        superuser.execute("SET LOCAL session_replication_role = replica")
        superuser.execute("ALTER TABLE vault_subjectkey DISABLE TRIGGER personal_needs_erasure")
        superuser.execute(f"DELETE FROM vault_subjectkey WHERE subject_id = '{subject_id}'")
        superuser.execute(
            "ALTER TABLE vault_subjectkey ENABLE ALWAYS TRIGGER personal_needs_erasure"
        )
    with pytest.raises(UnreadableItemError, match="key is missing"):
        openings_get(actor=hospital, item_ids=[sealed.item_id])
