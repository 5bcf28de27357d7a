"""A deployment of its own, as a member runs it: home, database, keys, and programs apart."""

import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from ledger.core.note import parse_vkey
from ops.environment import DATABASE, ROOT, without_database
from ops.postgres import destroy_server, ensure_database, ensure_roles, ensure_server, urls
from ops.up import HOST, programs
from tests.ops.servers import listens, wait_until

COMMANDS = """
import json, os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
import django
from django.core.management import call_command
django.setup()
for words in json.loads(sys.argv[1]):
    call_command(*words)
"""


@dataclass
class Deployment:
    """Commands run as processes of their own; ``database`` may be a copy that was restored."""

    name: str
    home: Path
    port: int
    admin_url: str
    database: str = DATABASE
    policy: Path | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What its programs are started with."""
        policy = {} if self.policy is None else {"THERIAC_WITNESS_POLICY": str(self.policy)}
        return {
            **without_database(os.environ),
            **urls(self.admin_url, self.database),
            **policy,
            "THERIAC_EMBEDDED": "1",
            "THERIAC_HOME": str(self.home),
            "THERIAC_CHANNEL_DOMAIN": self.name,
            "THERIAC_WITNESS_NAME": f"{self.name}/witness",
            "THERIAC_WITNESS_TIMEOUT_S": "60",  # the machine may be busy
        }

    @property
    def address(self) -> str:
        """Where its web server answers."""
        return f"http://{HOST}:{self.port}"

    def run(self, *commands: Sequence[str], status: int = 0) -> str:
        """Run commands in one process, which starts for them; return what they said."""
        done = subprocess.run(
            [sys.executable, "-c", COMMANDS, json.dumps(commands)],
            env=self.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == status, done.stderr
        return done.stdout if status == 0 else done.stderr

    def ask(self, *before: Sequence[str]) -> int:
        """Ask the witnesses once, after other commands; return how many cosigned."""
        said = self.run(*before, ("witness", "ask", "--once"))
        return int(said.rstrip().rpartition("\n")[2].removesuffix(" cosignatures"))

    def get(self, path: str) -> bytes:
        """Return what the web server answers; the status where it refuses."""
        try:
            with urllib.request.urlopen(f"{self.address}{path}", timeout=60) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            return str(error.code).encode()

    def demand(self, log: str, witness: str, other: "Deployment") -> None:
        """Write the policy: the other deployment's witness has to cosign this log."""
        self.policy = self.home / "witness.policy"
        name = parse_vkey(witness).name
        self.policy.write_text(
            f"log {log}\nwitness {name} {witness} {other.address}/witness\nquorum {name}\n"
        )

    def copy(self, name: str) -> "Deployment":
        """Return the deployment on a copy of its database, to which nobody may be connected."""
        with psycopg.connect(self.admin_url, autocommit=True) as admin:
            admin.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER theriac_owner").format(
                    sql.Identifier(name), sql.Identifier(self.database)
                )
            )
        return Deployment(
            name=self.name,
            home=self.home,
            port=self.port,
            admin_url=self.admin_url,
            database=name,
            policy=self.policy,
        )

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Run its web server."""
        command = list(programs(self.port)[0].command)
        command[command.index("--workers") + 1] = "1"
        with subprocess.Popen(command, env=self.environment, cwd=ROOT) as web:
            try:
                wait_until(lambda: listens(self.port) or web.poll() is not None)
                assert web.poll() is None
                yield
            finally:
                web.terminate()


@contextmanager
def deployment(name: str, home: Path) -> Iterator[Deployment]:
    """Yield a fresh deployment, empty yet; its server goes with it."""
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = int(free.getsockname()[1])
    home.mkdir()
    try:
        with ensure_server(home, profile="test") as server:
            ensure_roles(server.admin_url())
            ensure_database(server.admin_url(), DATABASE)
            made = Deployment(name=name, home=home, port=port, admin_url=server.admin_url())
            yield made
    finally:
        destroy_server(home)


def opened(made: Deployment) -> tuple[str, str]:
    """Open the channel; return the verifier keys of the log and of the witness."""
    said = made.run(
        ("migrate", "--database", "owner", "--no-input", "--verbosity", "0"),
        ("channel_create", "--operator", f"Operator of {made.name}"),
        ("witness", "vkey"),
    ).splitlines()
    return said[1].removeprefix("vkey").strip(), said[-1]


def admitted(name: str) -> tuple[Sequence[str], ...]:
    """Return the commands that write an entry and have it sequenced."""
    return ("organisation_admit", name, "--kind", "pharmacy"), ("sequencer", "--once")
