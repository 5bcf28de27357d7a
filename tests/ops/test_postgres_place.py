"""Where a cluster lies: in the home, or where root's unprivileged account reaches it."""

import os
import pwd
from pathlib import Path

import pytest

from ops.errors import FolderPermissionError
from ops.postgres import ensure_server, place, server
from ops.postgres.binaries import find_binaries
from ops.postgres.place import NoAccountError
from tests.ops.servers import as_account, is_up, open_folder, postmaster_of

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


@needs_root
def test_a_root_that_may_not_change_owners_is_told(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "chown", refuse)
    with pytest.raises(FolderPermissionError, match="may not give"):
        ensure_server(home, profile="test")


@needs_root
def test_a_machine_without_a_reachable_folder_is_told(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, "reaches", lambda *_: False)
    with pytest.raises(FolderPermissionError, match="reaches neither"):
        ensure_server(home)


@needs_root
def test_folders_are_passed_by_the_bits_of_owner_group_and_others() -> None:
    with open_folder() as folder:
        found = {}
        for mode in (0o100, 0o010, 0o001):
            folder.chmod(mode)
            for uid, gid in ((1, 9), (9, 2), (9, 9)):
                os.chown(folder, uid, gid)
                found[mode, uid, gid] = place.reaches(place.Account(uid=1, gid=2), folder)
    assert [spot for spot, passed in found.items() if passed] == [
        *((0o100, 1, 9), (0o010, 9, 2), (0o001, 9, 9)),
    ]
