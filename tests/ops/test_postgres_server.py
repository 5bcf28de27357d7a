"""The embedded server: shared, restarted, and never in the way of the next one."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from ops.errors import DiskFullError, FolderPermissionError, OpsError, PortTakenError
from ops.postgres import Server, binaries, cluster, destroy_server, ensure_server, place, server
from ops.postgres.binaries import NoBinariesError, find_binaries, read_version
from ops.postgres.cluster import OtherVersionError, StartError
from ops.postgres.place import ClusterGoneError, NoAccountError
from ops.postgres.server import PasswordGoneError

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


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home with a space in its name, below a folder that is closed to others."""
    folder = tmp_path / "a home"
    yield folder
    if folder.is_dir():
        destroy_server(folder)


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


def is_up(url: str) -> bool:
    """Tell whether somebody answers there."""
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def setting(one: Server, name: str) -> str:
    """Return a setting of the running server."""
    with psycopg.connect(one.admin_url()) as connection:
        row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
    assert row is not None
    return str(row[0])


def postmaster_of(home: Path) -> int:
    """Return the server's process."""
    return int((home / "postgres" / "data" / "postmaster.pid").read_text().splitlines()[0])


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
def test_a_killed_user_leaves_a_server_that_the_next_one_joins_and_stops(home: Path) -> None:
    user = user_of(home)
    port = port_of(user)
    user.kill()
    user.communicate()
    with ensure_server(home, profile="test") as one:
        assert one.port == port
        url = one.admin_url()
    assert not is_up(url)


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


def fake_postgres(folder: Path, version: str) -> Path:
    """Make a folder of programs that only know their version."""
    folder.mkdir(parents=True)
    for name in ("postgres", "initdb"):
        (folder / name).write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n")
        (folder / name).chmod(0o755)
    return folder


def test_the_newest_usable_server_of_the_system_is_the_second_choice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [
        fake_postgres(tmp_path / name, version)
        for name, version in (("a", "14.9"), ("b", "17.2 (Debian 17.2-1)"), ("c", "16beta1"))
    ]
    monkeypatch.setattr(binaries, "wheel_folders", lambda: iter([tmp_path / "none"]))
    monkeypatch.setattr(binaries, "system_folders", lambda: iter(found))
    chosen = find_binaries()
    assert (chosen.folder, chosen.version, chosen.wheel) == (tmp_path / "b", "17.2", False)


def test_no_server_at_all_is_told_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "wheel_folders", lambda: iter(()))
    monkeypatch.setattr(binaries, "system_folders", lambda: iter(()))
    with pytest.raises(NoBinariesError, match="no PostgreSQL for") as caught:
        find_binaries()
    assert "install PostgreSQL 15" in caught.value.remedy


def test_the_systems_folders_are_looked_up_in_three_ways(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = fake_postgres(tmp_path / "bin", "16.1")
    (programs / "pg_config").write_text("#!/bin/sh\necho /by/pg_config\n")
    (programs / "pg_config").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    assert list(binaries.system_folders())[:2] == [Path("/by/pg_config"), programs]


def test_a_program_that_cannot_run_has_no_version(tmp_path: Path) -> None:
    programs = fake_postgres(tmp_path / "bin", "16.1")
    (programs / "postgres").write_text("#!/nowhere\n")
    assert read_version(programs) == ""


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@needs_root
def test_root_keeps_the_cluster_where_an_unprivileged_account_reaches_it(home: Path) -> None:
    with ensure_server(home, profile="test") as one:
        assert (home / "postgres").is_symlink()
        owner = (home / "postgres" / "data").stat().st_uid
        assert owner != 0
        assert Path(f"/proc/{postmaster_of(home)}").stat().st_uid == owner
        url = one.admin_url()
    assert not is_up(url)


@needs_root
def test_root_keeps_the_cluster_in_a_home_that_everybody_may_pass() -> None:
    with open_folder() as folder, ensure_server(folder / "home", profile="test"):
        assert not (folder / "home" / "postgres").is_symlink()
        (folder / "home").chmod(0o700)
        with pytest.raises(FolderPermissionError, match="cannot reach"):
            ensure_server(folder / "home", profile="test")
        (folder / "home").chmod(0o711)


@needs_root
def test_root_without_an_unprivileged_account_is_told(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, "ACCOUNTS", ("no-such-account",))
    with pytest.raises(NoAccountError, match="does not run as root"):
        ensure_server(home)


@needs_root
@pytest.mark.slow
def test_an_ordinary_user_keeps_the_cluster_in_the_home(monkeypatch: pytest.MonkeyPatch) -> None:
    with open_folder() as folder:
        account = pwd.getpwnam("nobody")
        nobody = place.Account(uid=account.pw_uid, gid=account.pw_gid)
        spot = place.Place(folder=folder, account=nobody)
        programs = place.reachable_binaries(spot, find_binaries())
        monkeypatch.setattr(server, "find_binaries", lambda: programs)
        (folder / "a home").mkdir()
        os.chown(folder / "a home", account.pw_uid, account.pw_gid)

        def use_it_twice() -> bool:
            for _ in range(2):
                with ensure_server(folder / "a home", profile="test") as one:
                    if not is_up(one.admin_url()):
                        return False
            return (folder / "a home" / "postgres" / "data" / "PG_VERSION").is_file()

        def is_refused() -> bool:
            try:
                ensure_server(folder / "closed")
            except FolderPermissionError as error:
                return "THERIAC_HOME" in error.remedy
            return False

        assert as_account(nobody, use_it_twice)
        (folder / "closed" / "postgres").mkdir(parents=True, mode=0o700)
        (folder / "closed").chmod(0o777)
        assert as_account(nobody, is_refused)


class open_folder:  # noqa: N801 - reads as a function
    """A folder that everybody may pass, removed with the server in it."""

    def __enter__(self) -> Path:
        """Return the folder."""
        self.folder = Path(tempfile.mkdtemp(prefix="theriac test "))
        self.folder.chmod(0o711)
        return self.folder

    def __exit__(self, *_: object) -> None:
        """Remove it."""
        shutil.rmtree(self.folder)


def as_account(account: place.Account, work: Callable[[], bool]) -> bool:
    """Run ``work`` in a child under another account; tell whether it returned true."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setgroups([])
            os.setgid(account.gid)
            os.setuid(account.uid)
            code = 0 if work() else 1
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
