"""``theriac-client`` as a member runs it: what it prints, and what it exits with."""

from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from tests.client.conftest import Machine, event
from tests.conftest import Channel
from theriac_client.cli import main

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket]

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Run a command on the machine; return exit status, output and errors."""
    monkeypatch.setenv("THERIAC_CLIENT_HOME", str(machine.folder))
    monkeypatch.setenv("THERIAC_API_KEY", machine.api_key)

    def run(*words: str) -> tuple[int, str, str]:
        status = main(words)
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def test_from_a_new_key_to_what_arrived(
    run: Run, machine: Machine, channel: Channel, tmp_path: Path
) -> None:
    status, key_id, _ = run("key", "new", "--no-passphrase", "--label", "gateway")
    assert (status, len(key_id.strip())) == (0, 64)
    register = (
        "key",
        "register",
        "--server",
        machine.address,
        "--vkey",
        channel.log.vkey,
        "--wait",
        "0",
    )
    assert run(*register)[:2] == (0, f"registered {key_id}")
    channel.sequence()
    assert run("key", "list")[1] == f"{key_id.strip()}  signs\n"
    (path := tmp_path / "event.json").write_bytes(event())
    status, out, _ = run("submit", str(path), "--json")
    assert status == 0
    made = orjson.loads(out)
    assert (len(made["entry_ids"]), "log_index" in made) == (1, False)
    assert run("resume")[:2] == (0, "nothing is pending\n")
    assert run("arrived")[0] in (1, 3)  # the deadline is by the product's clock, not the test's
    channel.sequence()
    status, out, _ = run("arrived", "--json")
    states = {each["submission_id"]: each for each in map(orjson.loads, out.splitlines())}
    assert (status, len(states), states[made["submission_id"]]["state"]) == (0, 2, "arrived")
    assert len(run("receipts")[1].splitlines()) == 2
    status, out, _ = run("key", "rotate", "--wait", "0")
    assert (status, out.endswith("from now on\n")) == (0, True)


def test_errors_are_one_line_with_a_status(run: Run, machine: Machine, tmp_path: Path) -> None:
    status, out, err = run("submit", str(tmp_path / "none"))
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("theriac-client: ")
    assert "key register" in run("arrived")[2]
    assert "make one" in run("key", "register", "--server", machine.address, "--vkey", "x")[2]
    assert "no-passphrase" in run("key", "new")[2]
    run("key", "new", "--no-passphrase")
    assert "--vkey" in run("key", "register", "--server", machine.address, "--vkey", "x")[2]
    assert run("key", "register", "--server", "x", "--vkey", "x")[0] == 2


def test_a_passphrase_comes_from_a_file(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (path := tmp_path / "passphrase").write_text("correct horse\n")
    monkeypatch.setenv("THERIAC_CLIENT_PASSPHRASE_FILE", str(path))
    assert run("key", "new")[0] == 0
    assert orjson.loads(run("key", "list", "--json")[1])["encrypted"] is True
    path.write_text("\n")
    assert run("key", "new")[2] == "theriac-client: the passphrase is empty\n"
