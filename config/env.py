"""Settings from the environment: typed, and loud about a bad value."""

import contextlib
import os
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any

from psycopg.conninfo import conninfo_to_dict
from psycopg.errors import ProgrammingError

from ledger.core.policy import Policy, PolicyError, parse_policy, witness_addresses


class SettingError(ValueError):
    """A setting has a value that cannot be used; the message names it, never its secret."""


def env_str(name: str, default: str = "") -> str:
    """Return the variable, or ``default`` where it is unset or empty."""
    return os.environ.get(name) or default


def env_bool(name: str, *, default: bool = False) -> bool:
    """Return a switch: ``1 true yes on`` or ``0 false no off``; raise ``SettingError``."""
    text = env_str(name).lower()
    if not text:
        return default
    if text in {"1", "true", "yes", "on"}:
        return True
    if text in {"0", "false", "no", "off"}:
        return False
    raise SettingError(f"{name} is neither true nor false")


def env_int(name: str, default: int, *, at_least: int = 0) -> int:
    """Return a whole number of at least ``at_least``; raise ``SettingError``."""
    text = env_str(name)
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or int(text) < at_least:
        raise SettingError(f"{name} must be a whole number of at least {at_least}")
    return int(text)


def env_list(name: str) -> list[str]:
    """Return the comma-separated parts, without empty ones."""
    return [part.strip() for part in env_str(name).split(",") if part.strip()]


def env_networks(name: str, default: str = "") -> list[IPv4Network | IPv6Network]:
    """Return the comma-separated networks in CIDR notation; raise ``SettingError``."""
    texts = env_list(name) or [part for part in default.split(",") if part]
    try:
        return [ip_network(text) for text in texts]
    except ValueError as error:
        raise SettingError(f"{name} must hold networks such as 10.0.0.0/8") from error


def env_policy(name: str) -> Policy:
    """Return the witness policy in the file that the variable names; unset, one without quorum.

    Raise ``SettingError`` for a file that is none, and where the quorum could never be reached.
    """
    path = env_str(name)
    if not path:
        return Policy()
    if not Path(path).is_absolute():
        raise SettingError(f"{name} must be an absolute path: programs start in several folders")
    try:
        policy = parse_policy(Path(path).read_bytes())
        witness_addresses(policy)
    except OSError as error:
        raise SettingError(f"{name} names a file that cannot be read") from error
    except PolicyError as error:
        raise SettingError(f"{name}: {error}") from error
    return policy


def env_secret(name: str) -> str:
    """Return a secret: the variable, or the content of the file that ``<name>_FILE`` names."""
    file_name = env_str(f"{name}_FILE")
    if not file_name:
        return env_str(name)
    try:
        return Path(file_name).read_text().strip()
    except OSError as error:
        raise SettingError(f"{name}_FILE cannot be read") from error


def env_database(name: str) -> dict[str, Any]:
    """Return Django's settings for a PostgreSQL URL; an unset one names no server at all."""
    url = env_secret(name)
    if url and not url.startswith(("postgresql://", "postgres://")):
        raise SettingError(f"{name} must begin with postgresql://")
    try:
        parts = conninfo_to_dict(url)
    except ProgrammingError as error:
        raise SettingError(f"{name} is no PostgreSQL URL") from error
    known = {"dbname", "user", "password", "host", "port"}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": str(parts.get("dbname") or "theriac"),
        "USER": str(parts.get("user") or ""),
        "PASSWORD": str(parts.get("password") or ""),
        "HOST": str(parts.get("host") or "127.0.0.1"),
        "PORT": str(parts.get("port") or ""),
        "OPTIONS": {key: value for key, value in parts.items() if key not in known},
        "CONN_MAX_AGE": env_int("DATABASE_CONN_MAX_AGE_S", 60),
        "CONN_HEALTH_CHECKS": True,
    }


def kept_secret(path: Path, fresh: str) -> str:
    """Return the secret kept in ``path`` (mode 0600), keeping ``fresh`` where there is none.

    Whoever links the file first wins, so that processes that start together agree.
    """
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(fresh)
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(draft)
        draft.unlink()
    return path.read_text().strip()
