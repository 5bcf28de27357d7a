"""The doctor reads the settings as a program that starts with them would."""

import os
import socket
from pathlib import Path

import pytest

from ops.environment import without_database
from ops.findings import Finding
from ops.settings_checks import SettingsError, check_broker, check_loading, check_settings

PRODUCTION = {
    "DATABASE_URL": "postgresql://app:hidden@db.example/theriac",
    "DATABASE_OWNER_URL": "postgresql://owner:hidden@db.example/theriac",
    "DATABASE_SYSTEM_URL": "postgresql://system:hidden@db.example/theriac",
    "THERIAC_KEY_PROVIDER": "file:/etc/theriac/keys",
    "SECRET_KEY": "hidden-" + "0123456789" * 5,
    "ALLOWED_HOSTS": "theriac.example",
    "BEHIND_TLS_PROXY": "1",
}


def found(root: Path, **changes: str) -> dict[str, Finding]:
    """Return the findings on an environment, by name."""
    environment = {**without_database(os.environ), "THERIAC_HOME": str(root), **changes}
    return {each.name: each for each in check_settings(environment, root)}


def test_a_development_machine_needs_no_settings(tmp_path: Path) -> None:
    assert {name: each.status for name, each in found(tmp_path).items()} == {"settings": "ok"}


def test_production_with_everything_set_is_well(tmp_path: Path) -> None:
    assert found(tmp_path, **PRODUCTION).keys() == {"settings"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY (or SECRET_KEY_FILE) is needed"),
        ({"SECRET_KEY": "hidden" * 8}, "SECRET_KEY has at least 50 random characters"),
        ({"SECRET_KEY": "hide" * 20}, "SECRET_KEY has at least 50 random characters"),
        ({"THERIAC_KEY_PROVIDER": ""}, "development keys are refused"),
        ({"THERIAC_KEY_PROVIDER": "vault:x"}, "must be file or file:/absolute/folder"),
        ({"DATABASE_SYSTEM_URL": "mysql://hidden"}, "DATABASE_SYSTEM_URL must begin with"),
        ({"THERIAC_RECEIPT_DEADLINE_S": "soon"}, "must be a whole number of at least 1"),
        ({"METRICS_NETWORKS": "here"}, "METRICS_NETWORKS must hold networks"),
    ],
)
def test_settings_that_no_program_starts_with_are_told(
    tmp_path: Path, changes: dict[str, str], said: str
) -> None:
    finding = found(tmp_path, **{**PRODUCTION, **changes})["settings"]
    assert finding.status == "fail"
    assert said in finding.detail
    assert "hidden" not in finding.detail


def test_what_production_must_not_be_is_told(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SECRET_KEY=hidden")
    (tmp_path / ".env").chmod(0o644)
    changes = {"DEBUG": "1", "ALLOWED_HOSTS": "", "BEHIND_TLS_PROXY": ""}
    told = found(tmp_path, **{**PRODUCTION, **changes})
    assert {name: each.status for name, each in told.items()} == {
        "settings": "ok",
        "DEBUG": "fail",
        "ALLOWED_HOSTS": "fail",
        "TLS": "warn",
        ".env": "warn",
    }
    assert told[".env"].remedy == f"chmod 600 {tmp_path / '.env'}"


@pytest.mark.enable_socket
def test_a_broker_is_asked_whether_it_answers(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("mysql://hidden@host/\n")
    told = found(tmp_path, BROKER_URL_FILE=str(tmp_path / "url"))["broker"]
    assert told.detail == "BROKER_URL names neither RabbitMQ nor Redis"
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"amqp://guest:hidden@127.0.0.1:{server.getsockname()[1]}//"
        assert found(tmp_path, BROKER_URL=url)["broker"].status == "ok"
    told = found(tmp_path, BROKER_URL=url)["broker"]
    assert (told.status, told.detail) == ("fail", "does not answer: ConnectionRefusedError")
    assert check_broker("amqp://127.0.0.1:99999").status == "fail"
    assert check_broker("redis://127.0.0.1:99999").status == "fail"


def test_settings_that_nothing_could_start_with_are_told_before_anything_starts() -> None:
    check_loading({})
    with pytest.raises(SettingsError, match="THERIAC_KEY_PROVIDER"):
        check_loading({"DATABASE_URL": "postgresql://mine"})


def test_a_witness_policy_that_cannot_be_used_is_told_on_a_development_machine_too(
    tmp_path: Path,
) -> None:
    path = tmp_path / "witness.policy"
    path.write_text("quorum nobody\n")
    finding = found(tmp_path, THERIAC_WITNESS_POLICY=str(path))["settings"]
    assert finding.status == "fail"
    assert finding.detail.startswith("THERIAC_WITNESS_POLICY: line 1: 'nobody' is defined on no")
    path.write_text("quorum none\n")
    assert found(tmp_path, THERIAC_WITNESS_POLICY=str(path))["settings"].status == "ok"
