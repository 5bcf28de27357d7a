"""Commands: the first organisations and the first people."""

import io
from uuid import UUID, uuid4

import pytest
from django.core.management import CommandError, call_command

from accounts.selectors import actor_for, organisation_get
from foundation.core.actor import Role
from foundation.tenancy import acting_as
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
