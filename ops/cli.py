"""The words of ``./theriac``; any word that is not here belongs to ``manage.py``."""

import importlib
import importlib.util
import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence

from ops.browser_files import ensure_browser_files, packages
from ops.doctor import doctor
from ops.environment import ROOT, load_env_file
from ops.errors import OpsError
from ops.gate import gate
from ops.setup_db import setup_db
from ops.testing import run_tests
from ops.up import up
from theriac_client.monitor.cli import main as ledger_monitor

USAGE_EXIT = 2
NOT_BUILT = ("backup", "restore")
HELP = """\
usage: ./theriac WORD ...

  demo                     play the whole story, then serve its pages
  test [--all] [--server]  run the tests; further arguments go to pytest
  up [--port N]            serve on this machine until Ctrl-C
  doctor [--json]          say what is in the way, and what to do about it
  setup-db ADMIN_URL       make the roles and the database on a server of yours
  browser-files            install the pages' libraries now, after that failed
  gate                     run the static checks
  ledger_monitor           follow a log from a member's machine; --help says more
  anything else            goes to manage.py: ./theriac help lists it
"""


def main(arguments: Sequence[str]) -> int:
    """Run one word; return the exit status. Known trouble is told with its remedy, status 1."""
    word, rest = (arguments[0], list(arguments[1:])) if arguments else ("", [])
    if word in {"", "-h", "--help"}:
        print(HELP, end="")
        return 0 if word else USAGE_EXIT
    if word in NOT_BUILT:
        return _not_built(word)
    run = WORDS.get(word)
    try:
        load_env_file()
        if run is None:
            manage = [sys.executable, str(ROOT / "manage.py"), *arguments]
            os.execv(sys.executable, manage)  # noqa: S606 - the caller's own words, no shell
        return run(rest)
    except OpsError as error:
        print(f"theriac: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _up(arguments: list[str]) -> int:
    parser = ArgumentParser(prog="theriac up", description="Serve on this machine until Ctrl-C.")
    parser.add_argument("--port", type=int, default=8000, choices=range(1, 65_536), metavar="N")
    return up(port=parser.parse_args(arguments).port)


def _doctor(arguments: list[str]) -> int:
    parser = ArgumentParser(prog="theriac doctor", description="Say what is in the way.")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return doctor(as_json=parser.parse_args(arguments).json)


def _setup_db(arguments: list[str]) -> int:
    parser = ArgumentParser(
        prog="theriac setup-db",
        description="Make the roles and the database on a server of yours; may be repeated.",
    )
    parser.add_argument("admin_url", help="postgresql://... of who may make roles and databases")
    parser.add_argument("--database", default="theriac", help="the database's name")
    parser.add_argument("--print-sql", action="store_true", help="only print what would be done")
    parser.add_argument(
        "--new-passwords",
        action="store_true",
        help="give roles that are there new passwords: whatever uses the old ones is locked out",
    )
    given: Namespace = parser.parse_args(arguments)
    return setup_db(
        given.admin_url,
        database=given.database,
        only_print=given.print_sql,
        new_passwords=given.new_passwords,
    )


def _test(arguments: list[str]) -> int:
    parser = ArgumentParser(
        prog="theriac test", description="Run the tests; further arguments go to pytest."
    )
    parser.add_argument("--all", action="store_true", help="the fault campaigns too")
    parser.add_argument("--server", action="store_true", help="on the server of DATABASE_OWNER_URL")
    given, rest = parser.parse_known_args(arguments)
    return run_tests(rest, everything=given.all, own_server=given.server)


def _browser_files(arguments: list[str]) -> int:
    ArgumentParser(
        prog="theriac browser-files", description="Install the pages' libraries now."
    ).parse_args(arguments)
    why = ensure_browser_files(ROOT, again=True)
    if not why:
        print(f"installed: {', '.join(packages(ROOT))}")
    return 1 if why else 0


def _gate(arguments: list[str]) -> int:
    ArgumentParser(prog="theriac gate", description="Run the static checks.").parse_args(arguments)
    return gate()


def _demo(arguments: list[str]) -> int:
    if importlib.util.find_spec("ops.demo") is None:
        return _not_built("demo")
    status: int = importlib.import_module("ops.demo").main(arguments)
    return status


def _not_built(word: str) -> int:
    print(f"theriac: {word} is not built yet", file=sys.stderr)
    return USAGE_EXIT


WORDS: dict[str, Callable[[list[str]], int]] = {
    "browser-files": _browser_files,
    "demo": _demo,
    "doctor": _doctor,
    "gate": _gate,
    "ledger_monitor": ledger_monitor,
    "setup-db": _setup_db,
    "test": _test,
    "up": _up,
}
