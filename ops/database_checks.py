"""The doctor's look at the database: its version, its roles, its durability, its clock."""

import datetime as dt
from collections.abc import Iterator, Mapping
from pathlib import Path

import psycopg

from ops.environment import (
    DATABASE_VARIABLES,
    database_environment,
    has_own_database,
)
from ops.errors import OpsError
from ops.findings import Finding, fail, ok
from ops.postgres.binaries import OLDEST_MAJOR, find_binaries

SKEW_S_MAX = 5
DURABLE = {"fsync": "on", "full_page_writes": "on", "data_sync_retry": "off"}


def check_database(environment: Mapping[str, str], home: Path) -> Iterator[Finding]:
    """Yield the findings on the operator's database, else on the embedded one."""
    if not has_own_database(environment):
        try:
            binaries = find_binaries()
        except OpsError as error:
            yield fail("postgresql", error.message, error.remedy)
            return
        kind = "from the wheel" if binaries.wheel else "of the system"
        yield ok("postgresql", f"{binaries.version} {kind}")
        if not (home / "postgres").exists():
            yield ok("database", f"none yet; the first start makes one in {home}")
            return
    try:
        with database_environment(environment, home) as full:
            for variable in DATABASE_VARIABLES:
                yield from _check_role(variable, _url(full, variable))
    except OpsError as error:
        yield fail("database", error.message, error.remedy)


def _url(environment: Mapping[str, str], variable: str) -> str:
    path = environment.get(f"{variable}_FILE")
    return Path(path).read_text().strip() if path else environment.get(variable, "")


def _check_role(variable: str, url: str) -> Iterator[Finding]:
    if not url:
        yield fail(variable, "not set", "./theriac setup-db ADMIN_URL prints all three")
        return
    try:
        with psycopg.connect(url, connect_timeout=10, autocommit=True) as connection:
            yield _check_rights(variable, connection)
            if variable == "DATABASE_URL":
                yield _check_version(connection)
                yield _check_durable(connection)
                yield _check_clock(connection)
    except psycopg.Error as error:
        yield fail(
            variable,
            f"no connection: {str(error).splitlines()[0]}",
            "check that the server runs and the address and password are right",
        )


def _check_rights(variable: str, connection: psycopg.Connection) -> Finding:
    row = connection.execute(
        "SELECT rolname, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = CURRENT_USER"
    ).fetchone()
    name, superuser, bypasses = row or ("?", True, True)
    if superuser or bypasses:
        what = "is a superuser" if superuser else "bypasses row-level security"
        return fail(
            variable,
            f"the role {name} {what}: tenants would see each other's rows",
            "./theriac setup-db ADMIN_URL makes roles that are neither",
        )
    return ok(variable, f"connects as {name}, no superuser, under row-level security")


def _check_version(connection: psycopg.Connection) -> Finding:
    major = connection.info.server_version // 10_000
    if major < OLDEST_MAJOR:
        return fail("server version", str(major), f"PostgreSQL {OLDEST_MAJOR} or later is needed")
    return ok("server version", str(major))


def _check_durable(connection: psycopg.Connection) -> Finding:
    found: dict[str, str] = dict(
        connection.execute(
            "SELECT name, setting FROM pg_settings WHERE name = ANY(%s)",
            [[*DURABLE, "synchronous_commit"]],
        ).fetchall()
    )
    wrong = [f"{name} = {found[name]}" for name, value in DURABLE.items() if found[name] != value]
    if found["synchronous_commit"] in {"off", "local"}:
        wrong.append(f"synchronous_commit = {found['synchronous_commit']}")
    if wrong:
        return fail(
            "durability",
            f"acknowledged could be lost: {', '.join(wrong)}",
            "set them on the server: " + ", ".join(f"{k} = {v}" for k, v in DURABLE.items()),
        )
    return ok("durability", "what is acknowledged is on disk")


def _check_clock(connection: psycopg.Connection) -> Finding:
    row = connection.execute("SELECT clock_timestamp()").fetchone()
    skew_s = abs((row[0] - dt.datetime.now(dt.UTC)).total_seconds()) if row else 0.0
    if skew_s > SKEW_S_MAX:
        return fail(
            "clock", f"{skew_s:.0f} s away from the database's", "synchronise both clocks (NTP)"
        )
    return ok("clock", "agrees with the database's")
