"""The environment that programs of ours run in: the home, ``.env``, the database's URLs."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ops.errors import OpsError
from ops.postgres import ensure_database, ensure_roles, ensure_server, urls

ROOT = Path(__file__).resolve().parents[1]
DATABASE = "theriac"
DATABASE_VARIABLES = ("DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_SYSTEM_URL")


class EnvFileError(OpsError):
    """A line of ``.env`` is no setting."""


def theriac_home() -> Path:
    """Return the folder of everything that this deployment keeps: THERIAC_HOME, else ./var."""
    return Path(os.environ.get("THERIAC_HOME") or ROOT / "var").absolute()


def read_env_file(text: str) -> dict[str, str]:
    """Return the settings of an ``.env`` file: NAME=value lines, quotes around a value dropped.

    Nothing in it is executed or expanded. Raises ``EnvFileError`` with the line's number.
    """
    found = {}
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip().removeprefix("export ").strip()
        if not line or line.startswith("#"):
            continue
        name, equals, value = (part.strip() for part in line.partition("="))
        if not equals or not name.isidentifier():
            raise EnvFileError(
                f"line {number} of .env is no setting", remedy="write NAME=value, or # before it"
            )
        quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
        found[name] = value[1:-1] if quoted else value
    return found


def load_env_file(folder: Path = ROOT) -> None:
    """Take settings from ``.env``, where there is one; the environment's own win."""
    path = folder / ".env"
    if path.is_file():
        for name, value in read_env_file(path.read_text()).items():
            os.environ.setdefault(name, value)


def has_own_database(environment: Mapping[str, str]) -> bool:
    """Tell whether the operator named a database, so that the embedded server is not used."""
    return any(environment.get(name) for name in ("DATABASE_URL", "DATABASE_URL_FILE"))


def without_database(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without what names a database: for ``demo`` and ``test``."""
    files = tuple(f"{name}_FILE" for name in DATABASE_VARIABLES)
    broker = ("BROKER_URL", "BROKER_URL_FILE")
    # Witnesses know another log than that of a demo or a test: nothing would be published.
    others = ("THERIAC_KEY_PROVIDER", "THERIAC_WITNESS_POLICY")
    dropped = {*DATABASE_VARIABLES, *files, *broker, *others}
    return {name: value for name, value in environment.items() if name not in dropped}


@contextmanager
def database_environment(environment: Mapping[str, str], home: Path) -> Iterator[dict[str, str]]:
    """Yield the environment with the URLs of a database that is there meanwhile.

    The operator's own where one is named, else the embedded server's. Raises ``OpsError``.
    """
    kept = {**environment, "THERIAC_HOME": str(home)}
    if has_own_database(environment):
        yield kept
        return
    with ensure_server(home, profile="safe") as server:
        ensure_roles(server.admin_url())
        ensure_database(server.admin_url(), DATABASE)
        yield {**kept, **urls(server.admin_url(), DATABASE), "THERIAC_EMBEDDED": "1"}
