"""Commands: the first organisations and the first people."""

import io
from uuid import UUID, uuid4

import pytest
from django.core.management import CommandError, call_command

from accounts.selectors import actor_for, organisation_get
from foundation.core.actor import Role
from foundation.tenancy import acting_as
from ledger.selectors import key_list
from tests.accounts.conftest import PASSWORD, World
from tests.conftest import Channel


def run(*words: str) -> str:
    out = io.StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))


def test_the_operators_first_person_is_made_on_a_fresh_channel(fresh_db: Channel) -> None:
    operator = str(fresh_db.operator.organisation_id)
    words = ("--organisation", operator, "--role", "operator", "--role", "admin", "--staff")
    user_id = UUID(run("user_create", "ada@example.org", *words).strip())
    actor = actor_for(user_id, fresh_db.operator.organisation_id)
    assert actor.roles == {Role.OPERATOR, Role.ADMIN}


def test_an_organisation_is_admitted_by_the_operator(world: World) -> None:
    out = run("organisation_admit", "Rialto", "--kind", "pharmacy")
    organisation_id = UUID(out.split()[1])
    with acting_as(world.operator):
        assert organisation_get(organisation_id).name == "Rialto"
    world.channel.sequence()


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("user_create", "nobody"), "The identifier is not valid"),
        (("user_create", "a@example.org", "--role", "admin"), "go together"),
        (("organisation_admit", "X", "--kind", "pharmacy", "--gln", "1"), "a GLN has 13 digits"),
    ],
)
def test_a_refusal_says_why(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        run(*words)


def test_a_password_is_asked_twice_at_a_terminal(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal())
    answers = iter([PASSWORD, PASSWORD, PASSWORD, "other"])
    monkeypatch.setattr(
        "accounts.management.commands.user_create.getpass", lambda _prompt: next(answers)
    )
    assert UUID(run("user_create", f"{uuid4()}@example.org").strip()) != world.channel.log.id
    with pytest.raises(CommandError, match="differ"):
        run("user_create", f"{uuid4()}@example.org")


def test_the_servers_key_is_rotated_by_two_commands(world: World) -> None:
    alice = world.admit()
    whose = ("--organisation", str(alice.organisation_id))
    with acting_as(alice):
        (old,) = key_list(alice.organisation)
    with pytest.raises(CommandError, match="last key"):
        run("key_rotate", *whose, "--revoke", old.key_id)
    new = run("key_rotate", *whose).split()[1]
    with pytest.raises(CommandError, match="last key"):
        run("key_rotate", *whose, "--revoke", old.key_id)
    world.channel.sequence()
    run("key_rotate", *whose, "--revoke", old.key_id)
    world.channel.sequence()
    with acting_as(alice):
        keys = [(key.key_id, key.revoked_index is None) for key in key_list(alice.organisation)]
    assert keys == [(old.key_id, False), (new, True)]
    with pytest.raises(CommandError, match="no key that may sign"):
        run("key_rotate", "--organisation", str(uuid4()))
