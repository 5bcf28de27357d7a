"""``./theriac doctor``: what is in the way on this machine, and what to do about it."""

import json
import os
import platform
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

from ops.bootstrap import has_state, wanted_state
from ops.browser_files import packages, trouble
from ops.database_checks import check_database
from ops.environment import ROOT, has_own_database, theriac_home
from ops.findings import Finding, Status, fail, ok, warn
from ops.settings_checks import OPEN_TO_OTHERS, check_settings

PYTHON_MIN = (3, 11)
PYTHON_BELOW = (3, 14)
GIGABYTE = 1024**3
SPACE_GB_MIN = 1
SPACE_GB_WANTED = 5


def doctor(*, as_json: bool) -> int:
    """Print every finding, as lines or as JSON; return 1 where one failed, else 0."""
    home = theriac_home()
    findings = list(find_all(os.environ, home))
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            print(f"{finding.status:<5} {finding.name:<20} {finding.detail}")
            if finding.remedy:
                print(f"      -> {finding.remedy}")
    return 1 if any(finding.status is Status.FAIL for finding in findings) else 0


def find_all(environment: Mapping[str, str], home: Path) -> Iterator[Finding]:
    """Yield one finding per check, the cheap ones first."""
    yield check_python(sys.version_info[:2])
    yield check_packages(ROOT)
    yield check_home(home)
    yield check_space(shutil.disk_usage(existing(home)).free)
    yield from check_settings(environment)
    yield check_keys(environment, home)
    yield check_browser_files(ROOT)
    yield from check_database(environment, home)


def check_python(version: tuple[int, int]) -> Finding:
    """Say whether this Python is one that the product is tested with."""
    text = f"{version[0]}.{version[1]} ({platform.system()} {platform.machine()})"
    if PYTHON_MIN <= version < PYTHON_BELOW:
        return ok("python", text)
    return fail("python", text, "install Python 3.11, 3.12 or 3.13")


def check_packages(root: Path) -> Finding:
    """Say whether ``.venv`` holds what requirements.txt names."""
    if has_state(root / ".venv", wanted_state(root, development=False)):
        return ok("packages", "as requirements.txt says")
    return warn("packages", ".venv was not made by ./theriac", "run any ./theriac command")


def check_home(home: Path) -> Finding:
    """Say whether the home can be written."""
    place = existing(home)
    if os.access(place, os.W_OK | os.X_OK):
        return ok("home", str(home))
    return fail("home", f"{place} cannot be written", "set THERIAC_HOME to a folder of your own")


def check_space(free: int) -> Finding:
    """Say whether ``free`` bytes leave room for the database."""
    text = f"{free / GIGABYTE:.1f} GB free"
    if free < SPACE_GB_MIN * GIGABYTE:
        return fail("disk", text, "free some space, or set THERIAC_HOME to another disk")
    if free < SPACE_GB_WANTED * GIGABYTE:
        return warn("disk", text, f"{SPACE_GB_WANTED} GB leave room to grow")
    return ok("disk", text)


def check_keys(environment: Mapping[str, str], home: Path) -> Finding:
    """Say whether the root keys are closed to others, and apart from a production database."""
    provider, _, path = (environment.get("THERIAC_KEY_PROVIDER") or "file").partition(":")
    folder = Path(path) if path else home / "keys"
    if provider == "file" and folder.is_dir() and folder.stat().st_mode & OPEN_TO_OTHERS:
        return fail("keys", f"{folder} is open to other accounts", f"chmod -R go= {folder}")
    if provider == "file" and has_own_database(environment):
        if not folder.is_absolute() or folder.is_relative_to(home) or not path:
            return fail(
                "keys",
                "with a database of yours the keys need a folder of their own",
                "THERIAC_KEY_PROVIDER=file:/absolute/folder, outside THERIAC_HOME",
            )
        return warn(
            "keys",
            "root keys in a file beside a database of yours",
            "keep the folder off the database's disks and backups, or use a key service",
        )
    return ok("keys", f"{provider}: {folder}" if folder.is_dir() else f"{provider}: none made yet")


def check_browser_files(root: Path) -> Finding:
    """Say whether the browser's libraries are there; without them typing scanners still work."""
    why = trouble(root)
    if not why:
        return ok("browser files", ", ".join(packages(root)))
    remedy = "./theriac browser-files tries again; it needs npm and its registry"
    return warn("browser files", f"no camera on /scan/: {why}", remedy)


def existing(path: Path) -> Path:
    """Return ``path``, or the nearest folder above it that is there."""
    return next(step for step in (path, *path.parents) if step.exists())
