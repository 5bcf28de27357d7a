"""PostgreSQL for tests: a migrated template, cloned per worker and per demanding test.

The roles are the real ones: tests read and write as ``theriac_app`` and ``theriac_system``,
never as an administrator.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import psycopg
import pytest
from django.core.management import call_command
from django.db import connections
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ops.postgres import ensure_database, ensure_roles, ensure_server

ROOT = Path(__file__).parents[1]
_TEMPLATE_LOCK = 74_617_201
_ALIASES = {"default": "theriac_app", "system": "theriac_system", "owner": "theriac_owner"}


class Databases:
    """The databases of one worker on the run's server."""

    def __init__(self, admin_url: str, worker: str) -> None:
        """Work on the server that ``admin_url`` administers."""
        self.admin_url = admin_url
        self.template = f"theriac_template_{_migrations_hash()}"
        self.worker = f"theriac_test_{os.getpid()}_{worker}"
        self._clones = 0

    def prepare(self) -> None:
        """Make the template where it is missing, and this worker's clone of it."""
        with self._admin() as admin:
            admin.execute("SELECT pg_advisory_lock(%s)", [_TEMPLATE_LOCK])
            ensure_roles(self.admin_url)
            if not self._exists(admin, self.template):
                draft = f"{self.template}_draft"
                self._drop(admin, draft)
                ensure_database(self.admin_url, draft)
                self.use(draft)
                call_command("migrate", database="owner", verbosity=0)
                self.close()
                self._rename(admin, draft, self.template)
            self._clone(admin, self.worker)

    def clone(self) -> str:
        """Return the name of a fresh clone."""
        self._clones += 1
        name = f"{self.worker}_{self._clones}"
        with self._admin() as admin:
            self._clone(admin, name)
        return name

    def drop(self, name: str) -> None:
        """Drop a clone, whoever is still connected to it."""
        with self._admin() as admin:
            self._drop(admin, name)

    def use(self, name: str) -> None:
        """Point Django's connections, of this and of later threads, to a database."""
        self.close()
        address = conninfo_to_dict(self.admin_url)
        for alias, role in _ALIASES.items():
            settings = connections.settings[alias]
            # One log-in for all three: the role is taken on when the connection opens, so
            # row-level security sees theriac_app, and no password of the roles is needed.
            settings.update(
                NAME=name,
                USER=str(address.get("user", "")),
                PASSWORD=str(address.get("password", "")),
                HOST=str(address.get("host", "127.0.0.1")),
                PORT=str(address.get("port", "")),
                OPTIONS={"options": f"-c role={role}"},
                CONN_MAX_AGE=None,
            )
            connections[alias].settings_dict.update(settings)

    def superuser(self) -> psycopg.Connection[tuple[object, ...]]:
        """Return a connection to the database in use as who may do anything.

        On a server whose administrator is no superuser (``--server``) the test skips.
        """
        name = str(connections["default"].settings_dict["NAME"])
        found = psycopg.connect(make_conninfo(self.admin_url, dbname=name), autocommit=True)
        if found.info.parameter_status("is_superuser") != "on":
            found.close()
            pytest.skip("acts as a superuser, and DATABASE_OWNER_URL names none")
        return found

    def close(self) -> None:
        """Close this thread's connections."""
        for alias in _ALIASES:
            connections[alias].close()

    def _admin(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(self.admin_url, autocommit=True)

    def _exists(self, admin: psycopg.Connection[tuple[object, ...]], name: str) -> bool:
        found = admin.execute("SELECT FROM pg_database WHERE datname = %s", [name])
        return found.fetchone() is not None

    def _clone(self, admin: psycopg.Connection[tuple[object, ...]], name: str) -> None:
        self._drop(admin, name)
        admin.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER theriac_owner").format(
                sql.Identifier(name), sql.Identifier(self.template)
            )
        )

    def _drop(self, admin: psycopg.Connection[tuple[object, ...]], name: str) -> None:
        admin.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )

    def _rename(self, admin: psycopg.Connection[tuple[object, ...]], old: str, new: str) -> None:
        admin.execute(
            sql.SQL("ALTER DATABASE {} RENAME TO {}").format(
                sql.Identifier(old), sql.Identifier(new)
            )
        )


@contextmanager
def databases_of(worker: str) -> Iterator[Databases]:
    """Yield the worker's databases, on the run's server or on one started for it."""
    admin_url = os.environ.get("THERIAC_TEST_ADMIN_URL")
    if admin_url:
        yield from _prepared(admin_url, worker)
        return
    with ensure_server(ROOT / "var" / "test", profile="test") as server:
        yield from _prepared(server.admin_url(), worker)


def _prepared(admin_url: str, worker: str) -> Iterator[Databases]:
    databases = Databases(admin_url, worker)
    databases.prepare()
    yield databases
    databases.close()
    databases.drop(databases.worker)


def _migrations_hash() -> str:
    """Return a name for the schema: a change of any migration or SQL file makes another."""
    digest = sha256()
    for pattern in ("*/migrations/*.py", "*/sql/*.sql", "foundation/migration_sql.py"):
        for path in sorted(ROOT.glob(pattern)):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
