"""Where a cluster lies, and under which account it runs.

PostgreSQL refuses to run as root. Then an unprivileged account owns the cluster, and the folder
must be one that this account can reach: a home below a closed folder keeps only a link to it.
"""

import os
import pwd
import shutil
import stat
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypedDict

from ops.errors import FolderPermissionError, OpsError
from ops.postgres.binaries import WHEEL_LIBRARIES, Binaries

ACCOUNTS = ("postgres", "nobody")
ROOTS_PLACE = Path("/var/lib/theriac")


class ClusterGoneError(OpsError):
    """The home says where its cluster is, and there is none."""


class NoAccountError(OpsError):
    """We are root, and there is no unprivileged account to run PostgreSQL under."""


class ChildArguments(TypedDict, total=False):
    """What ``subprocess`` must be told so that a child runs under the account."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An unprivileged account of this machine."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The folder of one cluster; ``account`` is ``None`` where we run it under our own."""

    folder: Path
    account: Account | None

    @property
    def data(self) -> Path:
        """Return the cluster itself, which the server's account owns."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """Return the server's log."""
        return self.folder / "server.log"

    def child_arguments(self) -> ChildArguments:
        """Return how a child gets the account's rights and none of ours."""
        if self.account is None:
            return {}
        return {"user": self.account.uid, "group": self.account.gid, "extra_groups": []}

    def give(self, path: Path) -> None:
        """Make the account the owner of ``path``; raise ``FolderPermissionError``."""
        if self.account is not None:
            try:
                os.chown(path, self.account.uid, self.account.gid)
            except OSError as error:
                raise FolderPermissionError(
                    f"root may not give {path} to another account here: {error.strerror}",
                    remedy="run as an ordinary user",
                ) from error


def place_for(home: Path, *, disposable: bool) -> Place:
    """Return the place of the home's cluster, made where there is none.

    Raises ``FolderPermissionError``, ``ClusterGoneError`` or ``NoAccountError``. A ``disposable``
    cluster that is gone is simply made again.
    """
    folder = home / "postgres"
    try:
        if folder.is_symlink() and not folder.is_dir():
            if not disposable:
                raise ClusterGoneError(
                    f"the cluster of {home} was in {folder.readlink()} and is gone",
                    remedy=f"bring it back, or remove {folder} to begin with an empty one",
                )
            folder.unlink()
        if os.geteuid() != 0:
            folder.mkdir(mode=0o700, exist_ok=True)
            next(folder.iterdir(), None)  # refused here where root made it
            return Place(folder=folder, account=None)
        return _place_of_root(folder, disposable=disposable)
    except PermissionError as error:
        raise FolderPermissionError(
            f"{folder} is closed to this account",
            remedy="use the account that made it, or set THERIAC_HOME to a folder of your own",
        ) from error


def _place_of_root(folder: Path, *, disposable: bool) -> Place:
    account = _account(folder)
    if not folder.is_dir():
        if reaches(account, folder.parent):
            folder.mkdir(mode=0o711)
        else:
            folder.symlink_to(_folder_apart(account, disposable=disposable))
    folder = folder.resolve()
    folder.chmod(0o711)
    if not reaches(account, folder):
        raise FolderPermissionError(
            f"PostgreSQL's account cannot reach {folder}",
            remedy="let others pass the folders above it (chmod o+x), or run as an ordinary user",
        )
    return Place(folder=folder, account=account)


def _account(folder: Path) -> Account:
    """Return the account that owns the cluster already, else the first that this machine has."""
    data = folder / "data"
    if data.is_dir() and data.stat().st_uid != 0:
        owner = data.stat()
        return Account(uid=owner.st_uid, gid=owner.st_gid)
    for name in ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(uid=entry.pw_uid, gid=entry.pw_gid)
    raise NoAccountError(
        "PostgreSQL does not run as root, and there is no account 'postgres' or 'nobody'",
        remedy="run as an ordinary user",
    )


def _folder_apart(account: Account, *, disposable: bool) -> Path:
    """Return a new folder that ``account`` can reach, outside the home."""
    parents = [] if disposable else [ROOTS_PLACE]
    for parent in (*parents, Path(tempfile.gettempdir())):
        try:
            parent.mkdir(mode=0o711, parents=True, exist_ok=True)
            if reaches(account, parent.resolve()):
                folder = Path(tempfile.mkdtemp(prefix="theriac-", dir=parent.resolve()))
                folder.chmod(0o711)
                return folder
        except OSError:
            continue
    raise FolderPermissionError(
        f"PostgreSQL's account reaches neither {ROOTS_PLACE} nor {tempfile.gettempdir()}",
        remedy="set THERIAC_HOME to a folder that everybody may pass, or run as an ordinary user",
    )


def reaches(account: Account, folder: Path) -> bool:
    """Tell whether ``account`` may pass every folder down to ``folder``, by the mode bits."""
    for step in (folder, *folder.parents):
        status = step.stat()
        bit = stat.S_IXOTH
        if status.st_gid == account.gid:
            bit = stat.S_IXGRP
        if status.st_uid == account.uid:
            bit = stat.S_IXUSR
        if not status.st_mode & bit:
            return False
    return True


def reachable_binaries(place: Place, binaries: Binaries) -> Binaries:
    """Return the programs where the account can run them: as root, a copy of the wheel's.

    The copy keeps the wheel's layout, by which the programs find their libraries.
    """
    if place.account is None or not binaries.wheel:
        return binaries
    install = binaries.folder.parent
    package = install.parent
    target = place.folder / f"software-{binaries.version}"
    if not target.is_dir():
        draft = place.folder / f".software-{binaries.version}"
        shutil.rmtree(draft, ignore_errors=True)
        shutil.copytree(
            install,
            draft / package.name / install.name,
            ignore=shutil.ignore_patterns("include", "*.a", "pkgconfig"),
        )
        libraries = package.parent / WHEEL_LIBRARIES
        if libraries.is_dir():
            shutil.copytree(libraries, draft / libraries.name)
        for path in (draft, *draft.rglob("*")):
            path.chmod(0o755)
        draft.rename(target)
    folder = target / package.name / install.name / binaries.folder.name
    return replace(binaries, folder=folder)
