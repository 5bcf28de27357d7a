"""The vault on a real PostgreSQL: what is put comes back, to its organisation, unaltered only."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from django.db import connections

from foundation.core.actor import AUTHENTICATION, PUBLIC, Actor
from foundation.core.problem import BadInputError
from foundation.key_providers import key_provider
from foundation.tenancy import acting_as
from ledger.core.commitment import check_commitment
from tests.conftest import NOW, Channel, organisation_actor
from tests.database import Databases
from tests.vault.conftest import SEED, person, put, tamper
from vault.core.tag import find_tags
from vault.errors import UnknownItemError, UnknownSubjectError, UnreadableItemError
from vault.models import PersonalItem, Subject, SubjectTag
from vault.services import opening_get, personal_get, subject_ensure, tag_next
from vault.services.keys import keyring_ensure, root_name, tag_secret
from vault.services.subjects import AmbiguousIdentifiersError

pytestmark = pytest.mark.usefixtures("db")

CANARY = "Zoë Canary"


def test_identifiers_name_one_subject(hospital: Actor) -> None:
    first = person(hospital, "1")
    assert person(hospital, "1", "2") == first
    assert person(hospital, "2") == first
    other = person(hospital, "3")
    assert other != first
    with pytest.raises(AmbiguousIdentifiersError):
        person(hospital, "1", "3")
    # The same number in another organisation is somebody else.
    assert person(organisation_actor(uuid4()), "1") != first


def test_system_and_value_do_not_run_together(hospital: Actor) -> None:
    one = subject_ensure(actor=hospital, identifiers=[("a", "bc")], now=NOW)
    two = subject_ensure(actor=hospital, identifiers=[("ab", "c")], now=NOW)
    assert one != two


@pytest.mark.parametrize("identifiers", [[], [("urn:mrn", "")], [("urn:mrn", "\ud800")]])
def test_nobody_is_made_from_nothing(hospital: Actor, identifiers: list[tuple[str, str]]) -> None:
    with pytest.raises(BadInputError):
        subject_ensure(actor=hospital, identifiers=identifiers, now=NOW)
    with acting_as(hospital):
        assert Subject.objects.count() == 0


def test_puts_of_one_thing_at_once_are_versions(hospital: Actor) -> None:
    subject_id, ref = person(hospital, "1"), uuid4()

    def once(number: int) -> None:
        try:
            put(hospital, subject_id, ref, b"%d" % number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(once, range(12)))
    with acting_as(hospital):
        rows = PersonalItem.objects.filter(ref=ref).order_by("version")
        assert list(rows.values_list("version", flat=True)) == list(range(1, 13))


def test_what_is_put_comes_back_and_opens_its_commitment(hospital: Actor) -> None:
    sealed = put(hospital, person(hospital, "1"), uuid4(), CANARY.encode())
    assert personal_get(actor=hospital, item_id=sealed.item_id) == CANARY.encode()
    opening = opening_get(actor=hospital, item_id=sealed.item_id, number=2)
    assert (opening.commitment, opening.key, opening.header) == (2, SEED, b'{"v":1}')
    check_commitment(
        commitment=sealed.commitment, key=opening.key, header=opening.header, data=opening.data
    )


def test_versions_follow_each_other(hospital: Actor) -> None:
    subject_id, ref = person(hospital, "1"), uuid4()
    items = [put(hospital, subject_id, ref, data).item_id for data in (b"a", b"", b"c")]
    assert [personal_get(actor=hospital, item_id=item) for item in items] == [b"a", b"", b"c"]
    with acting_as(hospital):
        rows = PersonalItem.objects.filter(ref=ref).order_by("version")
        assert list(rows.values_list("version", flat=True)) == [1, 2, 3]


def test_nobody_else_reads_it_or_knows_of_it(hospital: Actor) -> None:
    sealed = put(hospital, person(hospital, "1"), uuid4(), CANARY.encode())
    other = organisation_actor(uuid4())
    for item_id in (sealed.item_id, uuid4()):
        with pytest.raises(UnknownItemError) as caught:
            personal_get(actor=other, item_id=item_id)
        assert caught.value.detail == "your organisation keeps no such item"
    # The application's filters removed: row-level security alone hides the rows.
    for actor in (other, PUBLIC, AUTHENTICATION):
        with acting_as(actor), connections["default"].cursor() as cursor:
            cursor.execute("SELECT count(*) FROM vault_personalitem")
            assert cursor.fetchone() == (0,)


def test_nobody_puts_data_under_anothers_subject(hospital: Actor) -> None:
    subject_id = person(hospital, "1")
    with pytest.raises(UnknownSubjectError):
        put(organisation_actor(uuid4()), subject_id, uuid4(), b"x")
    with pytest.raises(UnknownSubjectError):
        tag_next(actor=organisation_actor(uuid4()), subject_id=subject_id)


def test_tags_have_no_gap_and_only_the_secret_finds_them(hospital: Actor) -> None:
    subject_id = person(hospital, "1")
    tags = [tag_next(actor=hospital, subject_id=subject_id) for _ in range(5)]
    assert len(set(tags)) == 5
    with acting_as(hospital):
        secret = tag_secret(SubjectTag.objects.get(subject_id=subject_id))
    search = find_tags(secret, 5, seen={*tags[:2], *tags[3:]})
    assert len(search.found) == 4
    assert list(search.gaps) == [3]


@pytest.mark.parametrize("column", ["envelope", "wrapped_dek", "media_type", "version", "subject"])
def test_a_changed_or_moved_row_does_not_open(
    hospital: Actor, databases: Databases, column: str
) -> None:
    sealed = put(hospital, person(hospital, "1"), uuid4(), b"data")
    other = person(hospital, "2")
    change = {
        "envelope": "envelope = set_byte(envelope, 40, 255 - get_byte(envelope, 40))",
        "wrapped_dek": "wrapped_dek = substr(wrapped_dek, 1, 20)",
        "media_type": "media_type = 'text/html'",
        "version": "version = 7",
        "subject": f"subject_id = '{other}'",
    }[column]
    tamper(databases, f"UPDATE vault_personalitem SET {change} WHERE id = '{sealed.item_id}'")
    with pytest.raises(UnreadableItemError):
        personal_get(actor=hospital, item_id=sealed.item_id)


def test_a_wrapped_key_of_another_subject_does_not_open(
    hospital: Actor, databases: Databases
) -> None:
    one, two = person(hospital, "1"), person(hospital, "2")
    sealed = put(hospital, one, uuid4(), b"data")
    with databases.superuser() as superuser:
        superuser.execute(
            "UPDATE vault_subjectkey SET wrapped_key = (SELECT wrapped_key FROM vault_subjectkey"
            f" WHERE subject_id = '{two}') WHERE subject_id = '{one}'"
        )
    with pytest.raises(UnreadableItemError):
        personal_get(actor=hospital, item_id=sealed.item_id)


def test_without_the_root_nothing_opens(hospital: Actor) -> None:
    sealed = put(hospital, person(hospital, "1"), uuid4(), b"data")
    key_provider().root_destroy(root_name(hospital.organisation, 1))
    with pytest.raises(UnreadableItemError, match="destroyed"):
        personal_get(actor=hospital, item_id=sealed.item_id)


def test_a_root_left_over_from_a_failed_transaction_is_used(hospital: Actor) -> None:
    key_provider().root_create(root_name(hospital.organisation, 1))
    sealed = put(hospital, person(hospital, "1"), uuid4(), b"data")
    assert personal_get(actor=hospital, item_id=sealed.item_id) == b"data"
    with acting_as(hospital):
        assert keyring_ensure(hospital.organisation).epoch == 1


def test_no_byte_of_the_database_holds_what_was_put(
    channel: Channel, databases: Databases, hospital: Actor
) -> None:
    put(hospital, person(hospital, CANARY), uuid4(), CANARY.encode())
    assert channel.log.id
    with databases.superuser() as superuser:
        for table in ("keyring", "subject", "subjectidentifier", "subjectkey", "personalitem"):
            row = superuser.execute(
                f"SELECT count(*) FROM vault_{table} AS t WHERE t::text LIKE %s OR t::text LIKE %s",
                [f"%{CANARY}%", f"%{CANARY.encode().hex()}%"],
            ).fetchone()
            assert row == (0,), table
