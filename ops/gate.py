"""``./theriac gate``: every check that needs no test run, timed, with what failed in full."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ops.environment import ROOT, without_database
from ops.errors import OpsError
from ops.requirements import check_requirements

SHELL_SCRIPTS = ("theriac", ".ci/run")


class NoToolsError(OpsError):
    """The tools of the gate are not installed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A check: a command, or a function that returns what it found wrong."""

    name: str
    run: Sequence[str] | Callable[[], list[str]]


def gate() -> int:
    """Run every check, print a line each and the output of what failed; return 0 or 1."""
    started = time.monotonic()
    failed = []
    for check in checks():
        begun = time.monotonic()
        output = run_check(check)
        word = "ok" if output is None else "FAILED"
        print(f"{check.name:<22} {word:<7} {time.monotonic() - begun:6.1f} s", flush=True)
        if output is not None:
            failed.append(check.name)
            print(output, flush=True)
    seconds = time.monotonic() - started
    print(f"gate: {', '.join(failed) + ' failed' if failed else 'all passed'} in {seconds:.1f} s")
    return 1 if failed else 0


def checks() -> list[Check]:
    """Return the checks that apply to this tree; raise ``NoToolsError``."""
    python, tool = sys.executable, Path(sys.executable).parent
    if not (tool / "ruff").exists():
        raise NoToolsError("the gate's tools are not installed", remedy="run ./theriac gate")
    found = [
        Check(name="ruff check", run=[str(tool / "ruff"), "check", "--quiet", "."]),
        Check(name="ruff format", run=[str(tool / "ruff"), "format", "--check", "--quiet", "."]),
        Check(name="mypy", run=[str(tool / "mypy")]),
        Check(name="import contracts", run=[str(tool / "lint-imports")]),
        # Words in capitals are codes of standards; lower-case ones in the list are hexadecimal.
        Check(
            name="spelling",
            run=[
                *(str(tool / "codespell"), "--ignore-regex", r"\b[A-Z]{2,}\b"),
                *("--ignore-words-list", "abd", *tracked()),
            ],
        ),
        Check(
            name="migrations",
            run=[python, "manage.py", "makemigrations", "--check", "--dry-run"],
        ),
        # Tools and plug-ins are never imported (DEP002); pytest brings packaging, Celery kombu.
        Check(
            name="dependencies",
            run=[
                *(str(tool / "deptry"), ".", "--no-ansi", "--ignore", "DEP002"),
                *("--per-rule-ignores", "DEP003=packaging|kombu"),
            ],
        ),
        Check(name="requirements", run=lambda: check_requirements(ROOT)),
        Check(name="shell", run=["shellcheck", *_existing(SHELL_SCRIPTS)]),
    ]
    templates = [name for name in tracked() if name.endswith(".html")]
    if templates:
        found.append(
            Check(name="templates", run=[str(tool / "djlint"), "--lint", "--quiet", *templates])
        )
    return found


def run_check(check: Check) -> str | None:
    """Return ``None`` where all is well, else what the check says."""
    if callable(check.run):
        return "\n".join(check.run()) or None
    try:
        done = subprocess.run(  # noqa: S603 - our own commands
            list(check.run),
            cwd=ROOT,
            env=without_database(os.environ),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return f"{check.run[0]} is not installed (Debian, Ubuntu: apt-get install {check.run[0]})"
    return None if done.returncode == 0 else done.stdout or f"exit {done.returncode}"


def tracked() -> list[str]:
    """Return the text files of the tree that are ours to spell: no lists of hashes."""
    done = subprocess.run(
        ["git", "ls-files", "-z"],  # noqa: S607 - git of the developer's PATH
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    skipped = ("requirements", "package-lock", "tests/vectors/", "LICENSE")
    endings = (".py", ".md", ".sql", ".html", ".js", ".css", ".toml", ".txt", ".yaml")
    return [
        name
        for name in done.stdout.split("\0")
        if name.endswith(endings) and not name.startswith(skipped) and (ROOT / name).is_file()
    ]


def _existing(names: Sequence[str]) -> list[str]:
    return [name for name in names if (ROOT / name).is_file()]
