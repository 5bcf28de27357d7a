"""The three roles and the database that every deployment needs, on whatever server.

``theriac_owner`` migrates, ``theriac_app`` sees what row-level security shows it, and
``theriac_system`` sequences and folds across organisations. None is a superuser, none bypasses
row-level security. Everything here may be repeated.
"""

import contextlib
import hashlib
import hmac
from collections.abc import Iterator, Mapping
from typing import Final, LiteralString
from urllib.parse import quote, urlencode

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ops.errors import OpsError

OWNER: Final = "theriac_owner"
APP: Final = "theriac_app"
SYSTEM: Final = "theriac_system"
ROLES: Final = (OWNER, APP, SYSTEM)
# The variables that settings read, and the role that each of them names.
URL_ROLES = {"DATABASE_URL": APP, "DATABASE_OWNER_URL": OWNER, "DATABASE_SYSTEM_URL": SYSTEM}
# Any number of ours: it keeps two runs from changing the same roles at once.
LOCK = 0x74686572
GRANTS_HAVE_OPTIONS = 160_000


# Of each database.
DATABASE_SQL: tuple[LiteralString, ...] = (
    "REVOKE ALL ON DATABASE {database} FROM PUBLIC",
    f"GRANT CONNECT ON DATABASE {{database}} TO {APP}, {SYSTEM}",
    f"ALTER SCHEMA public OWNER TO {OWNER}",
    "REVOKE ALL ON SCHEMA public FROM PUBLIC",
    f"GRANT USAGE ON SCHEMA public TO {APP}, {SYSTEM}",
    f"CREATE SCHEMA IF NOT EXISTS system_fn AUTHORIZATION {SYSTEM}",
    f"SET ROLE {SYSTEM}",
    "REVOKE ALL ON SCHEMA system_fn FROM PUBLIC",
    f"GRANT USAGE ON SCHEMA system_fn TO {APP}, {OWNER}",
    "RESET ROLE",
    # Last: before PostgreSQL 16 the schema above is given away by who owns the database itself,
    # and the owner's role, which inherits nothing, never could.
    f"ALTER DATABASE {{database}} OWNER TO {OWNER}",
)


class SetupError(OpsError):
    """The server refused to make a role or a database."""


def role_passwords(admin_url: str) -> dict[str, str]:
    """Return the roles' passwords on an embedded server, derived from the administrator's.

    Only for an administrator whose password is random: from a weak one they would be guessed.
    """
    key = str(conninfo_to_dict(admin_url).get("password") or "").encode()
    return {
        role: hmac.new(key, f"theriac/role/v1\n{role}".encode(), hashlib.sha256).hexdigest()
        for role in ROLES
    }


def ensure_roles(admin_url: str, passwords: Mapping[str, str] | None = None) -> None:
    """Make the three roles; raise ``SetupError``.

    With ``passwords`` every role gets its own, existing ones too. Without, missing roles get the
    derived ones and existing roles keep theirs. The administrator need not be a superuser from
    PostgreSQL 16 on.
    """
    with _connected(admin_url) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        fresh = role_passwords(admin_url)
        for role in ROLES:
            _ensure_role(connection, role, (passwords or {}).get(role), fresh[role])
        if not _is_member(connection, OWNER, SYSTEM):
            # The owner takes the system role on where it makes that role's functions, only then.
            options: LiteralString = ""
            if connection.info.server_version >= GRANTS_HAVE_OPTIONS:
                options = " WITH INHERIT FALSE, SET TRUE"
            connection.execute(f"GRANT {SYSTEM} TO {OWNER}{options}")
        for role in ROLES:
            if not _is_member(connection, connection.info.user, role):
                connection.execute(f"GRANT {role} TO CURRENT_USER")


def existing_roles(admin_url: str) -> frozenset[str]:
    """Return which of the three roles the server has; raise ``SetupError``."""
    with _connected(admin_url) as connection:
        rows = connection.execute(
            "SELECT rolname FROM pg_roles WHERE rolname = ANY (%s)", [list(ROLES)]
        )
        return frozenset(str(name) for (name,) in rows)


def ensure_database(admin_url: str, name: str) -> None:
    """Make the database ``name``, owned by the owner and closed to the public.

    The schema ``system_fn`` is for the SECURITY DEFINER functions of the system role. Raises
    ``SetupError``.
    """
    database = sql.Identifier(name)
    with _connected(admin_url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
        if found.fetchone() is None:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'").format(
                    database
                )
            )
    with _connected(admin_url, dbname=name) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        for statement in DATABASE_SQL:
            connection.execute(sql.SQL(statement).format(database=database))


def server_major(admin_url: str) -> int:
    """Return the major version of the server; raise ``SetupError``."""
    with _connected(admin_url) as connection:
        return connection.info.server_version // 10_000


def setup_sql(database: str, *, major: int) -> str:
    """Return the statements for an administrator who would rather run them in psql by hand.

    They are those for PostgreSQL ``major``, and say so. Passwords are asked for at the end, so
    that none is shown.
    """
    name = '"' + database.replace('"', '""') + '"'
    with_options = major * 10_000 >= GRANTS_HAVE_OPTIONS
    fits = "16 and later" if with_options else "15; run them as a superuser"
    options = " WITH INHERIT FALSE, SET TRUE" if with_options else ""
    statements = [
        f"-- For PostgreSQL {fits}: the server is {major}. In psql.",
        *(f"CREATE ROLE {role} LOGIN NOINHERIT" for role in ROLES),
        f"GRANT {SYSTEM} TO {OWNER}{options}",
        *(f"GRANT {role} TO CURRENT_USER" for role in ROLES),
        f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'",
        f"\\connect {name}",
        *(statement.replace("{database}", name) for statement in DATABASE_SQL),
        *(f"\\password {role}" for role in ROLES),
    ]
    return "\n".join(text if text.startswith(("\\", "--")) else f"{text};" for text in statements)


def urls(
    admin_url: str, database: str, passwords: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return DATABASE_URL, DATABASE_OWNER_URL and DATABASE_SYSTEM_URL of ``database``."""
    passwords = passwords or role_passwords(admin_url)
    return {
        variable: url_with(admin_url, database=database, user=role, password=passwords[role])
        for variable, role in URL_ROLES.items()
    }


def url_with(url: str, *, database: str, user: str = "", password: str = "") -> str:
    """Return ``url`` for another database and, where named, another user."""
    parts = {key: str(value) for key, value in conninfo_to_dict(url).items() if value is not None}
    user = quote(user or parts.get("user", ""), safe="")
    password = quote(password or parts.get("password", ""), safe="")
    host = parts.get("host", "127.0.0.1")
    host = quote(host, safe="") if host.startswith("/") else f"[{host}]" if ":" in host else host
    port = f":{parts['port']}" if parts.get("port") else ""
    known = {"user", "password", "host", "port", "dbname"}
    query = urlencode({key: value for key, value in parts.items() if key not in known})
    address = f"{user}:{password}@{host}{port}/{quote(database, safe='')}"
    return f"postgresql://{address}{'?' + query if query else ''}"


@contextlib.contextmanager
def _connected(
    url: str, *, dbname: str | None = None, autocommit: bool = False
) -> Iterator[psycopg.Connection]:
    """Connect as the administrator; what the server refuses becomes a ``SetupError``."""
    try:
        conninfo = make_conninfo(url, **({"dbname": dbname} if dbname else {}))
        with psycopg.connect(conninfo, connect_timeout=10, autocommit=autocommit) as connection:
            yield connection
    except psycopg.OperationalError as error:
        raise SetupError(
            f"the server cannot be reached: {_first_line(error)}",
            remedy="check the address, the password and that the server runs",
        ) from error
    except psycopg.Error as error:
        raise SetupError(
            f"the server refused: {_first_line(error)}",
            remedy="use an administrator who may make roles and databases"
            " (CREATEROLE and CREATEDB; before PostgreSQL 16 a superuser)",
        ) from error


def _first_line(error: psycopg.Error) -> str:
    return str(error).partition("\n")[0]


def _ensure_role(
    connection: psycopg.Connection, role: str, password: str | None, fresh: str
) -> None:
    row = connection.execute(
        "SELECT rolsuper OR rolbypassrls OR rolreplication FROM pg_roles WHERE rolname = %s", [role]
    ).fetchone()
    if row == (True,):
        raise SetupError(
            f"the role {role} is a superuser, bypasses row-level security or replicates",
            remedy=f"as a superuser: ALTER ROLE {role} NOSUPERUSER NOBYPASSRLS NOREPLICATION",
        )
    if row is not None and password is None:
        return
    # The server gets the verifier, never the password, so that none of its logs can hold it.
    verifier = connection.pgconn.encrypt_password(
        (password or fresh).encode(), role.encode(), b"scram-sha-256"
    ).decode()
    connection.execute(
        sql.SQL("{} ROLE {} LOGIN NOINHERIT PASSWORD {}").format(
            sql.SQL("CREATE" if row is None else "ALTER"), sql.Identifier(role), verifier
        )
    )


def _is_member(connection: psycopg.Connection, member: str, role: str) -> bool:
    """Tell whether ``member`` may take ``role`` on; a superuser always may."""
    # From 16 on who makes a role is a member that may grant it, and may not take it on yet.
    how = "SET" if connection.info.server_version >= GRANTS_HAVE_OPTIONS else "MEMBER"
    row = connection.execute("SELECT pg_has_role(%s, %s, %s)", [member, role, how]).fetchone()
    return row == (True,)
