"""The words of the command, and what each hands on."""

import importlib
import importlib.util
import os
import socket
import sys
import types
from pathlib import Path
from typing import Self

import pytest

from ops import cli
from ops.environment import (
    EnvFileError,
    database_environment,
    has_own_database,
    load_env_file,
    read_env_file,
    theriac_home,
    without_database,
)
from ops.errors import FolderPermissionError, OpsError, PortTakenError
from ops.postgres import destroy_server
from ops.tether import tethered
from ops.up import askers, check_port, programs, workers

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _no_env_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep a developer's .env out of the tests."""
    monkeypatch.setattr(cli, "load_env_file", lambda: None)


@pytest.mark.parametrize("word", ["backup", "restore"])
def test_what_is_not_built_says_so(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([word]) == 2
    assert capsys.readouterr().err == f"theriac: {word} is not built yet\n"


def test_help_names_every_word(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == 0
    said = capsys.readouterr().out
    assert [word for word in cli.WORDS if f"\n  {word} " not in said] == []
    assert cli.main([]) == 2
    assert capsys.readouterr().out == said


def test_any_other_word_goes_to_manage(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[str]] = []

    def execv(program: str, arguments: list[str]) -> None:
        calls.append([program, *arguments])
        raise KeyboardInterrupt  # a real one does not come back

    monkeypatch.setattr(os, "execv", execv)
    assert cli.main(["ledger_verify", "--json"]) == 130
    manage = str(ROOT / "manage.py")
    assert calls == [[sys.executable, sys.executable, manage, "ledger_verify", "--json"]]


def test_trouble_is_told_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def trouble(**_: object) -> int:
        raise OpsError("something is in the way", remedy="move it")

    monkeypatch.setattr(cli, "up", trouble)
    assert cli.main(["up"]) == 1
    assert capsys.readouterr().err == "theriac: something is in the way\n  -> move it\n"


@pytest.mark.parametrize("port", ["0", "65536", "-1", "x", ""])
def test_a_port_that_is_none_is_refused(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["up", "--port", port])
    assert caught.value.code == 2
    assert "--port" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "function", "expected"),
    [
        (["up", "--port", "81"], "up", {"port": 81}),
        (["doctor", "--json"], "doctor", {"as_json": True}),
        (["gate"], "gate", {}),
        (
            ["test", "--all", "tests/ops", "-x", "-k", "a b"],
            "run_tests",
            {0: ["tests/ops", "-x", "-k", "a b"], "everything": True, "own_server": False},
        ),
        (
            ["setup-db", "postgresql://a", "--database", "b"],
            "setup_db",
            {
                0: "postgresql://a",
                "database": "b",
                "only_print": False,
                "new_passwords": False,
            },
        ),
    ],
)
def test_each_word_hands_on_its_arguments(
    arguments: list[str],
    function: str,
    expected: dict[object, object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[dict[object, object]] = []

    def called(*positional: object, **named: object) -> int:
        found: dict[object, object] = dict(enumerate(positional))
        calls.append(found | dict(named))
        return 7

    monkeypatch.setattr(cli, function, called)
    assert cli.main(arguments) == 7
    assert calls == [expected]


def test_the_demo_is_called_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.SimpleNamespace(main=len)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: object())
    monkeypatch.setattr(importlib, "import_module", lambda _: module)
    assert cli.main(["demo", "--no-serve", "--tamper"]) == 2


def test_the_demo_says_where_it_is_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert cli.main(["demo"]) == 2
    assert capsys.readouterr().err == "theriac: demo is not built yet\n"


def test_an_env_file_is_read_and_never_executed() -> None:
    lines = [
        *("# a comment", "", "A=1", "export B = 'two words' ", 'C="$HOME `ls`"'),
        *("EMPTY=", "E=a=b", "F='"),
    ]
    text = "\n".join(lines)
    assert read_env_file(text) == {
        "A": "1",
        "B": "two words",
        "C": "$HOME `ls`",
        "EMPTY": "",
        "E": "a=b",
        "F": "'",
    }


@pytest.mark.parametrize("line", ["A", "=1", "1A=2", "A B=1"])
def test_a_line_that_is_no_setting_is_named(line: str) -> None:
    with pytest.raises(EnvFileError, match=r"line 2 of \.env"):
        read_env_file(f"A=1\n{line}\n")


def test_the_environment_wins_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THERIAC_PROBE_A", "kept")
    monkeypatch.delenv("THERIAC_PROBE_B", raising=False)
    load_env_file(tmp_path)
    (tmp_path / ".env").write_text("THERIAC_PROBE_A=a\nTHERIAC_PROBE_B=b\n")
    load_env_file(tmp_path)
    assert (os.environ["THERIAC_PROBE_A"], os.environ["THERIAC_PROBE_B"]) == ("kept", "b")
    monkeypatch.delenv("THERIAC_PROBE_B")


def test_demo_and_test_see_nothing_of_an_operators_database() -> None:
    environment = {
        "DATABASE_URL": "a",
        "DATABASE_OWNER_URL_FILE": "b",
        "THERIAC_KEY_PROVIDER": "c",
        "PATH": "d",
    }
    assert without_database(environment) == {"PATH": "d"}


def test_the_home_is_beside_the_code_unless_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THERIAC_HOME", "")
    assert theriac_home() == ROOT / "var"
    monkeypatch.setenv("THERIAC_HOME", "relative")
    assert theriac_home() == Path.cwd() / "relative"


def test_an_operators_database_is_used_as_it_is(tmp_path: Path) -> None:
    given = {"DATABASE_URL": "postgresql://mine"}
    assert has_own_database(given)
    with database_environment(given, tmp_path / "home") as environment:
        assert environment == {**given, "THERIAC_HOME": str(tmp_path / "home")}
    assert not (tmp_path / "home").exists()


@pytest.mark.slow
def test_without_one_the_embedded_server_is_there_meanwhile(tmp_path: Path) -> None:
    with database_environment({"A": "1"}, tmp_path) as environment:
        assert environment.keys() == {
            *("A", "THERIAC_HOME", "THERIAC_EMBEDDED"),
            *("DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_SYSTEM_URL"),
        }
        assert environment["DATABASE_OWNER_URL"].startswith("postgresql://theriac_owner:")
        assert environment["THERIAC_EMBEDDED"] == "1"
    destroy_server(tmp_path)


@pytest.mark.enable_socket
def test_a_port_in_use_is_told_before_anything_starts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(PortTakenError, match=f"port {port}") as caught:
            check_port(port)
        assert f"./theriac up --port {port + 1}" in caught.value.remedy
        assert cli.main(["demo", "--port", str(port)]) == 1
    assert f"./theriac demo --port {port + 1}\n" in capsys.readouterr().err
    check_port(port)


def test_a_port_of_the_system_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing:
        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None: ...

        def setsockopt(self, *_: object) -> None: ...

        def bind(self, _: object) -> None:
            raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket, "socket", Refusing)
    with pytest.raises(FolderPermissionError, match="port 80 is reserved"):
        check_port(80)


def test_up_runs_the_web_server_the_sequencer_and_the_relay() -> None:
    found = {program.name: program.command for program in programs(8123)}
    assert list(found) == ["web", "sequencer", "relay"]
    assert found["web"][-1] == "config.wsgi:application"
    assert "8123" in found["web"]
    assert found["relay"] == tethered([sys.executable, str(ROOT / "manage.py"), "relay"])


def test_up_asks_witnesses_only_where_there_is_a_policy() -> None:
    assert askers({}) == []
    (asker,) = askers({"THERIAC_WITNESS_POLICY": "/etc/theriac/witness.policy"})
    manage = str(ROOT / "manage.py")
    assert asker.command == tethered([sys.executable, manage, "witness", "ask"])


@pytest.mark.parametrize("name", ["BROKER_URL", "BROKER_URL_FILE"])
def test_up_runs_a_worker_only_where_there_is_a_broker(name: str) -> None:
    assert workers({}) == []
    (worker,) = workers({name: "amqp://broker.example"})
    assert worker.name == "worker"
    assert "config.celery" in worker.command
    assert "amqp://broker.example" not in worker.command  # others may list the processes
