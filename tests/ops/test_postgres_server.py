"""The embedded server: shared, restarted, and never in the way of the next one."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from ops.errors import DiskFullError, FolderPermissionError, OpsError, PortTakenError
from ops.postgres import Server, cluster, destroy_server, ensure_server, keeper, place, server
from ops.postgres.binaries import find_binaries
from ops.postgres.cluster import OtherVersionError, StartError, StopError
from ops.postgres.place import ClusterGoneError
from ops.postgres.server import PasswordGoneError
from tests.ops.servers import is_running, is_up, postmaster_of, wait_until

ROOT = Path(__file__).parents[2]
# Joins, says which port, and stays until it is told to leave, or killed.
USER = """
import sys
from pathlib import Path
from ops.postgres import ensure_server
with ensure_server(Path(sys.argv[1]), profile="test") as server:
    print(server.port, flush=True)
    sys.stdin.readline()
"""


def user_of(home: Path) -> subprocess.Popen[str]:
    """Start another process that uses the server."""
    return subprocess.Popen(
        [sys.executable, "-c", USER, str(home)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def port_of(user: subprocess.Popen[str]) -> int:
    """Wait until the other process has joined; return its port."""
    assert user.stdout is not None
    return int(user.stdout.readline())


def leave(user: subprocess.Popen[str]) -> None:
    """Let the other process leave in order."""
    user.communicate("\n")
    assert user.returncode == 0


def setting(one: Server, name: str) -> str:
    """Return a setting of the running server."""
    with psycopg.connect(one.admin_url()) as connection:
        row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
    assert row is not None
    return str(row[0])


def test_the_last_to_leave_stops_the_server(home: Path) -> None:
    first = ensure_server(home, profile="test")
    second = ensure_server(home, profile="test")
    url = first.admin_url()
    assert second.admin_url() == url
    first.release()
    first.release()
    assert is_up(url)
    second.release()
    assert not is_up(url)


def test_what_was_written_is_there_after_a_restart(home: Path) -> None:
    with (
        ensure_server(home, profile="test") as one,
        psycopg.connect(one.admin_url()) as connection,
    ):
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    with (
        ensure_server(home, profile="test") as one,
        psycopg.connect(one.admin_url()) as connection,
    ):
        assert connection.execute("SELECT number FROM kept").fetchall() == [(7,)]


def test_a_safe_server_is_durable_closed_and_quiet(home: Path) -> None:
    with ensure_server(home) as one:
        found = {
            name: setting(one, name)
            for name in (
                *("fsync", "full_page_writes", "synchronous_commit", "data_checksums"),
                *("listen_addresses", "unix_socket_directories", "password_encryption"),
                *("server_encoding", "log_statement", "log_error_verbosity"),
            )
        }
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(one.admin_url(), password="guessed")
    assert found == {
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "data_checksums": "on",
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "password_encryption": "scram-sha-256",
        "server_encoding": "UTF8",
        "log_statement": "none",
        "log_error_verbosity": "terse",
    }
    password_file = home / "postgres" / "password.json"
    assert password_file.stat().st_mode & 0o777 == 0o600
    assert (home / "postgres" / "data").stat().st_mode & 0o777 == 0o700
    assert (home / "postgres" / "server.log").stat().st_mode & 0o777 == 0o600


@pytest.mark.slow
def test_processes_that_start_together_share_one_server(home: Path) -> None:
    users = [user_of(home) for _ in range(4)]
    ports = {port_of(user) for user in users}
    assert len(ports) == 1
    with ensure_server(home, profile="test") as one:
        url = one.admin_url()
        for user in users:
            leave(user)
        assert is_up(url)
    assert not is_up(url)


@pytest.mark.slow
def test_killed_users_leave_nothing_running_and_the_next_one_recovers(home: Path) -> None:
    users = [user_of(home) for _ in range(2)]
    ports = {port_of(user) for user in users}
    assert len(ports) == 1
    pid = postmaster_of(home)
    for user in users:
        assert is_running(pid)
        user.kill()
        user.communicate()
    wait_until(lambda: not is_running(pid))
    with ensure_server(home, profile="test") as one:
        assert is_up(one.admin_url())


@pytest.mark.slow
def test_a_keeper_stops_a_server_only_when_nobody_shares_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = user_of(home)
    port_of(user)
    pid = postmaster_of(home)
    rounds: list[int] = []

    def next_round(_: float) -> None:
        assert is_running(pid)
        rounds.append(pid)
        if len(rounds) == 3:
            user.kill()
            user.communicate()

    monkeypatch.setattr(keeper, "sleep", next_round)
    keeper.keep(home, pid)
    assert len(rounds) == 3
    wait_until(lambda: not is_running(pid))  # its files are gone a moment before it is
    keeper.keep(home, pid)  # nothing runs any more
    destroy_server(home)
    shutil.rmtree(home)
    keeper.keep(home, pid)  # nor is anything there
    assert len(rounds) == 3


def test_a_forked_child_cannot_give_its_parents_share_back(home: Path) -> None:
    with ensure_server(home, profile="test") as one:
        child = os.fork()
        if child == 0:
            one.release()
            os._exit(0)
        os.waitpid(child, 0)
        assert is_up(one.admin_url())


@pytest.mark.slow
def test_a_killed_server_recovers(home: Path) -> None:
    with ensure_server(home) as one:
        with psycopg.connect(one.admin_url()) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
        os.kill(postmaster_of(home), signal.SIGKILL)
        with (
            ensure_server(home) as again,
            psycopg.connect(again.admin_url()) as connection,
        ):
            assert connection.execute("SELECT number FROM kept").fetchall() == [(7,)]


@pytest.mark.slow
def test_a_reused_process_number_is_no_running_server(home: Path) -> None:
    with ensure_server(home, profile="test") as one:
        os.kill(postmaster_of(home), signal.SIGKILL)
        one.release()
    pid_file = home / "postgres" / "data" / "postmaster.pid"
    with subprocess.Popen(["/bin/sleep", "60"]) as stranger:
        lines = pid_file.read_text().splitlines()
        pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        with ensure_server(home, profile="test") as again:
            assert is_up(again.admin_url())
        stranger.kill()


def test_a_half_made_cluster_is_made_anew(home: Path) -> None:
    ensure_server(home, profile="test").release()
    (home / "postgres" / "data").rename(home / "postgres" / "data.new")
    (home / "postgres" / "password.new").write_text("half")
    with ensure_server(home, profile="test") as one:
        assert setting(one, "server_version_num")[:2] == str(find_binaries().major)
    assert not (home / "postgres" / "data.new").exists()
    assert not (home / "postgres" / "password.new").exists()


def test_a_cluster_of_another_version_is_refused_with_the_remedy(home: Path) -> None:
    ensure_server(home).release()
    (home / "postgres" / "data" / "PG_VERSION").write_text("12\n")
    with pytest.raises(OtherVersionError, match="PostgreSQL 12") as caught:
        ensure_server(home)
    assert "pg_dumpall" in caught.value.remedy
    with ensure_server(home, profile="test") as one:  # a throwaway one is made again
        assert is_up(one.admin_url())


def test_rubble_of_a_throwaway_cluster_is_made_anew_and_of_a_safe_one_kept(home: Path) -> None:
    ensure_server(home).release()
    control = home / "postgres" / "data" / "global" / "pg_control"
    control.write_bytes(b"rubble")
    with pytest.raises(StartError, match="did not start"):
        ensure_server(home)
    assert control.read_bytes() == b"rubble"
    with ensure_server(home, profile="test") as one:
        assert is_up(one.admin_url())


def test_a_port_that_stays_taken_is_told(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ensure_server(home, profile="test") as one:
        monkeypatch.setattr(cluster, "PORT_MIN", one.port)
        monkeypatch.setattr(cluster, "PORT_MAX", one.port + 1)
        monkeypatch.setattr(cluster, "PORT_TRIES", 2)
        other = tmp_path / "other"
        with pytest.raises(PortTakenError, match="all taken"):
            ensure_server(other, profile="test")
        destroy_server(other)


def test_a_lost_password_file_is_told(home: Path) -> None:
    ensure_server(home, profile="test").release()
    (home / "postgres" / "password.json").unlink()
    with pytest.raises(PasswordGoneError, match="is gone"):
        ensure_server(home, profile="test")


def test_a_cluster_that_vanished_is_told_unless_it_was_a_throwaway(home: Path) -> None:
    home.mkdir()
    (home / "postgres").symlink_to(home / "nowhere")
    with pytest.raises(ClusterGoneError, match="is gone"):
        ensure_server(home)
    with ensure_server(home, profile="test") as one:
        assert is_up(one.admin_url())


def test_a_home_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FolderPermissionError, match="cannot hold the database"):
        ensure_server(tmp_path / "file" / "home")


def test_destroying_what_is_not_there_does_nothing(tmp_path: Path) -> None:
    destroy_server(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_long_log_is_put_aside(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "LOG_SIZE_BYTES_MAX", 10)
    for _ in range(2):
        ensure_server(home, profile="test").release()
    assert (home / "postgres" / "server.log.1").stat().st_size > 10


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("initdb: error: could not write: No space left on device\n", DiskFullError),
        ('FATAL:  could not open "x": Permission denied\n', FolderPermissionError),
        ("", StartError),
    ],
)
def test_what_postgresql_says_becomes_a_typed_error(said: str, kind: type[OpsError]) -> None:
    spot = place.Place(folder=Path("/nowhere"), account=None)
    assert type(cluster._explain(said, spot)) is kind  # noqa: SLF001 - disks are not filled here


def test_a_full_disk_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: object) -> object:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(server, "place_for", lambda *_args, **_named: full(None))
    with pytest.raises(DiskFullError, match="no space left"):
        ensure_server(home)


def test_a_server_that_does_not_answer_in_time_is_given_up(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "answers", lambda *_: False)
    monkeypatch.setattr(cluster, "START_TIMEOUT_S", 0.2)
    with pytest.raises(StartError, match="did not answer within"):
        ensure_server(home)


@pytest.mark.slow
def test_a_server_that_hangs_is_told_and_left_alone(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ensure_server(home, profile="test"):
        monkeypatch.setattr(cluster, "START_TIMEOUT_S", 0.2)
        monkeypatch.setattr(cluster, "answers", lambda *_: False)
        with pytest.raises(StartError, match="runs but does not answer"):
            ensure_server(home, profile="test")
        pid = postmaster_of(home)
        os.kill(pid, signal.SIGSTOP)
        monkeypatch.setattr(cluster, "STOP_TIMEOUT_S", 0.2)
        with pytest.raises(StopError, match="did not stop within"):
            destroy_server(home)
        os.kill(pid, signal.SIGCONT)
        monkeypatch.undo()


@pytest.mark.parametrize("step", ["run", "Popen"])
def test_programs_that_the_account_cannot_run_are_told(
    home: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    ensure_server(home).release()
    if step == "run":
        shutil.rmtree(home / "postgres" / "data")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    found = find_binaries()  # asks the programs themselves, by the call refused below
    monkeypatch.setattr(server, "find_binaries", lambda: found)
    monkeypatch.setattr(subprocess, step, refuse)
    with pytest.raises(FolderPermissionError, match="cannot be run by"):
        ensure_server(home)
