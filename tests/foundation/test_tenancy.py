"""``acting_as``: the one way into a transaction, and what is closed without it."""

from uuid import uuid4

import pytest
from django.contrib.sessions.models import Session
from django.db import DatabaseError, connections, transaction

from foundation.core.actor import AUTHENTICATION, PUBLIC, SYSTEM, Actor, ActorKind
from foundation.models import OutboxMessage
from foundation.outbox import outbox_put
from foundation.tenancy import (
    ActorChangedError,
    OutsideActingAsError,
    TenancyRouter,
    acting_as,
    current_actor,
    current_alias,
)
from tests.conftest import NOW, Channel, organisation_actor


def settings_of(alias: str) -> tuple[str, ...]:
    with connections[alias].cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('app.kind'), current_setting('app.org'),"
            " current_setting('app.person'), current_user"
        )
        return tuple(cursor.fetchone())


@pytest.mark.usefixtures("db")
def test_the_database_is_told_who_acts() -> None:
    actor = organisation_actor(uuid4())
    with acting_as(actor):
        assert current_actor() == actor
        assert settings_of("default") == (
            "organisation",
            str(actor.organisation_id),
            "00000000-0000-0000-0000-000000000000",
            "theriac_app",
        )
    with acting_as(SYSTEM):
        assert current_alias() == "system"
        assert settings_of("system")[3] == "theriac_system"


@pytest.mark.usefixtures("db")
def test_the_same_actor_joins_and_another_is_refused() -> None:
    actor, other = organisation_actor(uuid4()), organisation_actor(uuid4())
    with acting_as(actor):
        with acting_as(actor):
            assert current_actor() == actor
        with pytest.raises(ActorChangedError), acting_as(other):
            pytest.fail("one transaction has one actor")
    with pytest.raises(OutsideActingAsError):
        current_actor()


@pytest.mark.usefixtures("db")
def test_an_exception_rolls_everything_back() -> None:
    actor = organisation_actor(uuid4())

    def fail() -> None:
        with acting_as(actor):
            outbox_put(handler="tests.nothing", payload={}, now=NOW)
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    with acting_as(actor):
        assert OutboxMessage.objects.count() == 0


@pytest.mark.usefixtures("db")
def test_a_query_outside_is_refused_by_the_router_and_by_the_database() -> None:
    with pytest.raises(OutsideActingAsError):
        OutboxMessage.objects.count()
    # The filters of the application removed: the row-level security alone still refuses.
    with (
        pytest.raises(DatabaseError, match=r"app\.org|uuid"),
        connections["default"].cursor() as cursor,
    ):
        cursor.execute("SELECT count(*) FROM foundation_outboxmessage")


def test_row_level_security_alone_hides_others_rows(channel: Channel) -> None:
    mine, yours = channel.admit("pharmacy"), channel.admit("pharmacy")
    with acting_as(mine):
        outbox_put(handler="tests.nothing", payload={}, now=NOW)
    for actor, seen in ((mine, 1), (yours, 0), (PUBLIC, 0), (AUTHENTICATION, 0)):
        with acting_as(actor), connections["default"].cursor() as cursor:
            cursor.execute("SELECT count(*) FROM foundation_outboxmessage")
            assert cursor.fetchone() == (seen,)
    with acting_as(SYSTEM):
        OutboxMessage.objects.filter(organisation_id=mine.organisation_id).update(done_at=NOW)


@pytest.mark.usefixtures("db")
def test_no_role_is_superuser_or_passes_row_level_security_by() -> None:
    for alias in ("default", "system", "owner"):
        with connections[alias].cursor() as cursor:
            cursor.execute(
                "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
            )
            assert cursor.fetchone() == (False,)


def test_a_bare_transaction_around_it_is_refused(channel: Channel) -> None:
    with (
        transaction.atomic(using="default"),
        pytest.raises(RuntimeError, match="durable"),
        acting_as(channel.operator),
    ):
        pytest.fail("acting_as opens the transaction itself")


def test_the_router_sends_third_party_tables_to_the_app() -> None:
    router = TenancyRouter()
    assert router.db_for_read(Session) == "default"
    assert router.allow_relation(None, None)
    assert router.allow_migrate("owner", "ledger")
    assert not router.allow_migrate("default", "ledger")


@pytest.mark.parametrize(
    "members",
    [
        {"kind": ActorKind.ORGANISATION},
        {"kind": ActorKind.SYSTEM, "organisation_id": uuid4()},
        {"kind": ActorKind.PATIENT},
    ],
)
def test_an_actor_that_would_see_nobodys_rows_is_refused(members: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="actor"):
        Actor(**members)  # type: ignore[arg-type]  # that is what is tested


def test_only_an_organisations_actor_has_an_organisation() -> None:
    actor = organisation_actor(uuid4())
    assert actor.organisation == actor.organisation_id
    with pytest.raises(ValueError, match="acts for no organisation"):
        _ = PUBLIC.organisation


def test_an_actor_acts_for_its_own_organisation_and_nobody_for_anothers() -> None:
    own, other = uuid4(), uuid4()
    person = Actor(kind=ActorKind.ORGANISATION, organisation_id=own, person_id=uuid4())
    assert person.acting_for(own) is person
    assert person.acting_for(other) == organisation_actor(other)
