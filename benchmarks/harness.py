"""What every benchmark needs: a database of its own, and a result that says where it was made."""

import datetime as dt
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ops.environment import ROOT, database_environment, without_database

RESULTS = ROOT / "benchmarks" / "results"


class Measured(NamedTuple):
    """One line of a result: what was done, how much of it, in which unit."""

    name: str
    value: float
    unit: str


@contextmanager
def own_database() -> Iterator[None]:
    """Set Django up on an embedded server with the durable profile, all tables made.

    The environment names it, so that processes started inside use the same one.
    """
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        home.chmod(0o755)
        before = dict(os.environ)
        with database_environment(without_database(os.environ), home) as environment:
            os.environ.update(environment, DJANGO_SETTINGS_MODULE="config.settings")
            manage("migrate", "--verbosity", "0").check_returncode()
            import django  # noqa: PLC0415 - settings read the environment that was made just now

            django.setup()
            try:
                yield
            finally:
                os.environ.clear()
                os.environ.update(before)


def manage(*words: str) -> subprocess.CompletedProcess[bytes]:
    """Run ``manage.py`` to its end."""
    return subprocess.run(  # noqa: S603 - our own program
        [sys.executable, str(ROOT / "manage.py"), *words], check=False
    )


def now() -> dt.datetime:
    """Return the time, aware."""
    return dt.datetime.now(dt.UTC)


def report(benchmark: str, measured: Sequence[Measured], **about: object) -> None:
    """Print a table, and write it as JSON with machine, versions and commit.

    The load of the machine stands beside it: on a busy one the figures say little.
    """
    width = max(len(each.name) for each in measured)
    for name, value, unit in measured:
        print(f"{name:<{width}}  {value:>12,.1f} {unit}")
    result = {
        "benchmark": benchmark,
        "time": now().isoformat(timespec="seconds"),
        "commit": _git("rev-parse", "--short", "HEAD") + ("+" if _git("status", "-s") else ""),
        "machine": f"{len(os.sched_getaffinity(0))} cores, {_processor()}",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "load_1min": round(os.getloadavg()[0], 1),
        **about,
        "measured": [each._asdict() for each in measured],
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{benchmark}.json").write_text(json.dumps(result, indent=2) + "\n")


def _git(*words: str) -> str:
    done = subprocess.run(  # noqa: S603 - asks about this checkout
        ["git", "-C", str(ROOT), *words],  # noqa: S607 - the git that is there
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
