"""Keep ``.venv`` as the requirements say. Runs before anything is installed: stdlib only.

A file in the environment names what was installed into it, by hash. Where it agrees nothing is
done. Two calls at once wait for each other; an installation that was killed is begun anew.
"""

import fcntl
import hashlib
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RUNTIME = "requirements.txt"
DEVELOPMENT = "requirements-dev.txt"  # holds everything of RUNTIME


class BootstrapError(Exception):
    """The environment cannot be made; the message ends with the remedy."""


def main() -> int:
    """Bring ``.venv`` up to date; return 0, or 1 after saying why not."""
    try:
        ensure_environment(ROOT, development=bool(os.environ.get("THERIAC_DEV")))
    except (BootstrapError, OSError) as error:
        print(f"theriac: {error}", file=sys.stderr)
        return 1
    return 0


def ensure_environment(root: Path, *, development: bool) -> None:
    """Make or update ``root/.venv``; raise ``BootstrapError`` where that fails."""
    wanted = wanted_state(root, development=development)
    if has_state(root / ".venv", wanted):
        return
    # The folder itself is locked: nothing to leave behind, and the kernel lets go for us.
    descriptor = os.open(root, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if not has_state(root / ".venv", wanted):
            _install(root, DEVELOPMENT if development else RUNTIME, wanted)
    finally:
        os.close(descriptor)


def wanted_state(root: Path, *, development: bool) -> dict[str, str]:
    """Return what the environment should hold: Python's version and the files' hashes."""
    names = (RUNTIME, DEVELOPMENT) if development else (RUNTIME,)
    hashes = {name: hashlib.sha256((root / name).read_bytes()).hexdigest() for name in names}
    return {"python": platform.python_version(), **hashes}


def has_state(folder: Path, wanted: dict[str, str]) -> bool:
    """Tell whether the environment was completed with all of ``wanted``."""
    try:
        found = json.loads(_state_file(folder).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and wanted.items() <= found.items()


def _install(root: Path, requirements: str, wanted: dict[str, str]) -> None:
    folder = root / ".venv"
    begun = folder / ".theriac-begun"
    uv = shutil.which("uv")
    started = time.monotonic()
    count = sum("==" in line for line in (root / requirements).read_text().splitlines())
    _say(f"installing {count} packages into .venv (only when they change) ...")
    if begun.exists() or not _works(folder, need_pip=uv is None):
        _make(folder, uv)
    _state_file(folder).unlink(missing_ok=True)
    begun.touch()
    python = str(folder / "bin" / "python")
    installer = (
        [uv, "pip", "install", "--quiet", "--python", python]
        if uv
        else [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    )
    done = subprocess.run(  # noqa: S603 - our own file of requirements
        [*installer, "--require-hashes", "--requirement", str(root / requirements)], check=False
    )
    if done.returncode != 0:
        raise BootstrapError(
            f"the packages of {requirements} could not be installed\n"
            "  -> the lines above say why: check the network and the free space, then try again"
        )
    draft = folder / ".theriac.new"
    draft.write_text(json.dumps(wanted))
    draft.rename(_state_file(folder))
    begun.unlink()
    _say(f"installed in {time.monotonic() - started:.0f} s")


def _make(folder: Path, uv: str | None) -> None:
    if uv is None and importlib.util.find_spec("ensurepip") is None:
        raise BootstrapError(
            f"{sys.executable} has no venv module\n"
            "  -> install it (Debian, Ubuntu: apt-get install python3-venv), or install uv"
        )
    shutil.rmtree(folder, ignore_errors=True)
    maker = (
        [uv, "venv", "--quiet", "--python", sys.executable]
        if uv
        else [sys.executable, "-m", "venv"]
    )
    done = subprocess.run([*maker, str(folder)], check=False)  # noqa: S603 - our own programs
    if done.returncode != 0:
        raise BootstrapError(
            f"{folder} could not be made\n"
            "  -> the lines above say why; Debian, Ubuntu: apt-get install python3-venv"
        )


def _works(folder: Path, *, need_pip: bool) -> bool:
    """Tell whether the environment runs this Python, and can install."""
    check = "import platform; print(platform.python_version())" + ("; import pip" * need_pip)
    try:
        done = subprocess.run(  # noqa: S603 - our own environment
            [str(folder / "bin" / "python"), "-c", check],
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return False
    return done.returncode == 0 and done.stdout.strip() == platform.python_version()


def _state_file(folder: Path) -> Path:
    return folder / ".theriac"


def _say(text: str) -> None:
    print(f"theriac: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
