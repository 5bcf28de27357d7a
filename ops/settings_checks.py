"""The doctor's look at the settings: whether they load, and what in production must not be."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from ops.environment import ROOT, has_own_database, without_database
from ops.errors import OpsError
from ops.findings import Finding, fail, ok, warn

LOAD = "import config.settings"
PORTS = {"amqp": 5672, "amqps": 5671, "redis": 6379, "rediss": 6379}
CONNECT_TIMEOUT_S = 5
OPEN_TO_OTHERS = 0o077


def check_settings(environment: Mapping[str, str], root: Path = ROOT) -> Iterator[Finding]:
    """Yield the findings on settings, ``.env`` and the broker."""
    yield _loading(environment)
    if has_own_database(environment):
        yield from _check_production(environment)
    yield from _check_env_file(root)
    url = environment.get("BROKER_URL") or _content(environment.get("BROKER_URL_FILE", ""))
    if url:
        yield check_broker(url)


class SettingsError(OpsError):
    """The settings name nothing that could start."""


def check_loading(environment: Mapping[str, str]) -> None:
    """Raise ``SettingsError`` where no program could start with these settings."""
    found = _loading(environment)
    if found.status == "fail":
        raise SettingsError(found.detail, remedy=found.remedy)


def _loading(environment: Mapping[str, str]) -> Finding:
    """Say what the settings say themselves when a program starts with them."""
    full = dict(environment)
    if not has_own_database(environment):
        # The embedded server's URLs are put in place when a program starts.
        full = {**without_database(environment), "THERIAC_EMBEDDED": "1"}
        full |= {name: environment[name] for name in _kept(environment)}
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-P", "-c", LOAD],
        env={**full, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return ok("settings", "can be used")
    said = done.stderr.strip().rpartition("\n")[2].rpartition("Error: ")[2]
    return fail("settings", said or "cannot be used", ".env.example lists every setting")


def _kept(environment: Mapping[str, str]) -> list[str]:
    names = ("THERIAC_KEY_PROVIDER", "THERIAC_WITNESS_POLICY", "BROKER_URL", "BROKER_URL_FILE")
    return [name for name in names if name in environment]


def _check_production(environment: Mapping[str, str]) -> Iterator[Finding]:
    if environment.get("DEBUG", "").lower() in {"1", "true", "yes", "on"}:
        yield fail("DEBUG", "error pages would show what is being worked on", "unset DEBUG")
    if not environment.get("ALLOWED_HOSTS"):
        yield fail(
            "ALLOWED_HOSTS",
            "none: every request would be refused",
            "name the hosts that this deployment answers for",
        )
    if not environment.get("BEHIND_TLS_PROXY"):
        yield warn(
            "TLS",
            "requests without TLS are sent to https, which ./theriac up does not serve",
            "put a proxy that ends TLS before it, and set BEHIND_TLS_PROXY=1",
        )


def _check_env_file(root: Path) -> Iterator[Finding]:
    path = root / ".env"
    if path.is_file() and path.stat().st_mode & OPEN_TO_OTHERS:
        yield warn(".env", "other accounts can read its passwords", f"chmod 600 {path}")


def check_broker(url: str) -> Finding:
    """Say whether the broker's port answers; what it then says ``/readyz`` asks."""
    address = urlsplit(url)
    kind = address.scheme.removeprefix("py")
    if kind not in PORTS:
        return fail("broker", "BROKER_URL names neither RabbitMQ nor Redis", "amqp:// or redis://")
    try:
        host, port = address.hostname or "127.0.0.1", address.port or PORTS[kind]
        socket.create_connection((host, port), CONNECT_TIMEOUT_S).close()
    except (OSError, ValueError) as error:
        return fail(
            "broker",
            f"does not answer: {type(error).__name__}",
            "check BROKER_URL and that the broker runs; work waits in the database meanwhile",
        )
    return ok("broker", f"{kind} answers")


def _content(path: str) -> str:
    return Path(path).read_text().strip() if path and os.access(path, os.R_OK) else ""
